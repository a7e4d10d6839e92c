//! A pipeline that checks rights before it draws, as they may end after a job was planned; `run` and workers use it.
//!
//! Takes requests, some of them for trained encoders; returns pictures and scores, as the pipeline itself does.
//!
//! # Invariants
//! Nothing is drawn later than [`REVOCATION_TTL`] after its source was revoked or its rights expired; a trained
//! version is loaded when first asked for; what cannot be loaded fails its own jobs only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;
use tokio::runtime::Handle;

use super::resources::App;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::version::VersionId;
use crate::campaign::commit::GeneratorInfo;
use crate::io::wait_for;
use crate::pipeline::{Each, Generated, OnStep, Pipeline, Request, Scores, ScoringTarget};
use crate::plan::Job;
use crate::registry::Registry;
use crate::registry::ledger::{Ledger, Revocations};
use crate::store::Store;
use crate::worker::generator::Generator;

/// How long revocations that were read, and rights that were checked, count as current.
const REVOCATION_TTL: Duration = Duration::from_secs(30);

/// A pipeline that loads trained encoders as they are asked for, if their rights allow it.
pub struct RightsGuard {
    pipeline: Pipeline,
    store: Arc<dyn Store>,
    app: App,
    runtime: Handle,
    snapshot: Option<RevocationSnapshot>,
}

/// The revocations at one time, and what was allowed by them.
struct RevocationSnapshot {
    read_at: Instant,
    revocations: Revocations,
    /// Versions that may be used and were loaded, with the digests of their weights.
    allowed: BTreeSet<(VersionId, Digest)>,
}

impl RightsGuard {
    /// Guards a pipeline. Call it inside the async runtime: the guard reads the store on it.
    pub fn new(pipeline: Pipeline, store: Arc<dyn Store>, app: App) -> Self {
        Self { pipeline, store, app, runtime: Handle::current(), snapshot: None }
    }

    /// Checks that what a job draws with may still be used, and loads it into the pipeline.
    ///
    /// # Errors
    /// Where its rights ended, its weights are gone or damaged, or the store cannot be read.
    pub async fn clear(&mut self, job: &Job) -> Result<()> {
        let snapshot = match self.snapshot.take() {
            Some(snapshot) if snapshot.read_at.elapsed() < REVOCATION_TTL => snapshot,
            _ => {
                let revocations = Ledger::new(Arc::clone(&self.store)).revocations().await?;
                RevocationSnapshot { read_at: Instant::now(), revocations, allowed: BTreeSet::new() }
            }
        };
        let snapshot = self.snapshot.insert(snapshot);
        if job.style_source.encoder.is_none()
            && let Some(revocation) = snapshot.revocations.of_source(&job.style_source.source)
        {
            let (style, source) = (&job.style, &job.style_source.source);
            return Err(Error::invalid(format!("the source of `{style}`, {source}, is {}", revocation.because())));
        }
        let registry = Registry::new(Arc::clone(&self.store));
        for encoder in job.encoders() {
            let version = (encoder.version.clone(), encoder.digest);
            if snapshot.allowed.contains(&version) {
                continue;
            }
            let (_, weights) = registry.load(encoder, &snapshot.revocations, &self.app.policy()).await?;
            self.pipeline.adopt(&encoder.digest, &weights)?;
            snapshot.allowed.insert(version);
        }
        Ok(())
    }
}

impl Generator for RightsGuard {
    fn describe(&self) -> GeneratorInfo {
        self.pipeline.describe()
    }

    fn admit(&mut self, job: &Job) -> Result<()> {
        let runtime = self.runtime.clone();
        wait_for(&runtime, self.clear(job)).map_err(|error| match error.kind() {
            // The store is away, not the device: these jobs are tried again.
            Kind::Unavailable => Error::new(Kind::Transient, error.to_string()).caused_by(error),
            _ => error,
        })
    }

    fn generate(&mut self, requests: &[Request], on_step: OnStep<'_>) -> Result<Each<Generated>> {
        self.pipeline.generate(requests, on_step)
    }

    fn can_score(&self) -> bool {
        self.pipeline.can_score()
    }

    fn score(&mut self, expected: &[ScoringTarget<'_>], images: &[&RgbImage]) -> Result<Each<Scores>> {
        self.pipeline.score(expected, images)
    }
}
