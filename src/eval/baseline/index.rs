//! The index of a delivery: which file answers which brief, who made it, what it cost, when it came.
//!
//! Takes CSV with a header, or YAML (`kind: Baseline`). Returns [`IndexRow`]s with their defaults filled in, or what
//! is wrong with the whole; what is wrong with one row is that row's [`Refused`].
//!
//! # Invariants
//!
//! Texts are plain, numbers in range, days in the calendar; unknown columns and keys are errors, so that a typo does
//! not lose the prices.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Refused;
use crate::base::currency::Currency;
use crate::base::error::{Error, Result};
use crate::base::licence::Licence;
use crate::base::time::Date;
use crate::base::{limits, text, yaml};
use crate::eval::evaluation::{Brief, DeliveryFacts};
use crate::spec::Claim;

/// Most rows of an index.
const MAX_ROWS: usize = 100_000;
/// Most bytes of an index.
pub const MAX_BYTES: u64 = 32 << 20;
/// The columns there are.
const COLUMNS: &str =
    "file, brief, category, style, vendor, price, currency, revision_rounds, ordered, delivered, licence, holder, source";

/// A delivery's index after reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryIndex {
    /// The good rows, in order.
    pub rows: Vec<IndexRow>,
    /// The rows that were refused, with reasons.
    pub refused: Vec<Refused>,
    /// Files that are listed.
    listed: BTreeSet<String>,
}

/// One row of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexRow {
    /// The file, by its name in the source.
    pub file: String,
    /// The brief that it answers.
    pub brief: Brief,
    /// Price, dates and licence, for bought images.
    pub delivery: DeliveryFacts,
    /// The licence claim, for the rights policy.
    pub claim: Claim,
}

/// Values for columns that a row leaves empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexDefaults {
    /// The vendor.
    pub vendor: Option<String>,
    /// The currency of prices.
    pub currency: Option<String>,
    /// The licence.
    pub licence: Option<String>,
    /// Who holds the rights.
    pub holder: Option<String>,
    /// The source; the vendor, if none is given.
    pub source: Option<String>,
}

/// A row as it stands in the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenRow {
    file: String,
    brief: Option<String>,
    category: Option<String>,
    style: Option<String>,
    vendor: Option<String>,
    price: Option<f64>,
    currency: Option<String>,
    #[serde(alias = "revisions")]
    revision_rounds: Option<u32>,
    ordered: Option<String>,
    delivered: Option<String>,
    #[serde(alias = "license")]
    licence: Option<String>,
    holder: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    #[serde(default)]
    defaults: IndexDefaults,
    items: Vec<WrittenRow>,
}

impl DeliveryIndex {
    /// Reads an index; whether it is CSV or YAML its name says. `given` comes before the file's own defaults, rows
    /// before both.
    pub fn parse(bytes: &[u8], name: &str, given: &IndexDefaults) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::invalid(format!("{name} is not UTF-8 text")))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // spreadsheets put it there
        let lower = name.to_ascii_lowercase();
        match lower.rsplit_once('.').map(|(_, ending)| ending) {
            Some("csv") => csv(text, name, given),
            Some("yaml" | "yml") => from_yaml(text, name, given),
            _ => Err(Error::invalid(format!("{} is neither .csv nor .yaml", text::show(name)))),
        }
    }
}

fn csv(text: &str, name: &str, given: &IndexDefaults) -> Result<DeliveryIndex> {
    let wrong = |e: csv::Error| {
        Error::invalid(format!("{name} cannot be read: {}", text::escape(&e.to_string()))).hint(format!("columns: {COLUMNS}"))
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(wrong)?.clone();
    if !header.iter().any(|column| column == "file") {
        return Err(
            Error::invalid(format!("{name} has no column `file`")).hint(format!("its first line names the columns: {COLUMNS}"))
        );
    }
    let known: Vec<&str> = COLUMNS.split(", ").chain(["license", "revisions"]).collect();
    if let Some(unknown) = header.iter().find(|column| !known.contains(column)) {
        return Err(
            Error::invalid(format!("{name} has an unknown column {}", text::show(unknown))).hint(format!("columns: {COLUMNS}"))
        );
    }
    let mut index = DeliveryIndex::default();
    for (number, record) in reader.records().enumerate() {
        if number >= MAX_ROWS {
            return Err(Error::invalid(format!("{name} has more than {MAX_ROWS} rows")));
        }
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(number as u64 + 2, csv::Position::line);
        let place = |file: &str| if file.is_empty() { format!("{name}:{line}") } else { file.to_owned() };
        match record.deserialize::<WrittenRow>(Some(&header)) {
            Ok(raw) => index.take(raw, given, &IndexDefaults::default(), &place),
            Err(e) => {
                let column = header.iter().position(|column| column == "file");
                let file = column.and_then(|at| record.get(at)).unwrap_or_default();
                let reason = match e.kind() {
                    csv::ErrorKind::Deserialize { err, .. } => {
                        let column = err.field().and_then(|at| header.get(usize::try_from(at).ok()?)).unwrap_or("?");
                        format!("{name}:{line}: {column}: {}", err.kind())
                    }
                    _ => format!("{name}:{line}: {e}"),
                };
                index.refuse(place(file), text::escape(&reason));
            }
        }
    }
    Ok(index)
}

fn from_yaml(text: &str, name: &str, given: &IndexDefaults) -> Result<DeliveryIndex> {
    let file: File = yaml::parse(text).map_err(|e| Error::invalid(format!("{name} cannot be read")).caused_by(e))?;
    if (file.api_version.as_str(), file.kind.as_str()) != ("housestyle/v1", "Baseline") {
        return Err(Error::invalid(format!("{name}: expected apiVersion housestyle/v1 and kind Baseline")));
    }
    if file.spec.items.len() > MAX_ROWS {
        return Err(Error::invalid(format!("{name} has more than {MAX_ROWS} items")));
    }
    let mut index = DeliveryIndex::default();
    for (number, raw) in file.spec.items.into_iter().enumerate() {
        let place = |file: &str| if file.is_empty() { format!("{name}: spec.items[{number}]") } else { file.to_owned() };
        index.take(raw, given, &file.spec.defaults, &place);
    }
    Ok(index)
}

impl DeliveryIndex {
    fn take(&mut self, raw: WrittenRow, given: &IndexDefaults, own: &IndexDefaults, place: &dyn Fn(&str) -> String) {
        let file = place(&raw.file);
        match check(raw, given, own) {
            Ok(row) if !self.listed.insert(row.file.clone()) => self.refuse(file, "is listed twice".into()),
            Ok(row) => self.rows.push(row),
            Err(reason) => self.refuse(file, reason),
        }
    }

    fn refuse(&mut self, file: String, reason: String) {
        self.refused.push(Refused { file: text::escape(&file), reason });
    }
}

/// Reads the licence of this name.
fn named(licence: &str) -> Result<Licence, String> {
    licence.parse().map_err(|why| format!("licence {} {why}", text::show(licence)))
}

fn check(raw: WrittenRow, given: &IndexDefaults, own: &IndexDefaults) -> Result<IndexRow, String> {
    let plain = |what: &str, value: Option<String>, longest: usize| -> Result<Option<String>, String> {
        let Some(value) = value else { return Ok(None) };
        let value = text::plain(&value, longest).map_err(|why| format!("{what} {why}"))?;
        Ok((!value.is_empty()).then_some(value))
    };
    let or = |value: Option<String>, given: &Option<String>, own: &Option<String>| {
        value.filter(|v| !v.trim().is_empty()).or_else(|| given.clone()).or_else(|| own.clone())
    };
    let file = plain("file", Some(raw.file), limits::PATH)?.ok_or("names no file")?;
    if file.starts_with('/') || file.contains('\\') || file.split('/').any(|part| part.is_empty() || part == "..") {
        return Err("is no path inside the delivery".into());
    }
    let reference = plain("brief", raw.brief, limits::SHORT_TEXT)?;
    let (category, style) =
        match (plain("category", raw.category, limits::SHORT_TEXT)?, plain("style", raw.style, limits::NAME)?) {
            (Some(category), Some(style)) => (category, style),
            // A brief may say both itself: `fox/noto`.
            (None, None) => match reference.as_deref().and_then(|reference| reference.split_once('/')) {
                Some((category, style)) => (category.trim().to_owned(), style.trim().to_owned()),
                None => return Err("names no category and style, so it cannot be paired with a brief".into()),
            },
            _ => return Err("names only one of category and style, so it cannot be paired with a brief".into()),
        };
    let category = text::category(&category).map_err(|why| format!("category {why}"))?;
    let day = |what: &str, value: Option<String>| -> Result<Option<Date>, String> {
        let value = value.filter(|v| !v.trim().is_empty());
        value.map(|v| v.trim().parse::<Date>().map_err(|why| format!("{what} {} {why}", text::show(&v)))).transpose()
    };
    let (ordered, delivered) = (day("ordered", raw.ordered)?, day("delivered", raw.delivered)?);
    if let (Some(ordered), Some(delivered)) = (ordered, delivered)
        && delivered < ordered
    {
        return Err(format!("was delivered on {delivered}, before it was ordered on {ordered}"));
    }
    if let Some(price) = raw.price
        && !(0.0..=limits::COST).contains(&price)
    {
        return Err(format!("price must lie between 0 and {}", limits::COST));
    }
    if raw.revision_rounds.is_some_and(|rounds| rounds > 1_000) {
        return Err("revision_rounds must lie between 0 and 1000".into());
    }
    let vendor = plain("vendor", or(raw.vendor, &given.vendor, &own.vendor), limits::RIGHTS_TEXT)?;
    let currency = or(raw.currency, &given.currency, &own.currency).map(|code| {
        let code = code.trim().to_ascii_uppercase();
        code.parse::<Currency>().map_err(|why| format!("currency {} {why}", text::show(&code)))
    });
    let currency = currency.transpose()?;
    if raw.price.is_some() && currency.is_none() {
        return Err("has a price without a currency".into());
    }
    let licence = plain("licence", or(raw.licence, &given.licence, &own.licence), limits::RIGHTS_TEXT)?;
    let holder = plain("holder", or(raw.holder, &given.holder, &own.holder), limits::RIGHTS_TEXT)?;
    let holder = holder.or_else(|| vendor.clone());
    let source = plain("source", or(raw.source, &given.source, &own.source), limits::RIGHTS_TEXT)?;
    let claim = Claim {
        source: source.or_else(|| vendor.clone()),
        licence: licence.as_ref().map(|name| named(name)).transpose()?,
        holder: holder.clone(),
        ..Claim::default()
    };
    let delivery = DeliveryFacts {
        reference,
        vendor,
        price: raw.price,
        currency,
        revision_rounds: raw.revision_rounds,
        ordered,
        delivered,
        licence: licence.unwrap_or_default(),
        holder,
    };
    Ok(IndexRow { file, brief: Brief { category, style }, delivery, claim })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "file,brief,category,style,vendor,price,currency,revision_rounds,ordered,delivered,licence,holder\n\
        a.png,B-1,fox,flat,Studio,40.5,eur,2,2026-01-05,2026-01-12,MIT,Studio\n";

    fn read(text: &str) -> DeliveryIndex {
        DeliveryIndex::parse(text.as_bytes(), "index.csv", &IndexDefaults::default()).unwrap()
    }

    #[test]
    fn a_row_says_what_was_bought() {
        let index = read(GOOD);
        let row = &index.rows[0];
        assert_eq!((row.brief.to_string().as_str(), row.delivery.lead_days()), ("fox / flat", Some(7)));
        assert_eq!((row.delivery.price, row.delivery.currency), (Some(40.5), "EUR".parse().ok()));
        assert_eq!(row.claim.source.as_deref(), Some("Studio"));
        let yaml = "apiVersion: housestyle/v1\nkind: Baseline\nspec:\n  defaults: {vendor: Studio, licence: MIT}\n  items:\n    \
                    - {file: a.png, brief: fox/flat, price: 3, currency: USD}\n";
        let index = DeliveryIndex::parse(yaml.as_bytes(), "x.yaml", &IndexDefaults::default()).unwrap();
        assert_eq!((index.rows[0].brief.style.as_str(), index.rows[0].delivery.vendor.as_deref()), ("flat", Some("Studio")));
    }

    #[test]
    fn a_bad_row_is_refused_by_name_and_takes_no_other_with_it() {
        for (row, why) in [
            ("../x.png,,fox,flat,,,,,,,,", "inside the delivery"),
            ("b.png,,fox,,,,,,,,,", "only one of"),
            ("b.png,fox,,,,,,,,,,", "cannot be paired"),
            ("b.png,,fox,flat,S,4,,,,,,", "without a currency"),
            ("b.png,,fox,flat,S,NaN,USD,,,,,", "price must lie"),
            ("b.png,,fox,flat,S,much,USD,,,,,", "price: invalid float"),
            ("b.png,,fox,flat,S,4,US$,,,,,", "is not a currency"),
            ("b.png,,fox,flat,S,,,,2026-02-30,,,", "is not a day"),
            ("b.png,,fox,flat,S,,,,2026-02-02,2026-02-01,,", "before it was ordered"),
            ("b.png,,<script>,flat,S,,,,,,,", "not allowed"),
            ("a.png,,fox,flat,S,,,,,,,", "twice"),
            (",,fox,flat,S,,,,,,,", "names no file"),
        ] {
            let index = read(&format!("{GOOD}{row}\n"));
            assert_eq!((index.rows.len(), index.refused.len()), (1, 1), "{row}: {:?}", index);
            assert!(index.refused[0].reason.contains(why), "{row}: {}", index.refused[0].reason);
        }
    }

    #[test]
    fn a_wrong_index_is_an_error() {
        let parse = |text: &str, name: &str| DeliveryIndex::parse(text.as_bytes(), name, &IndexDefaults::default());
        for (text, name) in
            [("a,b\n1,2\n", "i.csv"), ("file,prise\nx.png,3\n", "i.csv"), ("", "i.csv"), ("x", "i.txt"), ("kind: X", "i.yaml")]
        {
            assert!(parse(text, name).is_err(), "{text:?}");
        }
        assert!(DeliveryIndex::parse(&[0xff], "i.csv", &IndexDefaults::default()).is_err());
    }
}
