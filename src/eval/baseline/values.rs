//! Amounts and days as people write them in spreadsheets of different countries.
//!
//! Takes the text of a cell. Returns the value, or what is wrong with it and how to write it.
//!
//! # Invariants
//!
//! What can be read in two ways (`1,234`, `03/04/2026`) is never guessed: the reason names both readings.

use crate::base::text;
use crate::base::time::Date;

/// What a thousands separator and a decimal mark look like in a file whose columns are not separated by commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberStyle {
    /// Columns are separated by commas, so a single point is a decimal point, as ever.
    Point,
    /// Columns are separated otherwise, as where the decimal mark is a comma: a point may separate thousands.
    Either,
}

/// An amount of money as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WrittenAmount {
    /// The number.
    pub value: f64,
    /// The currency that stands beside it, if one does and its sign has one meaning.
    pub currency: Option<&'static str>,
}

/// Signs and words for currencies; those without a code are used by several.
const CURRENCIES: [(&str, Option<&str>); 14] = [
    ("US$", Some("USD")),
    ("USD", Some("USD")),
    ("EUR", Some("EUR")),
    ("GBP", Some("GBP")),
    ("JPY", Some("JPY")),
    ("CHF", Some("CHF")),
    ("€", Some("EUR")),
    ("£", Some("GBP")),
    ("円", Some("JPY")),
    ("元", Some("CNY")),
    ("₩", Some("KRW")),
    ("$", None),
    ("¥", None),
    ("￥", None),
];

/// Reads an amount: `40.50`, `40,50`, `1.234,50`, `1,234.50`, `1 234,50`, `1'234.50`, with a currency before or after.
///
/// # Errors
///
/// The reason, for people, if it is no amount or could be two.
pub(crate) fn amount(written: &str, style: NumberStyle) -> Result<WrittenAmount, String> {
    let wrong = || format!("{} is not an amount: write it as 40.50", text::show(written));
    let mut number = written.trim();
    let mut currency = None;
    for (sign, code) in CURRENCIES {
        let rest = number.strip_prefix(sign).or_else(|| number.strip_suffix(sign));
        if let Some(rest) = rest {
            (number, currency) = (rest.trim(), code);
            break;
        }
    }
    let number: String = number.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’')).collect();
    let (points, commas) = (number.matches('.').count(), number.matches(',').count());
    let plain = match (points, commas) {
        (0, 0) => number,
        (1, 0) if style == NumberStyle::Point => number,
        (_, 0) => separated(&number, '.').ok_or_else(|| two_readings(written, &number, '.'))?,
        (0, _) => separated(&number, ',').ok_or_else(|| two_readings(written, &number, ','))?,
        // Both: the last one is the decimal mark, the other separates thousands.
        _ => {
            let (thousands, decimal) = if number.rfind('.') > number.rfind(',') { (',', '.') } else { ('.', ',') };
            let (whole, fraction) = number.rsplit_once(decimal).ok_or_else(wrong)?;
            if whole.contains(decimal) || !in_thousands(whole, thousands) {
                return Err(wrong());
            }
            format!("{}.{fraction}", whole.replace(thousands, ""))
        }
    };
    let is_number = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.') && plain.bytes().any(|b| b.is_ascii_digit());
    let value = plain.parse().ok().filter(|_| is_number).ok_or_else(wrong)?;
    Ok(WrittenAmount { value, currency })
}

/// Reads a number that holds one kind of separator, as a decimal mark or between thousands; `None` if it could be both.
fn separated(number: &str, separator: char) -> Option<String> {
    let (whole, last) = number.rsplit_once(separator)?;
    let single = !whole.contains(separator);
    // A separator before exactly three digits may be either, unless nothing stands before it.
    match single {
        true if last.len() != 3 || whole.is_empty() || whole == "0" => Some(format!("{whole}.{last}")),
        true => None,
        false if in_thousands(number, separator) => Some(number.replace(separator, "")),
        false => Some(String::new()), // no number at all
    }
}

/// Whether digits stand in groups of three.
fn in_thousands(whole: &str, separator: char) -> bool {
    let mut groups = whole.split(separator);
    groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
}

fn two_readings(written: &str, number: &str, separator: char) -> String {
    let (thousands, decimal) = (number.replace(separator, ""), number.replace(separator, "."));
    format!("{} may be {thousands} or {decimal}: write {thousands}.00 or {decimal}", text::show(written))
}

/// Reads a day: `2026-01-05`, `2026/1/5`, `2026年1月5日`, `5.1.2026` (day first), `13/01/2026` and `01/13/2026`.
///
/// # Errors
///
/// The reason, for people, if it is no day or could be two.
pub fn day(written: &str) -> Result<Date, String> {
    let shown = text::show(written);
    let wrong = || format!("{shown} is not a day: write it as 2026-01-05");
    let trimmed = written.trim().trim_end_matches(['日', '.']);
    let parts: Vec<&str> = trimmed.split(['-', '/', '.', '年', '月']).map(str::trim).collect();
    let [first, second, third] = parts[..] else { return Err(wrong()) };
    let number = |part: &str| part.parse::<u16>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
    let (Some(a), Some(b), Some(c)) = (number(first), number(second), number(third)) else { return Err(wrong()) };
    let date =
        |year: u16, month: u16, day: u16| format!("{year:04}-{month:02}-{day:02}").parse::<Date>().map_err(|_| wrong());
    match (first.len(), third.len()) {
        (4, 1..=2) => date(a, b, c),
        (1..=2, 4) if trimmed.contains('.') || a > 12 || a == b => date(c, b, a),
        (1..=2, 4) if b > 12 => date(c, a, b),
        (1..=2, 4) => {
            let (one, other) = (date(c, b, a)?, date(c, a, b)?);
            Err(format!("{shown} may be {one} or {other}: write the one that is meant"))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_other_countries_are_read() {
        for (written, value, currency) in [
            ("40.50", 40.5, None),
            ("40,50", 40.5, None),
            ("1.234,50", 1234.5, None),
            ("1,234.50", 1234.5, None),
            ("1 234,5", 1234.5, None),
            ("1'234.50", 1234.5, None),
            ("1,234,567", 1_234_567.0, None),
            ("€ 40,50", 40.5, Some("EUR")),
            ("40,50 €", 40.5, Some("EUR")),
            ("US$40", 40.0, Some("USD")),
            ("$40", 40.0, None),
            ("4,050円", f64::NAN, None),
            ("0,125", 0.125, None),
            ("1.234", 1.234, None),
        ] {
            match amount(written, NumberStyle::Point) {
                Ok(found) => assert_eq!((found.value, found.currency), (value, currency), "{written}"),
                Err(why) => assert!(value.is_nan() && why.contains("may be 4050 or 4.050"), "{written}: {why}"),
            }
        }
        assert!(amount("1.234", NumberStyle::Either).unwrap_err().contains("may be 1234 or 1.234"));
        for bad in ["", "much", "-3", "1,23,456", "4.0.5", "NaN", "inf", "1e3", "12,34.5", "."] {
            assert!(amount(bad, NumberStyle::Point).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_read_where_they_mean_one_day() {
        for written in ["2026-01-05", "2026/1/5", "2026.01.05", "2026年1月5日", "05.01.2026", "5.1.2026", "5.1.2026."]
        {
            assert_eq!(day(written).unwrap().to_string(), "2026-01-05", "{written}");
        }
        assert_eq!(day("13/01/2026").unwrap().to_string(), "2026-01-13");
        assert_eq!(day("01/13/2026").unwrap().to_string(), "2026-01-13");
        assert_eq!(day("03/03/2026").unwrap().to_string(), "2026-03-03");
        let both = day("03/04/2026").unwrap_err();
        assert!(both.contains("2026-04-03") && both.contains("2026-03-04"), "{both}");
        for bad in ["2026-02-30", "soon", "1/2", "2026-13-01", "31/31/2026", "5.1.26", ""] {
            assert!(day(bad).is_err(), "{bad}");
        }
    }
}
