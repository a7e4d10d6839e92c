//! The real [`Generator`]: the ONNX pipeline.
//!
//! In: asks. Out: pictures and what the evaluator sees in them, in the words of the sidecar.

use image::RgbImage;

use super::engine::{Ask, Description, Generator, Picture, Scored, StepFn};
use crate::error::Result;
use crate::pipeline::{Generated, Pipeline, Request, Score};
use crate::store::sidecar::Scores;

impl Generator for Pipeline {
    fn describe(&self) -> Description {
        Description {
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
        let scores = Pipeline::score(self, pictures)?;
        let words = |(ask, score): (&&Ask, Result<Score>)| {
            score.map(|score| Scored { scores: Some(in_words(&score, ask)), seconds: score.seconds })
        };
        Ok(asks.iter().zip(scores).map(words).collect())
    }
}

fn picture(made: Generated) -> Picture {
    let t = made.timings;
    let timings = [("encode", t.encode), ("unet", t.unet), ("decode", t.decode)];
    Picture { image: made.image, timings: timings.map(|(stage, seconds)| (stage.to_owned(), seconds)).into() }
}

fn in_words(score: &Score, ask: &Ask) -> Scores {
    let marks = score.of(&ask.job.style, &ask.job.category);
    let likeliest = |top: Vec<(&str, f32)>| top.first().map_or_else(String::new, |(name, _)| (*name).to_owned());
    Scores {
        style: marks.style,
        category: marks.category,
        style_found: likeliest(score.top_styles(1)),
        category_found: likeliest(score.top_categories(1)),
        category_rank: marks.category_rank.and_then(|rank| u32::try_from(rank).ok()),
    }
}
