//! The verdict in words: the decision, the sentence with its uncertainty, and the four headline numbers.

use super::Report;
use super::roi::{Figure, FigureValue};
use super::verdict::{Decision, Lead, ReportVerdict, headline};
use super::words::{measure, money, number, percent, signed};
use crate::eval::evaluation::{Comparison, ComparisonVerdict as Says, Difference};
use crate::html::Lang;

/// Returns the decision in a few words.
pub fn decision(verdict: &ReportVerdict, lang: Lang) -> &'static str {
    match verdict.decision {
        Decision::Make => lang.t("Make them in the house", "社内制作を推奨"),
        Decision::Buy => lang.t("Buy them", "外注を推奨"),
        Decision::Tradeoff => lang.t("A trade-off", "一長一短"),
        Decision::NotEnoughEvidence => lang.t("Not enough evidence to decide", "判断するには証拠が不十分"),
        Decision::NotCompared => lang.t("Nothing to compare with", "比較対象なし"),
    }
}

/// Returns the verdict in one sentence, with its uncertainty.
pub(crate) fn sentence(report: &Report, lang: Lang) -> String {
    let parts: Vec<String> =
        [quality(report, lang), voted(report, lang), cost(report, lang)].into_iter().flatten().collect();
    format!(
        "{}{}{}{}",
        decision(&report.verdict, lang),
        lang.t(": ", "："),
        parts.join(lang.t("; ", "。")),
        lang.t(".", "。")
    )
}

fn quality(report: &Report, lang: Lang) -> Option<String> {
    let evaluation = &report.evaluation;
    let row = headline(evaluation);
    let Some((row, difference)) = row.and_then(|row| Some((row, row.difference.as_ref()?))) else {
        return Some(match &evaluation.comparison {
            Comparison::Alone => lang.t("no bought images were imported", "外注画像が取り込まれていません").into(),
            Comparison::NotComparable { reasons } => {
                format!("{} ({})", lang.t("the two must not be compared", "両者は比較できません"), reasons.join("; "))
            }
            Comparison::Comparable { .. } => {
                lang.t("no measure could be taken of both", "両者に共通して測れる指標がありません").into()
            }
        });
    };
    let Difference { mean, low, high, briefs, verdict, .. } = difference;
    let name = measure(row.measure, lang);
    let [mean, low, high] = [*mean, *low, *high].map(|value| signed(value, row.measure));
    Some(match (lang, verdict) {
        (Lang::En, Says::InHouse) => {
            format!("the house's images are better in {name} ({mean}, 95 % interval {low} to {high}, {briefs} briefs)")
        }
        (Lang::En, Says::Outsourced) => {
            format!(
                "the bought images are better in {name} (house {mean}, 95 % interval {low} to {high}, {briefs} briefs)"
            )
        }
        (Lang::En, Says::NotEnoughEvidence) => {
            format!(
                "which are better in {name} cannot be told ({mean}, 95 % interval {low} to {high}, {briefs} briefs)"
            )
        }
        (Lang::Ja, Says::InHouse) => format!("{name}は社内制作が上（差 {mean}、95 % 区間 {low}～{high}、{briefs} 件）"),
        (Lang::Ja, Says::Outsourced) => {
            format!("{name}は外注が上（社内−外注の差 {mean}、95 % 区間 {low}～{high}、{briefs} 件）")
        }
        (Lang::Ja, Says::NotEnoughEvidence) => {
            format!("{name}の優劣は判断できない（差 {mean}、95 % 区間 {low}～{high}、{briefs} 件）")
        }
    })
}

fn voted(report: &Report, lang: Lang) -> Option<String> {
    let tally = report.votes.as_ref()?;
    let (rate, low, high, pairs) = (percent(tally.win_rate), percent(tally.low), percent(tally.high), tally.pairs);
    Some(match lang {
        Lang::En => {
            format!(
                "blind raters preferred the house's in {rate} of votes (95 % interval {low} to {high}, {pairs} pairs)"
            )
        }
        Lang::Ja => format!("ブラインド評価での社内制作の支持率は {rate}（95 % 区間 {low}～{high}、{pairs} 組）"),
    })
}

fn cost(report: &Report, lang: Lang) -> Option<String> {
    let roi = report.roi.as_ref()?;
    let cash = |value: f64| money(value, roi.currency);
    let house = roi.get(Figure::HouseCost)?.value?;
    let (Some(vendor), Some(FigureValue { value: Some(saving), low: Some(low), high: Some(high), .. })) =
        (roi.get(Figure::VendorCost)?.value, roi.get(Figure::Saving))
    else {
        return Some(match lang {
            Lang::En => format!("an image that is taken costs {} made; what buying costs is not known", cash(house)),
            Lang::Ja => format!("採用画像 1 点の社内費用は {}、外注費用は不明", cash(house)),
        });
    };
    let (house, vendor, low, high) = (cash(house), cash(vendor), percent(*low), percent(*high));
    Some(match (lang, report.verdict.cost) {
        (Lang::En, Lead::NotEnoughEvidence) => {
            format!(
                "which is cheaper is open: {house} made, {vendor} bought an image that is taken (saving {low} to \
                    {high})"
            )
        }
        (Lang::En, _) => {
            let cheaper = if *saving >= 0.0 { "making" } else { "buying" };
            format!(
                "{cheaper} is cheaper: {house} made, {vendor} bought an image that is taken (making saves {low} to \
                    {high})"
            )
        }
        (Lang::Ja, Lead::NotEnoughEvidence) => {
            format!("費用の優劣は不確か：採用画像 1 点あたり社内 {house}、外注 {vendor}（削減率 {low}～{high}）")
        }
        (Lang::Ja, _) => {
            format!("採用画像 1 点あたり社内 {house}、外注 {vendor}（社内制作による削減率 {low}～{high}）")
        }
    })
}

/// One of the four headline numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// The label.
    pub label: String,
    /// The value.
    pub value: String,
    /// The uncertainty, or what it is compared with.
    pub beside: String,
}

/// Returns the four numbers of the first screen.
pub fn numbers(report: &Report, lang: Lang) -> [Headline; 4] {
    let none = || lang.t("not known", "不明").to_owned();
    let figure = |figure| report.roi.as_ref().and_then(|roi| roi.get(figure));
    let cash = |value: f64| report.roi.as_ref().map_or_else(none, |roi| money(value, roi.currency));
    let shown = |found: Option<&FigureValue>| found.and_then(|f| f.value).map(cash);
    let range = |found: Option<&FigureValue>, show: &dyn Fn(f64) -> String| {
        found.and_then(|f| f.low.zip(f.high)).map_or(String::new(), |(low, high)| match lang {
            Lang::En => format!("95 %: {} to {}", show(low), show(high)),
            Lang::Ja => format!("95 %：{}～{}", show(low), show(high)),
        })
    };
    let bought = |value: String| lang.t(format!("bought: {value}"), format!("外注：{value}"));
    let house = figure(Figure::HouseCost);
    let cost = Headline {
        label: lang.t("Cost of an image that is taken", "採用画像 1 点の費用").into(),
        value: shown(house).unwrap_or_else(none),
        beside: [range(house, &cash), bought(shown(figure(Figure::VendorCost)).unwrap_or_else(none))].join(" · "),
    };
    let facts = &report.evaluation.in_house;
    let finished = (facts.accepted + facts.rejected + facts.failed) as f64;
    let first = facts.first_pass_yield;
    let wilson = first.and_then(|share| crate::eval::stats::wilson(share * finished, finished, 0.95));
    let first_pass = Headline {
        label: lang.t("Passed the gate at first attempt", "初回合格率").into(),
        value: first.map_or_else(none, percent),
        beside: wilson.map_or(String::new(), |(low, high)| match lang {
            Lang::En => format!("95 %: {} to {} · {finished:.0} jobs", percent(low), percent(high)),
            Lang::Ja => format!("95 %：{}～{} · {finished:.0} 件", percent(low), percent(high)),
        }),
    };
    let days = |value: f64| lang.t(format!("{} days", number(value)), format!("{} 日", number(value)));
    let told = report.evaluation.outsourced.as_ref().and_then(|facts| facts.lead_days);
    let vendor_days = figure(Figure::VendorLead).and_then(|f| f.value).or(told);
    let lead = figure(Figure::HouseLead);
    let lead_time = Headline {
        label: lang.t("Lead time of this campaign", "このキャンペーンの所要日数").into(),
        value: lead.and_then(|f| f.value).map_or_else(none, days),
        beside: [range(lead, &days), bought(vendor_days.map_or_else(none, days))].join(" · "),
    };
    let break_even = figure(Figure::BreakEven);
    let monthly =
        |value: f64| lang.t(format!("{} a month", number(value.ceil())), format!("月 {} 点", number(value.ceil())));
    let volume = report
        .roi
        .as_ref()
        .and_then(|roi| roi.inputs.get(super::roi::CostInput::Volume))
        .map(|given| given.amount.value);
    let breaks = Headline {
        label: lang.t("Break-even volume", "損益分岐点").into(),
        value: match break_even {
            Some(found) if found.never => lang.t("never", "到達せず").into(),
            found => found.and_then(|f| f.value).map_or_else(none, monthly),
        },
        beside: [
            range(break_even, &monthly),
            volume
                .map_or(String::new(), |v| lang.t(format!("planned: {}", monthly(v)), format!("計画：{}", monthly(v)))),
        ]
        .join(" · "),
    };
    [cost, first_pass, lead_time, breaks]
        .map(|h| Headline { beside: h.beside.trim_matches([' ', '·']).to_owned(), ..h })
}
