//! Writes named columns of equal length as a Parquet file, which pandas, Polars and DuckDB can read.
//!
//! # Invariants
//!
//! An unknown value is null, never zero or an empty text; rows keep their order; the same columns give the same bytes.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use crate::base::error::{Error, Result};

/// The values of one column; `None` is null.
#[derive(Clone, Debug, PartialEq)]
pub enum Column<'a> {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Whole(Vec<Option<i64>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Truth values.
    Truth(Vec<Option<bool>>),
    /// Lists of numbers.
    Numbers(Vec<Option<&'a [f32]>>),
    /// Lists of texts.
    Texts(Vec<Option<Vec<String>>>),
}

/// Writes a table as the bytes of a Parquet file; names are letters, digits and underscores.
///
/// # Errors
///
/// Fails if the columns cannot be written as Parquet.
pub fn write(table: &str, columns: &[(&str, Column<'_>)]) -> Result<Vec<u8>> {
    let failed = |e: ParquetError| Error::internal("cannot write a table as Parquet").caused_by(e);
    let fields: Vec<String> = columns.iter().map(|(name, column)| column.field(name)).collect();
    let schema = parse_message_type(&format!("message {table} {{ {} }}", fields.join(" "))).map_err(failed)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED) // hashes and vectors do not compress
        .set_dictionary_enabled(false)
        .set_created_by(concat!("housestyle ", env!("CARGO_PKG_VERSION")).into())
        .build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
    let mut group = file.next_row_group().map_err(failed)?;
    for (_, column) in columns {
        let Some(writer) = group.next_column().map_err(failed)? else {
            return Err(Error::internal("a table's schema lost a column"));
        };
        column.write(writer).map_err(failed)?;
    }
    group.close().map_err(failed)?;
    file.close().map_err(failed)?;
    Ok(bytes)
}

impl Column<'_> {
    fn field(&self, name: &str) -> String {
        match self {
            Self::Text(_) => format!("optional binary {name} (STRING);"),
            Self::Whole(_) => format!("optional int64 {name};"),
            Self::Number(_) => format!("optional double {name};"),
            Self::Truth(_) => format!("optional boolean {name};"),
            Self::Numbers(_) => list(name, "required float element;"),
            Self::Texts(_) => list(name, "required binary element (STRING);"),
        }
    }

    fn write(&self, writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Text(values) => flat::<ByteArrayType, _>(writer, values, |text| text.as_str().into()),
            Self::Whole(values) => flat::<Int64Type, _>(writer, values, |n| *n),
            Self::Number(values) => flat::<DoubleType, _>(writer, values, |n| *n),
            Self::Truth(values) => flat::<BoolType, _>(writer, values, |t| *t),
            Self::Numbers(values) => nested::<FloatType>(writer, values.iter().map(|list| list.map(<[f32]>::to_vec))),
            Self::Texts(values) => {
                let texts = |list: &Vec<String>| list.iter().map(|text| ByteArray::from(text.as_str())).collect();
                nested::<ByteArrayType>(writer, values.iter().map(|list| list.as_ref().map(texts)))
            }
        }
    }
}

fn list(name: &str, element: &str) -> String {
    format!("optional group {name} (LIST) {{ repeated group list {{ {element} }} }}")
}

fn flat<T: DataType, V>(
    mut writer: SerializedColumnWriter<'_>,
    values: &[Option<V>],
    convert: impl Fn(&V) -> T::T,
) -> Result<(), ParquetError> {
    let there: Vec<T::T> = values.iter().flatten().map(convert).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    writer.typed::<T>().write_batch(&there, Some(&levels), None)?;
    writer.close()
}

/// Writes lists with Parquet's levels: the definition level says whether there is a list and an element, the repetition
/// level whether an element continues the list.
fn nested<T: DataType>(
    mut writer: SerializedColumnWriter<'_>,
    lists: impl Iterator<Item = Option<Vec<T::T>>>,
) -> Result<(), ParquetError> {
    for list in lists {
        let (values, defined) = match list {
            None => (Vec::new(), vec![0]),
            Some(list) if list.is_empty() => (list, vec![1]),
            Some(list) => {
                let defined = vec![2; list.len()];
                (list, defined)
            }
        };
        let goes_on: Vec<i16> = (0..defined.len()).map(|i| i16::from(i > 0)).collect();
        writer.typed::<T>().write_batch(&values, Some(&defined), Some(&goes_on))?;
    }
    writer.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    #[test]
    fn what_is_read_is_what_was_written() {
        let columns = [
            ("name", Column::Text(vec![Some("狐".into()), None, Some(String::new())])),
            ("seed", Column::Whole(vec![Some(1 << 52), Some(-1), None])),
            ("score", Column::Number(vec![Some(0.25), None, Some(1.0)])),
            ("good", Column::Truth(vec![Some(true), Some(false), None])),
            ("vector", Column::Numbers(vec![Some(&[1.0, 2.0]), None, Some(&[])])),
            ("licences", Column::Texts(vec![Some(vec!["MIT".into()]), Some(vec![]), None])),
        ];
        let bytes = write("manifest", &columns).unwrap();
        assert_eq!(write("manifest", &columns).unwrap(), bytes);
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<String> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(
            rows,
            [
                concat!(
                    r#"{name: "狐", seed: 4503599627370496, score: 0.25, good: true, "#,
                    r#"vector: [1.0, 2.0], licences: ["MIT"]}"#
                ),
                r#"{name: null, seed: -1, score: null, good: false, vector: null, licences: []}"#,
                r#"{name: "", seed: null, score: 1.0, good: null, vector: [], licences: null}"#,
            ]
        );
        assert!(write("empty", &[("name", Column::Text(vec![]))]).is_ok());
    }
}
