//! The real [`Generator`]: the ONNX pipeline.
//!
//! In: asks. Out: pictures and what the evaluator sees in them, in the words of the sidecar.

use image::RgbImage;

use super::engine::{Ask, Generator, Picture, Scored, StepFn};
use crate::base::error::Result;
use crate::campaign::commit::GeneratorInfo;
use crate::pipeline::{Generated, Pipeline, Request, Wanted};

impl Generator for Pipeline {
    fn describe(&self) -> GeneratorInfo {
        GeneratorInfo {
            bundle: self.bundle_name().to_owned(),
            digest: self.bundle_digest().clone(),
            provider: self.provider().to_string(),
        }
    }

    fn generate(&mut self, asks: &[Ask], step: StepFn<'_>) -> Result<Vec<Result<Picture>>> {
        let requests: Vec<Request> = asks.iter().map(|ask| Request::new(&ask.job, ask.attempt)).collect();
        let made = Pipeline::generate(self, &requests, &mut |progress| step(progress.step, progress.steps))?;
        Ok(made.into_iter().map(|result| result.map(picture)).collect())
    }

    fn score(&mut self, asks: &[&Ask], pictures: &[RgbImage]) -> Result<Vec<Result<Scored>>> {
        if !self.can_score() {
            return Ok(asks.iter().map(|_| Ok(Scored { scores: None, seconds: 0.0 })).collect());
        }
        let wanted: Vec<Wanted<'_>> = asks
            .iter()
            .map(|Ask { job, .. }| Wanted { style: &job.style, category: &job.category, prompt: &job.prompts.category })
            .collect();
        let judged = self.judge(&wanted, pictures)?;
        Ok(judged.into_iter().map(|r| r.map(|(scores, seconds)| Scored { scores: Some(scores), seconds })).collect())
    }
}

fn picture(made: Generated) -> Picture {
    let t = made.timings;
    let timings = [("encode", t.encode), ("unet", t.unet), ("decode", t.decode)];
    Picture { image: made.image, timings: timings.map(|(stage, seconds)| (stage.to_owned(), seconds)).into() }
}
