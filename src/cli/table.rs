//! Tables for a terminal: columns as wide as their widest cell.
//!
//! Always holds: no cell breaks its line or steers the terminal, whoever wrote what is in it.

use crate::base::text;

/// The rows, each column but the last padded; two spaces between columns.
pub fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| text::escape(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The first so many lines, and how many there are more.
pub fn shortened(lines: Vec<String>, most: usize) -> Vec<String> {
    let more = lines.len().saturating_sub(most);
    let mut lines: Vec<String> = lines.into_iter().take(most).collect();
    if more > 0 {
        lines.push(format!("… and {more} more (--json lists all)"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(table(&[row(&["a", "bcd", ""]), row(&["狐狐", "e", "f"])]), "a   bcd\n狐狐  e    f");
        assert_eq!(table(&[row(&["a\nrights: fine", "b\u{202e}"])]), "a\\u{a}rights: fine  b\\u{202e}");
        assert_eq!(shortened(row(&["a", "b", "c"]), 2), ["a", "b", "… and 1 more (--json lists all)"]);
    }
}
