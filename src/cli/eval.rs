//! `housestyle eval CAMPAIGN [--baseline NAME] [--suite FILE]`: what a campaign's images are worth, alone or beside what was
//! bought.
//!
//! Always holds: it reads what was kept when the images were made; a model is loaded only for references that were never
//! judged before; a suite whose thresholds do not hold makes the exit code 3.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::table::table;
use super::{Context, Out, Outcome};
use crate::base::error::{Error, Result};
use crate::base::names::{BundleRef, Name};
use crate::eval::evaluation::{Compared, Comparison, ComparisonVerdict, EvaluatorFacts, MeanEstimate, Measure};
use crate::eval::{Baseline, Evaluating, Evaluation, EvaluationSetup, References, Suite, loader};
use crate::pipeline::bundle::{EVALUATOR, IMAGE_ENCODER, TEXT_ENCODER};
use crate::pipeline::{Bundle, Expected, Scorer};
use crate::plan::PlanOutline;
use crate::spec::StyleSet;
use crate::store::Store;

/// What is evaluated; the report takes the same.
#[derive(Clone, Debug, clap::Args)]
pub struct What {
    /// The campaign: its file (YAML), its id, or its name where only one has it
    pub(super) campaign: String,
    /// An imported baseline to compare with
    #[arg(long, value_name = "NAME")]
    pub(super) baseline: Option<Name>,
    /// A suite (YAML) that pins settings and says what is enough; exit code 3 where a threshold fails
    #[arg(long, value_name = "FILE")]
    suite: Option<PathBuf>,
    /// A style set (YAML) whose pictures styles are held against; may be given several times
    #[arg(long, value_name = "STYLESET")]
    references: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) out: Out,
}

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    what: What,
}

/// Evaluates.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let evaluation = look(&args.what, context)?;
    context.say_text(describe(&evaluation));
    context.emit(&evaluation)?;
    Ok(match &evaluation.suite {
        Some(suite) if !suite.passed => Outcome::SomeFailed,
        _ => Outcome::Done,
    })
}

/// The evaluation of what is asked for.
pub fn look(what: &What, context: &Context) -> Result<Evaluation> {
    let suite = what.suite.as_deref().map(Suite::load).transpose()?;
    let store: Arc<dyn Store> = context.store(&what.out)?;
    let plan = context.block_on(context.outline_of(&what.campaign, &store)).map_err(|failure| context.failed(failure))?;
    let reference = BundleRef { name: plan.bundle.parse().map_err(Error::invalid)?, digest: Some(plan.digest) };
    let bundle = context.bundle(&reference)?;
    let references = references(what, suite.as_ref(), (&bundle, &store), context)?;
    let name = what.baseline.as_ref().or_else(|| suite.as_ref().and_then(|suite| suite.baseline.as_ref()));
    let baseline = name.map(|name| context.block_on(Baseline::load(&*store, name))).transpose()?;
    let bought = baseline.as_ref().map(|baseline| (baseline.name.to_string(), baseline.digest.to_string()));
    let usual = Suite::default();
    let pinned = suite.as_ref().unwrap_or(&usual);
    let campaign = plan.campaign.to_string();
    let setup = EvaluationSetup {
        campaign: &campaign,
        gated: plan.jobs.iter().any(|job| job.gate.style > 0.0 || job.gate.category > 0.0),
        outsourced: bought.as_ref().map(|(name, digest)| (name.as_str(), digest.as_str())),
        evaluator: facts(&bundle),
        judge_is_guide: judge_is_guide(&bundle),
        references: &references,
        palettes: &pinned.palettes,
        tolerance: pinned.tolerance(),
        settings: pinned.settings(),
    };
    let mut evaluation = context.block_on(read_all(Evaluating::new(&setup)?, plan, baseline.as_ref(), &store))?;
    if let Some(suite) = &suite {
        suite.pinned(&evaluation)?;
        evaluation.suite = Some(suite.judge(&evaluation));
    }
    Ok(evaluation)
}

/// Shows every image to an evaluation, the house's first.
async fn read_all(
    mut evaluating: Evaluating<'_>,
    plan: PlanOutline,
    baseline: Option<&Baseline>,
    store: &Arc<dyn Store>,
) -> Result<Evaluation> {
    let (campaign, jobs) = (plan.campaign.clone(), plan.jobs.len());
    let mut unfinished = 0;
    let mut ours = pin!(loader::campaign(store, plan)?);
    while let Some(found) = ours.next().await {
        match found? {
            Some(shown) => evaluating.take(shown)?,
            None => unfinished += 1,
        }
    }
    if unfinished == jobs {
        return Err(Error::invalid(format!("no job of {campaign} is finished, so there is nothing to evaluate"))
            .hint("run the campaign first"));
    }
    if let Some(baseline) = baseline {
        let mut theirs = pin!(loader::baseline(&**store, baseline));
        let mut pictures = 0;
        while let Some(shown) = theirs.next().await {
            evaluating.take(shown?)?;
            pictures += 1;
        }
        if pictures != baseline.pictures {
            let Baseline { name, pictures: said, .. } = baseline;
            return Err(Error::invalid(format!("baseline {name} says that it has {said} pictures, and has {pictures}"))
                .hint("import it again"));
        }
    }
    evaluating.finish(unfinished)
}

/// The references of every style set that is named, judged now or before.
fn references(
    what: &What,
    suite: Option<&Suite>,
    (bundle, store): (&Bundle, &Arc<dyn Store>),
    context: &Context,
) -> Result<References> {
    let beside = what.suite.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let of_suite = suite.iter().flat_map(|suite| &suite.references).map(|file| beside.join(file));
    let mut found = References::default();
    let mut scorer: Option<Scorer> = None;
    for path in what.references.iter().cloned().chain(of_suite) {
        let set = StyleSet::load(&path).map_err(|problems| context.problems(&problems))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let pictures = set.resolve(folder).map_err(|problems| context.problems(&problems))?;
        let mut judge = |expected: Expected<'_>, picture: &image::RgbImage| {
            let scorer = match &mut scorer {
                Some(scorer) => scorer,
                none => none.insert(Scorer::load(&context.loader(bundle.clone())?)?),
            };
            scorer.score(expected, picture)
        };
        let judged = References::of(&**store, bundle.digest(), (&pictures, set.name.as_str()), &mut judge);
        found = found.and(context.block_on(judged)?);
    }
    Ok(found)
}

fn facts(bundle: &Bundle) -> EvaluatorFacts {
    let manifest = bundle.manifest();
    let evaluator = manifest.spec.evaluator.as_ref();
    EvaluatorFacts {
        bundle: manifest.name.to_string(),
        digest: bundle.digest().to_string(),
        held_out: evaluator.map(|evaluator| evaluator.held_out.clone()).unwrap_or_default(),
        styles: evaluator.map(|evaluator| evaluator.styles.clone()).unwrap_or_default(),
        categories: if evaluator.is_some() { manifest.spec.categories.len() } else { 0 },
    }
}

/// Whether the file that judges is one of those that guide.
fn judge_is_guide(bundle: &Bundle) -> bool {
    let files = &bundle.manifest().spec.files;
    let digest = |file: &str| files.get(file).map(|listed| listed.sha256);
    digest(EVALUATOR).is_some_and(|judge| [IMAGE_ENCODER, TEXT_ENCODER].iter().any(|guide| digest(guide) == Some(judge)))
}

fn describe(evaluation: &Evaluation) -> String {
    let mut parts = vec![format!(
        "campaign  {}: {} of {} accepted",
        evaluation.campaign, evaluation.in_house.accepted, evaluation.in_house.asked
    )];
    if let Some(theirs) = &evaluation.outsourced {
        parts.push(format!("baseline  {}: {} images for {} briefs", theirs.name, theirs.accepted, theirs.briefs));
    }
    match &evaluation.comparison {
        Comparison::Alone => {}
        Comparison::Comparable { briefs, .. } => parts.push(format!("compared  on {briefs} briefs that both answered")),
        Comparison::NotComparable { reasons } => parts.push(format!("not comparable: {}", reasons.join("; "))),
    }
    let head = ["measure", "house", "first attempts", "vendor", "house - vendor", "p (corrected)", "so"];
    let mut rows = vec![head.map(String::from).to_vec()];
    rows.extend(evaluation.measures.iter().map(row));
    parts.push(String::new());
    parts.push(table(&rows));
    parts.push(String::new());
    for d in &evaluation.distributions {
        let value = match (d.value, d.low, d.high, &d.refused) {
            (Some(value), Some(low), Some(high), _) => format!("{value:.3} ({low:.3} to {high:.3})"),
            (Some(value), ..) => format!("{value:.3}"),
            (None, .., reason) => format!("refused: {}", reason.as_deref().unwrap_or("not measured")),
        };
        parts.push(table(&[vec![format!("{} from {} to {}", d.metric, d.from, d.to), value]]));
    }
    for warning in &evaluation.warnings {
        parts.push(table(&[vec!["note".into(), warning.message.clone()]]));
    }
    if let Some(suite) = &evaluation.suite {
        parts.push(format!("\nsuite {}: {}", suite.name, if suite.passed { "passed" } else { "failed" }));
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.3}"));
        let check = |check: &crate::eval::evaluation::SuiteCheck| {
            let verdict = if check.passed { "ok" } else { "fails" };
            vec![verdict.into(), check.what.clone(), number(check.found), number(check.least), number(check.most)]
        };
        let mut rows = vec![["", "what", "found", "least", "most"].map(String::from).to_vec()];
        rows.extend(suite.checks.iter().map(check));
        parts.push(table(&rows));
    }
    parts.join("\n")
}

fn row(row: &Compared) -> Vec<String> {
    let number = |value: f64| match row.measure {
        measure if measure.is_share() => format!("{:.0} %", 100.0 * value),
        Measure::ImageText => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    let ends = |low: Option<f64>, high: Option<f64>| match (low, high) {
        (Some(low), Some(high)) => format!(" ({} to {})", number(low), number(high)),
        _ => String::new(),
    };
    let estimate = |e: &Option<MeanEstimate>| e.map_or_else(|| "-".into(), |e| number(e.mean) + &ends(e.low, e.high));
    let mut cells =
        vec![row.measure.to_string(), estimate(&row.in_house), estimate(&row.first_attempts), estimate(&row.outsourced)];
    if let Some(d) = &row.difference {
        let so = match d.verdict {
            ComparisonVerdict::InHouse => "the house is better",
            ComparisonVerdict::Outsourced => "the vendor is better",
            ComparisonVerdict::NotEnoughEvidence => "not enough evidence",
        };
        cells.extend([number(d.mean) + &ends(Some(d.low), Some(d.high)), format!("{:.4}", d.p_corrected), so.into()]);
    }
    cells
}
