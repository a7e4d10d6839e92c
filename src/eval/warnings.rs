//! What a reader must know before believing an evaluation. Pure.
//!
//! In: an evaluation without warnings, and what only its inputs knew. Out: [`Warning`]s, the gravest first by kind.

use std::collections::BTreeSet;

use super::evaluation::{Arm, AssetScore, Comparison, Evaluation, Measure, Warning, WarningCode};

/// Below this area under the curve a consistency says little.
const WEAK: f64 = 0.8;
/// Below this the images of a brief are nearly the same.
const ALIKE: f64 = 0.02;

/// What the document itself does not say.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Jobs that are not finished.
    pub unfinished: usize,
    /// Whether the gate asked for anything.
    pub gated: bool,
    /// Whether the judge is one of the models that guide.
    pub judge_is_guide: bool,
}

/// Everything that must be said.
pub fn of(evaluation: &Evaluation, known: Known) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |code, message: String| found.push(Warning { code, message });
    let taken = |measure| evaluation.measures.iter().any(|row| row.measure == measure);
    let counted = |arm: Arm| evaluation.assets.iter().filter(move |asset| asset.arm == arm && asset.accepted);
    if known.judge_is_guide {
        warn(WarningCode::JudgeIsGuide, "the evaluator is one of the models that guide: its scores flatter the house".into());
    }
    if taken(Measure::ImageText) {
        warn(
            WarningCode::JudgeIsGuide,
            "image_text is measured with the CLIP that guided the house's images: a lead of the house in it proves nothing"
                .into(),
        );
    }
    if known.gated {
        warn(
            WarningCode::GateSelected,
            "the gate let pass what the evaluator scored high, so accepted images look better in its scores than in truth; \
             first attempts stand beside them"
                .into(),
        );
    }
    if known.unfinished > 0 {
        warn(WarningCode::Unfinished, format!("{} jobs of the campaign are not finished", known.unfinished));
    }
    memory(evaluation, &mut warn);
    references(evaluation, &mut warn);
    let unscored = evaluation.assets.iter().filter(|a| a.accepted && a.scores.is_empty()).count();
    if unscored > 0 {
        warn(WarningCode::Unscored, format!("{unscored} accepted images have no scores"));
    }
    let unknown: BTreeSet<&str> = counted(Arm::InHouse)
        .chain(counted(Arm::Outsourced))
        .filter(|a| !a.scores.is_empty() && !a.scores.contains_key(&Measure::StyleProbability))
        .map(|a| a.brief.style.as_str())
        .collect();
    if !unknown.is_empty() {
        let names = unknown.into_iter().collect::<Vec<_>>().join(", ");
        warn(WarningCode::UnknownToEvaluator, format!("the evaluator does not know {names} by name: only its references tell"));
    }
    arms(evaluation, &mut warn);
    found
}

type Warn<'a> = &'a mut dyn FnMut(WarningCode, String);

/// Copies of what was learned from, and of each other.
fn memory(evaluation: &Evaluation, warn: Warn<'_>) {
    let suspicious = |a: &&AssetScore| a.arm == Arm::InHouse && a.accepted && a.nearest.as_ref().is_some_and(|n| n.suspicious);
    let copies: Vec<&AssetScore> = evaluation.assets.iter().filter(suspicious).collect();
    if let Some(first) = copies.first() {
        let reference = first.nearest.as_ref().map_or("", |nearest| nearest.file.as_str());
        let message =
            format!("{} accepted images may be copies of references, such as {} of {reference}", copies.len(), first.id);
        warn(WarningCode::Memorised, message);
    }
    if let Some(first) = evaluation.duplicates.first() {
        let (count, a, b) = (evaluation.duplicates.len(), &first.first.1, &first.second.1);
        warn(
            WarningCode::Duplicates,
            format!("{count} pairs of images of different briefs or arms are nearly the same, such as {a} and {b}"),
        );
    }
    let diversity = evaluation.measures.iter().find(|row| row.measure == Measure::Diversity).and_then(|row| row.in_house);
    if let Some(estimate) = diversity.filter(|estimate| estimate.mean < ALIKE) {
        let message = format!(
            "images of one brief are nearly the same (diversity {:.3}): the style may be over-specialised",
            estimate.mean
        );
        warn(WarningCode::LowDiversity, message);
    }
}

fn references(evaluation: &Evaluation, warn: Warn<'_>) {
    let styles: BTreeSet<&str> = evaluation.assets.iter().map(|a| a.brief.style.as_str()).collect();
    let held = |style: &&&str| {
        evaluation.assets.iter().any(|a| a.brief.style == **style && a.scores.contains_key(&Measure::StyleConsistency))
    };
    let calibrated = |style: &&&str| evaluation.operating_points.iter().any(|point| point.style == **style);
    let names = |styles: Vec<&&str>| styles.into_iter().copied().collect::<Vec<_>>().join(", ");
    let (with, without): (Vec<&&str>, Vec<&&str>) = styles.iter().partition(held);
    if !without.is_empty() {
        let message =
            format!("no references of {}: no style consistency, and copies go unseen (--references STYLESET)", names(without));
        warn(WarningCode::NoReferences, message);
    }
    let few: Vec<&&str> = with.iter().copied().filter(|style| !calibrated(style)).collect();
    if !few.is_empty() {
        warn(WarningCode::FewReferences, format!("too few references of {} to say which consistency is enough", names(few)));
    }
    for point in evaluation.operating_points.iter().filter(|p| p.auc < WEAK && styles.contains(p.style.as_str())) {
        let message =
            format!("style consistency hardly tells {} from other styles (area under the curve {:.2})", point.style, point.auc);
        warn(WarningCode::WeakSeparation, message);
    }
}

/// What keeps the two arms from being alike in everything but who made them.
fn arms(evaluation: &Evaluation, warn: Warn<'_>) {
    let Some(theirs) = &evaluation.outsourced else { return };
    if theirs.spent.len() > 1 {
        let currencies = theirs.spent.keys().cloned().collect::<Vec<_>>().join(", ");
        warn(WarningCode::Currencies, format!("prices are in several currencies, which are not added up: {currencies}"));
    }
    let deliveries: Vec<_> = evaluation.assets.iter().filter_map(|a| a.delivery.as_ref()).collect();
    let lacking = [
        ("a price", deliveries.iter().filter(|d| d.price.is_none()).count()),
        ("revision rounds", deliveries.iter().filter(|d| d.revision_rounds.is_none()).count()),
        ("order and delivery dates", deliveries.iter().filter(|d| d.lead_days().is_none()).count()),
    ];
    let lacking: Vec<String> =
        lacking.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} without {what}")).collect();
    if !lacking.is_empty() {
        warn(WarningCode::MissingFacts, format!("of {} bought images: {}", deliveries.len(), lacking.join(", ")));
    }
    let Comparison::Comparable { briefs, only_in_house, only_outsourced } = &evaluation.comparison else { return };
    if !only_in_house.is_empty() || !only_outsourced.is_empty() {
        let (ours, theirs) = (only_in_house.len(), only_outsourced.len());
        let message =
            format!("{ours} briefs are answered by the house only and {theirs} by the vendor only; they are not compared");
        warn(WarningCode::Unpaired, message);
    }
    if *briefs < evaluation.settings.least_briefs {
        let message =
            format!("{briefs} shared briefs; from fewer than {} nothing is concluded", evaluation.settings.least_briefs);
        warn(WarningCode::FewBriefs, message);
    }
    let unbalanced = |pair: &&super::evaluation::Pair| {
        let (a, b) = (pair.in_house.len(), pair.outsourced.len());
        a.max(b) > 4 * a.min(b)
    };
    let many = evaluation.pairs.iter().filter(unbalanced).count();
    if many > 0 {
        warn(WarningCode::Unbalanced, format!("in {many} briefs one arm has more than four times as many images as the other"));
    }
}
