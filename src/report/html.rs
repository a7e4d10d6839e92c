//! The report as one HTML page.
//!
//! Takes a [`Report`] and the pictures it asked for. Returns the page.
//!
//! # Invariants
//!
//! It asks nothing of the network, runs no script, prints, and can be read by keyboard and screen reader; text of
//! others is escaped by the templates.

use maud::{Markup, html};

use super::headline::{self, Headline};
use super::pictures::Pictures;
use super::{Report, charts, costs, sections};
use crate::html::{Lang, Page, safe};

const STYLE: &str = include_str!("report.css");

/// Renders the page.
pub fn page(report: &Report, pictures: &Pictures, lang: Lang) -> String {
    let parts = [
        ("quality", lang.t("What was measured", "測定結果"), sections::quality(report, lang)),
        ("styles", lang.t("By style", "スタイル別"), sections::groups("styles", &report.evaluation.styles, lang)),
        (
            "categories",
            lang.t("By category", "題材別"),
            sections::groups("categories", &report.evaluation.categories, lang),
        ),
        ("pairs", lang.t("Best and worst pairs", "最良と最悪の組"), sections::pairs(report, pictures, lang)),
        ("votes", lang.t("Blind review", "ブラインド評価"), sections::votes(report, lang)),
        ("costs", lang.t("Costs", "費用"), costs::section(report, lang)),
        ("risks", lang.t("Risks", "リスク"), sections::risks(report, pictures, lang)),
        ("method", lang.t("Method and limits", "方法と限界"), sections::method(report, lang)),
    ];
    let title = format!("{} · {}", report.evaluation.campaign, lang.t("report", "レポート"));
    let body = html! {
        a.skip href="#verdict" { (lang.t("Skip to the verdict", "結論へ移動")) }
        main {
            (first_screen(report, lang))
            nav aria-label=(lang.t("Contents", "目次")) {
                ul { @for (id, heading, _) in &parts { li { a href=(format!("#{id}")) { (heading) } } } }
            }
            @for (id, heading, content) in &parts {
                section id=(id) aria-labelledby=(format!("{id}-h")) { h2 id=(format!("{id}-h")) { (heading) }
                    (content) }
            }
        }
        footer { "housestyle " (env!("CARGO_PKG_VERSION")) " · " (safe(report.evaluation.campaign.as_str())) }
    };
    Page { lang, title: &title, style: STYLE, script: None, body }.text()
}

fn first_screen(report: &Report, lang: Lang) -> Markup {
    let sentence = headline::sentence(report, lang);
    let decision = headline::decision(&report.verdict, lang);
    let rest = sentence.strip_prefix(decision).unwrap_or(&sentence);
    let beside = report.evaluation.outsourced.as_ref().map(|facts| safe(&facts.name));
    html! {
        section #verdict aria-labelledby="verdict-h" {
            p.over { (safe(report.evaluation.campaign.as_str())) @if let Some(name) = beside { " · " (lang.t("beside ",
                "比較対象：")) (name) } }
            h1 #verdict-h { (lang.t("In-house or outsourced?", "社内制作か、外注か")) }
            p.verdict { strong { (decision) } (safe(rest)) }
            dl.numbers {
                @for Headline { label, value, beside } in headline::numbers(report, lang) {
                    div { dt { (label) } dd { span.value { (value) } span.beside { (beside) } } }
                }
            }
            figure { (chart(report, lang)) }
        }
    }
}

/// Money over time, or without it what was measured.
fn chart(report: &Report, lang: Lang) -> Markup {
    match &report.roi {
        Some(roi) => charts::spending(roi, lang),
        None => sections::forest("first", &report.evaluation.measures, lang),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::eval::disk_vec::DiskVec;
    use crate::eval::evaluation::{Arm, Comparison, ComparisonVerdict, NearestReference};
    use crate::report::sample::{assets, costs, evaluation};
    use crate::report::verdict::{Decision, Lead};

    #[test]
    fn hostile_names_stay_text_everywhere() {
        let hostile = "<script>alert(1)</script><img src=https://evil.example/x>\u{202e}gpj";
        let mut evaluation = evaluation();
        evaluation.in_house.name = hostile.into();
        evaluation.outsourced.as_mut().unwrap().vendors = vec![hostile.into()];
        evaluation.outsourced.as_mut().unwrap().licences = vec![hostile.into()];
        evaluation.outsourced.as_mut().unwrap().name = hostile.into();
        evaluation.styles[0].name = hostile.into();
        evaluation.pairs[0].brief.category = hostile.into();
        let mut images = assets();
        images[0].nearest = Some(NearestReference {
            file: hostile.into(),
            sha256: Digest::of("0"),
            category: hostile.into(),
            style: hostile.into(),
            similarity: 0.99,
            hash_distance: 1,
            suspicious: true,
        });
        evaluation.assets = DiskVec::of(images).unwrap();
        let report = Report::new(evaluation, Some(&costs("setup: 1", "")), None).unwrap();
        for lang in [Lang::En, Lang::Ja] {
            let page = page(&report, &Pictures::new(), lang);
            assert!(page.matches("&lt;script&gt;").count() >= 6, "{}", page.matches("&lt;script&gt;").count());
            for bad in ["<script", "<img src=h", "\u{202e}", "NaN", "href=\"http", "src=\"http", "url("] {
                assert!(!page.contains(bad), "{bad}");
            }
            assert!(
                page.contains(lang.t("In-house or outsourced?", "社内制作か、外注か")) && page.contains("<html lang=")
            );
        }
    }

    #[test]
    fn verdicts_say_what_the_evidence_says() {
        let model = costs("review_minutes: 1", "");
        let judged = Report::new(evaluation(), Some(&model), None).unwrap();
        let verdict = judged.verdict;
        assert_eq!(
            (verdict.quality, verdict.cost, verdict.decision),
            (Lead::Outsourced, Lead::InHouse, Decision::Tradeoff)
        );
        let words = headline::sentence(&judged, Lang::En);
        assert!(
            words.starts_with("A trade-off: the bought images are better in style consistency")
                && words.contains("8 briefs"),
            "{words}"
        );
        let mut open = evaluation();
        open.measures[0].difference.as_mut().unwrap().verdict = ComparisonVerdict::NotEnoughEvidence;
        let open = Report::new(open, Some(&model), None).unwrap();
        assert_eq!(open.verdict.decision, Decision::NotEnoughEvidence);
        assert!(headline::sentence(&open, Lang::Ja).starts_with("判断するには証拠が不十分"));
        let unsure = costs("review_minutes: {value: 18, low: 1, high: 60}", "");
        assert_eq!(
            Report::new(evaluation(), Some(&unsure), None).unwrap().verdict.decision,
            Decision::NotEnoughEvidence
        );
        let mut apart = evaluation();
        apart.measures[0].difference = None;
        apart.comparison = Comparison::NotComparable { reasons: vec!["other evaluator".into()] };
        let apart = Report::new(apart, None, None).unwrap();
        assert_eq!(apart.verdict.decision, Decision::NotCompared);
        assert!(headline::sentence(&apart, Lang::En).contains("other evaluator"));
        assert!(page(&apart, &Pictures::new(), Lang::En).contains("Nothing to compare with"));
    }

    #[test]
    fn every_link_within_the_page_leads_somewhere() {
        let page =
            page(&Report::new(evaluation(), Some(&costs("setup: 1", "")), None).unwrap(), &Pictures::new(), Lang::En);
        let targets: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(targets.len() > 50, "figures link to their inputs: {}", targets.len());
        for target in targets {
            assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }

    #[test]
    fn the_pictures_asked_for_are_those_of_the_extremes() {
        let report = Report::new(evaluation(), None, None).unwrap();
        assert_eq!(report.pictures().len(), 16);
        assert!(
            report.asset(Arm::InHouse, "fox-flat-0").is_some() && report.asset(Arm::Outsourced, "fox-flat-0").is_none()
        );
    }
}
