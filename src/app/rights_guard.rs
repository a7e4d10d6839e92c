//! A pipeline that checks rights before it draws, as they may end after a job was planned. `run` and the workers use
//! it.
//!
//! Takes requests, some of them for trained encoders; returns images and scores as the pipeline does.
//!
//! # Invariants
//! Nothing is drawn later than `REVOCATION_TTL` after its source was revoked or its rights expired. A trained
//! version is loaded at its first use. A version that cannot be loaded fails only the jobs that use it.

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

/// Time for which revocations and checked rights are cached.
const REVOCATION_TTL: Duration = Duration::from_secs(30);

/// A pipeline that loads trained encoders at their first use, if their rights allow it.
pub(crate) struct RightsGuard {
    pipeline: Pipeline,
    store: Arc<dyn Store>,
    app: App,
    runtime: Handle,
    snapshot: Option<RevocationSnapshot>,
}

/// The revocations read at one time, and the versions allowed by them.
struct RevocationSnapshot {
    read_at: Instant,
    revocations: Revocations,
    /// Versions that may be used and are loaded, with the digests of their weights.
    allowed: BTreeSet<(VersionId, Digest)>,
}

impl RightsGuard {
    /// Wraps a pipeline. Must be called inside the async runtime, on which the guard reads the store.
    pub fn new(pipeline: Pipeline, store: Arc<dyn Store>, app: App) -> Self {
        Self { pipeline, store, app, runtime: Handle::current(), snapshot: None }
    }

    /// Checks that the styles and encoders of a job may still be used, and loads its encoders into the pipeline.
    ///
    /// # Errors
    /// Returns an error if rights ended, weights are missing or damaged, or the store cannot be read.
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
            // The store is unavailable, not the device: as a transient error, these jobs are retried.
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
