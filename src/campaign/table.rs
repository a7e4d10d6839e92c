//! Writes the manifest as a Parquet table: one row per asset, with the scores and vectors for evaluation by other
//! tools.
//!
//! # Invariants
//!
//! Rows and ids are the same as in `manifest.jsonl`.

use crate::appearance::Fingerprint;
use crate::base::error::Result;
use crate::campaign::columns::{self, Column};
use crate::campaign::sidecar::{Attempt, Sidecar};
use crate::pipeline::scores::Scores;

/// Writes the table as the bytes of a Parquet file.
///
/// # Errors
///
/// Fails if it cannot be written as Parquet.
pub fn write(sidecars: &[Sidecar]) -> Result<Vec<u8>> {
    let texts = |of: &dyn Fn(&Sidecar) -> Option<String>| Column::Text(sidecars.iter().map(of).collect());
    let wholes = |of: &dyn Fn(&Sidecar) -> Option<i64>| Column::Whole(sidecars.iter().map(of).collect());
    let numbers = |of: &dyn Fn(&Sidecar) -> Option<f64>| Column::Number(sidecars.iter().map(of).collect());
    let lists = |of: &dyn Fn(&Sidecar) -> Option<Vec<String>>| Column::Texts(sidecars.iter().map(of).collect());
    let vectors = |of: &dyn for<'a> Fn(&'a Fingerprint) -> &'a [f32]| -> Vec<Option<&[f32]>> {
        sidecars.iter().map(|s| s.chosen_scores()?.fingerprint.as_ref().map(of)).collect()
    };
    let shelf = |s: &Sidecar| s.outcome.shelf().name();
    let chosen = |of: fn(&Scores) -> Option<f32>| numbers(&move |s| s.chosen_scores().and_then(of).map(f64::from));
    let first = |of: fn(&Scores) -> Option<f32>| numbers(&move |s| s.first_scores().and_then(of).map(f64::from));
    let passed = |s: &Sidecar| s.attempts.first().map(|attempt: &Attempt| attempt.passed);
    let looks = |s: &Sidecar| s.image.as_ref().and_then(|image| image.looks.clone());
    let columns = [
        ("job", texts(&|s| Some(s.job.id.to_string()))),
        ("category", texts(&|s| Some(s.job.category.clone()))),
        ("style", texts(&|s| Some(s.job.style.clone()))),
        ("index", wholes(&|s| Some(s.job.index.into()))),
        ("outcome", texts(&|s| Some(s.outcome.as_str().into()))),
        ("image", texts(&|s| s.image.as_ref().map(|image| format!("{}/{}", shelf(s), image.file)))),
        ("sidecar", texts(&|s| Some(format!("{}/{}.json", shelf(s), s.job.stem)))),
        ("sha256", texts(&|s| s.image.as_ref().map(|image| image.sha256.hex()))),
        ("seed", wholes(&|s| i64::try_from(s.job.seed).ok())),
        ("attempt", wholes(&|s| s.chosen.map(i64::from))),
        ("attempts", wholes(&|s| i64::try_from(s.attempts.len()).ok())),
        ("first_passed", Column::Truth(sidecars.iter().map(passed).collect())),
        ("seconds", numbers(&|s| Some(s.timings.values().fold(0.0, |sum, seconds| sum + seconds)))),
        ("style_score", chosen(|s| s.style)),
        ("style_found", texts(&|s| s.chosen_scores().map(|s| s.style_found.clone()))),
        ("category_score", chosen(|s| s.category)),
        ("category_found", texts(&|s| s.chosen_scores().map(|s| s.category_found.clone()))),
        ("category_rank", wholes(&|s| s.chosen_scores()?.category_rank.map(i64::from))),
        ("agreement", chosen(|s| s.agreement)),
        ("first_style_score", first(|s| s.style)),
        ("first_category_score", first(|s| s.category)),
        ("first_category_rank", wholes(&|s| s.first_scores()?.category_rank.map(i64::from))),
        ("licences", lists(&|s| Some(s.rights.iter().map(|right| right.licence.clone()).collect()))),
        ("hash", texts(&|s| Some(looks(s)?.hash.into()))),
        ("palette", lists(&|s| Some(looks(s)?.palette.0.into_iter().map(|swatch| swatch.colour.into()).collect()))),
        ("style_probabilities", Column::Numbers(vectors(&|f| f.styles.values()))),
        ("embedding", Column::Numbers(vectors(&|f| f.embedding.values()))),
    ];
    columns::write("manifest", &columns)
}
