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

use super::table::{self, TableRow};
use super::values::{self, NumberStyle, WrittenAmount};
use super::{Refused, encoding};
use crate::base::currency::Currency;
use crate::base::error::{Error, Result};
use crate::base::licence::Licence;
use crate::base::{limits, text, yaml};
use crate::eval::evaluation::{Brief, DeliveryFacts};
use crate::spec::Claim;

/// Most rows of an index.
const MAX_ROWS: usize = 100_000;
/// Most bytes of an index.
pub(crate) const MAX_BYTES: u64 = 32 << 20;

/// A delivery's index after reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryIndex {
    /// The good rows, in order.
    pub rows: Vec<IndexRow>,
    /// The rows that were refused, with reasons.
    pub refused: Vec<Refused>,
    /// The encoding that it was read in.
    pub encoding: &'static str,
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
    price: Option<WrittenNumber>,
    currency: Option<String>,
    #[serde(alias = "revisions")]
    revision_rounds: Option<WrittenNumber>,
    ordered: Option<String>,
    delivered: Option<String>,
    #[serde(alias = "license")]
    licence: Option<String>,
    holder: Option<String>,
    source: Option<String>,
}

/// A number as YAML has it, or as somebody wrote it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum WrittenNumber {
    Number(f64),
    Text(String),
}

impl From<&TableRow> for WrittenRow {
    fn from(row: &TableRow) -> Self {
        let text = |column: &str| row.get(column).map(str::to_owned);
        Self {
            file: text("file").unwrap_or_default(),
            brief: text("brief"),
            category: text("category"),
            style: text("style"),
            vendor: text("vendor"),
            price: text("price").map(WrittenNumber::Text),
            currency: text("currency"),
            revision_rounds: text("revision_rounds").map(WrittenNumber::Text),
            ordered: text("ordered"),
            delivered: text("delivered"),
            licence: text("licence"),
            holder: text("holder"),
            source: text("source"),
        }
    }
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
    /// Reads an index; whether it is CSV or YAML its name says. Its encoding is found, unless one is `asked` for.
    /// `given` comes before the file's own defaults, rows before both.
    ///
    /// # Errors
    ///
    /// Invalid if the file as a whole cannot be read; a row that is wrong is among [`DeliveryIndex::refused`].
    pub fn parse(bytes: &[u8], name: &str, given: &IndexDefaults, asked: Option<&str>) -> Result<Self> {
        let asked = asked.map(encoding::named).transpose()?;
        let decoded = encoding::decode(bytes, asked, name)?;
        let lower = name.to_ascii_lowercase();
        let mut index = match lower.rsplit_once('.').map(|(_, ending)| ending) {
            Some("csv" | "tsv" | "txt") => from_table(&decoded.text, name, given),
            Some("yaml" | "yml") => from_yaml(&decoded.text, name, given),
            _ => Err(Error::invalid(format!("{} is neither .csv nor .yaml", text::show(name)))
                .hint("save a spreadsheet as CSV")),
        }?;
        index.encoding = decoded.encoding;
        Ok(index)
    }
}

fn from_table(text: &str, name: &str, given: &IndexDefaults) -> Result<DeliveryIndex> {
    let table = table::read(text, name, MAX_ROWS)?;
    let mut index = DeliveryIndex::default();
    let own = IndexDefaults::default();
    for row in &table.rows {
        let place = |file: &str| if file.is_empty() { format!("{name}:{}", row.line) } else { file.to_owned() };
        index.take(row.into(), &Reading { given, own: &own, numbers: table.numbers }, &place);
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
    let reading = Reading { given, own: &file.spec.defaults, numbers: NumberStyle::Point };
    for (number, raw) in file.spec.items.into_iter().enumerate() {
        let place =
            |file: &str| if file.is_empty() { format!("{name}: spec.items[{number}]") } else { file.to_owned() };
        index.take(raw, &reading, &place);
    }
    Ok(index)
}

/// What rows are read with.
struct Reading<'a> {
    /// Defaults given beside the file.
    given: &'a IndexDefaults,
    /// Defaults of the file itself.
    own: &'a IndexDefaults,
    numbers: NumberStyle,
}

impl DeliveryIndex {
    fn take(&mut self, raw: WrittenRow, reading: &Reading<'_>, place: &dyn Fn(&str) -> String) {
        let file = place(&raw.file);
        match check(raw, reading) {
            Ok(row) if !self.listed.insert(row.file.clone()) => self.refuse(file, "is listed twice".into()),
            Ok(row) => self.rows.push(row),
            Err(reasons) => self.refuse(file, reasons.join("; ")),
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

/// Reads a row, or returns everything that is wrong with it.
fn check(raw: WrittenRow, reading: &Reading<'_>) -> Result<IndexRow, Vec<String>> {
    let Reading { given, own, numbers } = *reading;
    let mut reasons = Vec::new();
    let or = |value: Option<String>, given: &Option<String>, own: &Option<String>| {
        value.filter(|v| !v.trim().is_empty()).or_else(|| given.clone()).or_else(|| own.clone())
    };
    let (file, reference) = (
        cell(&mut reasons, "file", Some(raw.file), limits::PATH).map(|file| file.replace('\\', "/")),
        cell(&mut reasons, "brief", raw.brief, limits::SHORT_TEXT),
    );
    match &file {
        None => reasons.push("names no file".into()),
        Some(file) if file.starts_with('/') || file.split('/').any(|part| part.is_empty() || part == "..") => {
            reasons.push("is no path inside the delivery".into());
        }
        Some(_) => {}
    }
    let (category, style) = (
        cell(&mut reasons, "category", raw.category, limits::SHORT_TEXT),
        cell(&mut reasons, "style", raw.style, limits::NAME),
    );
    let brief = match (category, style, reference.as_deref().and_then(|reference| reference.split_once('/'))) {
        (Some(category), Some(style), _) => Some((category, style)),
        // A brief may say both itself: `fox/noto`.
        (None, None, Some((category, style))) => Some((category.trim().to_owned(), style.trim().to_owned())),
        (None, None, None) => {
            reasons.push("names no category and style, so it cannot be paired with a brief".into());
            None
        }
        _ => {
            reasons.push("names only one of category and style, so it cannot be paired with a brief".into());
            None
        }
    };
    let brief = brief.and_then(|(category, style)| match text::category(&category) {
        Ok(category) => Some(Brief { category, style }),
        Err(why) => {
            reasons.push(format!("category {why}"));
            None
        }
    });
    let ordered = read(&mut reasons, "ordered", raw.ordered, values::day);
    let delivered = read(&mut reasons, "delivered", raw.delivered, values::day);
    if let (Some(ordered), Some(delivered)) = (ordered, delivered)
        && delivered < ordered
    {
        reasons.push(format!("was delivered on {delivered}, before it was ordered on {ordered}"));
    }
    let price = match raw.price {
        Some(WrittenNumber::Number(value)) => Some(WrittenAmount { value, currency: None }),
        Some(WrittenNumber::Text(text)) => {
            read(&mut reasons, "price", Some(text), |text| values::amount(text, numbers))
        }
        None => None,
    };
    if price.is_some_and(|price| !(0.0..=limits::COST).contains(&price.value)) {
        reasons.push(format!("price must lie between 0 and {}", limits::COST));
    }
    let rounds = match raw.revision_rounds {
        Some(WrittenNumber::Number(value)) => Some(value.to_string()),
        Some(WrittenNumber::Text(text)) => Some(text),
        None => None,
    };
    let revision_rounds = read(&mut reasons, "revision_rounds", rounds, |text| {
        let rounds = text.parse::<u32>().ok().filter(|rounds| *rounds <= 1_000);
        rounds.ok_or_else(|| format!("{} must be a whole number between 0 and 1000", text::show(text)))
    });
    let vendor = cell(&mut reasons, "vendor", or(raw.vendor, &given.vendor, &own.vendor), limits::RIGHTS_TEXT);
    let stated = price.and_then(|price| price.currency).map(str::to_owned);
    let named_currency = or(raw.currency, &None, &None);
    if let (Some(stated), Some(named)) = (&stated, &named_currency)
        && !named.trim().eq_ignore_ascii_case(stated)
    {
        reasons.push(format!("the price says {stated}, the column currency {}", text::show(named)));
    }
    let currency = or(named_currency.or(stated), &given.currency, &own.currency);
    let currency = read(&mut reasons, "currency", currency, |code| {
        let code = code.to_ascii_uppercase();
        code.parse::<Currency>().map_err(|why| format!("{} {why}", text::show(&code)))
    });
    if price.is_some() && currency.is_none() && !reasons.iter().any(|reason| reason.starts_with("currency")) {
        reasons.push("has a price without a currency: name it in a column `currency`, such as EUR".into());
    }
    let licence = cell(&mut reasons, "licence", or(raw.licence, &given.licence, &own.licence), limits::RIGHTS_TEXT);
    let holder = cell(&mut reasons, "holder", or(raw.holder, &given.holder, &own.holder), limits::RIGHTS_TEXT);
    let holder = holder.or_else(|| vendor.clone());
    let source = cell(&mut reasons, "source", or(raw.source, &given.source, &own.source), limits::RIGHTS_TEXT);
    let named_licence = match licence.as_deref().map(named).transpose() {
        Ok(licence) => licence,
        Err(why) => {
            reasons.push(why);
            None
        }
    };
    let (Some(file), Some(brief)) = (file, brief) else { return Err(reasons) };
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let claim = Claim {
        source: source.or_else(|| vendor.clone()),
        licence: named_licence,
        holder: holder.clone(),
        ..Claim::default()
    };
    let delivery = DeliveryFacts {
        reference,
        vendor,
        price: price.map(|price| price.value),
        currency,
        revision_rounds,
        ordered,
        delivered,
        licence: licence.unwrap_or_default(),
        holder,
    };
    Ok(IndexRow { file, brief, delivery, claim })
}

/// Reads a text for people; what is wrong with it is added to `reasons`, and nothing is returned of an empty one.
fn cell(reasons: &mut Vec<String>, column: &str, value: Option<String>, longest: usize) -> Option<String> {
    match text::plain(&value?, longest) {
        Ok(value) => Some(value).filter(|value| !value.is_empty()),
        Err(why) => {
            reasons.push(format!("{column} {why}"));
            None
        }
    }
}

/// Reads a cell by `parse`; what is wrong with it is added to `reasons`, and nothing is returned of an empty one.
fn read<T>(
    reasons: &mut Vec<String>,
    column: &str,
    value: Option<String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let value = value.filter(|value| !value.trim().is_empty())?;
    match parse(value.trim()) {
        Ok(value) => Some(value),
        Err(why) => {
            reasons.push(format!("{column} {why}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "file,brief,category,style,vendor,price,currency,revision_rounds,\
        ordered,delivered,licence,holder\n\
        a.png,B-1,fox,flat,Studio,40.5,eur,2,2026-01-05,2026-01-12,MIT,Studio\n";

    fn read(text: &str) -> DeliveryIndex {
        DeliveryIndex::parse(text.as_bytes(), "index.csv", &IndexDefaults::default(), None).unwrap()
    }

    #[test]
    fn a_row_says_what_was_bought() {
        let index = read(GOOD);
        let row = &index.rows[0];
        assert_eq!((row.brief.to_string().as_str(), row.delivery.lead_days()), ("fox / flat", Some(7)));
        assert_eq!((row.delivery.price, row.delivery.currency), (Some(40.5), "EUR".parse().ok()));
        assert_eq!(row.claim.source.as_deref(), Some("Studio"));
        let yaml = "apiVersion: housestyle/v1\nkind: Baseline\nspec:\n  defaults: {vendor: Studio, licence: MIT}\n  \
            items:\n    \
                    - {file: a.png, brief: fox/flat, price: 3, currency: USD}\n";
        let index = DeliveryIndex::parse(yaml.as_bytes(), "x.yaml", &IndexDefaults::default(), None).unwrap();
        assert_eq!(
            (index.rows[0].brief.style.as_str(), index.rows[0].delivery.vendor.as_deref()),
            ("flat", Some("Studio"))
        );
    }

    #[test]
    fn a_bad_row_is_refused_by_name_and_takes_no_other_with_it() {
        for (row, why) in [
            ("../x.png,,fox,flat,,,,,,,,", "inside the delivery"),
            ("b.png,,fox,,,,,,,,,", "only one of"),
            ("b.png,fox,,,,,,,,,,", "cannot be paired"),
            ("b.png,,fox,flat,S,4,,,,,,", "without a currency"),
            ("b.png,,fox,flat,S,NaN,USD,,,,,", "is not an amount"),
            ("b.png,,fox,flat,S,much,USD,,,,,", "price `much` is not an amount: write it as 40.50"),
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
        let parse =
            |text: &str, name: &str| DeliveryIndex::parse(text.as_bytes(), name, &IndexDefaults::default(), None);
        for (text, name) in [
            ("a,b\n1,2\n", "i.csv"),
            ("file,prise\nx.png,3\n", "i.csv"),
            ("", "i.csv"),
            ("x", "i.doc"),
            ("kind: X", "i.yaml"),
        ] {
            assert!(parse(text, name).is_err(), "{text:?}");
        }
        assert!(DeliveryIndex::parse(&[0xff], "i.csv", &IndexDefaults::default(), Some("utf-8")).is_err());
    }

    /// What spreadsheets of several countries make of the same two rows.
    #[test]
    fn an_index_is_read_as_it_arrives() {
        let header = "file;category;style;vendor;price;currency;ordered;delivered;licence";
        let rows = "a.png;balloon;noto;Studio Example;40,50;USD;5.1.2026;2026/1/12;MIT\r\n";
        let semicolons = format!("\u{feff}{header}\r\n{rows}");
        let capitals = "File,Category,Style,Vendor,Price,Currency,Ordered,Delivered,License\n\
            a.png,balloon,noto,Studio Example,\"40,50 $\",USD,13/01/2026,2026-01-20,MIT\n";
        for text in [semicolons.as_str(), capitals, &format!("sep=;\r\n{header}\r\n{rows}")] {
            let index = read(text);
            let row = &index.rows[0];
            assert_eq!((row.delivery.price, row.delivery.lead_days()), (Some(40.5), Some(7)), "{text}");
            assert!(index.refused.is_empty(), "{:?}", index.refused);
        }
    }

    #[test]
    fn everything_that_is_wrong_with_a_row_is_said_at_once() {
        let index = read(&format!("{GOOD}b.png,,fox,flat,S,\"1,234\",,many,03/04/2026,,,\n"));
        let reason = &index.refused[0].reason;
        for part in ["may be 1234 or 1.234", "revision_rounds `many`", "2026-03-04"] {
            assert!(reason.contains(part), "{part}: {reason}");
        }
        let index = read(&format!("{GOOD}b.png,,fox,flat,S,40 €,USD,,,,,\n"));
        assert!(index.refused[0].reason.contains("the price says EUR"), "{}", index.refused[0].reason);
    }
}
