//! Loading a bundle's models: one object holds the bundle, the runtime, the session settings and the stop switch.
//!
//! Takes a verified [`Bundle`], a loaded [`Runtime`] and [`SessionSettings`]; returns [`Model`]s.
//!
//! # Invariants
//!
//! The provider asked for runs every node, or loading fails. All models of one loader share one [`Stop`].

use ort::ep;
use ort::session::Session;
use ort::session::builder::SessionBuilder;

use super::bundle::Bundle;
use super::bundle::manifest::BundleSpec;
use super::provider::{Provider, SessionSettings};
use super::runtime::Runtime;
use super::session::{Model, Ports, Stop};
use crate::base::error::{Error, Result};

/// Loads the models of one bundle on one provider.
#[derive(Clone, Debug)]
pub struct ModelLoader {
    bundle: Bundle,
    runtime: Runtime,
    settings: SessionSettings,
    stop: Stop,
}

impl ModelLoader {
    /// Returns a loader with a stop switch of its own.
    ///
    /// # Errors
    ///
    /// [`Kind::Internal`](crate::base::error::Kind::Internal) if the runtime cannot create the switch.
    pub fn new(bundle: Bundle, runtime: Runtime, settings: SessionSettings) -> Result<Self> {
        let stop = Stop::new(&runtime)?;
        Ok(Self { bundle, runtime, settings, stop })
    }

    /// Returns the bundle.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Returns the bundle's manifest.
    pub fn spec(&self) -> &BundleSpec {
        &self.bundle.manifest().spec
    }

    /// Returns the provider that runs the models.
    pub fn provider(&self) -> Provider {
        self.settings.provider
    }

    /// Returns the session settings.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// Returns the switch that stops every model of this loader.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Loads a file of the bundle as a model.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load_bytes`]; also if the file is missing from the bundle or has changed.
    pub fn load(&self, file: &'static str, ports: Ports<'_>) -> Result<Model> {
        self.load_bytes(file, &self.bundle.read(file)?, ports)
    }

    /// Loads `bytes`, an inspected ONNX file, as a model; `file` is its name for messages.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`](crate::base::error::Kind::Unavailable) if the provider cannot be used,
    /// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if the model cannot be loaded or has other ports.
    pub fn load_bytes(&self, file: &'static str, bytes: &[u8], ports: Ports<'_>) -> Result<Model> {
        let provider = self.settings.provider;
        let mut builder = builder(&self.runtime, &self.settings).map_err(|e| {
            let built_with = self.runtime.providers().into_iter().map(Provider::as_str).collect::<Vec<_>>().join(", ");
            Error::unavailable(format!("the provider {provider} cannot be used"))
                .hint(format!(
                    "this ONNX Runtime library offers: {built_with}; \
                     install one built for {provider}, or ask for another provider"
                ))
                .caused_by(e)
        })?;
        let session = builder.commit_from_memory(bytes).map_err(|e| match provider {
            Provider::Cpu => {
                Error::invalid(format!("{file} cannot be loaded")).hint("export the bundle again").caused_by(e)
            }
            _ => Error::unavailable(format!("{file} cannot run on {provider}"))
                .hint("ask for the provider cpu")
                .caused_by(e),
        })?;
        Model::new(file, session, self.stop.clone(), ports)
    }
}

fn builder(runtime: &Runtime, settings: &SessionSettings) -> ort::Result<SessionBuilder> {
    let cache = settings.cache.as_ref().map(|path| path.display().to_string());
    let device = i32::try_from(settings.device).unwrap_or(i32::MAX);
    // Chosen for reproducible images: no TF32, no kernels picked by a race between them.
    let cuda = || {
        ep::CUDA::default()
            .with_device_id(device)
            .with_tf32(false)
            .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic)
            .build()
            .error_on_failure()
    };
    let providers = match settings.provider {
        Provider::Cpu => vec![ep::CPU::default().build().error_on_failure()],
        Provider::OpenVino => {
            let mut openvino = ep::OpenVINO::default().with_device_type("CPU");
            if settings.threads > 0 {
                openvino = openvino.with_num_threads(settings.threads);
            }
            if let Some(cache) = cache {
                openvino = openvino.with_cache_dir(cache);
            }
            vec![openvino.build().error_on_failure()]
        }
        Provider::Cuda => vec![cuda()],
        Provider::TensorRt => {
            let mut tensorrt = ep::TensorRT::default().with_device_id(device);
            if let Some(cache) = cache {
                tensorrt = tensorrt.with_engine_cache(true).with_engine_cache_path(cache);
            }
            // A model that TensorRT cannot compile runs on the same GPU by CUDA.
            vec![tensorrt.build().error_on_failure(), cuda()]
        }
    };
    let mut builder = Session::builder(runtime.environment())?
        .with_intra_threads(settings.threads)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_deterministic_compute(true)?
        .with_execution_providers(providers)?;
    // OpenVINO takes a whole model or none of it. Beside CUDA and TensorRT the runtime itself computes shapes, a few
    // integers, on the CPU; where that is forbidden, it refuses every model with an open batch. A provider of those two
    // that cannot be used has already failed above.
    if settings.provider == Provider::OpenVino {
        builder = builder.with_disable_cpu_fallback()?;
    }
    Ok(builder)
}
