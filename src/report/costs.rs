//! The report's section on money: figures, what they hinge on, and where each of their inputs comes from.

use maud::{Markup, html};

use super::roi::{FigureValue, GivenAmount, Roi};
use super::words::{amount, figure, input, source};
use super::{Report, charts};
use crate::base::currency::Currency;
use crate::html::{Lang, safe};

/// The section.
pub(super) fn section(report: &Report, lang: Lang) -> Markup {
    let Some(roi) = &report.roi else {
        return html! { p { (lang.t("No cost model was given: ", "費用モデルの指定がありません：")) code {
        "housestyle report … --costs FILE" } } };
    };
    html! {
        p { (lang.t("Cost model: ", "費用モデル：")) (safe(&roi.model)) @if let Some(owner) = &roi.owner {
            " · " (safe(owner)) } " · " (roi.currency) }
        (figures(roi, lang))
        figure {
            (charts::tornado(roi, lang))
            figcaption.note { (lang.t(
                "Filled bars: the input's own range. Empty bars: an input that is said to be exact, moved by a fifth.",
                "塗り：入力自身の範囲。白抜き：確定値とされた入力を 2 割動かした場合。")) }
        }
        (months(roi, lang))
        (inputs(roi, lang))
    }
}

/// A figure's value as it reads.
pub(super) fn value(found: &FigureValue, currency: Currency, lang: Lang) -> String {
    match found.value {
        Some(value) => amount(value, found.unit, currency, lang),
        None if found.never => lang.t("never", "到達せず").into(),
        None => lang.t("not known", "不明").into(),
    }
}

/// Its band.
pub(super) fn band(found: &FigureValue, currency: Currency, lang: Lang) -> String {
    let end = |value: f64| amount(value, found.unit, currency, lang);
    match (found.low, found.high) {
        (Some(low), Some(high)) => format!("{} – {}", end(low), end(high)),
        (Some(low), None) => format!("{} – ∞", end(low)),
        _ => "–".into(),
    }
}

fn figures(roi: &Roi, lang: Lang) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                caption { (lang.t("Figures, each with its 95 % band and what it is reckoned from",
                    "算出値（95 % の帯と算出根拠）")) }
                thead { tr {
                    th scope="col" { } th.n scope="col" { (lang.t("value", "値")) } th.n scope="col" { "95 %" }
                    th scope="col" { (lang.t("from", "根拠")) }
                } }
                tbody { @for found in &roi.figures { tr {
                    th scope="row" { (figure(found.figure, lang)) }
                    td.n { (value(found, roi.currency, lang)) }
                    td.n { (band(found, roi.currency, lang)) }
                    td {
                        details {
                            summary { (lang.t("formula and inputs", "式と入力")) }
                            code { (found.formula) }
                            br;
                            @for name in &found.inputs {
                                @if roi.inputs.get(*name).is_some() { a href=(format!("#input-{}", name.name())) {
                                    (name.name()) } " " } @else { (name.name()) " " }
                            }
                        }
                    }
                } } }
            }
        }
    }
}

fn months(roi: &Roi, lang: Lang) -> Markup {
    let cell = |value: Option<[f64; 3]>| {
        value.map_or_else(
            || "–".into(),
            |[value, low, high]| {
                let end = |value: f64| super::words::number(value);
                format!("{} ({} – {})", end(value), end(low), end(high))
            },
        )
    };
    html! {
        details {
            summary { (lang.t("Twelve months in numbers", "12 か月の推移（数値）")) }
            table {
                caption { (lang.t("Spent so far", "累計")) " (" (roi.currency) ")" }
                thead { tr { th scope="col" { (lang.t("month", "月")) } th.n scope="col" { (lang.t("made", "社内")) }
                    th.n scope="col" { (lang.t("bought", "外注")) } } }
                tbody { @for month in &roi.months { tr { th scope="row" { (month.month) } td.n { (cell(month.house)) }
                    td.n { (cell(month.vendor)) } } } }
            }
        }
    }
}

fn inputs(roi: &Roi, lang: Lang) -> Markup {
    let row = |given: &GivenAmount| {
        let show = |value: f64| amount(value, given.unit, roi.currency, lang);
        html! {
            tr id=(format!("input-{}", given.input.name())) {
                th scope="row" { code { (given.input.name()) } br; (input(given.input, lang)) }
                td.n { (show(given.amount.value)) }
                td.n { @if given.amount.is_exact() { "–" } @else { (show(given.amount.low))
                    " – " (show(given.amount.high)) } }
                td { (source(&given.source, lang)) }
            }
        }
    };
    html! {
        div.scroll tabindex="0" {
            table {
                caption { (lang.t("Inputs, each with its range and whose word it is", "入力（範囲と出所）")) }
                thead { tr {
                    th scope="col" { } th.n scope="col" { (lang.t("value", "値")) } th.n scope="col" { (lang.t("range",
                        "範囲")) } th scope="col" { (lang.t("source", "出所")) }
                } }
                tbody { @for given in roi.inputs.iter() { (row(given)) } }
            }
        }
    }
}
