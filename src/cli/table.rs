//! Tables for a terminal, with columns as wide as their widest cell.
//!
//! # Invariants
//! Characters that could break a line or control the terminal are escaped in every cell.

use std::fmt;

use crate::base::text;

/// A table of text cells, displayed with two spaces between columns; each column but the last is padded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// The right-aligned column, by index.
    right: Option<usize>,
}

impl Table {
    /// Creates a table with a row of headings.
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(text::escape).to_vec()], right: None }
    }

    /// Creates a table without headings.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Aligns the column with this index to the right.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        self.right = Some(column);
        self
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().map(|cell| text::escape(&cell)).collect());
    }

    /// Adds a row of a name and a value.
    pub fn pair(&mut self, name: &str, value: impl Into<String>) {
        self.push([name.to_owned(), value.into()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (i, row) in self.rows.iter().enumerate() {
            let pad = |(column, cell): (usize, &String)| match widths[column] {
                width if self.right == Some(column) => format!("{cell:>width$}"),
                width => format!("{cell:<width$}"),
            };
            let line = row.iter().enumerate().map(pad).collect::<Vec<_>>().join("  ");
            write!(f, "{}{}", if i > 0 { "\n" } else { "" }, line.trim_end())?;
        }
        Ok(())
    }
}

/// Returns the first `most` lines, followed by a line with the number of those left out.
pub(crate) fn shortened(lines: Vec<String>, most: usize) -> Vec<String> {
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
    fn columns_line_up_and_no_cell_breaks_its_line() {
        let mut table = Table::new(["a", "bcd", ""]);
        table.push(["狐狐", "e", "f"].map(String::from));
        assert_eq!(table.to_string(), "a   bcd\n狐狐  e    f");
        let mut table = Table::plain().right(1);
        table.pair("a\nrights: fine", "b\u{202e}");
        table.pair("c", "d");
        let wide = format!("c{}d", " ".repeat(27));
        assert_eq!(table.to_string(), format!("a\\u{{a}}rights: fine  b\\u{{202e}}\n{wide}"));
        let lines = ["a", "b", "c"].map(String::from).to_vec();
        assert_eq!(shortened(lines, 2), ["a", "b", "… and 1 more (--json lists all)"]);
    }
}
