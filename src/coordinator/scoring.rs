//! Scores the pictures of an agency's delivery with the evaluator of the workers behind the broker.
//!
//! The importer puts the pictures into the store and publishes orders; whichever coordinator takes one leaves the
//! scores in the store.
//!
//! # Invariants
//! Whatever an order says, only pictures of its baseline are read, and only what an importer asked for is written.
//! The same order twice is scored once, and leaves nothing when its importer is gone. An order is small, so that a
//! campaign never waits behind a whole delivery.

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

/// Pictures of one order; scoring them takes a part of a second.
const PART_SIZE: usize = 16;
/// Pictures of an order that are scored at once.
const AT_ONCE: usize = 4;
/// The pause between two looks for scores.
const LOOK: Duration = Duration::from_millis(50);
/// After so long without any, the importer reads why that may be.
const STILL: Duration = Duration::from_secs(15);

/// Scores the pictures of deliveries: the engine in production, a stub in tests.
#[async_trait]
pub trait PictureScorer: Send + Sync {
    /// Scores a picture.
    ///
    /// # Errors
    /// [`Kind::Transient`] if this worker has another bundle than `bundle`.
    async fn score(&self, bundle: &Digest, asked: &Unscored, picture: RgbImage) -> Result<Scores>;
}

#[async_trait]
impl PictureScorer for EngineScorer {
    async fn score(&self, bundle: &Digest, asked: &Unscored, picture: RgbImage) -> Result<Scores> {
        if self.bundle() != bundle {
            let message = format!("to be scored with bundle {bundle}, this worker has {}", self.bundle());
            return Err(Error::new(Kind::Transient, message));
        }
        Self::score(self, asked.clone(), picture).await
    }
}

/// What importer and workers leave each other in the store.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ScoringAnswer {
    /// An importer waits for the scores.
    Asked,
    /// One result a picture, in the order of the pictures.
    Judged(Vec<ScoringOutcome>),
    /// The order was given up on.
    GivenUp(String),
}

/// Returns where the answer to an order is left: named by all that it asks, so that it answers no other order.
fn answer_key(task: &Task) -> Result<Option<Key>> {
    let Task::Score { baseline, .. } = task else { return Ok(None) };
    let bytes = serde_json::to_vec(task).map_err(|e| Error::internal("cannot write an order as JSON").caused_by(e))?;
    baseline::judgements(baseline, &Digest::of(&bytes)).map(Some)
}

/// Does what a scoring order asks; does nothing for other orders.
pub(super) async fn score(store: &dyn Store, scorer: &dyn PictureScorer, task: &Task) -> Result<()> {
    let (Task::Score { baseline, bundle, pictures }, Some(answer)) = (task, answer_key(task)?) else { return Ok(()) };
    if !is_asked(store, &answer).await? {
        return Ok(());
    }
    // A few at a time, as each waits for the batch that the engine is generating.
    let part = Part { baseline, bundle };
    let scoring: Vec<_> = pictures.iter().map(|asked| outcome(store, scorer, &part, asked)).collect();
    let outcomes = stream::iter(scoring).buffered(AT_ONCE).try_collect().await?;
    leave(store, &answer, ScoringAnswer::Judged(outcomes)).await
}

/// Returns the scores of a picture, or why it has none; other errors are the whole order's.
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

/// Returns whether an importer waits and has no answer yet.
async fn is_asked(store: &dyn Store, answer: &Key) -> Result<bool> {
    Ok(matches!(records::read(store, answer).await?, Some(ScoringAnswer::Asked)))
}

/// Answers, unless the order came twice and was answered meanwhile: the importer may be gone.
async fn leave(store: &dyn Store, key: &Key, answer: ScoringAnswer) -> Result<()> {
    if is_asked(store, key).await? {
        records::write(store, key, &answer).await?;
    }
    Ok(())
}

/// The baseline of an order, and the bundle whose evaluator is asked.
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

/// Answers the importer that no scores will come.
pub(super) async fn give_up(store: &dyn Store, task: &Task, reason: &str) -> Result<()> {
    match answer_key(task)? {
        Some(answer) => leave(store, &answer, ScoringAnswer::GivenUp(reason.into())).await,
        None => Ok(()),
    }
}

/// Scores an import with the workers behind the broker.
pub struct ClusterScorer {
    /// Where orders go.
    pub orders: Arc<dyn Channel<Order>>,
    /// The store that importer and workers share.
    pub store: Arc<dyn Store>,
    /// The baseline that is being imported.
    pub baseline: Name,
    /// The bundle whose evaluator is asked.
    pub bundle: Digest,
    /// When not to wait any more.
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
    /// Publishes an order; returns where its answer will be.
    async fn ask(&self, pictures: Vec<Unscored>) -> Result<Key> {
        let task = Task::Score { baseline: self.baseline.clone(), bundle: self.bundle, pictures };
        let key = answer_key(&task)?.ok_or_else(|| Error::internal("only scoring is answered"))?;
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
