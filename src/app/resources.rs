//! The application's resources: the settings, and the store, broker, bundles and models that the settings name.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::progress::{Progress, ProgressSink};
use crate::base::error::{Error, Result};
use crate::base::names::BundleRef;
use crate::base::time::Timestamp;
use crate::broker::{Rabbit, RabbitSettings};
use crate::config::Config;
use crate::io::blocking;
use crate::io::shutdown::Shutdown;
use crate::pipeline::{Bundle, ModelLoader, Pipeline, Provider, Runtime, SessionSettings};
use crate::plan::{Rates, StyleCatalog};
use crate::registry::ledger::Ledger;
use crate::registry::{Registry, style_catalog};
use crate::rights::Policy;
use crate::store::{Local, S3, Store};
use crate::telemetry::{Metrics, Readiness, serve};

/// The application, whose methods are the use cases. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The settings, merged from all layers and validated.
    pub config: Arc<Config>,
    /// The request to stop; long use cases stop within a step of it.
    pub shutdown: Shutdown,
    progress: Arc<dyn ProgressSink>,
}

impl App {
    /// Creates an application with these settings that sends its progress events to `progress`.
    ///
    /// # Errors
    /// Returns [`Kind::Invalid`](crate::base::error::Kind::Invalid) for an unknown execution provider, so that every
    /// use case refuses it, not only those that load models.
    pub fn new(config: Config, shutdown: Shutdown, progress: Arc<dyn ProgressSink>) -> Result<Self> {
        let app = Self { config: Arc::new(config), shutdown, progress };
        app.provider()?;
        Ok(app)
    }

    /// Sends an event to the progress sink.
    pub(super) fn report(&self, progress: &Progress<'_>) {
        self.progress.report(progress);
    }

    /// Returns the execution provider of the settings.
    ///
    /// # Errors
    /// Returns an error if there is no provider of that name.
    pub(super) fn provider(&self) -> Result<Provider> {
        self.config.provider.parse()
    }

    /// Returns the rates that convert time into money.
    pub(super) fn rates(&self) -> Rates {
        Rates { cost_per_hour: self.config.cost_per_hour, currency: self.config.currency }
    }

    /// Returns the licence policy, as of today.
    pub(super) fn policy(&self) -> Policy {
        Policy { allowed: self.config.allowed_licences.clone(), today: Timestamp::now().date() }
    }

    /// Returns the folder or bucket that `out` names, or else the one of the settings.
    pub fn place<'a>(&'a self, out: Option<&'a str>) -> &'a str {
        out.unwrap_or(&self.config.out)
    }

    /// Opens the store in the folder or bucket that `out` names, or else the one of the settings.
    ///
    /// # Errors
    /// Returns an error for a place that is neither a folder nor an S3 bucket, and for a bucket that cannot be
    /// reached.
    pub async fn store(&self, out: Option<&str>) -> Result<Arc<dyn Store>> {
        let place = self.place(out);
        let hint = "name a folder, or s3://bucket/prefix, with --out";
        match place.split_once("://") {
            Some(("s3", place)) => Ok(Arc::new(S3::open(place, &self.config.s3).await?)),
            Some((scheme, _)) => Err(Error::invalid(format!("cannot write to {scheme}://")).hint(hint)),
            None if place.is_empty() => Err(Error::invalid("--out is empty").hint(hint)),
            None => Ok(Arc::new(Local::new(place))),
        }
    }

    /// Connects to the broker of the settings; the broker delivers at most `prefetch` messages of each priority
    /// ahead.
    ///
    /// # Errors
    /// Returns an error if no broker is set or it cannot be reached.
    pub(super) async fn broker(&self, prefetch: u16) -> Result<Rabbit> {
        let missing = || {
            Error::unavailable("no broker is set")
                .hint("set HOUSESTYLE_BROKER, or `broker` in housestyle.yaml, to amqps://user:password@host:5671/vhost")
        };
        let broker = self.config.broker.as_ref().ok_or_else(missing)?;
        let delays = self.config.retry_delays.iter().map(|seconds| Duration::from_secs_f64(*seconds)).collect();
        let settings = RabbitSettings { prefetch, delays, ..RabbitSettings::default() };
        Rabbit::connect(broker, self.config.allow_plaintext, settings).await
    }

    /// Reads the styles that a bundle and the encoders trained for it offer.
    ///
    /// # Errors
    /// Returns an error if the store's encoders cannot be read.
    pub(super) async fn style_catalog(&self, bundle: &Bundle, store: &Arc<dyn Store>) -> Result<StyleCatalog> {
        let (registry, ledger) = (Registry::new(store.clone()), Ledger::new(store.clone()));
        style_catalog(&registry, &ledger, bundle.facts(), self.policy()).await
    }

    /// Starts metrics and readiness with these checks, and serves them over HTTP at the setting `listen` until the
    /// process ends.
    ///
    /// # Errors
    /// Returns an error if the address cannot be listened on.
    pub(super) async fn telemetry(&self, checks: &[&'static str]) -> Result<serve::ProbeState> {
        let state = serve::ProbeState { metrics: Arc::new(Metrics::new()?), readiness: Readiness::new(checks) };
        if let Some(address) = self.config.listen {
            let listener = serve::listen(address).await?;
            let bound = listener.local_addr().map_or_else(|_| address.to_string(), |address| address.to_string());
            tracing::info!(address = bound, "serving metrics and readiness");
            tokio::spawn(serve::serve(listener, state.clone(), std::future::pending()));
        }
        let (readiness, shutdown) = (state.readiness.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            shutdown.wait().await;
            readiness.drain();
        });
        Ok(state)
    }

    /// Loads the ONNX runtime library. Blocks.
    ///
    /// # Errors
    /// Returns an error if the library cannot be loaded.
    pub(super) fn runtime(&self) -> Result<Runtime> {
        Runtime::load(self.config.runtime_library.as_deref())
    }

    /// Returns the loader of a bundle's models, with the runtime and execution provider of the settings. Blocks.
    ///
    /// # Errors
    /// Returns an error if the runtime library cannot be loaded, or the provider is unknown.
    pub(super) fn loader(&self, bundle: Bundle) -> Result<ModelLoader> {
        let Config { threads, device, .. } = *self.config;
        let settings = SessionSettings { provider: self.provider()?, threads, device, cache: self.cache()? };
        ModelLoader::new(bundle, self.runtime()?, settings)
    }

    /// Loads the bundle's models on the execution provider of the settings.
    ///
    /// # Errors
    /// As [`App::load_pipeline`].
    pub(super) async fn pipeline(&self, bundle: &Bundle) -> Result<Pipeline> {
        let (app, bundle) = (self.clone(), bundle.clone());
        blocking(move || app.load_pipeline(&bundle)).await
    }

    /// Loads the bundle's models on the execution provider of the settings. Blocks.
    ///
    /// # Errors
    /// Returns an error if runtime library, provider or a model cannot be loaded, or the cache folder cannot be made.
    pub(super) fn load_pipeline(&self, bundle: &Bundle) -> Result<Pipeline> {
        let loader = self.loader(bundle.clone())?;
        if loader.provider() == Provider::TensorRt {
            self.report(&Progress::BuildingEngines { cache: loader.settings().cache.as_deref() });
        }
        Pipeline::load(&loader)
    }

    /// Creates the folder where the provider caches compiled models; returns `None` for a provider that compiles
    /// nothing.
    fn cache(&self) -> Result<Option<PathBuf>> {
        let provider = self.provider()?;
        let folder =
            self.config.cache_dir.as_ref().filter(|_| provider.compiles()).map(|dir| dir.join(provider.as_str()));
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).map_err(|e| {
                let failed = Error::unavailable(format!(
                    "cannot cache the models compiled by {provider} in {}",
                    folder.display()
                ));
                failed.hint("set cache_dir to a writable folder").caused_by(e)
            })?;
        }
        Ok(folder)
    }

    /// Finds, verifies and opens the bundle that a campaign names: the first of that name or, if a digest is given,
    /// the first with that digest.
    ///
    /// # Errors
    /// Returns an error if no such bundle is in the folders of the settings, or its files do not match its manifest.
    pub(super) async fn bundle(&self, reference: &BundleRef) -> Result<Bundle> {
        let (app, reference) = (self.clone(), reference.clone());
        blocking(move || app.open_bundle(&reference)).await
    }

    /// Finds, verifies and opens a bundle. Blocks.
    fn open_bundle(&self, reference: &BundleRef) -> Result<Bundle> {
        let (name, folders) = (reference.name.as_str(), &self.config.bundles);
        let there: Vec<PathBuf> =
            folders.iter().map(|d| d.join(name)).filter(|d| d.join("bundle.yaml").is_file()).collect();
        let Some(first) = there.first() else {
            let places: Vec<_> = folders.iter().map(|d| d.display().to_string()).collect();
            return Err(Error::unavailable(format!("no bundle named {name} in {}", places.join(", ")))
                .hint("name the folder that holds it with --bundles DIR, or HOUSESTYLE_BUNDLES"));
        };
        let Some(wanted) = &reference.digest else { return Bundle::open(first) };
        let mut others = Vec::new();
        for folder in &there {
            match Bundle::digest_in(folder) {
                Ok(digest) if digest == *wanted => return Bundle::open(folder),
                Ok(digest) => others.push(format!("bundle {name} in {} has digest {digest}", folder.display())),
                Err(error) => others.push(error.chain()),
            }
        }
        Err(Error::unavailable(format!("{}; requested was {wanted}", others.join("; ")))
            .hint("name the folder of that version with --bundles DIR, or request an existing digest"))
    }

    /// Opens every bundle in the folders of the settings, in the order of their paths.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be read; a bundle that cannot be opened is in the list with its error.
    pub(super) async fn bundles(&self) -> Result<Vec<FoundBundle>> {
        let app = self.clone();
        blocking(move || {
            let folders = app.config.bundles.iter().filter_map(|d| std::fs::read_dir(d).ok()).flatten().flatten();
            let mut folders: Vec<PathBuf> =
                folders.map(|e| e.path()).filter(|p| p.join("bundle.yaml").is_file()).collect();
            folders.sort();
            let open = |folder: PathBuf| FoundBundle { opened: Bundle::open(&folder), folder };
            Ok(folders.into_iter().map(open).collect())
        })
        .await
    }
}

/// A folder that contains a bundle.
#[derive(Debug)]
pub(super) struct FoundBundle {
    /// The folder.
    pub(super) folder: PathBuf,
    /// The verified bundle, or the error that makes it unusable.
    pub(super) opened: Result<Bundle>,
}

impl FoundBundle {
    /// Returns the bundle's name, which is the folder's name.
    pub(super) fn name(&self) -> String {
        self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}
