//! The models that a study runs, and how it ends.

use std::path::Path;
use std::process::ExitCode;

use housestyle::base::error::Result;
use housestyle::pipeline::{Bundle, ModelLoader, Provider, Runtime, SessionSettings};

/// Opens a bundle for the CPU, on so many threads; 0 is every core.
///
/// # Errors
/// The bundle is not whole, or no runtime library is found.
pub fn open(bundle: &Path, threads: usize) -> Result<ModelLoader> {
    let settings = SessionSettings { provider: Provider::Cpu, threads, device: 0, cache: None };
    ModelLoader::new(Bundle::open(bundle)?, Runtime::load(None)?, settings)
}

/// Reports an error as the commands do; returns the exit code.
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
