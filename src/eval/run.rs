//! Evaluation itself: from what was kept with the images to an [`Evaluation`].
//!
//! Takes a [`EvaluationSetup`], then images, one by one. Returns the document.
//!
//! # Invariants
//!
//! The same inputs give the same document; an arm without scores, without shared briefs or with another evaluator is
//! "not comparable", with the reason, and never a zero. Of an image its id and its hash stay in memory, the rest goes
//! to the disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::appearance::Vector;
use crate::appearance::colour::Lab;
use crate::appearance::palette::HexColour;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::names::Name;
use crate::eval::briefs::{Answers, Briefs};
use crate::eval::compare::{ComparisonTable, conclude};
use crate::eval::disk_vec::DiskVec;
use crate::eval::distribution_distance::{self, VectorSample};
use crate::eval::evaluation::{
    Arm, AssetScore, Brief, BriefPair, Compared, Comparison, DuplicateImages, Evaluation, EvaluatorFacts, Measure,
    MeasureGroup, NearestReference, OperatingPoint, StatisticsSettings, VERSION,
};
use crate::eval::facts::ArmTotals;
use crate::eval::loader::Shown;
use crate::eval::metrics::{self, Copies, Duplicates, ReferenceBank};
use crate::eval::references::References;
use crate::eval::warnings::{self, ImageNotes, WarningContext};
use crate::pipeline::scores::Scores;
use crate::plan::CampaignId;

/// ΔE2000 within which a colour counts as the brand's.
pub const TOLERANCE: f64 = 10.0;
/// A reference's colour belongs to the brand's palette from this share of a drawing on.
const BRAND_SHARE: f32 = 0.03;
/// Most pairs of duplicates that are reported.
const DUPLICATES: usize = 100;

/// The inputs and settings of an evaluation.
#[derive(Clone, Debug)]
pub struct EvaluationSetup<'a> {
    /// The campaign's id.
    pub campaign: &'a CampaignId,
    /// Whether the campaign's gate has a threshold.
    pub gated: bool,
    /// The baseline, if there is one: its name, its evaluator's digest.
    pub outsourced: Option<(&'a Name, Digest)>,
    /// The evaluator that scored the campaign.
    pub evaluator: EvaluatorFacts,
    /// Whether that is one of the models that guide generation.
    pub judge_is_guide: bool,
    /// The reference pictures of the styles.
    pub references: &'a References,
    /// The brand's colours by style; of a style that is not named, those of its references.
    pub palettes: &'a BTreeMap<String, Vec<HexColour>>,
    /// How far from them a colour may be (ΔE2000).
    pub tolerance: f64,
    /// How intervals and tests are made.
    pub settings: StatisticsSettings,
}

/// Returns the default statistics settings.
pub fn settings() -> StatisticsSettings {
    StatisticsSettings {
        resamples: 10_000,
        confidence: 0.95,
        seed: 20_250_216,
        least_briefs: 6,
        correction: "holm".into(),
    }
}

/// References, copies, operating points and palettes, prepared once.
struct Yardstick {
    bank: ReferenceBank,
    copies: Copies,
    points: Vec<OperatingPoint>,
    brands: BTreeMap<String, Vec<Lab>>,
}

/// An evaluation in progress: images are added one by one.
pub struct Evaluating<'a> {
    setup: &'a EvaluationSetup<'a>,
    yardstick: Yardstick,
    briefs: Briefs,
    facts: [ArmTotals; 2],
    samples: [VectorSample; 2],
    noted: ImageNotes,
    duplicates: Duplicates,
    /// Of each image that may be a duplicate: its embedding, whose it is, its id.
    compared: DiskVec<(Vector, Arm, String)>,
    assets: DiskVec<AssetScore>,
}

impl<'a> Evaluating<'a> {
    /// Creates an evaluation without images.
    pub fn new(setup: &'a EvaluationSetup<'a>) -> Result<Self> {
        let sample = |number: u64| VectorSample::new(setup.settings.seed.wrapping_add(number));
        Ok(Self {
            setup,
            yardstick: Yardstick::of(setup),
            briefs: Briefs::default(),
            facts: Default::default(),
            samples: [sample(0), sample(1)],
            noted: ImageNotes::default(),
            duplicates: Duplicates::new(DUPLICATES),
            compared: DiskVec::new()?,
            assets: DiskVec::new()?,
        })
    }

    /// Adds an image: those of the campaign first, each arm's in its own order.
    pub fn take(&mut self, shown: Shown) -> Result<()> {
        let arm = shown.arm as usize;
        self.facts[arm].take(&shown);
        let fingerprint = shown.scores.as_ref().and_then(|scores| scores.fingerprint.as_ref());
        let embedding = fingerprint.map(|fingerprint| fingerprint.embedding.clone());
        let hash = shown.looks.as_ref().map(|looks| looks.hash);
        let asset = self.yardstick.score(shown, self.setup);
        let brief = self.briefs.take(&asset, embedding.as_ref().map(Vector::values));
        self.noted.take(&asset);
        if let Some(embedding) = embedding.filter(|_| asset.accepted) {
            self.samples[arm].take(embedding.values());
            if let Some(hash) = hash {
                // Images of one brief may look alike: that is its diversity. Of different briefs they may not.
                let kind = 2 * brief + asset.arm as u32;
                let earlier = |number: usize| {
                    self.compared.get(number)?.map(|(embedding, ..)| embedding.values().to_vec()).ok_or_else(lost)
                };
                self.duplicates.take(embedding.values(), (hash, kind), earlier)?;
                self.compared.push(&(embedding, asset.arm, asset.id.clone()))?;
            }
        }
        self.assets.push(&asset)
    }

    /// Computes the document; `unfinished` is the number of the campaign's jobs without a result.
    pub fn finish(self, unfinished: usize) -> Result<Evaluation> {
        let Self { setup, yardstick, briefs, facts: [ours, theirs], samples, noted, duplicates, compared, assets } =
            self;
        let settings = setup.settings.clone();
        let comparison = comparison(setup, &briefs);
        let paired = matches!(comparison, Comparison::Comparable { .. });
        let table = ComparisonTable { briefs: &briefs, settings: &settings, paired };
        let mut measures = table.rows(&|_| true);
        let partial = |measure: Measure| setup.judge_is_guide && measure.is_judged() || measure == Measure::ImageText;
        conclude(measures.iter_mut(), &settings, &partial);
        let styles = groups(&table, &briefs.styles, |brief| &brief.style, &partial);
        let categories = groups(&table, &briefs.categories, |brief| &brief.category, &partial);
        let answered = |arm| briefs.answered(arm).len();
        let mut evaluation = Evaluation {
            version: VERSION,
            housestyle: env!("CARGO_PKG_VERSION").into(),
            campaign: setup.campaign.clone(),
            in_house: ours.of(setup.campaign.as_str(), answered(Arm::InHouse), unfinished),
            outsourced: setup.outsourced.map(|(name, _)| theirs.of(name.as_str(), answered(Arm::Outsourced), 0)),
            evaluator: setup.evaluator.clone(),
            comparison,
            measures,
            styles,
            categories,
            distributions: distribution_distance::distances(&sets(samples, setup), &settings),
            pairs: if paired { pairs(&briefs) } else { Vec::new() },
            operating_points: yardstick.points,
            duplicates: named(duplicates, &compared)?,
            warnings: Vec::new(),
            suite: None,
            assets,
            settings,
        };
        let known = WarningContext { unfinished, gated: setup.gated, judge_is_guide: setup.judge_is_guide, noted };
        evaluation.warnings = warnings::of(&evaluation, &known);
        Ok(evaluation)
    }
}

fn lost() -> Error {
    Error::internal("an image that was compared is not there any more")
}

impl Yardstick {
    fn of(setup: &EvaluationSetup<'_>) -> Self {
        let pictures = &setup.references.pictures;
        let placed = pictures
            .iter()
            .filter_map(|p| Some((p.brief.style.as_str(), p.scores.fingerprint.as_ref()?.styles.values())));
        let bank = ReferenceBank::new(placed);
        let copies = Copies::new(pictures.iter().map(|p| {
            let embedding = p.scores.fingerprint.as_ref().map(|f| f.embedding.values());
            (embedding.unwrap_or_default(), p.looks.hash)
        }));
        let styles: BTreeSet<&str> = pictures.iter().map(|p| p.brief.style.as_str()).collect();
        let points = styles.iter().filter_map(|style| metrics::operating_point(&bank, style)).collect();
        let mut brands: BTreeMap<String, Vec<Lab>> = BTreeMap::new();
        for picture in pictures {
            let swatches = picture.looks.palette.0.iter().filter(|swatch| swatch.share >= BRAND_SHARE);
            brands
                .entry(picture.brief.style.clone())
                .or_default()
                .extend(swatches.map(|swatch| Lab::of(swatch.colour.0)));
        }
        for (style, colours) in setup.palettes {
            brands.insert(style.clone(), colours.iter().map(|colour| Lab::of(colour.0)).collect());
        }
        Self { bank, copies, points, brands }
    }

    fn score(&self, shown: Shown, setup: &EvaluationSetup<'_>) -> AssetScore {
        let style = shown.brief.style.as_str();
        let mut scores = shown.scores.as_ref().map(|scores| said(scores, &shown.brief)).unwrap_or_default();
        let fingerprint = shown.scores.as_ref().and_then(|scores| scores.fingerprint.as_ref());
        if let Some(found) = fingerprint.and_then(|f| self.bank.consistency(f.styles.values(), style)) {
            scores.insert(Measure::StyleConsistency, found.csls);
            if let Some(point) = self.points.iter().find(|point| point.style == style) {
                scores.insert(Measure::StyleHeld, f64::from(u8::from(found.csls >= point.threshold)));
            }
        }
        if let (Some(looks), Some(brand)) = (&shown.looks, self.brands.get(style)) {
            scores.insert(Measure::PaletteCoverage, looks.palette.coverage(brand, setup.tolerance));
        }
        let likeness =
            fingerprint.zip(shown.looks.as_ref()).and_then(|(f, l)| self.copies.nearest(f.embedding.values(), l.hash));
        let nearest = likeness.map(|likeness| {
            let picture = &setup.references.pictures[likeness.reference];
            NearestReference {
                file: picture.file.clone(),
                sha256: picture.sha256,
                category: picture.brief.category.clone(),
                style: picture.brief.style.clone(),
                similarity: likeness.similarity,
                hash_distance: likeness.hash_distance,
                suspicious: likeness.suspicious,
            }
        });
        let (style_found, category_found) = shown.scores.map(|found| (found.style_found, found.category_found)).unzip();
        AssetScore {
            arm: shown.arm,
            id: shown.id,
            image: shown.image,
            sha256: shown.sha256,
            accepted: shown.accepted,
            reasons: shown.reasons,
            scores,
            first_attempt: shown.first.as_ref().map(|scores| said(scores, &shown.brief)).unwrap_or_default(),
            style_found,
            category_found,
            nearest,
            work: shown.work,
            delivery: shown.delivery,
            brief: shown.brief,
        }
    }
}

/// Returns the measures that follow from the evaluator's scores alone.
fn said(scores: &Scores, brief: &Brief) -> BTreeMap<Measure, f64> {
    let whether = |holds: bool| f64::from(u8::from(holds));
    let rank = |most: u32| scores.category_rank.map(|rank| whether(rank <= most));
    let values = [
        // A style that the evaluator does not know it cannot find: that says nothing of the image.
        (Measure::StyleRight, scores.style.map(|_| whether(scores.style_found == brief.style))),
        (Measure::StyleProbability, scores.style.map(f64::from)),
        (Measure::CategoryTop1, rank(1)),
        (Measure::CategoryTop5, rank(5)),
        (Measure::CategoryProbability, scores.category.map(f64::from)),
        (Measure::ImageText, scores.agreement.map(|cosine| metrics::clip_score(cosine.into()))),
    ];
    values.into_iter().filter_map(|(measure, value)| Some((measure, value.filter(|v| v.is_finite())?))).collect()
}

fn comparison(setup: &EvaluationSetup<'_>, found: &Briefs) -> Comparison {
    let Some((name, digest)) = setup.outsourced else { return Comparison::Alone };
    let (ours, theirs) = (found.answered(Arm::InHouse), found.answered(Arm::Outsourced));
    let mut reasons = Vec::new();
    if digest != setup.evaluator.digest {
        reasons.push(format!(
            "{name} was judged by the evaluator of bundle {digest}, the campaign by that of {}",
            setup.evaluator.digest
        ));
    }
    if ours.is_empty() {
        reasons.push("the campaign has no accepted image".into());
    } else if found.of(Arm::InHouse).all(|(_, answers)| answers.scored == 0) {
        reasons.push("no image of the campaign was scored".into());
    }
    if theirs.is_empty() {
        reasons.push(format!("{name} holds no image"));
    } else if !ours.is_empty() && ours.is_disjoint(&theirs) {
        reasons.push(format!("no brief is answered by both the campaign and {name}"));
    }
    if !reasons.is_empty() {
        return Comparison::NotComparable { reasons };
    }
    let only = |a: &BTreeSet<&Brief>, b: &BTreeSet<&Brief>| a.difference(b).map(|brief| (*brief).clone()).collect();
    let shared = ours.intersection(&theirs).count();
    Comparison::Comparable {
        briefs: shared,
        only_in_house: only(&ours, &theirs),
        only_outsourced: only(&theirs, &ours),
    }
}

fn groups(
    table: &ComparisonTable<'_>,
    names: &[String],
    key: fn(&Brief) -> &String,
    partial: &dyn Fn(Measure) -> bool,
) -> Vec<MeasureGroup> {
    let group = |name: &String| {
        let keep = |brief: &Brief| key(brief) == name;
        MeasureGroup {
            name: name.clone(),
            in_house_images: table.briefs.images(Arm::InHouse, &keep),
            outsourced_images: table.briefs.images(Arm::Outsourced, &keep),
            measures: table.rows(&keep),
        }
    };
    let mut groups: Vec<MeasureGroup> = names.iter().map(group).collect();
    let rows: Vec<&mut Compared> = groups.iter_mut().flat_map(|group| &mut group.measures).collect();
    conclude(rows.into_iter(), table.settings, partial);
    groups
}

/// Briefs that both arms answered, by the headline measure.
fn pairs(briefs: &Briefs) -> Vec<BriefPair> {
    let images = Measure::ALL.into_iter().filter(|measure| *measure != Measure::Diversity);
    let difference = |[ours, theirs]: &[Answers; 2], measure| Some(ours.mean(measure)?.0 - theirs.mean(measure)?.0);
    let pair = |(brief, by): (&Brief, &[Answers; 2])| BriefPair {
        brief: brief.clone(),
        in_house: by[Arm::InHouse as usize].ids.clone(),
        outsourced: by[Arm::Outsourced as usize].ids.clone(),
        differences: images.clone().filter_map(|measure| Some((measure, difference(by, measure)?))).collect(),
    };
    let mut pairs: Vec<BriefPair> = briefs.both().map(pair).collect();
    let headline = |pair: &BriefPair| {
        let of = |measure| pair.differences.get(&measure).copied();
        of(Measure::StyleConsistency).or_else(|| of(Measure::StyleProbability)).unwrap_or(0.0)
    };
    pairs.sort_by(|a, b| headline(b).total_cmp(&headline(a)).then_with(|| a.brief.cmp(&b.brief)));
    pairs
}

fn sets([ours, theirs]: [VectorSample; 2], setup: &EvaluationSetup<'_>) -> [distribution_distance::VectorSet; 3] {
    let mut references = VectorSample::new(setup.settings.seed.wrapping_add(2));
    let fingerprints = setup.references.pictures.iter().filter_map(|picture| picture.scores.fingerprint.as_ref());
    fingerprints.for_each(|fingerprint| references.take(fingerprint.embedding.values()));
    [("in_house", ours), ("outsourced", theirs), ("references", references)]
}

fn named(duplicates: Duplicates, compared: &DiskVec<(Vector, Arm, String)>) -> Result<Vec<DuplicateImages>> {
    let name = |number| compared.get(number)?.map(|(_, arm, id)| (arm, id)).ok_or_else(lost);
    let duplicate = |pair: metrics::DuplicatePair| {
        let [first, second] = pair.pictures;
        let (similarity, hash_distance) = (pair.similarity, pair.hash_distance);
        Ok(DuplicateImages { first: name(first)?, second: name(second)?, similarity, hash_distance })
    };
    duplicates.found().into_iter().map(duplicate).collect()
}
