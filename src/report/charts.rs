//! Charts as inline SVG.
//!
//! Takes numbers. Returns markup.
//!
//! # Invariants
//!
//! Every chart has a title and a description for those who cannot see it; colours are told apart by the colour-blind
//! (Okabe and Ito) and are never alone in telling: lines differ in dashes, points in shape; no number that is not
//! finite is drawn.

use maud::{Markup, html};

use super::roi::{Figure, Roi, TornadoBar};
use super::words::{input, money, number};
use crate::html::{Lang, safe};

/// The house's colour: blue.
const HOUSE: &str = "#0072b2";
/// The vendor's: vermilion.
const VENDOR: &str = "#d55e00";
/// Inputs that are shown of a tornado.
const BARS: usize = 10;

/// One row of [`intervals`].
#[derive(Clone, Debug, PartialEq)]
pub struct ChartRow {
    /// The label.
    pub label: String,
    /// Middle and ends.
    pub middle: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How the numbers read.
    pub text: String,
    /// Who is ahead: above 0 the house, below the vendor, 0 nobody.
    pub lead: i8,
}

fn frame(id: &str, (width, height): (f64, f64), title: &str, description: &str, inner: Markup) -> Markup {
    let (title_id, description_id) = (format!("{id}-t"), format!("{id}-d"));
    html! {
        svg role="img" viewBox=(format!("0 0 {width} {height}"))
            aria-labelledby=(format!("{title_id} {description_id}")) {
            title id=(title_id) { (safe(title)) }
            desc id=(description_id) { (safe(description)) }
            (inner)
        }
    }
}

/// Round numbers from 0 to at least `most`, at most seven.
fn ticks(most: f64) -> Vec<f64> {
    let rough = (most / 5.0).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(rough);
    (0..=6).map(|i| f64::from(i) * step).take_while(|tick| *tick < most + step).collect()
}

/// What was spent after each month, made and bought.
pub(crate) fn spending(roi: &Roi, lang: Lang) -> Markup {
    let all = roi.months.iter().flat_map(|month| [month.house, month.vendor]).flatten().flatten();
    let most = all.fold(0.0, f64::max);
    if most <= 0.0 {
        return html! {};
    }
    let ticks = ticks(most);
    let top = ticks.last().copied().unwrap_or(most);
    let x = |month: usize| 70.0 + 440.0 * month as f64 / (roi.months.len() - 1).max(1) as f64;
    let y = |value: f64| 230.0 - 200.0 * value / top;
    let arm = |vendor: bool| {
        let (colour, dash) = if vendor { (VENDOR, "7 4") } else { (HOUSE, "none") };
        let points: Vec<(usize, [f64; 3])> =
            roi.months.iter().filter_map(|m| Some((m.month, if vendor { m.vendor } else { m.house }?))).collect();
        let line = points.iter().map(|(m, [v, ..])| format!("{:.1},{:.1}", x(*m), y(*v))).collect::<Vec<_>>().join(" ");
        let upper = points.iter().map(|(m, [_, _, high])| format!("{:.1},{:.1}", x(*m), y(*high)));
        let lower = points.iter().rev().map(|(m, [_, low, _])| format!("{:.1},{:.1}", x(*m), y(*low)));
        let area = upper.chain(lower).collect::<Vec<_>>().join(" ");
        let end = points.last().map(|(_, [v, ..])| y(*v));
        html! {
            @if let Some(end) = end {
                polygon points=(area) fill=(colour) fill-opacity="0.15" {}
                polyline points=(line) fill="none" stroke=(colour) stroke-width="2.5" stroke-dasharray=(dash) {}
                text x="516" y=(format!("{:.1}", end + 4.0)) fill=(colour) class="strong" {
                    (if vendor { lang.t("bought", "外注") } else { lang.t("made", "社内") })
                }
            }
        }
    };
    let title = lang.t("Spent after each month, with 95 % bands", "累計費用の推移（帯は 95 % 区間）");
    let last = roi.months.last();
    let at_end = |value: Option<[f64; 3]>| match value {
        Some([v, low, high]) => {
            format!("{} ({}–{})", money(v, roi.currency), money(low, roi.currency), money(high, roi.currency))
        }
        None => lang.t("not known", "不明").into(),
    };
    let [house, vendor] = [last.and_then(|m| m.house), last.and_then(|m| m.vendor)].map(at_end);
    let description = lang.t(
        format!("After 12 months: made {house}, bought {vendor}."),
        format!("12 か月後：社内 {house}、外注 {vendor}。"),
    );
    let payback =
        roi.get(Figure::Payback).and_then(|f| f.value).filter(|month| (0.0..=12.0).contains(month) && *month > 0.0);
    let inner = html! {
        @for tick in &ticks {
            line x1="70" x2="510" y1=(format!("{:.1}", y(*tick))) y2=(format!("{:.1}", y(*tick))) stroke="#ddd" {}
            text x="64" y=(format!("{:.1}", y(*tick) + 4.0)) text-anchor="end" { (number(*tick)) }
        }
        @for month in (0..roi.months.len()).step_by(3) {
            text x=(format!("{:.1}", x(month))) y="248" text-anchor="middle" { (month) }
        }
        text x="290" y="266" text-anchor="middle" { (lang.t("months", "か月")) }
        text x="64" y="16" text-anchor="end" { (roi.currency) }
        (arm(true))
        (arm(false))
        @if let Some(month) = payback {
            @let at = 70.0 + 440.0 * month / 12.0;
            line x1=(format!("{at:.1}")) x2=(format!("{at:.1}"))
                y1="30" y2="230" stroke="#555" stroke-dasharray="2 3" {}
            text x=(format!("{:.1}", at + 4.0)) y="26" { (lang.t("paid back", "回収")) }
        }
    };
    frame("spending", (580.0, 272.0), title, &description, inner)
}

/// Intervals beside a line at 0: right of it the house is ahead.
pub fn intervals(id: &str, title: &str, rows: &[ChartRow], lang: Lang) -> Markup {
    let rows: Vec<&ChartRow> =
        rows.iter().filter(|row| [row.middle, row.low, row.high].iter().all(|value| value.is_finite())).collect();
    if rows.is_empty() {
        return html! {};
    }
    let most = rows.iter().flat_map(|row| [row.low.abs(), row.high.abs()]).fold(0.0, f64::max).max(1e-9);
    let x = |value: f64| 370.0 + 160.0 * value / most;
    let height = 34.0 + 26.0 * rows.len() as f64;
    let told: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.label, row.text)).collect();
    let inner = html! {
        text x="360" y="14" text-anchor="end" fill=(VENDOR) { (lang.t("← bought ahead", "← 外注が上")) }
        text x="380" y="14" fill=(HOUSE) { (lang.t("house ahead →", "社内が上 →")) }
        line x1="370" x2="370" y1="20" y2=(format!("{height}")) stroke="#555" {}
        @for (i, row) in rows.iter().enumerate() {
            @let y = 36.0 + 26.0 * i as f64;
            @let colour = match row.lead { 1.. => HOUSE, 0 => "#555", _ => VENDOR };
            text x="196" y=(format!("{}", y + 4.0)) text-anchor="end" { (safe(&row.label)) }
            line x1=(format!("{:.1}", x(row.low))) x2=(format!("{:.1}", x(row.high))) y1=(format!("{y}"))
                y2=(format!("{y}")) stroke=(colour) stroke-width="2.5" {}
            // A filled square leads, a filled disc lags, a ring is open.
            @match row.lead {
                1.. => rect x=(format!("{:.1}", x(row.middle) - 5.0)) y=(format!("{}", y - 5.0))
                    width="10" height="10" fill=(colour) {},
                0 => circle cx=(format!("{:.1}", x(row.middle))) cy=(format!("{y}")) r="5" fill="#fff" stroke=(colour)
                    stroke-width="2" {},
                _ => circle cx=(format!("{:.1}", x(row.middle))) cy=(format!("{y}")) r="5" fill=(colour) {},
            }
        }
    };
    frame(id, (580.0, height), title, &told.join("; "), inner)
}

/// What the result hinges on.
pub(crate) fn tornado(roi: &Roi, lang: Lang) -> Markup {
    let bars: Vec<&TornadoBar> = roi.tornado.iter().take(BARS).collect();
    let ends = bars.iter().flat_map(|bar| [bar.at_low, bar.at_high]);
    let (least, most) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), v| (l.min(v), m.max(v)));
    if bars.is_empty() || most <= least {
        return html! {};
    }
    let x = |value: f64| 250.0 + 320.0 * (value - least) / (most - least);
    let height = 40.0 + 24.0 * bars.len() as f64;
    let title = match roi.compared {
        true => lang.t(
            "What is saved an image, as each input goes from its least to its most",
            "各入力を下限から上限まで動かしたときの 1 点あたり削減額",
        ),
        false => lang.t(
            "What an image costs, as each input goes from its least to its most",
            "各入力を下限から上限まで動かしたときの 1 点あたり費用",
        ),
    };
    let told = |bar: &&TornadoBar| {
        let [low, high] = [bar.at_low, bar.at_high].map(|value| money(value, roi.currency));
        format!("{}: {low} → {high}", input(bar.input, lang))
    };
    let description = bars.iter().map(told).collect::<Vec<_>>().join("; ");
    let inner = html! {
        @for (i, bar) in bars.iter().enumerate() {
            @let y = 8.0 + 24.0 * i as f64;
            @let (left, right) = (x(bar.at_low.min(bar.at_high)), x(bar.at_low.max(bar.at_high)));
            text x="242" y=(format!("{}", y + 13.0)) text-anchor="end" class="small" { (input(bar.input,
                lang).trim_end_matches('.')) }
            rect x=(format!("{left:.1}")) y=(format!("{y}")) width=(format!("{:.1}", (right - left).max(1.0)))
                height="16"
                fill=(if bar.own_range { HOUSE } else { "#fff" }) stroke=(HOUSE) {}
        }
        text x="250" y=(format!("{}", height - 8.0)) { (money(least, roi.currency)) }
        text x="570" y=(format!("{}", height - 8.0)) text-anchor="end" { (money(most, roi.currency)) }
    };
    frame("tornado", (580.0, height), title, &description, inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{roi, sample};

    #[test]
    fn ticks_are_round_and_reach() {
        assert_eq!(ticks(4.0), [0.0, 1.0, 2.0, 3.0, 4.0]);
        for most in [1e-9, 0.3, 7.0, 99.0, 12345.0, 1e12] {
            let ticks = ticks(most);
            assert!((3..=7).contains(&ticks.len()) && ticks[ticks.len() - 1] >= most * 0.999, "{most}: {ticks:?}");
        }
    }

    #[test]
    fn charts_say_in_words_what_they_show() {
        let roi = roi::roi(
            &sample::costs("setup: 100, review_minutes: {value: 1, low: 0.5, high: 2}", ""),
            &sample::evaluation(),
        )
        .unwrap();
        for lang in [Lang::En, Lang::Ja] {
            for chart in [spending(&roi, lang), tornado(&roi, lang)] {
                let text = chart.into_string();
                assert!(
                    text.contains("<title") && text.contains("<desc") && !text.contains("NaN") && !text.contains("inf"),
                    "{text}"
                );
                assert!(text.contains("role=\"img\"") && text.contains("USD"));
            }
        }
        let row =
            ChartRow { label: "<b>".into(), middle: 0.1, low: -0.1, high: f64::NAN, text: String::new(), lead: 0 };
        assert!(intervals("i", "t", std::slice::from_ref(&row), Lang::En).into_string().is_empty());
        let text = intervals("i", "t", &[ChartRow { high: 0.2, ..row }], Lang::En).into_string();
        assert!(text.contains("&lt;b&gt;") && !text.contains("<b>"));
    }
}
