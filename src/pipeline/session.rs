//! Inference sessions: one ONNX model on one provider, with its inputs and outputs checked.
//!
//! In: verified model bytes, [`SessionSettings`], and what the model must look like ([`Port`]s). Out: a [`Model`] that
//! takes and gives plain slices. What always holds: the provider asked for runs every node, or loading fails; names, types
//! and shapes are checked when the model is loaded and again on what it returns, so that no wrong model gets further. A
//! model that does not run is the bundle's or the machine's fault, [`Kind::Unavailable`], never the request's.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ort::ep;
use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use super::runtime::Runtime;
use crate::base::error::{Context, Error, Kind, Result};

/// What to do about a model that was loaded and does not run as it should.
const BROKEN: &str = "export the bundle again (`housestyle doctor` tries every model); \
                      where memory ran out, lower the setting max_batch or use a larger device";

/// Where models run. The one asked for is the one used: there is no falling back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// ONNX Runtime's own CPU kernels: everywhere, reproducible bit for bit, the slowest.
    #[default]
    Cpu,
    /// Intel's OpenVINO: faster on Intel CPUs (bf16 where the CPU has AMX, so images differ slightly from `cpu`).
    OpenVino,
    /// NVIDIA GPUs, starts in seconds.
    Cuda,
    /// NVIDIA GPUs, fastest, but builds an engine for every new shape first: minutes, unless a cache folder is set.
    TensorRt,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::OpenVino, Self::Cuda, Self::TensorRt];

    /// Whether it compiles models for the machine first, which is worth keeping.
    pub fn compiles(self) -> bool {
        matches!(self, Self::OpenVino | Self::TensorRt)
    }

    /// Its name in settings and sidecars.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|provider| provider.as_str() == text);
        found.ok_or_else(|| {
            Error::invalid(format!("unknown provider \"{}\"", text.escape_debug())).hint("use cpu, openvino, cuda or tensorrt")
        })
    }
}

/// How sessions are made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// Where models run. Images are reproducible to the bit on one provider, within a tolerance across providers.
    pub provider: Provider,
    /// Threads inside one operator; 0 takes every core. More threads finish one batch sooner; fewer leave room for
    /// decoding, uploads and other workers on the machine. Waiting threads sleep instead of spinning, which costs a few
    /// percent of speed and leaves shared machines usable. Only CPU-side providers look at it.
    pub threads: usize,
    /// Which GPU, for the providers that have several.
    pub device: u32,
    /// Where providers that compile models ([`Provider::compiles`]) keep the result. Without it every start compiles again.
    pub cache: Option<PathBuf>,
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `float`.
    F32,
    /// `int64`.
    I64,
}

/// What an input or output of a model must look like; an axis of `None` may have any size.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name.
    pub name: &'static str,
    /// Its element type.
    pub element: Element,
    /// Its axes.
    pub axes: Vec<Option<usize>>,
}

impl Port {
    /// A float tensor.
    pub fn f32(name: &'static str, axes: impl Into<Vec<Option<usize>>>) -> Self {
        Self { name, element: Element::F32, axes: axes.into() }
    }

    /// An integer tensor.
    pub fn i64(name: &'static str, axes: impl Into<Vec<Option<usize>>>) -> Self {
        Self { name, element: Element::I64, axes: axes.into() }
    }
}

/// A tensor handed to a model.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Floats and their shape.
    F32(&'a [f32], &'a [usize]),
    /// Integers and their shape.
    I64(&'a [i64], &'a [usize]),
}

/// Stops a pipeline from another thread, also in the middle of a model's run.
#[derive(Clone)]
pub struct Stop {
    options: Arc<RunOptions>,
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// A new switch. The runtime must be loaded.
    pub fn new(_loaded: &Runtime) -> Result<Self> {
        let options = RunOptions::new().context(Kind::Internal, || "cannot make run options")?;
        Ok(Self { options: Arc::new(options), asked: Arc::default() })
    }

    /// Everything that runs or would run on the pipeline ends with [`Kind::Transient`], until [`Stop::reset`].
    pub fn stop(&self) {
        self.asked.store(true, Ordering::SeqCst);
        // Should the runtime refuse, the flag still stops the run at the next step.
        let _ = self.options.terminate();
    }

    /// Lets the pipeline run again.
    pub fn reset(&self) {
        self.asked.store(false, Ordering::SeqCst);
        let _ = self.options.unterminate();
    }

    /// An error if a stop was asked for.
    pub fn check(&self) -> Result<()> {
        if self.asked.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Transient, "generation was stopped"));
        }
        Ok(())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// A loaded model. `file` is its name in the bundle, for messages.
pub struct Model {
    file: &'static str,
    session: Session,
    stop: Stop,
}

impl Model {
    /// Loads `bytes`, which must be an inspected model whose ports are exactly `inputs` and at least `outputs`.
    pub fn load(
        runtime: &Runtime,
        settings: &SessionSettings,
        stop: &Stop,
        file: &'static str,
        bytes: &[u8],
        ports: (&[Port], &[Port]),
    ) -> Result<Self> {
        let provider = settings.provider;
        let mut builder = builder(runtime, settings).map_err(|e| {
            let built_with = runtime.providers().into_iter().map(Provider::as_str).collect::<Vec<_>>().join(", ");
            Error::unavailable(format!("the provider {provider} cannot be used"))
                .hint(format!("this ONNX Runtime library offers: {built_with}; install one built for {provider}, or ask for another provider"))
                .caused_by(e)
        })?;
        let session = builder.commit_from_memory(bytes).map_err(|e| match provider {
            Provider::Cpu => Error::invalid(format!("{file} cannot be loaded")).hint("export the bundle again").caused_by(e),
            _ => Error::unavailable(format!("{file} cannot run on {provider}")).hint("ask for the provider cpu").caused_by(e),
        })?;
        let (inputs, outputs) = ports;
        check(file, "input", session.inputs(), inputs)?;
        if let Some(extra) = session.inputs().iter().find(|outlet| inputs.iter().all(|port| port.name != outlet.name())) {
            return Err(Error::invalid(format!("{file} has an input \"{}\" too many", extra.name().escape_debug())));
        }
        check(file, "output", session.outputs(), outputs)?;
        Ok(Self { file, session, stop: stop.clone() })
    }

    /// Runs the model. `inputs` go by name; each named output must come back as floats of exactly the given shape.
    pub fn run(&mut self, inputs: &[(&'static str, Input<'_>)], outputs: &[(&'static str, &[usize])]) -> Result<Vec<Vec<f32>>> {
        self.stop.check()?;
        let file = self.file;
        let failed = || format!("{file} failed to run");
        let broken = |what: String| Error::unavailable(what).hint(BROKEN);
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, input) in inputs {
            let value = match *input {
                Input::F32(data, shape) => TensorRef::from_array_view((shape.to_vec(), data)).map(SessionInputValue::from),
                Input::I64(data, shape) => TensorRef::from_array_view((shape.to_vec(), data)).map(SessionInputValue::from),
            };
            values.push((name, value.context(Kind::Internal, failed)?));
        }
        let result = self.session.run_with_options(values, &*self.stop.options);
        let found = match result {
            Ok(found) => found,
            Err(e) => {
                self.stop.check()?;
                return Err(broken(failed()).caused_by(e));
            }
        };
        outputs
            .iter()
            .map(|(name, expected)| {
                let value = found.get(name).ok_or_else(|| broken(format!("{file} gave no output \"{name}\"")))?;
                let (shape, data) = value.try_extract_tensor::<f32>().map_err(|e| broken(failed()).caused_by(e))?;
                let same =
                    shape.len() == expected.len() && shape.iter().zip(*expected).all(|(a, b)| i64::try_from(*b) == Ok(*a));
                if !same {
                    return Err(broken(format!("{file}: output \"{name}\" has shape {shape}, expected {expected:?}")));
                }
                Ok(data.to_vec())
            })
            .collect()
    }

    /// The fixed size of an output's axis, if the model fixes it.
    pub fn output_axis(&self, name: &str, axis: usize) -> Option<usize> {
        fixed_axis(self.session.outputs(), name, axis)
    }

    /// The fixed size of an input's axis, if the model fixes it.
    pub fn input_axis(&self, name: &str, axis: usize) -> Option<usize> {
        fixed_axis(self.session.inputs(), name, axis)
    }
}

fn fixed_axis(outlets: &[Outlet], name: &str, axis: usize) -> Option<usize> {
    let outlet = outlets.iter().find(|outlet| outlet.name() == name)?;
    let ValueType::Tensor { shape, .. } = outlet.dtype() else { return None };
    usize::try_from(*shape.get(axis)?).ok()
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
            // What TensorRT cannot compile runs on the same GPU.
            vec![tensorrt.build().error_on_failure(), cuda()]
        }
    };
    let mut builder = Session::builder(runtime.environment())?
        .with_intra_threads(settings.threads)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_deterministic_compute(true)?
        .with_execution_providers(providers)?;
    // OpenVINO takes a whole model or none of it. Beside CUDA and TensorRT the runtime itself computes shapes, a few integers, on the
    // CPU; forbidden to, it refuses every model with an open batch. There a provider that cannot be used has already failed above.
    if settings.provider == Provider::OpenVino {
        builder = builder.with_disable_cpu_fallback()?;
    }
    Ok(builder)
}

/// Compares a model's ports with what they must be; a size the model leaves open is checked when it runs.
fn check(file: &str, kind: &str, found: &[Outlet], expected: &[Port]) -> Result<()> {
    for port in expected {
        let refuse = |what: String| {
            let why = format!("{file}: {kind} \"{}\" {what}", port.name);
            Err(Error::invalid(why).hint("export the bundle again; the model is not laid out as a bundle's must be"))
        };
        let Some(outlet) = found.iter().find(|outlet| outlet.name() == port.name) else {
            let names = found.iter().map(|outlet| outlet.name().escape_debug().to_string()).collect::<Vec<_>>().join(", ");
            return refuse(format!("is missing; the model has {names}"));
        };
        let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
            return refuse("is not a tensor".into());
        };
        let element = match port.element {
            Element::F32 => TensorElementType::Float32,
            Element::I64 => TensorElementType::Int64,
        };
        if *ty != element {
            return refuse(format!("holds {ty}, expected {element}"));
        }
        let fits = |(size, axis): (&i64, &Option<usize>)| *size < 0 || axis.is_none_or(|axis| i64::try_from(axis) == Ok(*size));
        if shape.len() != port.axes.len() || !shape.iter().zip(&port.axes).all(fits) {
            let axes: Vec<String> = port.axes.iter().map(|axis| axis.map_or("any".into(), |size| size.to_string())).collect();
            return refuse(format!("has shape {shape}, expected [{}]", axes.join(", ")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_read_as_they_are_written() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse::<Provider>().unwrap(), provider);
            assert_eq!(serde_json::to_value(provider).unwrap(), provider.as_str());
        }
        assert_eq!("gpu".parse::<Provider>().unwrap_err().kind(), Kind::Invalid);
    }
}
