//! The report for programs and for text: JSON, CSV tables, Markdown.
//!
//! Takes a [`Report`]. Returns texts, written as they come.
//!
//! # Invariants
//!
//! The same figures as on the page; what is unknown is an empty cell; no text of others is a formula to a spreadsheet
//! or markup to a reader.

use std::io::{self, Write};

use serde::Serialize;

use super::Report;
use super::costs::{band, value};
use super::headline::{numbers, sentence};
use super::roi::AmountSource;
use super::words::{figure, measure, score, signed, source, verdict, warning};
use crate::base::error::Result;
use crate::base::text::write_json;
use crate::eval::evaluation::{AssetScore, Compared, Measure};
use crate::html::{Lang, safe};

/// The whole report.
pub fn json(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    write_json(&mut *to, report)?;
    to.write_all(b"\n")
}

/// A text cell that a spreadsheet does not reckon with, and that shows itself in its own order.
fn cell(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{}", safe(text)),
        false => safe(text),
    }
}

fn csv(head: &[&str], rows: impl IntoIterator<Item = Result<Vec<String>>>, to: &mut dyn Write) -> io::Result<()> {
    // What the disk says goes before what the format makes of it.
    let failed = |e: csv::Error| match e.into_kind() {
        csv::ErrorKind::Io(e) => e,
        kind => io::Error::other(format!("{kind:?}")),
    };
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(head).map_err(failed)?;
    for row in rows {
        writer.write_record(row.map_err(io::Error::other)?).map_err(failed)?;
    }
    writer.flush()
}

fn plain(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A row an image.
pub fn assets(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let facts = ["arm", "id", "category", "style", "accepted", "attempts", "seconds", "price", "currency", "licence"];
    let head: Vec<&str> = facts.into_iter().chain(Measure::ALL.map(Measure::name)).collect();
    let row = |asset: AssetScore| {
        let (work, delivery) = (asset.work.as_ref(), asset.delivery.as_ref());
        let mut row = vec![
            erased::KeyName::name(&asset.arm),
            cell(&asset.id),
            cell(&asset.brief.category),
            cell(&asset.brief.style),
            asset.accepted.to_string(),
            work.map_or_else(String::new, |work| work.attempts.to_string()),
            plain(work.map(|work| work.seconds)),
            plain(delivery.and_then(|delivery| delivery.price)),
            delivery.and_then(|delivery| delivery.currency).map_or_else(String::new, |currency| currency.to_string()),
            cell(delivery.map(|delivery| delivery.licence.as_str()).unwrap_or_default()),
        ];
        row.extend(Measure::ALL.map(|measure| plain(asset.scores.get(&measure).copied())));
        row
    };
    csv(&head, report.evaluation.assets.iter().map(|asset| asset.map(row)), to)
}

/// A row a measure, over all briefs and by style and category.
pub fn measures(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let head = [
        "of",
        "name",
        "measure",
        "house",
        "house_low",
        "house_high",
        "first_attempts",
        "bought",
        "bought_low",
        "bought_high",
        "difference",
        "low",
        "high",
        "briefs",
        "p",
        "p_corrected",
        "hedges_g",
        "verdict",
    ];
    let row = |of: &str, name: &str, row: &Compared| {
        let (house, bought, d) = (row.in_house, row.outsourced, row.difference.as_ref());
        let mut cells = vec![of.to_owned(), cell(name), row.measure.name().to_owned()];
        cells.extend([house.map(|e| e.mean), house.and_then(|e| e.low), house.and_then(|e| e.high)].map(plain));
        cells.push(plain(row.first_attempts.map(|e| e.mean)));
        cells.extend([bought.map(|e| e.mean), bought.and_then(|e| e.low), bought.and_then(|e| e.high)].map(plain));
        cells.extend([d.map(|d| d.mean), d.map(|d| d.low), d.map(|d| d.high)].map(plain));
        cells.push(d.map_or_else(String::new, |d| d.briefs.to_string()));
        cells.extend([d.map(|d| d.p), d.map(|d| d.p_corrected), d.and_then(|d| d.hedges_g)].map(plain));
        cells.push(d.map_or_else(String::new, |d| erased::KeyName::name(&d.verdict)));
        cells
    };
    let evaluation = &report.evaluation;
    let mut rows: Vec<Vec<String>> = evaluation.measures.iter().map(|r| row("all", "", r)).collect();
    for (of, groups) in [("style", &evaluation.styles), ("category", &evaluation.categories)] {
        rows.extend(groups.iter().flat_map(|group| group.measures.iter().map(move |r| row(of, &group.name, r))));
    }
    csv(&head, rows.into_iter().map(Ok), to)
}

/// A row a figure, then a row an input; empty without a cost model.
pub fn costs(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    let head = ["kind", "name", "value", "low", "high", "unit", "currency", "source"];
    let mut rows = Vec::new();
    if let Some(roi) = &report.roi {
        for found in &roi.figures {
            let mut row = vec!["figure".to_owned(), erased::KeyName::name(&found.figure)];
            row.extend([found.value, found.low, found.high].map(plain));
            row.extend([erased::KeyName::name(&found.unit), roi.currency.to_string(), cell(found.formula)]);
            rows.push(row);
        }
        for given in roi.inputs.iter() {
            let mut row = vec!["input".to_owned(), given.input.name().to_owned()];
            row.extend([given.amount.value, given.amount.low, given.amount.high].map(|v| plain(Some(v))));
            row.extend([erased::KeyName::name(&given.unit), roi.currency.to_string(), source(&given.source, Lang::En)]);
            rows.push(row);
        }
    }
    csv(&head, rows.into_iter().map(Ok), to)
}

/// Text in a Markdown document: nothing in it is markup.
fn md(text: &str) -> String {
    let mut out = String::new();
    for c in safe(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c if "\\`*_[]|#!~>".contains(c) => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// The report as text.
pub fn markdown(report: &Report, lang: Lang) -> String {
    let mut out = vec![format!("# {}", md(report.evaluation.campaign.as_str())), String::new()];
    out.extend([format!("**{}**", md(&sentence(report, lang))), String::new()]);
    out.extend(
        numbers(report, lang).iter().map(|n| format!("- {}: **{}** {}", md(&n.label), md(&n.value), md(&n.beside))),
    );
    let cell = |value: Option<crate::eval::evaluation::MeanEstimate>, of| {
        value.map_or_else(|| "–".into(), |e| score(e.mean, of))
    };
    out.extend([
        String::new(),
        lang.t("| measure | house | bought | difference | so |", "| 指標 | 社内 | 外注 | 差 | 判定 |").into(),
        "|---|---|---|---|---|".into(),
    ]);
    for row in &report.evaluation.measures {
        let of = row.measure;
        let (difference, so) = row.difference.as_ref().map_or(("–".to_owned(), "–"), |d| {
            (
                format!("{} ({} – {})", signed(d.mean, of), signed(d.low, of), signed(d.high, of)),
                verdict(d.verdict, lang),
            )
        });
        out.push(format!(
            "| {} | {} | {} | {difference} | {so} |",
            measure(of, lang),
            cell(row.in_house, of),
            cell(row.outsourced, of)
        ));
    }
    if let Some(roi) = &report.roi {
        out.extend([
            String::new(),
            lang.t("| figure | value | 95 % |", "| 算出値 | 値 | 95 % |").into(),
            "|---|---|---|".into(),
        ]);
        for found in &roi.figures {
            let (value, band) = (value(found, roi.currency, lang), band(found, roi.currency, lang));
            out.push(format!("| {} | {value} | {band} |", figure(found.figure, lang)));
        }
        let guessed = roi.inputs.iter().filter(|given| !matches!(given.source, AmountSource::Measured { .. })).count();
        let all = roi.inputs.iter().count();
        out.push(String::new());
        out.push(lang.t(
            format!(
                "{guessed} of {all} inputs are assumptions of the cost model {}; costs.csv names each.",
                md(&roi.model)
            ),
            format!("入力 {all} 個のうち {guessed} 個は費用モデル {} の想定。内訳は costs.csv。", md(&roi.model)),
        ));
    }
    out.push(String::new());
    out.extend(report.evaluation.warnings.iter().map(|w| format!("- {}: {}", warning(w.code, lang), md(&w.message))));
    out.join("\n") + "\n"
}

/// Names as JSON has them.
mod erased {
    use super::Serialize;

    pub(crate) trait KeyName {
        fn name(&self) -> String;
    }

    impl<T: Serialize> KeyName for T {
        fn name(&self) -> String {
            serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::disk_vec::DiskVec;
    use crate::eval::evaluation::{Warning, WarningCode};
    use crate::report::sample::{self, costs as model, evaluation};

    #[test]
    fn tables_hold_every_row_and_no_formula() {
        let mut evaluation = evaluation();
        let mut images = sample::assets();
        images[0].id = "=HYPERLINK(\"http://evil\")".into();
        evaluation.assets = DiskVec::of(images).unwrap();
        let text = |table: fn(&Report, &mut dyn Write) -> io::Result<()>, report: &Report| {
            let mut bytes = Vec::new();
            table(report, &mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let message = "a <script> | `b`".into();
        evaluation.warnings.push(Warning { code: WarningCode::Memorised, message });
        let report = Report::new(evaluation, Some(&model("setup: 3", "")), None).unwrap();
        let table = text(assets, &report);
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!((rows.len(), &rows[0][0], &rows[19][7]), (20, "in_house", "20"));
        assert!(rows[0][1].starts_with("'=HYPERLINK"));
        assert_eq!(text(measures, &report).lines().count(), 3);
        let costs = text(costs, &report);
        assert!(
            costs.contains("figure,break_even,")
                && costs.contains("input,setup,3,3,3,money,USD,\"cost model, line 8: spec.in_house.setup\"")
        );
        let parsed: serde_json::Value = serde_json::from_str(&text(json, &report)).unwrap();
        assert_eq!(parsed["verdict"]["decision"], "tradeoff");
        for lang in [Lang::En, Lang::Ja] {
            let text = markdown(&report, lang);
            assert!(text.contains(": a &lt;script\\> \\| \\`b\\`") && text.contains("| 95 % |"), "{text}");
        }
    }
}
