//! ONNX Runtime, loaded while the program runs.
//!
//! Takes the library's path, or searches for it; returns the process's one [`Runtime`].
//!
//! # Invariants
//!
//! A missing or unfit library is an error with the command that fixes it, never a panic. Nothing is sent anywhere
//! (telemetry is off). The runtime's own messages go to the log, not to the terminal.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider};
use ort::logging::LogLevel;

use super::provider::Provider;
use crate::base::error::{Error, Result};

const HINT: &str = "run `make runtime`, or set HOUSESTYLE_RUNTIME_LIBRARY \
                    to an ONNX Runtime library of version 1.24 or later";
/// The maximum depth of a library below `runtime/`: a wheel keeps it in `onnxruntime/capi/`.
const SEARCH_DEPTH: usize = 6;

/// The runtime of the process, kept for its whole life: ONNX Runtime allows one environment, and cannot create another
/// once it is gone.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// The loaded ONNX Runtime.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
}

impl Runtime {
    /// Loads the library: `library` if given, else `HOUSESTYLE_RUNTIME_LIBRARY`, else `ORT_DYLIB_PATH`, else the
    /// first one below a folder `runtime` beside the working directory, the executable or one of its parents.
    ///
    /// A process has one runtime: later calls return the first one.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`](crate::base::error::Kind::Unavailable) if no library is found, if it is too old or broken,
    /// or if another library is loaded already.
    pub fn load(library: Option<&Path>) -> Result<Self> {
        let library = library.map(Path::to_path_buf).map_or_else(find, Ok)?;
        let library = library.canonicalize().map_err(|e| {
            Error::unavailable(format!("no ONNX Runtime library at {}", library.display())).hint(HINT).caused_by(e)
        })?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            if runtime.library == library {
                return Ok(runtime.clone());
            }
            let first = runtime.library.display();
            return Err(Error::unavailable(format!(
                "the ONNX Runtime at {first} is already loaded; {} cannot be",
                library.display()
            )));
        }
        let unfit = |e: String| {
            Error::unavailable(format!("the ONNX Runtime library at {} cannot be used", library.display()))
                .hint(HINT)
                .caused_by(e)
        };
        let environment = ort::init_from(&library)
            .map_err(|e| unfit(e.to_string()))?
            .with_name("housestyle")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|e| unfit(e.to_string()))?;
        environment.set_log_level(LogLevel::Warning);
        let runtime = Self { environment, library };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// Returns the path of the library's file.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Returns the library's description of its build.
    pub(crate) fn build_info(&self) -> &'static str {
        ort::info()
    }

    /// Returns the providers that the library was built with. Whether one works is only known when a session asks for
    /// it.
    pub fn providers(&self) -> Vec<Provider> {
        let built_with = |provider: &Provider| match provider {
            Provider::Cpu => Ok(true),
            Provider::OpenVino => ep::OpenVINO::is_available(),
            Provider::Cuda => ep::CUDA::is_available(),
            Provider::TensorRt => ep::TensorRT::is_available(),
        };
        Provider::ALL.into_iter().filter(|provider| built_with(provider).unwrap_or(false)).collect()
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }
}

fn find() -> Result<PathBuf> {
    for variable in ["HOUSESTYLE_RUNTIME_LIBRARY", "ORT_DYLIB_PATH"] {
        if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
            return Ok(path.into());
        }
    }
    let executable = env::current_exe().ok();
    let beside = executable.iter().flat_map(|path| path.ancestors().skip(1).map(Path::to_path_buf));
    env::current_dir()
        .into_iter()
        .chain(beside)
        .find_map(|folder| search(&folder.join("runtime"), SEARCH_DEPTH))
        .ok_or_else(|| Error::unavailable("no ONNX Runtime library found").hint(HINT))
}

/// Returns the first library below `folder`, in the order of names.
fn search(folder: &Path, depth: usize) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let found =
        entries.iter().find(|path| path.is_file() && path.file_name().and_then(|n| n.to_str()).is_some_and(is_library));
    found.cloned().or_else(|| {
        let folders = entries.iter().filter(|path| depth > 0 && path.is_dir());
        folders.into_iter().find_map(|path| search(path, depth - 1))
    })
}

/// Returns whether a file is the runtime itself, not one of its `libonnxruntime_providers_*` companions.
fn is_library(name: &str) -> bool {
    let unix = name.starts_with("libonnxruntime.") && (name.contains(".so") || name.ends_with(".dylib"));
    unix || name == "onnxruntime.dll"
}

fn log(level: LogLevel, _category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::warn!(target: "onnxruntime", place, "{message}"),
        LogLevel::Warning => tracing::debug!(target: "onnxruntime", place, "{message}"),
        LogLevel::Info | LogLevel::Verbose => tracing::trace!(target: "onnxruntime", place, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companions_are_not_the_library() {
        for name in ["libonnxruntime.so", "libonnxruntime.so.1.32.0", "libonnxruntime.1.24.0.dylib", "onnxruntime.dll"]
        {
            assert!(is_library(name), "{name}");
        }
        for name in ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so", "onnxruntime.txt"] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn a_wheel_unpacked_below_runtime_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let capi = folder.path().join("onnxruntime/capi");
        std::fs::create_dir_all(&capi).unwrap();
        assert_eq!(search(folder.path(), SEARCH_DEPTH), None);
        std::fs::write(capi.join("libonnxruntime_providers_shared.so"), "").unwrap();
        std::fs::write(capi.join("libonnxruntime.so.1.32.0"), "").unwrap();
        assert_eq!(search(folder.path(), SEARCH_DEPTH), Some(capi.join("libonnxruntime.so.1.32.0")));
    }
}
