//! Evaluation itself: from what was kept with the images to an [`Evaluation`]. Pure.
//!
//! In: [`Inputs`]. Out: the document. Always holds: the same inputs give the same document; an arm without scores, without
//! shared briefs or with another evaluator is "not comparable", with the reason, and never a zero.

use std::collections::{BTreeMap, BTreeSet};

use super::apart;
use super::compare::{Scored, Table, conclude};
use super::evaluation::{
    Arm, AssetScore, Brief, Compared, Comparison, Distribution, Duplicate, Evaluation, EvaluatorFacts, Group, Measure, Nearest,
    OperatingPoint, Pair, Settings, VERSION,
};
use super::facts::facts;
use super::metrics::{self, Bank, Copies};
use super::read::Shown;
use super::references::References;
use super::warnings::{self, Known};
use crate::looks::Hash;
use crate::looks::colour::Lab;
use crate::looks::palette::Hex;
use crate::store::sidecar::Scores;

/// ΔE2000 within which a colour counts as the brand's.
pub const TOLERANCE: f64 = 10.0;
/// A reference's colour belongs to the brand's palette from this share of a drawing on.
const BRAND_SHARE: f32 = 0.03;
/// Pairs of duplicates that are told.
const DUPLICATES: usize = 100;

/// Everything that is evaluated.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The campaign's id.
    pub campaign: &'a str,
    /// Its finished jobs.
    pub in_house: &'a [Shown],
    /// Jobs that are not finished.
    pub unfinished: usize,
    /// Whether the campaign's gate asked for anything.
    pub gated: bool,
    /// The baseline: name, its evaluator's digest, pictures.
    pub outsourced: Option<(&'a str, &'a str, &'a [Shown])>,
    /// Who judged the campaign.
    pub evaluator: EvaluatorFacts,
    /// Whether that is one of the models that guide.
    pub judge_is_guide: bool,
    /// What styles are held against.
    pub references: &'a References,
    /// The brand's colours by style; of a style that is not named, those of its references.
    pub palettes: &'a BTreeMap<String, Vec<Hex>>,
    /// How far from them a colour may be (ΔE2000).
    pub tolerance: f64,
}

/// The usual settings.
pub fn settings() -> Settings {
    Settings { resamples: 10_000, confidence: 0.95, seed: 20_250_216, least_briefs: 6, correction: "holm".into() }
}

/// What images are held against, made once.
struct Yardstick {
    bank: Bank,
    copies: Copies,
    points: Vec<OperatingPoint>,
    brands: BTreeMap<String, Vec<Lab>>,
}

/// Evaluates.
pub fn evaluate(inputs: &Inputs<'_>, settings: Settings) -> Evaluation {
    let yardstick = Yardstick::of(inputs);
    let theirs = inputs.outsourced.map(|(.., shown)| shown).unwrap_or_default();
    let all: Vec<&Shown> = inputs.in_house.iter().chain(theirs).collect();
    let assets: Vec<AssetScore> = all.iter().map(|shown| yardstick.score(shown, inputs)).collect();
    let comparison = comparison(inputs, &assets);
    let paired = matches!(comparison, Comparison::Comparable { .. });
    let counted: Vec<&AssetScore> = assets.iter().filter(|asset| asset.accepted).collect();
    let scored = Scored {
        of_briefs: diversities(&all),
        first_attempts: assets.iter().filter(|asset| asset.arm == Arm::InHouse).collect(),
        assets: counted,
    };
    let table = Table { scored: &scored, settings: &settings, paired };
    let mut measures = table.rows(&|_| true);
    let partial = |measure: Measure| inputs.judge_is_guide && measure.is_judged() || measure == Measure::ImageText;
    conclude(measures.iter_mut(), &settings, &partial);
    let styles = groups(&table, &all, |brief| &brief.style, &partial);
    let categories = groups(&table, &all, |brief| &brief.category, &partial);
    let pairs = if paired { pairs(&scored.assets) } else { Vec::new() };
    let mut evaluation = Evaluation {
        version: VERSION,
        housestyle: env!("CARGO_PKG_VERSION").into(),
        campaign: inputs.campaign.to_owned(),
        in_house: facts(inputs.campaign, inputs.in_house, inputs.unfinished),
        outsourced: inputs.outsourced.map(|(name, _, shown)| facts(name, shown, 0)),
        evaluator: inputs.evaluator.clone(),
        comparison,
        measures,
        styles,
        categories,
        distributions: distributions(&all, inputs.references, &settings),
        pairs,
        operating_points: yardstick.points.clone(),
        duplicates: duplicates(&all),
        warnings: Vec::new(),
        suite: None,
        assets,
        settings,
    };
    let known = Known { unfinished: inputs.unfinished, gated: inputs.gated, judge_is_guide: inputs.judge_is_guide };
    evaluation.warnings = warnings::of(&evaluation, known);
    evaluation
}

impl Yardstick {
    fn of(inputs: &Inputs<'_>) -> Self {
        let pictures = &inputs.references.pictures;
        let placed =
            pictures.iter().filter_map(|p| Some((p.brief.style.as_str(), p.scores.fingerprint.as_ref()?.styles.values())));
        let bank = Bank::new(placed);
        let copies = Copies::new(pictures.iter().map(|p| {
            let embedding = p.scores.fingerprint.as_ref().map(|f| f.embedding.values());
            (embedding.unwrap_or_default(), p.looks.hash)
        }));
        let styles: BTreeSet<&str> = pictures.iter().map(|p| p.brief.style.as_str()).collect();
        let points = styles.iter().filter_map(|style| metrics::operating_point(&bank, style)).collect();
        let mut brands: BTreeMap<String, Vec<Lab>> = BTreeMap::new();
        for picture in pictures {
            let swatches = picture.looks.palette.0.iter().filter(|swatch| swatch.share >= BRAND_SHARE);
            brands.entry(picture.brief.style.clone()).or_default().extend(swatches.map(|swatch| Lab::of(swatch.colour.0)));
        }
        for (style, colours) in inputs.palettes {
            brands.insert(style.clone(), colours.iter().map(|colour| Lab::of(colour.0)).collect());
        }
        Self { bank, copies, points, brands }
    }

    fn score(&self, shown: &Shown, inputs: &Inputs<'_>) -> AssetScore {
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
            scores.insert(Measure::PaletteCoverage, looks.palette.coverage(brand, inputs.tolerance));
        }
        let likeness =
            fingerprint.zip(shown.looks.as_ref()).and_then(|(f, l)| self.copies.nearest(f.embedding.values(), l.hash));
        let nearest = likeness.map(|likeness| {
            let picture = &inputs.references.pictures[likeness.reference];
            Nearest {
                file: picture.file.clone(),
                sha256: picture.sha256.hex().to_owned(),
                category: picture.brief.category.clone(),
                style: picture.brief.style.clone(),
                similarity: likeness.similarity,
                hash_distance: likeness.hash_distance,
                suspicious: likeness.suspicious,
            }
        });
        let found = |of: fn(&Scores) -> &String| shown.scores.as_ref().map(|scores| of(scores).clone());
        AssetScore {
            arm: shown.arm,
            id: shown.id.clone(),
            brief: shown.brief.clone(),
            image: shown.image.clone(),
            sha256: shown.sha256.clone(),
            accepted: shown.accepted,
            reasons: shown.reasons.clone(),
            scores,
            first_attempt: shown.first.as_ref().map(|scores| said(scores, &shown.brief)).unwrap_or_default(),
            style_found: found(|scores| &scores.style_found),
            category_found: found(|scores| &scores.category_found),
            nearest,
            work: shown.work.clone(),
            delivery: shown.delivery.clone(),
        }
    }
}

/// What the evaluator's own words come to.
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

fn comparison(inputs: &Inputs<'_>, assets: &[AssetScore]) -> Comparison {
    let Some((name, digest, _)) = inputs.outsourced else { return Comparison::Alone };
    let counted = |arm: Arm| assets.iter().filter(move |asset| asset.arm == arm && asset.accepted);
    let briefs = |arm: Arm| -> BTreeSet<&Brief> { counted(arm).map(|asset| &asset.brief).collect() };
    let (ours, theirs) = (briefs(Arm::InHouse), briefs(Arm::Outsourced));
    let mut reasons = Vec::new();
    if digest != inputs.evaluator.digest {
        reasons.push(format!(
            "{name} was judged by the evaluator of bundle {digest}, the campaign by that of {}",
            inputs.evaluator.digest
        ));
    }
    if ours.is_empty() {
        reasons.push("the campaign has no accepted image".into());
    } else if counted(Arm::InHouse).all(|asset| asset.scores.is_empty()) {
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
    Comparison::Comparable { briefs: shared, only_in_house: only(&ours, &theirs), only_outsourced: only(&theirs, &ours) }
}

fn groups(table: &Table<'_>, all: &[&Shown], key: fn(&Brief) -> &String, partial: &dyn Fn(Measure) -> bool) -> Vec<Group> {
    let mut names: Vec<&String> = Vec::new();
    let mut known = BTreeSet::new();
    names.extend(all.iter().map(|shown| key(&shown.brief)).filter(|name| known.insert(*name)));
    let count = |name: &String, arm: Arm| {
        all.iter().filter(|shown| shown.arm == arm && shown.accepted && key(&shown.brief) == name).count()
    };
    let group = |name: &&String| Group {
        name: (*name).clone(),
        in_house_images: count(name, Arm::InHouse),
        outsourced_images: count(name, Arm::Outsourced),
        measures: table.rows(&|brief| key(brief) == *name),
    };
    let mut groups: Vec<Group> = names.iter().map(group).collect();
    let rows: Vec<&mut Compared> = groups.iter_mut().flat_map(|group| &mut group.measures).collect();
    conclude(rows.into_iter(), table.settings, partial);
    groups
}

/// Briefs that both arms answered, by the headline measure.
fn pairs(assets: &[&AssetScore]) -> Vec<Pair> {
    let mut briefs: BTreeMap<&Brief, [Vec<&AssetScore>; 2]> = BTreeMap::new();
    for asset in assets {
        briefs.entry(&asset.brief).or_default()[asset.arm as usize].push(asset);
    }
    let mean = |assets: &[&AssetScore], measure| {
        let values: Vec<f64> = assets.iter().filter_map(|asset| asset.scores.get(&measure)).copied().collect();
        super::stats::mean(&values)
    };
    let ids = |assets: &[&AssetScore]| assets.iter().map(|asset| asset.id.clone()).collect();
    let both = briefs.into_iter().filter(|(_, [ours, theirs])| !ours.is_empty() && !theirs.is_empty());
    let mut pairs: Vec<Pair> = both
        .map(|(brief, [ours, theirs])| Pair {
            brief: brief.clone(),
            in_house: ids(&ours),
            outsourced: ids(&theirs),
            differences: Measure::ALL
                .into_iter()
                .filter_map(|measure| Some((measure, mean(&ours, measure)? - mean(&theirs, measure)?)))
                .collect(),
        })
        .collect();
    let headline = |pair: &Pair| {
        let of = |measure| pair.differences.get(&measure).copied();
        of(Measure::StyleConsistency).or_else(|| of(Measure::StyleProbability)).unwrap_or(0.0)
    };
    pairs.sort_by(|a, b| headline(b).total_cmp(&headline(a)).then_with(|| a.brief.cmp(&b.brief)));
    pairs
}

fn embedding(shown: &Shown) -> Option<&[f32]> {
    Some(shown.scores.as_ref()?.fingerprint.as_ref()?.embedding.values())
}

type OfBriefs = BTreeMap<(Arm, Measure), BTreeMap<Brief, (f64, usize)>>;

fn diversities(all: &[&Shown]) -> OfBriefs {
    let mut briefs: BTreeMap<(Arm, &Brief), Vec<&[f32]>> = BTreeMap::new();
    for shown in all.iter().filter(|shown| shown.accepted) {
        briefs.entry((shown.arm, &shown.brief)).or_default().extend(embedding(shown));
    }
    let mut found = OfBriefs::from([Arm::InHouse, Arm::Outsourced].map(|arm| ((arm, Measure::Diversity), BTreeMap::new())));
    for ((arm, brief), vectors) in briefs {
        if let Some(value) = metrics::diversity(&vectors) {
            found.entry((arm, Measure::Diversity)).or_default().insert(brief.clone(), (value, vectors.len()));
        }
    }
    found
}

fn distributions(all: &[&Shown], references: &References, settings: &Settings) -> Vec<Distribution> {
    let of = |arm: Arm| -> Vec<&[f32]> {
        all.iter().filter(|shown| shown.arm == arm && shown.accepted).filter_map(|shown| embedding(shown)).collect()
    };
    let pictures = references.pictures.iter().filter_map(|p| Some(p.scores.fingerprint.as_ref()?.embedding.values()));
    let sets = [("in_house", of(Arm::InHouse)), ("outsourced", of(Arm::Outsourced)), ("references", pictures.collect())];
    apart::distances(&sets, settings)
}

fn duplicates(all: &[&Shown]) -> Vec<Duplicate> {
    let seen: Vec<(&Shown, &[f32], Hash)> = all
        .iter()
        .filter(|shown| shown.accepted)
        .filter_map(|shown| Some((*shown, embedding(shown)?, shown.looks.as_ref()?.hash)))
        .collect();
    let pictures: Vec<(&[f32], Hash)> = seen.iter().map(|(_, embedding, hash)| (*embedding, *hash)).collect();
    // Images of one brief may look alike: that is its diversity. Of different briefs they may not.
    let across = |i: usize, j: usize| seen[i].0.arm != seen[j].0.arm || seen[i].0.brief != seen[j].0.brief;
    let name = |i: usize| (seen[i].0.arm, seen[i].0.id.clone());
    let found = metrics::near_duplicates(&pictures, DUPLICATES, across).into_iter();
    found
        .map(|(i, j, similarity, hash_distance)| Duplicate { first: name(i), second: name(j), similarity, hash_distance })
        .collect()
}
