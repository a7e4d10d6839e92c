//! The evaluator of a worker, for pictures that nobody here draws.
//!
//! In: pictures of a delivery. Out: scores, as an import without workers gives them. Always holds: the models are loaded with the
//! first picture that comes, so a house whose deliveries are judged elsewhere never pays for them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use image::RgbImage;

use super::super::Context;
use crate::base::error::{Error, Kind, Result};
use crate::base::names::Digest;
use crate::coordinator::scoring::Judges;
use crate::pipeline::scores::Scores;
use crate::pipeline::{Bundle, Critic};
use crate::plan::Unscored;

/// Judges with one bundle.
pub struct HouseJudges {
    context: Context,
    bundle: Bundle,
    critic: Arc<Mutex<Option<Critic>>>,
}

impl HouseJudges {
    /// Judges with this bundle.
    pub fn new(context: Context, bundle: Bundle) -> Self {
        Self { context, bundle, critic: Arc::default() }
    }
}

#[async_trait]
impl Judges for HouseJudges {
    async fn judge(&self, bundle: &Digest, asked: &Unscored, picture: RgbImage) -> Result<Scores> {
        if self.bundle.digest() != bundle {
            let message = format!("to be judged with bundle {bundle}, this worker has {}", self.bundle.digest());
            return Err(Error::new(Kind::Transient, message)); // another worker may have it
        }
        let (context, bundle, critic, asked) =
            (self.context.clone(), self.bundle.clone(), Arc::clone(&self.critic), asked.clone());
        let judging = move || {
            let mut critic = critic.lock().map_err(|_| Error::internal("the evaluator was left in the middle of a picture"))?;
            let critic = match &mut *critic {
                Some(critic) => critic,
                none => {
                    let (runtime, settings) = context.models()?;
                    none.insert(Critic::load(&bundle, &runtime, &settings)?)
                }
            };
            critic.scores((&asked).into(), &picture)
        };
        tokio::task::spawn_blocking(judging).await.map_err(|e| Error::internal("judging was cut short").caused_by(e))?
    }
}
