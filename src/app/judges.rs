//! The evaluator of a worker, for pictures that nobody here draws.
//!
//! In: pictures of a delivery. Out: scores, as an import without workers gives them. Always holds: the models are loaded with the
//! first picture that comes, so a house whose deliveries are judged elsewhere never pays for them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use image::RgbImage;

use super::resources::App;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::coordinator::scoring::DeliveryScorer;
use crate::io::blocking;
use crate::pipeline::scores::Scores;
use crate::pipeline::{Bundle, Critic};
use crate::plan::Unscored;

/// Judges with one bundle.
pub struct BundleJudges {
    app: App,
    bundle: Bundle,
    critic: Arc<Mutex<Option<Critic>>>,
}

impl BundleJudges {
    /// Judges with this bundle.
    pub fn new(app: App, bundle: Bundle) -> Self {
        Self { app, bundle, critic: Arc::default() }
    }
}

#[async_trait]
impl DeliveryScorer for BundleJudges {
    async fn judge(&self, bundle: &Digest, asked: &Unscored, picture: RgbImage) -> Result<Scores> {
        if self.bundle.digest() != bundle {
            let message = format!("to be judged with bundle {bundle}, this worker has {}", self.bundle.digest());
            return Err(Error::new(Kind::Transient, message)); // another worker may have it
        }
        let (app, bundle, critic, asked) = (self.app.clone(), self.bundle.clone(), Arc::clone(&self.critic), asked.clone());
        let judging = move || {
            let mut critic = critic.lock().map_err(|_| Error::internal("the evaluator was left in the middle of a picture"))?;
            let critic = match &mut *critic {
                Some(critic) => critic,
                none => {
                    let (runtime, settings) = app.models()?;
                    none.insert(Critic::load(&bundle, &runtime, &settings)?)
                }
            };
            critic.scores((&asked).into(), &picture)
        };
        blocking(judging).await
    }
}
