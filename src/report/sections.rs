//! The report's sections on quality, pairs, votes, risks and method.

use maud::{Markup, html};

use super::Report;
use super::charts::{ChartRow, intervals};
use super::document::extremes;
use super::pictures::Pictures;
use super::words::{measure, number, percent, score, signed, verdict, warning};
use crate::eval::evaluation::{
    Arm, ArmFacts, BriefPair, Compared, Comparison, ComparisonVerdict, Distribution, MeanEstimate, Measure,
    MeasureGroup, Warning, WarningCode,
};
use crate::html::{Lang, Thumbnail, safe};
use crate::spec::words as spaced;

/// Groups of a table that are shown; CSV and JSON hold all.
const GROUPS: usize = 40;

/// What was measured over all briefs.
pub(super) fn quality(report: &Report, lang: Lang) -> Markup {
    let evaluation = &report.evaluation;
    html! {
        p { (comparison(&evaluation.comparison, lang)) }
        (arms(report, lang))
        figure { (forest("measures", &evaluation.measures, lang)) }
        (compared(lang.t("Measures over all briefs", "全依頼の指標"), &evaluation.measures, lang))
        p.note { (lang.t(
            "Higher is better. Intervals hold 95 % and are from briefs, not images; p-values are corrected for all \
                measures together (Holm). First attempts are what drawing gives before the gate chose.",
            "値は高いほど良い。区間は 95 % で、画像ではなく依頼を単位とする。p 値は全指標をまとめて補正（Holm）。「初回」は自動検査で選別する前の結果。")) }
        @if let Some(suite) = &evaluation.suite {
            h3 { (lang.t("Thresholds", "しきい値")) ": " (safe(&suite.name)) " – " (lang.t(if suite.passed { "held" }
                else { "not held" }, if suite.passed { "達成" } else { "未達" })) }
            ul { @for check in &suite.checks {
                li { (if check.passed { "✓ " } else { "✗ " }) (safe(&check.what))
                    ": " (check.found.map_or_else(|| "–".into(), number)) }
            } }
        }
    }
}

fn comparison(comparison: &Comparison, lang: Lang) -> String {
    match comparison {
        Comparison::Alone => lang
            .t(
                "The campaign is looked at alone: nothing bought was imported.",
                "外注画像の取り込みがないため、キャンペーン単独の評価です。",
            )
            .into(),
        Comparison::NotComparable { reasons } => {
            let reasons = safe(&reasons.join("; "));
            lang.t(
                format!("Not comparable: {reasons}. The figures of each arm stand alone."),
                format!("比較不可：{reasons}。各値は単独のものです。"),
            )
        }
        Comparison::Comparable { briefs, only_in_house, only_outsourced } => {
            let (ours, theirs) = (only_in_house.len(), only_outsourced.len());
            lang.t(
                format!(
                    "Compared on {briefs} briefs that both answered; {ours} only the house answered, {theirs} only \
                        the vendor."
                ),
                format!("両者が応えた {briefs} 件で比較。社内のみ {ours} 件、外注のみ {theirs} 件。"),
            )
        }
    }
}

fn arms(report: &Report, lang: Lang) -> Markup {
    let evaluation = &report.evaluation;
    let row = |name: &str, facts: &ArmFacts| {
        let or = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        html! {
            tr {
                th scope="row" { (name) }
                td { (safe(&facts.name)) }
                td.n { (facts.asked) }
                td.n { (facts.accepted) }
                td.n { (facts.rejected + facts.failed) }
                td.n { (or(facts.attempts.or(facts.revision_rounds).map(number))) }
                td.n { (or(facts.lead_days.map(number))) }
            }
        }
    };
    html! {
        div.scroll tabindex="0" {
            table {
                caption { (lang.t("The two arms", "比較する二者")) }
                thead { tr {
                    th { } th scope="col" { (lang.t("name", "名称")) }
                    th.n scope="col" { (lang.t("asked or delivered", "依頼・納品")) } th.n scope="col" {
                        (lang.t("accepted", "合格")) }
                    th.n scope="col" { (lang.t("refused or failed", "不合格・失敗")) }
                    th.n scope="col" { (lang.t("attempts · revision rounds", "試行・修正回数")) } th.n scope="col" {
                        (lang.t("lead days", "日数")) }
                } }
                tbody {
                    (row(lang.t("house", "社内"), &evaluation.in_house))
                    @if let Some(facts) = &evaluation.outsourced { (row(lang.t("bought", "外注"), facts)) }
                }
            }
        }
    }
}

/// The paired differences as a chart, each in units of its own largest end so that they fit one scale.
pub(super) fn forest(id: &str, rows: &[Compared], lang: Lang) -> Markup {
    let rows: Vec<ChartRow> = rows
        .iter()
        .filter_map(|row| {
            let d = row.difference.as_ref()?;
            let scale = if row.measure == Measure::ImageText { 100.0 } else { 1.0 };
            let text = format!(
                "{} ({} – {})",
                signed(d.mean, row.measure),
                signed(d.low, row.measure),
                signed(d.high, row.measure)
            );
            let lead = match d.verdict {
                ComparisonVerdict::InHouse => 1,
                ComparisonVerdict::Outsourced => -1,
                ComparisonVerdict::NotEnoughEvidence => 0,
            };
            let label = measure(row.measure, lang).to_owned();
            Some(ChartRow { label, middle: d.mean / scale, low: d.low / scale, high: d.high / scale, text, lead })
        })
        .collect();
    intervals(
        id,
        lang.t(
            "House minus bought, paired by brief, with 95 % intervals",
            "社内−外注の差（依頼ごとの対応、95 % 区間）",
        ),
        &rows,
        lang,
    )
}

fn estimate(estimate: Option<MeanEstimate>, of: Measure) -> String {
    estimate.map_or_else(
        || "–".into(),
        |e| match (e.low, e.high) {
            (Some(low), Some(high)) => format!("{} ({} – {})", score(e.mean, of), score(low, of), score(high, of)),
            _ => score(e.mean, of),
        },
    )
}

fn compared(caption: &str, rows: &[Compared], lang: Lang) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                caption { (caption) }
                thead { tr {
                    th scope="col" { (lang.t("measure", "指標")) } th.n scope="col" { (lang.t("house", "社内")) }
                    th.n scope="col" { (lang.t("first attempts", "初回")) } th.n scope="col" { (lang.t("bought", "外注")) }
                    th.n scope="col" { (lang.t("difference", "差")) } th.n scope="col" { "p" } th scope="col" {
                        (lang.t("so", "判定")) }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (measure(row.measure, lang)) }
                    td.n { (estimate(row.in_house, row.measure)) }
                    td.n { (estimate(row.first_attempts, row.measure)) }
                    td.n { (estimate(row.outsourced, row.measure)) }
                    @match &row.difference {
                        Some(d) => {
                            td.n { (signed(d.mean, row.measure)) " (" (signed(d.low, row.measure))
                                " – " (signed(d.high, row.measure)) ")" }
                            td.n { (format!("{:.3}", d.p_corrected)) }
                            td { (verdict(d.verdict, lang)) }
                        },
                        None => { td.n { "–" } td.n { "–" } td { "–" } },
                    }
                } } }
            }
        }
    }
}

/// A table of groups by the headline measures.
pub(super) fn groups(id: &str, groups: &[MeasureGroup], lang: Lang) -> Markup {
    if groups.is_empty() {
        return html! { p { "–" } };
    }
    let wanted = [Measure::StyleConsistency, Measure::StyleRight, Measure::CategoryTop1];
    let find = |group: &MeasureGroup, of: Measure| group.measures.iter().find(|row| row.measure == of).cloned();
    let cell = |row: Option<&Compared>, of: Measure| match row {
        Some(row) => {
            let plain = |e: Option<MeanEstimate>| e.map_or_else(|| "–".into(), |e| score(e.mean, of));
            format!("{} / {}", plain(row.in_house), plain(row.outsourced))
        }
        None => "–".into(),
    };
    html! {
        div.scroll tabindex="0" {
            table {
                caption { (lang.t("House / bought", "社内 / 外注")) }
                thead { tr {
                    th scope="col" { } th.n scope="col" { (lang.t("images", "画像数")) }
                    @for of in wanted { th.n scope="col" { (measure(of, lang)) } }
                    th scope="col" { (lang.t("so", "判定")) " (" (measure(wanted[0], lang)) ")" }
                } }
                tbody { @for group in groups.iter().take(GROUPS) { tr {
                    th scope="row" { (safe(&spaced(&group.name))) }
                    td.n { (group.in_house_images) " / " (group.outsourced_images) }
                    @for of in wanted { td.n { (cell(find(group, of).as_ref(), of)) } }
                    td { (find(group, wanted[0]).and_then(|row| row.difference).map_or("–", |d| verdict(d.verdict,
                        lang))) }
                } } }
            }
        }
        @if groups.len() > GROUPS {
            p.note { (lang.t(format!("{} more in {id}.csv.", groups.len() - GROUPS), format!("残り {} 件は {id}.csv に記載。",
                groups.len() - GROUPS))) }
        }
    }
}

fn picture(shown: Option<&Thumbnail>, alt: &str, lang: Lang) -> Markup {
    html! {
        @match shown {
            // Small pictures are shown at twice their size, so that a screen does not make stamps of them.
            Some(t) => img src=(t.uri) width=(t.width * (128 / t.width.max(1)).clamp(1, 2)) alt=(safe(alt));,
            None => em { (lang.t("no picture", "画像なし")) },
        }
    }
}

/// The best and the worst pairs, side by side.
pub(super) fn pairs(report: &Report, pictures: &Pictures, lang: Lang) -> Markup {
    let [best, worst] = extremes(&report.evaluation);
    if best.is_empty() {
        return html! { p { (lang.t("There are no pairs to show.", "表示できる組がありません。")) } };
    }
    let side = |arm: Arm, ids: &[String], pair: &BriefPair| {
        let asset = ids.first().and_then(|id| report.asset(arm, id));
        let shown = asset.and_then(|asset| pictures.get(asset.image.as_ref()?));
        let whose = if arm == Arm::InHouse { lang.t("house", "社内") } else { lang.t("bought", "外注") };
        html! { span { (picture(shown, &format!("{}: {}", whose, pair.brief), lang)) (whose) } }
    };
    let show = |heading: &str, pairs: &[BriefPair]| {
        html! {
            h3 { (heading) }
            div.pairs { @for pair in pairs {
                figure.pair {
                    div { (side(Arm::InHouse, &pair.in_house, pair)) (side(Arm::Outsourced, &pair.outsourced, pair)) }
                    figcaption {
                        span { strong { (safe(&spaced(&pair.brief.category))) } " · " (safe(&pair.brief.style)) }
                        @for (of, difference) in pair.differences.iter().take(2) { span { (measure(*of, lang))
                            " " (signed(*difference, *of)) } }
                    }
                }
            } }
        }
    };
    html! {
        p.note { (lang.t("By house minus bought, of all pairs; not chosen by hand.", "全組を「社内−外注」の差で並べた両端。人手による選別なし。")) }
        (show(lang.t("Where the house does best", "社内が最も良い組"), best))
        (show(lang.t("Where the house does worst", "社内が最も劣る組"), worst))
    }
}

/// What the raters say.
pub(super) fn votes(report: &Report, lang: Lang) -> Markup {
    let Some(t) = &report.votes else {
        return html! { p { (lang.t("Nobody has voted yet: ", "まだ投票がありません：")) code { "housestyle review sheet" } } };
    };
    let row = |name: &str, value: String| html! { tr { th scope="row" { (name) } td { (value) } } };
    html! {
        table {
            caption { (lang.t("House against bought, sides hidden and shuffled", "社内対外注（左右は伏せて無作為化）")) }
            tbody {
                (row(lang.t("votes (house · neither · bought)", "票数（社内・同じ・外注）"), format!("{} ({} · {} · {})", t.votes,
                    t.in_house, t.ties, t.outsourced)))
                (row(lang.t("pairs · raters", "組数・評価者数"), format!("{} · {}", t.pairs, t.raters.len())))
                (row(lang.t("win rate of the house, Wilson 95 %", "社内の勝率（Wilson 95 %）"), format!("{} ({} – {})",
                    percent(t.win_rate), percent(t.low), percent(t.high))))
                @if let Some(p) = t.preferred {
                    (row(lang.t("preferred, Bradley–Terry with ties and rater quality",
                        "選好確率（引分け・評価者の質を考慮した Bradley–Terry）"), format!("{} ({} – {})", percent(p.value),
                            percent(p.low), percent(p.high))))
                }
                (row(lang.t("more than chance? (sign flips over pairs)", "偶然との差（組ごとの符号反転検定）"),
                    format!("p = {:.3}: {}", t.p, verdict(t.verdict, lang))))
                (row(lang.t("agreement, Krippendorff's α", "評価者間の一致（Krippendorff の α）"),
                    t.agreement.map_or_else(|| "–".into(), |a| format!("{a:.2}"))))
                (row(lang.t("votes for the left side", "左側への投票"), t.left.map_or_else(|| "–".into(), percent)))
            }
        }
        h3 { (lang.t("Raters", "評価者")) }
        ul { @for rater in &t.raters {
            li { (safe(&rater.name)) ": " (rater.votes) @if let Some(q) = rater.quality { " · " (lang.t("reliability",
                "信頼度")) " " (percent(q)) } }
        } }
    }
}

fn warnings<'a>(warnings: impl Iterator<Item = &'a Warning>, lang: Lang) -> Markup {
    let list: Vec<&Warning> = warnings.collect();
    html! { @if list.is_empty() { p { (lang.t("Nothing was found.", "該当なし。")) } } @else { ul { @for w in list {
        li { strong { (warning(w.code, lang)) } ": " span lang="en" { (safe(&w.message)) } }
    } } } }
}

/// Rights, over-specialisation, memorisation.
pub(super) fn risks(report: &Report, pictures: &Pictures, lang: Lang) -> Markup {
    let evaluation = &report.evaluation;
    let of = |codes: &'static [WarningCode]| evaluation.warnings.iter().filter(move |w| codes.contains(&w.code));
    let licences = |facts: &ArmFacts| match facts.licences.is_empty() {
        true => lang.t("none known", "不明").to_owned(),
        false => safe(&facts.licences.join(", ")),
    };
    let (checked, suspicious) = (report.shown.checked, report.shown.suspicious);
    html! {
        h3 { (lang.t("Rights", "権利")) }
        ul {
            li { (lang.t("licences behind the house's images: ", "社内画像の元となるライセンス：")) (licences(&evaluation.in_house)) }
            @if let Some(facts) = &evaluation.outsourced {
                li { (lang.t("licences of the bought images: ", "外注画像のライセンス：")) (licences(facts))
                    @if !facts.vendors.is_empty() { " · " (safe(&facts.vendors.join(", "))) } }
            }
            li { (lang.t("who holds what stands in each image's sidecar; ", "権利者は各画像のサイドカーに記載。")) code {
                "housestyle rights trace" } }
        }
        h3 { (lang.t("Over-specialisation", "過度の画一化")) }
        (warnings(of(&[WarningCode::LowDiversity, WarningCode::Duplicates]), lang))
        h3 { (lang.t("Memorisation", "学習画像の丸写し")) }
        @if checked == 0 {
            p { (lang.t("Not checked: no references were given (--references STYLESET).",
                "未確認：参照画像の指定がありません（--references STYLESET）。")) }
        } @else {
            p { (lang.t(
                format!("{suspicious} of {checked} images are more like a reference than references are like each \
                    other."),
                format!("{checked} 点中 {suspicious} 点が、参照画像どうしよりも参照画像に近い。"))) }
            div.pairs { @for asset in &report.shown.copies { @if let Some(nearest) = &asset.nearest {
                figure.pair {
                    (picture(asset.image.as_ref().and_then(|key| pictures.get(key)), &asset.brief.to_string(), lang))
                    figcaption { span { (safe(&asset.id)) } span { "→ " (safe(&nearest.file)) } span {
                        (format!("cos {:.3} · {} bit", nearest.similarity, nearest.hash_distance)) } }
                }
            } } }
        }
    }
}

/// How it was found out, and what it does not say.
pub(super) fn method(report: &Report, lang: Lang) -> Markup {
    let evaluation = &report.evaluation;
    let (judge, settings) = (&evaluation.evaluator, &evaluation.settings);
    let known = [WarningCode::LowDiversity, WarningCode::Duplicates];
    html! {
        ul {
            li { (lang.t("judge: ", "評価器：")) (judge.bundle) " " code { (judge.digest) } }
            @if !judge.held_out.is_empty() {
                li { (lang.t("the judge on drawings it never saw: ", "未知の絵に対する評価器の精度："))
                    (judge.held_out.iter().map(|(name, value)| format!("{} {}", safe(name), if *value <= 1.0 {
                        percent(*value) } else { number(*value) })).collect::<Vec<_>>().join(" · ")) }
            }
            li { (lang.t(
                format!("intervals: bootstrap over briefs, {} resamples, {} confidence, seed {}; tests: sign flips, \
                    corrected by {}; nothing is concluded from fewer than {} briefs", settings.resamples,
                        percent(settings.confidence), settings.seed, safe(&settings.correction), settings.least_briefs),
                format!("区間：依頼単位のブートストラップ（{} 回、信頼度 {}、シード {}）。検定：符号反転、補正 {}。{} 件未満では結論を出さない", settings.resamples,
                    percent(settings.confidence), settings.seed, safe(&settings.correction), settings.least_briefs))) }
            @for point in &evaluation.operating_points {
                li { (lang.t(
                    format!("style {}: held from {:.3} on, where {} of its own references are above and {} of others \
                        (AUC {:.2})", safe(&point.style), point.threshold, percent(point.true_positive_rate),
                            percent(point.false_positive_rate), point.auc),
                    format!("スタイル {}：基準 {:.3}（自参照の {}、他参照の {} が超える。AUC {:.2}）", safe(&point.style), point.threshold,
                        percent(point.true_positive_rate), percent(point.false_positive_rate), point.auc))) }
            }
            @for d in &evaluation.distributions { li { (distribution(d)) } }
            li { (lang.t(
                "costs: every amount of the cost model is somebody's assumption; bands come of its ranges and of what \
                    was measured on this campaign, drawn together 4000 times",
                "費用：費用モデルの値は担当者の想定であり、帯はその範囲と本キャンペーンの実測値を合わせて 4000 回抽選したもの")) }
            li { (lang.t(
                "machine measures do not see what people see: where raters decide, their word goes before the measure",
                "機械の指標は人の目と同じではない：評価者の判定が出た場合はそれを優先する")) }
        }
        h3 { (lang.t("What to know before believing the figures", "数値を読む前に")) }
        (warnings(evaluation.warnings.iter().filter(|w| !known.contains(&w.code)), lang))
    }
}

fn distribution(d: &Distribution) -> String {
    let value = match (d.value, d.low, d.high, &d.refused) {
        (Some(value), Some(low), Some(high), _) => format!("{value:.3} ({low:.3} – {high:.3})"),
        (Some(value), ..) => format!("{value:.3}"),
        (None, .., reason) => reason.as_deref().map_or_else(|| "–".into(), safe),
    };
    format!("{}: {} ({}) ↔ {} ({}): {value}", safe(&d.metric), safe(&d.from), d.from_images, safe(&d.to), d.to_images)
}
