//! What both studies begin and end with.

use std::path::Path;
use std::process::ExitCode;

use housestyle::base::error::Result;
use housestyle::pipeline::session::{Provider, SessionSettings};
use housestyle::pipeline::{Bundle, Runtime, Stop};

/// A bundle, and what its models are run with.
pub struct Models {
    /// The bundle.
    pub bundle: Bundle,
    /// The runtime library.
    pub runtime: Runtime,
    /// Where models run.
    pub session: SessionSettings,
    /// Ends a model's work; nobody does here.
    pub stop: Stop,
}

impl Models {
    /// Opens a bundle for the CPU, on so many threads; 0 is every core.
    pub fn open(bundle: &Path, threads: usize) -> Result<Self> {
        let (bundle, runtime) = (Bundle::open(bundle)?, Runtime::load(None)?);
        let stop = Stop::new(&runtime)?;
        Ok(Self {
            bundle,
            runtime,
            session: SessionSettings { provider: Provider::Cpu, threads, device: 0, cache: None },
            stop,
        })
    }
}

/// Tells of an error as the commands do.
pub fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.chain());
            error.advice().into_iter().for_each(|hint| eprintln!("hint: {hint}"));
            ExitCode::from(error.exit_code())
        }
    }
}
