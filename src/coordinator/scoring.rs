//! Scores the pictures of a baseline import with the evaluator of the workers behind the broker.
//!
//! The importer writes the pictures to the store and publishes orders; the coordinator that receives an order writes
//! the scores to the store.
//!
//! # Invariants
//!
//! An order reads only pictures of its baseline and writes only an answer that an importer waits for. An order that is
//! delivered twice is scored once, and nothing is written if its importer is gone. An order is small, so that campaigns
//! do not wait for a whole import.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::appearance::picture;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::limits;
use crate::base::names::Name;
use crate::broker::{Channel, Order, Task};
use crate::campaign::records;
use crate::eval::baseline::{self, RemoteScorer, ScoringOutcome};
use crate::io::shutdown::Shutdown;
use crate::pipeline::scores::Scores;
use crate::plan::Unscored;
use crate::store::{Key, Store};
use crate::telemetry::TraceParent;
use crate::worker::engine::EngineScorer;

/// Largest number of pictures in an order; scoring them takes less than a second.
const PART_SIZE: usize = 16;
/// Number of pictures of an order that are scored in parallel.
const AT_ONCE: usize = 4;
/// The interval at which the importer checks for scores.
const LOOK: Duration = Duration::from_millis(50);
/// Time without scores after which the importer shows a message with the likely reason.
const STILL: Duration = Duration::from_secs(15);

/// Scores imported pictures: the engine in production, a stub in tests.
#[async_trait]
pub trait PictureScorer: Send + Sync {
    /// Scores a picture.
    ///
    /// # Errors
    ///
    /// Fails with [`Kind::Transient`] if this worker has another bundle than `bundle`, and if scoring fails.
    async fn score(&self, bundle: &Digest, asked: &Unscored, picture: RgbImage) -> Result<Scores>;
}

#[async_trait]
impl PictureScorer for EngineScorer {
    async fn score(&self, bundle: &Digest, asked: &Unscored, picture: RgbImage) -> Result<Scores> {
        if self.bundle() != bundle {
            let message =
                format!("the picture is to be scored with bundle {bundle}; this worker has {}", self.bundle());
            return Err(Error::new(Kind::Transient, message));
        }
        Self::score(self, asked.clone(), picture).await
    }
}

/// The record by which importer and workers exchange the answer to an order in the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ScoringAnswer {
    /// The importer waits for the scores.
    Asked,
    /// One result per picture, in the pictures' order.
    Judged(Vec<ScoringOutcome>),
    /// The order was given up on.
    GivenUp(String),
}

/// Returns the key of the answer to a scoring order: named by the digest of the whole order, so that different orders
/// have different answers.
fn answer_key(task: &Task) -> Result<Option<Key>> {
    let Task::Score { baseline, .. } = task else { return Ok(None) };
    let bytes = serde_json::to_vec(task).map_err(|e| Error::internal("cannot write an order as JSON").caused_by(e))?;
    baseline::judgements(baseline, &Digest::of(&bytes)).map(Some)
}

/// Carries out a scoring order; does nothing for other orders.
///
/// # Errors
///
/// Fails if the store cannot be read or written to, or if scoring fails for a reason other than a bad picture.
pub(super) async fn score(store: &dyn Store, scorer: &dyn PictureScorer, task: &Task) -> Result<()> {
    let (Task::Score { baseline, bundle, pictures }, Some(answer)) = (task, answer_key(task)?) else { return Ok(()) };
    if !is_asked(store, &answer).await? {
        return Ok(());
    }
    // A few in parallel, because each waits for the batch that the engine is generating.
    let part = Part { baseline, bundle };
    let scoring: Vec<_> = pictures.iter().map(|asked| outcome(store, scorer, &part, asked)).collect();
    let outcomes = stream::iter(scoring).buffered(AT_ONCE).try_collect().await?;
    leave(store, &answer, ScoringAnswer::Judged(outcomes)).await
}

/// Returns the scores of a picture, or why it was refused; any other error fails the whole order.
async fn outcome(
    store: &dyn Store,
    scorer: &dyn PictureScorer,
    part: &Part<'_>,
    asked: &Unscored,
) -> Result<ScoringOutcome> {
    match score_one(store, scorer, part, asked).await {
        Ok(scores) => Ok(ScoringOutcome::Scored(Box::new(scores))),
        Err(error) if error.is_about_the_input() => Ok(ScoringOutcome::Refused(error.chain())),
        Err(error) => Err(error),
    }
}

/// Returns whether an importer waits for this answer.
async fn is_asked(store: &dyn Store, answer: &Key) -> Result<bool> {
    Ok(matches!(records::read(store, answer).await?, Some(ScoringAnswer::Asked)))
}

/// Writes the answer if an importer still waits for it: the order may have been answered, or the importer be gone.
async fn leave(store: &dyn Store, key: &Key, answer: ScoringAnswer) -> Result<()> {
    if is_asked(store, key).await? {
        records::write(store, key, &answer).await?;
    }
    Ok(())
}

/// The baseline of an order, and the bundle whose evaluator scores it.
struct Part<'a> {
    baseline: &'a Name,
    bundle: &'a Digest,
}

async fn score_one(store: &dyn Store, scorer: &dyn PictureScorer, part: &Part<'_>, asked: &Unscored) -> Result<Scores> {
    let key = baseline::image(part.baseline, &asked.id)?;
    let bytes = store.get(&key).await?.ok_or_else(|| Error::invalid(format!("{key} is not in the workers' store")))?;
    if Digest::of(&bytes) != asked.sha256 {
        return Err(Error::invalid(format!("{key} is not the picture that was imported")));
    }
    let picture = picture::decode_small(&bytes, key.as_str(), limits::PICTURE_SIZE)?;
    scorer.score(part.bundle, asked, picture).await
}

/// Writes the answer that an order was given up on.
///
/// # Errors
///
/// Fails if the store cannot be read or written to.
pub(super) async fn give_up(store: &dyn Store, task: &Task, reason: &str) -> Result<()> {
    match answer_key(task)? {
        Some(answer) => leave(store, &answer, ScoringAnswer::GivenUp(reason.into())).await,
        None => Ok(()),
    }
}

/// Scores an import with the workers behind the broker.
pub(crate) struct ClusterScorer {
    /// The channel that orders are published to.
    pub orders: Arc<dyn Channel<Order>>,
    /// The store that importer and workers share.
    pub store: Arc<dyn Store>,
    /// The baseline that is being imported.
    pub baseline: Name,
    /// The bundle whose evaluator scores the pictures.
    pub bundle: Digest,
    /// The token that stops the waiting.
    pub shutdown: Shutdown,
    /// Shows a message to the importer.
    pub say: Box<dyn Fn(String) + Send + Sync>,
}

#[async_trait]
impl RemoteScorer for ClusterScorer {
    async fn judge(&self, pictures: Vec<Unscored>) -> Result<Vec<ScoringOutcome>> {
        let mut parts = Vec::new();
        for pictures in pictures.chunks(PART_SIZE) {
            parts.push((self.ask(pictures.to_vec()).await?, pictures.len()));
        }
        let mut outcomes = Vec::with_capacity(pictures.len());
        for (key, pictures) in parts {
            match self.answer(&key).await? {
                ScoringAnswer::Judged(part) if part.len() == pictures => outcomes.extend(part),
                ScoringAnswer::GivenUp(reason) => {
                    return Err(Error::unavailable(format!("the workers gave up on scoring: {reason}"))
                        .hint("check that they run with the campaign's bundle, or import without --queue"));
                }
                _ => return Err(Error::internal("workers scored other pictures than they were asked to")),
            }
            self.store.delete(&key).await?;
        }
        Ok(outcomes)
    }
}

impl ClusterScorer {
    /// Publishes an order and returns the key of its answer.
    async fn ask(&self, pictures: Vec<Unscored>) -> Result<Key> {
        let task = Task::Score { baseline: self.baseline.clone(), bundle: self.bundle, pictures };
        let key = answer_key(&task)?.ok_or_else(|| Error::internal("only scoring orders have an answer"))?;
        records::write(&*self.store, &key, &ScoringAnswer::Asked).await?;
        self.orders.publish(Order::new(task, TraceParent::current())).await?;
        Ok(key)
    }

    async fn answer(&self, key: &Key) -> Result<ScoringAnswer> {
        let (since, mut warned) = (Instant::now(), false);
        loop {
            match records::read(&*self.store, key).await? {
                Some(ScoringAnswer::Asked) | None => {}
                Some(answer) => return Ok(answer),
            }
            if since.elapsed() > STILL && !warned {
                (self.say)(
                    "waiting for a worker to score; check that one runs (`housestyle worker`) on the same store".into(),
                );
                warned = true;
            }
            tokio::select! {
                biased;
                () = self.shutdown.wait() => {
                    return Err(Error::new(Kind::Transient, "asked to stop; nothing was imported"));
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::campaign::provenance;
    use crate::store::Local;

    /// Sees the same in every picture of the bundle it has.
    struct SameScores(Digest);

    #[async_trait]
    impl PictureScorer for SameScores {
        async fn score(&self, bundle: &Digest, asked: &Unscored, _: RgbImage) -> Result<Scores> {
            if *bundle != self.0 {
                return Err(Error::new(Kind::Transient, "another bundle"));
            }
            Ok(Scores {
                style: Some(0.5),
                category: Some(0.5),
                style_found: asked.style.clone(),
                category_found: asked.category.clone(),
                category_rank: Some(1),
                agreement: None,
                fingerprint: None,
            })
        }
    }

    fn order(pictures: &[(&str, &[u8])]) -> Task {
        let unscored = |(id, bytes): &(&str, &[u8])| Unscored {
            id: (*id).into(),
            sha256: Digest::of(bytes),
            style: "flat".into(),
            category: "fox".into(),
            prompt: "a fox".into(),
        };
        let pictures = pictures.iter().map(unscored).collect();
        Task::Score { baseline: "agency".parse().unwrap(), bundle: Digest::of(b"bundle"), pictures }
    }

    async fn ask(store: &dyn Store, task: &Task) {
        records::write(store, &answer_key(task).unwrap().unwrap(), &ScoringAnswer::Asked).await.unwrap();
    }

    async fn answer(store: &dyn Store, task: &Task) -> Option<ScoringAnswer> {
        records::read(store, &answer_key(task).unwrap().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_forged_order_reads_no_other_picture_and_spoils_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(folder.path());
        let picture = provenance::encode_with(&RgbImage::from_pixel(4, 4, Rgb([1, 2, 3])), &[]).unwrap();
        for key in ["baselines/agency/images/a.png", "baselines/other/images/b.png"] {
            store.put(&Key::new(key).unwrap(), picture.clone().into()).await.unwrap();
        }
        store.put(&Key::new("baselines/agency/images/text.png").unwrap(), "text".into()).await.unwrap();
        let asked: [(&str, &[u8]); 5] = [
            ("../../other/images/b", &picture),
            ("gone", &picture),
            ("a", b"another"),
            ("text", b"text"),
            ("a", &picture),
        ];
        let task = order(&asked);
        score(&store, &SameScores(Digest::of(b"bundle")), &task).await.unwrap();
        assert!(answer(&store, &task).await.is_none(), "no importer asked");
        ask(&store, &task).await;
        score(&store, &SameScores(Digest::of(b"bundle")), &task).await.unwrap();
        let Some(ScoringAnswer::Judged(outcomes)) = answer(&store, &task).await else { panic!("no answer") };
        let (last, refused) = outcomes.split_last().unwrap();
        assert!(refused.iter().all(|outcome| matches!(outcome, ScoringOutcome::Refused(_))), "{refused:?}");
        assert!(matches!(last, ScoringOutcome::Scored(scores) if scores.style_found == "flat"), "{last:?}");
    }

    #[tokio::test]
    async fn another_bundle_is_left_to_another_worker_and_giving_up_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let store = Local::new(folder.path());
        let picture = provenance::encode_with(&RgbImage::from_pixel(4, 4, Rgb([1, 2, 3])), &[]).unwrap();
        store.put(&Key::new("baselines/agency/images/a.png").unwrap(), picture.clone().into()).await.unwrap();
        let task = order(&[("a", &picture)]);
        ask(&store, &task).await;
        let error = score(&store, &SameScores(Digest::of(b"other")), &task).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Transient);
        assert!(matches!(answer(&store, &task).await, Some(ScoringAnswer::Asked)));
        give_up(&store, &task, "failed 5 times").await.unwrap();
        assert!(
            matches!(answer(&store, &task).await, Some(ScoringAnswer::GivenUp(reason)) if reason == "failed 5 times")
        );
    }
}
