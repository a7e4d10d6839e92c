//! The pipeline of `run` and of workers: rights may end after a job was planned.
//!
//! In: asks, some of them for encoders that the house trained. Out: pictures and scores, as from the pipeline itself.
//! Always holds: nothing is drawn half a minute after its source was revoked or its rights expired; a version is taken in when
//! first asked for; what cannot be taken in fails its own jobs only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

use super::Context;
use crate::base::error::{Error, Kind, Result};
use crate::base::names::Digest;
use crate::base::version::VersionId;
use crate::campaign::commit::GeneratorInfo;
use crate::pipeline::{Bundle, Pipeline};
use crate::plan::Job;
use crate::registry::Registry;
use crate::registry::ledger::{Ledger, Revocations};
use crate::store::Store;
use crate::worker::engine::{Ask, Generator, Picture, Scored, StepFn};

/// Revocations, and what has expired, are looked at again after so long.
const FRESH: Duration = Duration::from_secs(30);

/// A pipeline that takes in encoders as they are asked for.
pub struct Served {
    pipeline: Pipeline,
    bundle: Bundle,
    store: Arc<dyn Store>,
    context: Context,
    looked: Option<Looked>,
}

/// What was found when it was looked.
struct Looked {
    at: Instant,
    revocations: Revocations,
    /// Versions that may be used and were taken in, with the weights that they are.
    cleared: BTreeSet<(VersionId, Digest)>,
}

impl Served {
    /// Wraps a pipeline of `bundle`.
    pub fn new(pipeline: Pipeline, bundle: Bundle, store: Arc<dyn Store>, context: Context) -> Self {
        Self { pipeline, bundle, store, context, looked: None }
    }

    /// Sees to it that what a job draws with may still be used, and that the pipeline has it.
    pub async fn admit(&mut self, job: &Job) -> Result<()> {
        let looked = match self.looked.take() {
            Some(looked) if looked.at.elapsed() < FRESH => looked,
            _ => {
                let revocations = Ledger::new(Arc::clone(&self.store)).revocations().await?;
                Looked { at: Instant::now(), revocations, cleared: BTreeSet::new() }
            }
        };
        let looked = self.looked.insert(looked);
        if job.source.encoder.is_none()
            && let Some(revocation) = looked.revocations.of_source(&job.source.source)
        {
            let (style, source) = (&job.style, &job.source.source);
            return Err(Error::invalid(format!("the source of `{style}`, {source}, is {}", revocation.because())));
        }
        let registry = Registry::new(Arc::clone(&self.store));
        for encoder in job.encoders() {
            let asked = (encoder.version.clone(), encoder.digest.clone());
            if looked.cleared.contains(&asked) {
                continue;
            }
            let (_, weights) = registry.load(encoder, &looked.revocations, &self.context.policy()).await?;
            let (runtime, settings) = self.context.models()?;
            self.pipeline.adopt(&self.bundle, &runtime, &settings, (&encoder.digest, &weights))?;
            looked.cleared.insert(asked);
        }
        Ok(())
    }
}

impl Generator for Served {
    fn describe(&self) -> GeneratorInfo {
        self.pipeline.describe()
    }

    fn generate(&mut self, asks: &[Ask], step: StepFn<'_>) -> Result<Vec<Result<Picture>>> {
        let context = self.context.clone();
        for ask in asks {
            context.block_on(self.admit(&ask.job)).map_err(|error| match error.kind() {
                // The store is away, not the device: these jobs are tried again.
                Kind::Unavailable => Error::new(Kind::Transient, error.to_string()).caused_by(error),
                _ => error,
            })?;
        }
        Generator::generate(&mut self.pipeline, asks, step)
    }

    fn score(&mut self, asks: &[&Ask], pictures: &[RgbImage]) -> Result<Vec<Result<Scored>>> {
        Generator::score(&mut self.pipeline, asks, pictures)
    }
}
