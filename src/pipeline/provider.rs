//! Execution providers: which device runs the models, and with which settings.
//!
//! Takes names and numbers from the settings; returns a [`Provider`] and [`SessionSettings`] for the loader.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::base::error::{Error, Result};

/// A device and library that runs models. The one asked for is used or loading fails; there is no fallback.
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
    /// All providers.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::OpenVino, Self::Cuda, Self::TensorRt];

    /// Returns whether the provider compiles models for the machine first, so that the result is worth caching.
    pub(crate) fn compiles(self) -> bool {
        matches!(self, Self::OpenVino | Self::TensorRt)
    }

    /// Returns the provider's name in settings and sidecars.
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
            Error::invalid(format!("unknown provider \"{}\"", text.escape_debug()))
                .hint("use cpu, openvino, cuda or tensorrt")
        })
    }
}

/// Settings of inference sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// The provider. Images are reproducible to the bit on one provider, within a tolerance across providers.
    pub provider: Provider,
    /// Threads inside one operator; 0 takes every core. More threads finish one batch sooner; fewer leave room for
    /// decoding, uploads and other workers on the machine. Waiting threads sleep instead of spinning, which costs a few
    /// percent of speed and leaves shared machines usable. Used by CPU-side providers only.
    pub threads: usize,
    /// The number of the GPU, for providers that can use several.
    pub device: u32,
    /// The folder in which providers that compile models (`Provider::compiles`) keep the result. Without it every
    /// start compiles again.
    pub cache: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    #[test]
    fn providers_are_read_as_they_are_written() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse::<Provider>().unwrap(), provider);
            assert_eq!(serde_json::to_value(provider).unwrap(), provider.as_str());
        }
        assert_eq!("gpu".parse::<Provider>().unwrap_err().kind(), Kind::Invalid);
    }
}
