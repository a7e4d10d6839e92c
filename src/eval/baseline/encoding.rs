//! The text of an index: decoded from whatever encoding a spreadsheet wrote it in.
//!
//! Takes bytes, and the encoding if somebody named it. Returns the text and the name of the encoding it was read in.
//! A byte-order mark decides; without one UTF-8 is tried, then the encoding that the bytes look like most.
//!
//! # Invariants
//!
//! Text is never decoded with replacement characters: bytes that do not fit the encoding are an error.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

use crate::base::error::{Error, Result};
use crate::base::text;

/// Text with the encoding that it was read in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedText {
    /// The text, without a byte-order mark.
    pub text: String,
    /// The encoding's name, such as `UTF-8` or `Shift_JIS` (WHATWG names).
    pub encoding: &'static str,
}

/// Finds the encoding of this label, such as `shift_jis`, `cp932` or `windows-1252`.
///
/// # Errors
///
/// Invalid if no encoding has this label (<https://encoding.spec.whatwg.org/#names-and-labels>).
pub fn named(label: &str) -> Result<&'static Encoding> {
    // Python's and Microsoft's name for Shift_JIS, which the standard does not list.
    let known = if label.eq_ignore_ascii_case("cp932") { "windows-31j" } else { label };
    Encoding::for_label(known.as_bytes()).ok_or_else(|| {
        Error::invalid(format!("{} is not an encoding", text::show(label))).hint(
            "use utf-8, utf-16le, shift_jis (cp932), euc-jp, gbk, windows-1252 or another name of the WHATWG list",
        )
    })
}

/// Decodes `bytes` in the encoding `asked` for, or in the one that they show; `name` is for the error.
///
/// # Errors
///
/// Invalid if the bytes do not fit the encoding.
pub fn decode(bytes: &[u8], asked: Option<&'static Encoding>, name: &str) -> Result<DecodedText> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let encoding = asked.or(marked).unwrap_or_else(|| detected(bytes));
    let (text, used, malformed) = encoding.decode(bytes);
    if malformed {
        return Err(Error::invalid(format!("{name} is not text in {}", used.name()))
            .hint("save it as UTF-8, or name its encoding with --encoding, such as --encoding shift_jis"));
    }
    Ok(DecodedText { text: text.into_owned(), encoding: used.name() })
}

/// Returns the encoding that bytes without a byte-order mark are in most probably.
fn detected(bytes: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreadsheets_encodings_are_read() {
        let said = "vendor\nスタジオ例\n";
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(said.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let (sjis, ..) = encoding_rs::SHIFT_JIS.encode(said);
        let bom = [b"\xef\xbb\xbf", said.as_bytes()].concat();
        let utf8 = said.as_bytes().to_vec();
        for (bytes, encoding) in [(utf8, "UTF-8"), (bom, "UTF-8"), (utf16, "UTF-16LE"), (sjis.to_vec(), "Shift_JIS")] {
            let found = decode(&bytes, None, "index.csv").unwrap();
            assert_eq!((found.text.as_str(), found.encoding), (said, encoding));
        }
        let german = b"vendor\nM\xfcller & S\xf6hne GmbH, K\xf6ln, f\xfcr\n";
        assert_eq!(decode(german, None, "i").unwrap().text, "vendor\nMüller & Söhne GmbH, Köln, für\n");
    }

    #[test]
    fn an_encoding_that_is_named_is_used_and_one_that_does_not_fit_is_refused() {
        let (sjis, ..) = encoding_rs::SHIFT_JIS.encode("例");
        assert_eq!(decode(&sjis, Some(named("cp932").unwrap()), "i").unwrap().text, "例");
        assert!(decode(&[0xff, 0xff], Some(named("utf-8").unwrap()), "i").is_err());
        assert!(named("klingon").is_err());
    }
}
