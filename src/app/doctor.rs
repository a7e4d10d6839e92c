//! Checks that everything a run needs is present and works, and says how to mend what is not.
//!
//! # Invariants
//! Every check is made, whatever the results of the others; models pass only after they ran on the requested
//! execution provider.

use std::path::Path;
use std::time::Instant;

use super::failure::AppResult;
use super::findings::SystemCheck;
use super::progress::Progress;
use super::resources::App;
use super::warm_up::{WarmUp, warm_up};
use crate::base::error::{self, Error};
use crate::io::blocking;
use crate::pipeline::Bundle;

/// The request to check the installation.
#[derive(Clone, Debug, Default)]
pub(crate) struct DoctorRequest {
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

impl App {
    /// Runs every check, and reports each as [`Progress::Checked`].
    ///
    /// # Errors
    /// None for a check that fails, which is in the result.
    pub async fn doctor(&self, request: DoctorRequest) -> AppResult<Vec<SystemCheck>> {
        let mut checks = Vec::new();
        let mut done = |check: SystemCheck| {
            self.report(&Progress::Checked(&check));
            checks.push(check);
        };
        let app = self.clone();
        let library =
            blocking(move || app.runtime().map(|r| format!("{} ({})", r.library().display(), r.build_info()))).await;
        let loaded = library.is_ok();
        done(SystemCheck::new("runtime library", library));
        let bundles = self.bundles().await?;
        if bundles.is_empty() {
            let places: Vec<_> = self.config.bundles.iter().map(|d| d.display().to_string()).collect();
            done(SystemCheck::new("bundle", Err(no_bundle(&places.join(", ")))));
        }
        for found in bundles {
            let name = found.name();
            let models = format!("models of {name} on {}", self.config.provider);
            let tried = match found.opened.as_ref().ok().filter(|_| loaded) {
                Some(bundle) => Some(self.try_out(bundle.clone()).await),
                None => None,
            };
            let whole = found.opened.map(|bundle| format!("{}, every file matches its digest", bundle.digest()));
            done(SystemCheck::new(format!("bundle {name}"), whole));
            if let Some(tried) = tried {
                done(SystemCheck::new(models, tried));
            }
        }
        let place = self.place(request.out.as_deref());
        done(if place.contains("://") {
            let tried = async { self.store(Some(place)).await?.verify().await };
            SystemCheck::new(format!("output bucket {place}"), tried.await.map(|()| "can be written".into()))
        } else {
            let folder = place.to_owned();
            SystemCheck::new(format!("output folder {place}"), blocking(move || writable(Path::new(&folder))).await)
        });
        Ok(checks)
    }

    /// Loads a bundle's models and runs each of them once.
    async fn try_out(&self, bundle: Bundle) -> error::Result<String> {
        let app = self.clone();
        blocking(move || {
            let start = Instant::now();
            let mut pipeline = app.load_pipeline(&bundle)?;
            let loaded = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let WarmUp { size, scored } = warm_up(&mut pipeline, &bundle)?;
            let scored = if scored { ", and scored it," } else { "" };
            let took = start.elapsed().as_secs_f64();
            Ok(format!("loaded in {loaded:.1} s; made an image of {size} pixels in one step{scored} in {took:.1} s"))
        })
        .await
    }
}

fn no_bundle(places: &str) -> Error {
    Error::unavailable(format!("none in {places}")).hint("name the folder that holds bundles with --bundles DIR")
}

/// Checks that files can be created in `folder`, or in the folder where it would be created.
fn writable(folder: &Path) -> error::Result<String> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let there = absolute.ancestors().find(|a| a.exists()).unwrap_or(Path::new("/"));
    match tempfile::tempfile_in(there) {
        Ok(_) if there == absolute => Ok("can be written".into()),
        Ok(_) => Ok("will be created".into()),
        Err(e) => Err(Error::unavailable(format!("cannot write to {}", there.display()))
            .hint("name a writable folder with --out DIR")
            .caused_by(e)),
    }
}
