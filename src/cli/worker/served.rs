//! The pipeline of a worker that does not know its jobs before they come.
//!
//! In: asks, some of them for encoders that the house trained. Out: pictures and scores, as from the pipeline itself.
//! Always holds: a version is taken in when first asked for, and only if nothing it learned from is revoked; what cannot be
//! taken in fails its own jobs only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

use super::super::Context;
use crate::encoders::Registry;
use crate::error::{Kind, Result};
use crate::pipeline::{Bundle, Pipeline};
use crate::plan::EncoderRef;
use crate::rights::{Ledger, Revocations};
use crate::spec::Digest;
use crate::store::Store;
use crate::worker::engine::{Ask, Description, Generator, Picture, Scored, StepFn};

/// Revocations are looked at again after so long.
const FRESH: Duration = Duration::from_secs(30);

/// A pipeline that takes in encoders as they are asked for.
pub struct Served {
    pipeline: Pipeline,
    bundle: Bundle,
    store: Arc<dyn Store>,
    context: Context,
    adopted: BTreeSet<Digest>,
    revocations: Option<(Instant, Revocations)>,
}

impl Served {
    /// Wraps a pipeline of `bundle`.
    pub fn new(pipeline: Pipeline, bundle: Bundle, store: Arc<dyn Store>, context: Context) -> Self {
        Self { pipeline, bundle, store, context, adopted: BTreeSet::new(), revocations: None }
    }

    /// Sees to it that the pipeline has an encoder and that it may still be used.
    fn admit(&mut self, encoder: &EncoderRef) -> Result<()> {
        let registry = Registry::new(Arc::clone(&self.store));
        let revocations = self.revocations()?;
        if self.adopted.contains(&encoder.digest) {
            return match self.context.block_on(registry.revoked(&encoder.version, &revocations))? {
                Some(reason) => Err(crate::error::Error::invalid(reason)),
                None => Ok(()),
            };
        }
        let (_, weights) = self.context.block_on(registry.load(encoder, &revocations))?;
        let (runtime, settings) = self.context.models()?;
        self.pipeline.adopt(&self.bundle, &runtime, &settings, (&encoder.digest, &weights))?;
        self.adopted.insert(encoder.digest.clone());
        Ok(())
    }

    fn revocations(&mut self) -> Result<Revocations> {
        if let Some((looked, known)) = &self.revocations
            && looked.elapsed() < FRESH
        {
            return Ok(known.clone());
        }
        let ledger = Ledger::new(Arc::clone(&self.store));
        let known = self.context.block_on(ledger.revocations())?;
        self.revocations = Some((Instant::now(), known.clone()));
        Ok(known)
    }
}

impl Generator for Served {
    fn describe(&self) -> Description {
        self.pipeline.describe()
    }

    fn generate(&mut self, asks: &[Ask], step: StepFn<'_>) -> Result<Vec<Result<Picture>>> {
        let encoders: Vec<&EncoderRef> = asks.iter().flat_map(|ask| ask.job.encoders()).collect();
        for encoder in encoders {
            self.admit(encoder).map_err(|error| match error.kind() {
                // The store is away, not the device: these jobs are tried again.
                Kind::Unavailable => crate::error::Error::new(Kind::Transient, error.to_string()).caused_by(error),
                _ => error,
            })?;
        }
        Generator::generate(&mut self.pipeline, asks, step)
    }

    fn score(&mut self, asks: &[&Ask], pictures: &[RgbImage]) -> Result<Vec<Result<Scored>>> {
        Generator::score(&mut self.pipeline, asks, pictures)
    }
}
