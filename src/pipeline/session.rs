//! Inference sessions: one ONNX model on one provider, with its inputs and outputs checked.
//!
//! Takes a session of ONNX Runtime and the [`Ports`] that its model must have; returns a [`Model`] that takes and
//! returns plain slices.
//!
//! # Invariants
//!
//! Names, types and shapes are checked when the model is loaded and again on what it returns. A model that fails to run
//! is the bundle's or the machine's fault, [`Kind::Unavailable`], never the request's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use super::runtime::Runtime;
use crate::base::error::{Context, Error, Kind, Result};

/// The hint for a model that was loaded and fails to run.
const BROKEN: &str = "export the bundle again (`housestyle doctor` tries every model); \
                      where memory ran out, lower the setting max_batch or use a larger device";

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// ONNX's `float`.
    F32,
    /// ONNX's `int64`.
    I64,
}

/// The specification of a model's input or output; an axis of `None` may have any size.
#[derive(Clone, Debug)]
pub struct Port {
    /// The port's name.
    pub name: &'static str,
    /// The type of its elements.
    pub element: Element,
    /// The size of each axis.
    pub axes: Vec<Option<usize>>,
}

impl Port {
    /// Returns the port of a float tensor.
    pub fn f32(name: &'static str, axes: impl Into<Vec<Option<usize>>>) -> Self {
        Self { name, element: Element::F32, axes: axes.into() }
    }

    /// Returns the port of an integer tensor.
    pub fn i64(name: &'static str, axes: impl Into<Vec<Option<usize>>>) -> Self {
        Self { name, element: Element::I64, axes: axes.into() }
    }
}

/// The ports a model must have.
#[derive(Clone, Copy, Debug)]
pub struct Ports<'a> {
    /// All inputs of the model.
    pub inputs: &'a [Port],
    /// The outputs that are used.
    pub outputs: &'a [Port],
}

/// A tensor handed to a model.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Floats and their shape.
    F32(&'a [f32], &'a [usize]),
    /// Integers and their shape.
    I64(&'a [i64], &'a [usize]),
}

/// A switch that stops models from another thread, also in the middle of a run.
#[derive(Clone)]
pub struct Stop {
    options: Arc<RunOptions>,
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Returns a new switch. The runtime must be loaded.
    pub(super) fn new(_loaded: &Runtime) -> Result<Self> {
        let options = RunOptions::new().context(Kind::Internal, || "cannot make run options")?;
        Ok(Self { options: Arc::new(options), asked: Arc::default() })
    }

    /// Ends every run of the models that share this switch, now and later, with [`Kind::Transient`].
    pub fn stop(&self) {
        self.asked.store(true, Ordering::SeqCst);
        // If the runtime refuses, the flag still stops the run at the next step.
        let _ = self.options.terminate();
    }

    /// Checks that no stop was requested.
    ///
    /// # Errors
    ///
    /// [`Kind::Transient`] after [`Stop::stop`].
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
    /// Wraps a session, after checking that its ports are exactly `ports.inputs` and at least `ports.outputs`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if a port is missing, is too many, or has another type or shape.
    pub(super) fn new(file: &'static str, session: Session, stop: Stop, ports: Ports<'_>) -> Result<Self> {
        check(file, "input", session.inputs(), ports.inputs)?;
        let known = |outlet: &&Outlet| ports.inputs.iter().any(|port| port.name == outlet.name());
        if let Some(extra) = session.inputs().iter().find(|outlet| !known(outlet)) {
            return Err(Error::invalid(format!("{file} has an unexpected input \"{}\"", extra.name().escape_debug())));
        }
        check(file, "output", session.outputs(), ports.outputs)?;
        Ok(Self { file, session, stop })
    }

    /// Runs the model. `inputs` go by name; each named output must come back as floats of exactly the given shape.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`] if the model fails or returns another shape, [`Kind::Transient`] if it was stopped.
    pub fn run(
        &mut self,
        inputs: &[(&'static str, Input<'_>)],
        outputs: &[(&'static str, &[usize])],
    ) -> Result<Vec<Vec<f32>>> {
        self.stop.check()?;
        let file = self.file;
        let failed = || format!("{file} failed to run");
        let broken = |what: String| Error::unavailable(what).hint(BROKEN);
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, input) in inputs {
            let value = match *input {
                Input::F32(data, shape) => {
                    TensorRef::from_array_view((shape.to_vec(), data)).map(SessionInputValue::from)
                }
                Input::I64(data, shape) => {
                    TensorRef::from_array_view((shape.to_vec(), data)).map(SessionInputValue::from)
                }
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
                let same = shape.len() == expected.len()
                    && shape.iter().zip(*expected).all(|(a, b)| i64::try_from(*b) == Ok(*a));
                if !same {
                    return Err(broken(format!("{file}: output \"{name}\" has shape {shape}, expected {expected:?}")));
                }
                Ok(data.to_vec())
            })
            .collect()
    }

    /// Returns the fixed size of an output's axis, if the model fixes it.
    pub(crate) fn output_axis(&self, name: &str, axis: usize) -> Option<usize> {
        fixed_axis(self.session.outputs(), name, axis)
    }

    /// Returns the fixed size of an input's axis, if the model fixes it.
    pub(crate) fn input_axis(&self, name: &str, axis: usize) -> Option<usize> {
        fixed_axis(self.session.inputs(), name, axis)
    }
}

fn fixed_axis(outlets: &[Outlet], name: &str, axis: usize) -> Option<usize> {
    let outlet = outlets.iter().find(|outlet| outlet.name() == name)?;
    let ValueType::Tensor { shape, .. } = outlet.dtype() else { return None };
    usize::try_from(*shape.get(axis)?).ok()
}

/// Compares a model's ports with what they must be. A size that the model leaves open is checked when it runs.
fn check(file: &str, kind: &str, found: &[Outlet], expected: &[Port]) -> Result<()> {
    for port in expected {
        let refuse = |what: String| {
            let why = format!("{file}: {kind} \"{}\" {what}", port.name);
            Err(Error::invalid(why).hint("export the bundle again; the model is not laid out as a bundle's must be"))
        };
        let Some(outlet) = found.iter().find(|outlet| outlet.name() == port.name) else {
            let names =
                found.iter().map(|outlet| outlet.name().escape_debug().to_string()).collect::<Vec<_>>().join(", ");
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
        let fits = |(size, axis): (&i64, &Option<usize>)| {
            *size < 0 || axis.is_none_or(|axis| i64::try_from(axis) == Ok(*size))
        };
        if shape.len() != port.axes.len() || !shape.iter().zip(&port.axes).all(fits) {
            let axes: Vec<String> =
                port.axes.iter().map(|axis| axis.map_or("any".into(), |size| size.to_string())).collect();
            return refuse(format!("has shape {shape}, expected [{}]", axes.join(", ")));
        }
    }
    Ok(())
}
