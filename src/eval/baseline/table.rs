//! Tables as spreadsheets export them: which character separates the columns, and what the columns are called.
//!
//! Takes text. Returns rows by column. Columns may be separated by comma, semicolon, tab or bar; a first line `sep=;`
//! says which; headers may have capitals, spaces and the American spelling.
//!
//! # Invariants
//!
//! Unknown columns are errors, so that a typo does not lose the prices.

use super::values::NumberStyle;
use crate::base::error::{Error, Result};
use crate::base::text;

/// The columns of an index.
pub const COLUMNS: [&str; 13] = [
    "file",
    "brief",
    "category",
    "style",
    "vendor",
    "price",
    "currency",
    "revision_rounds",
    "ordered",
    "delivered",
    "licence",
    "holder",
    "source",
];
/// Other names of columns.
const ALIASES: [(&str, &str); 5] = [
    ("license", "licence"),
    ("revisions", "revision_rounds"),
    ("filename", "file"),
    ("order_date", "ordered"),
    ("delivery_date", "delivered"),
];
/// Characters that separate columns.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// A table that was read.
#[derive(Debug)]
pub(crate) struct WrittenTable {
    /// The rows, in order.
    pub rows: Vec<TableRow>,
    /// How numbers may be written in it.
    pub numbers: NumberStyle,
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableRow {
    /// Its line in the file, from 1.
    pub line: u64,
    cells: Vec<(&'static str, String)>,
}

impl TableRow {
    /// Returns the cell of a column; `None` where it is empty or the table has no such column.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.iter().find(|(name, text)| *name == column && !text.is_empty()).map(|(_, text)| text.as_str())
    }
}

/// Reads a table; `name` is for errors, `most` the number of rows allowed.
///
/// # Errors
///
/// Invalid if the table has no column `file`, an unknown column, too many rows or broken quotes.
pub fn read(text: &str, name: &str, most: usize) -> Result<WrittenTable> {
    let (stated, body, skipped) = match text.split_once('\n') {
        Some((first, rest)) if first.trim_end().to_ascii_lowercase().starts_with("sep=") => {
            (first.trim_end_matches('\r').chars().nth(4), rest, 1)
        }
        _ => (None, text, 0),
    };
    let separator = stated.unwrap_or_else(|| separator(body));
    let delimiter = u8::try_from(separator).ok().filter(u8::is_ascii).ok_or_else(|| {
        Error::invalid(format!("{name} separates columns by {}", text::show(&separator.to_string())))
            .hint("separate them by commas, semicolons or tabs")
    })?;
    let wrong =
        |e: csv::Error| Error::invalid(format!("{name} cannot be read: {}", text::escape(&e.to_string()))).hint(hint());
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).flexible(true).from_reader(body.as_bytes());
    let header = reader.headers().map_err(wrong)?.iter().map(|cell| column(cell, name)).collect::<Result<Vec<_>>>()?;
    if !header.contains(&"file") {
        return Err(Error::invalid(format!("{name} has no column `file`")).hint(hint()));
    }
    if let Some(twice) = header.iter().enumerate().find(|(i, column)| header[..*i].contains(column)) {
        return Err(Error::invalid(format!("{name} has two columns `{}`", twice.1)).hint(hint()));
    }
    let mut rows = Vec::new();
    let mut lines = Lines { text: body.as_bytes(), at: 0, line: skipped + 1 };
    for (number, record) in reader.records().enumerate() {
        if number >= most {
            return Err(Error::invalid(format!("{name} has more than {most} rows")));
        }
        let record = record.map_err(wrong)?;
        let line = lines.line_of(record.position().map_or(0, csv::Position::byte));
        if record.iter().all(str::is_empty) {
            continue; // spreadsheets leave empty rows behind
        }
        if record.len() > header.len() {
            let message = format!("{name}:{line} has {} cells under {} columns", record.len(), header.len());
            return Err(Error::invalid(message).hint("put a text that holds the separator into double quotes"));
        }
        let cells = header.iter().zip(record.iter()).map(|(column, cell)| (*column, cell.to_owned())).collect();
        rows.push(TableRow { line, cells });
    }
    let numbers = if separator == ',' { NumberStyle::Point } else { NumberStyle::Either };
    Ok(WrittenTable { rows, numbers })
}

/// Counts lines on the way through a text; the reader's own count is one short after `\r\n`.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the first character at or after this byte that ends no line.
    fn line_of(&mut self, byte: u64) -> u64 {
        let start = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(c) = self.text.get(self.at).filter(|c| self.at < start || matches!(c, b'\r' | b'\n')) {
            self.line += u64::from(*c == b'\n');
            self.at += 1;
        }
        self.line
    }
}

fn hint() -> String {
    format!("its first line names the columns: {}", COLUMNS.join(", "))
}

/// The separator under which the first line names most columns.
fn separator(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    let known = |separator: &char| first.split(*separator).filter(|cell| known(cell).is_some()).count();
    // The first of the best: a comma, unless another says more.
    SEPARATORS.into_iter().rev().max_by_key(known).unwrap_or(',')
}

/// The column that a header cell means.
fn known(cell: &str) -> Option<&'static str> {
    let plain = cell.trim().trim_matches('"').trim().to_lowercase().replace([' ', '-'], "_");
    let alias = ALIASES.into_iter().find(|(other, _)| *other == plain).map(|(_, column)| column);
    alias.or_else(|| COLUMNS.into_iter().find(|column| *column == plain))
}

fn column(cell: &str, name: &str) -> Result<&'static str> {
    known(cell).ok_or_else(|| {
        let near = text::nearest(cell, COLUMNS).map(|near| format!(" (`{near}`?)")).unwrap_or_default();
        Error::invalid(format!("{name} has an unknown column {}{near}", text::show(cell))).hint(hint())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_headers_and_empty_rows_of_spreadsheets_are_read() {
        for text in [
            "file,price\na.png,4\n",
            "file;price\r\na.png;4\r\n;\r\n",
            "sep=;\r\nfile;price\r\na.png;4\r\n",
            "File\tPrice\na.png\t4\n",
            "\"File\"|Price\n a.png | 4 \n",
        ] {
            let table = read(text, "i.csv", 9).unwrap();
            let row = &table.rows[0];
            assert_eq!(
                (table.rows.len(), row.get("file"), row.get("price")),
                (1, Some("a.png"), Some("4")),
                "{text:?}"
            );
            assert_eq!(row.line, if text.starts_with("sep") { 3 } else { 2 }, "{text:?}");
        }
        let table = read("File Name,Revision rounds,License\nx,2,MIT\n", "i.csv", 9);
        assert!(table.is_err(), "File Name is no column");
        let table = read("FILE,Revision rounds,License\nx,2,MIT\n", "i.csv", 9).unwrap();
        assert_eq!((table.rows[0].get("revision_rounds"), table.rows[0].get("licence")), (Some("2"), Some("MIT")));
    }

    #[test]
    fn a_table_that_would_lose_something_is_refused() {
        for (text, why) in [
            ("a,b\n1,2\n", "unknown column `a`"),
            ("file,prise\nx,1\n", "(`price`?)"),
            ("price\n1\n", "no column `file`"),
            ("file,File\nx,y\n", "two columns"),
            ("file,price\nx,4,50\n", "3 cells under 2 columns"),
            ("file\na\nb\n", "more than 1 rows"),
        ] {
            let error = read(text, "i.csv", 1).unwrap_err();
            assert!(error.to_string().contains(why), "{text:?}: {error}");
        }
    }
}
