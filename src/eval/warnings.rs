//! What a reader must know before believing an evaluation. Pure.
//!
//! Takes an evaluation without warnings, and what was noted of its images and inputs. Returns [`Warning`]s, the
//! gravest first by kind.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluation::{Arm, AssetScore, Comparison, Evaluation, Measure, Warning, WarningCode};

/// Below this area under the curve a consistency says little.
const WEAK: f64 = 0.8;
/// Below this the images of a brief are nearly the same.
const ALIKE: f64 = 0.02;

/// What the warnings need to know of the images, counted one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageNotes {
    /// Accepted images without scores.
    unscored: usize,
    /// Styles that the evaluator does not know by name.
    unknown: BTreeSet<String>,
    /// Styles that images are in, and whether any was held against references.
    styles: BTreeMap<String, bool>,
    /// Accepted images of the house that may be copies, and the first of them with its reference's file.
    copies: usize,
    first_copy: Option<(String, String)>,
    /// Bought images, and those without a price, revision rounds, dates.
    deliveries: usize,
    lacking: [usize; 3],
}

impl ImageNotes {
    /// Adds an image.
    pub fn take(&mut self, asset: &AssetScore) {
        let style = &asset.brief.style;
        let held = asset.scores.contains_key(&Measure::StyleConsistency);
        match self.styles.get_mut(style) {
            Some(known) => *known |= held,
            None => drop(self.styles.insert(style.clone(), held)),
        }
        if asset.accepted && asset.scores.is_empty() {
            self.unscored += 1;
        } else if asset.accepted
            && !asset.scores.contains_key(&Measure::StyleProbability)
            && !self.unknown.contains(style)
        {
            self.unknown.insert(style.clone());
        }
        let nearest = asset.nearest.as_ref().filter(|nearest| nearest.suspicious);
        if let Some(nearest) = nearest.filter(|_| asset.arm == Arm::InHouse && asset.accepted) {
            self.copies += 1;
            self.first_copy.get_or_insert_with(|| (asset.id.clone(), nearest.file.clone()));
        }
        if let Some(delivery) = &asset.delivery {
            self.deliveries += 1;
            let lacks = [delivery.price.is_none(), delivery.revision_rounds.is_none(), delivery.lead_days().is_none()];
            self.lacking.iter_mut().zip(lacks).for_each(|(count, lacks)| *count += usize::from(lacks));
        }
    }
}

/// What the warnings need beyond the document.
#[derive(Clone, Debug)]
pub(crate) struct WarningContext {
    /// Jobs that are not finished.
    pub unfinished: usize,
    /// Whether the gate asked for anything.
    pub gated: bool,
    /// Whether the evaluator is one of the models that guide generation.
    pub judge_is_guide: bool,
    /// Counts over the images.
    pub noted: ImageNotes,
}

/// Returns all warnings of an evaluation.
pub fn of(evaluation: &Evaluation, known: &WarningContext) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |code, message: String| found.push(Warning { code, message });
    let taken = |measure| evaluation.measures.iter().any(|row| row.measure == measure);
    if known.judge_is_guide {
        warn(
            WarningCode::JudgeIsGuide,
            "the evaluator is one of the models that guide generation, so its scores are too high for the campaign"
                .into(),
        );
    }
    if taken(Measure::ImageText) {
        warn(
            WarningCode::JudgeIsGuide,
            "image_text is measured with the CLIP that guided the house's images: a lead of the house in it proves \
                nothing"
                .into(),
        );
    }
    if known.gated {
        warn(
            WarningCode::GateSelected,
            "the gate let pass what the evaluator scored high, so accepted images look better in its scores than in \
                truth; \
             first attempts stand beside them"
                .into(),
        );
    }
    if known.unfinished > 0 {
        warn(WarningCode::Unfinished, format!("{} jobs of the campaign are not finished", known.unfinished));
    }
    let noted = &known.noted;
    memory(evaluation, noted, &mut warn);
    references(evaluation, noted, &mut warn);
    if noted.unscored > 0 {
        warn(WarningCode::Unscored, format!("{} accepted images have no scores", noted.unscored));
    }
    if !noted.unknown.is_empty() {
        let names = noted.unknown.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        warn(
            WarningCode::UnknownToEvaluator,
            format!("the evaluator does not know {names} by name: only its references tell"),
        );
    }
    arms(evaluation, noted, &mut warn);
    found
}

type Warn<'a> = &'a mut dyn FnMut(WarningCode, String);

/// Adds warnings of copies: of references, and of each other.
fn memory(evaluation: &Evaluation, noted: &ImageNotes, warn: Warn<'_>) {
    if let Some((first, reference)) = &noted.first_copy {
        let message =
            format!("{} accepted images may be copies of references, such as {first} of {reference}", noted.copies);
        warn(WarningCode::Memorised, message);
    }
    if let Some(first) = evaluation.duplicates.first() {
        let (count, a, b) = (evaluation.duplicates.len(), &first.first.1, &first.second.1);
        warn(
            WarningCode::Duplicates,
            format!("{count} pairs of images of different briefs or arms are nearly the same, such as {a} and {b}"),
        );
    }
    let diversity =
        evaluation.measures.iter().find(|row| row.measure == Measure::Diversity).and_then(|row| row.in_house);
    if let Some(estimate) = diversity.filter(|estimate| estimate.mean < ALIKE) {
        let message = format!(
            "images of one brief are nearly the same (diversity {:.3}): the style may be over-specialised",
            estimate.mean
        );
        warn(WarningCode::LowDiversity, message);
    }
}

fn references(evaluation: &Evaluation, noted: &ImageNotes, warn: Warn<'_>) {
    let calibrated = |style: &str| evaluation.operating_points.iter().any(|point| point.style == style);
    let those = |keep: &dyn Fn(&str, bool) -> bool| -> Vec<&str> {
        noted.styles.iter().filter(|(style, held)| keep(style, **held)).map(|(style, _)| style.as_str()).collect()
    };
    let without = those(&|_, held| !held);
    if !without.is_empty() {
        let message = format!(
            "no references of {}: no style consistency, and copies go unseen (--references STYLESET)",
            without.join(", ")
        );
        warn(WarningCode::NoReferences, message);
    }
    let few = those(&|style, held| held && !calibrated(style));
    if !few.is_empty() {
        warn(
            WarningCode::FewReferences,
            format!("too few references of {} to say which consistency is enough", few.join(", ")),
        );
    }
    for point in evaluation.operating_points.iter().filter(|p| p.auc < WEAK && noted.styles.contains_key(&p.style)) {
        let message = format!(
            "style consistency hardly tells {} from other styles (area under the curve {:.2})",
            point.style, point.auc
        );
        warn(WarningCode::WeakSeparation, message);
    }
}

/// Adds warnings of differences between the arms other than who made the images.
fn arms(evaluation: &Evaluation, noted: &ImageNotes, warn: Warn<'_>) {
    let Some(theirs) = &evaluation.outsourced else { return };
    if theirs.spent.len() > 1 {
        let currencies = theirs.spent.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        warn(
            WarningCode::Currencies,
            format!("prices are in several currencies, which are not added up: {currencies}"),
        );
    }
    let lacking: Vec<String> = ["a price", "revision rounds", "order and delivery dates"]
        .into_iter()
        .zip(noted.lacking)
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} without {what}"))
        .collect();
    if !lacking.is_empty() {
        warn(WarningCode::MissingFacts, format!("of {} bought images: {}", noted.deliveries, lacking.join(", ")));
    }
    let Comparison::Comparable { briefs, only_in_house, only_outsourced } = &evaluation.comparison else { return };
    if !only_in_house.is_empty() || !only_outsourced.is_empty() {
        let (ours, theirs) = (only_in_house.len(), only_outsourced.len());
        let message = format!(
            "{ours} briefs are answered by the house only and {theirs} by the vendor only; they are not compared"
        );
        warn(WarningCode::Unpaired, message);
    }
    if *briefs < evaluation.settings.least_briefs {
        let message = format!(
            "{briefs} shared briefs; from fewer than {} nothing is concluded",
            evaluation.settings.least_briefs
        );
        warn(WarningCode::FewBriefs, message);
    }
    let unbalanced = |pair: &&super::evaluation::BriefPair| {
        let (a, b) = (pair.in_house.len(), pair.outsourced.len());
        a.max(b) > 4 * a.min(b)
    };
    let many = evaluation.pairs.iter().filter(unbalanced).count();
    if many > 0 {
        warn(
            WarningCode::Unbalanced,
            format!("in {many} briefs one arm has more than four times as many images as the other"),
        );
    }
}
