//! Exports a version as one ONNX text encoder, which any ONNX Stable Diffusion pipeline can load.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::digest::Digest;
use crate::base::error::{self, Error};
use crate::base::version::VersionId;
use crate::io::{blocking, files};
use crate::pipeline::adapter;
use crate::pipeline::bundle::TEXT_ENCODER;
use crate::registry::Registry;
use crate::registry::ledger::Ledger;

/// The request to export a version.
#[derive(Clone, Debug)]
pub(crate) struct ExportRequest {
    /// The version to export.
    pub version: VersionId,
    /// The file to write.
    pub to: PathBuf,
    /// Whether to replace an existing file.
    pub replace: bool,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of an export.
#[derive(Debug, Serialize)]
pub(crate) struct ExportReport {
    /// The exported version.
    pub version: VersionId,
    /// The file that was written.
    pub file: String,
    /// The file's digest.
    pub sha256: Digest,
    /// The file's size in bytes.
    pub bytes: usize,
}

impl App {
    /// Writes a version as an ONNX text encoder.
    ///
    /// # Errors
    /// Returns an error if its rights forbid it, its bundle is missing, or the file cannot be written.
    pub(crate) async fn export_encoder(&self, request: ExportRequest) -> AppResult<ExportReport> {
        let store = self.store(request.out.as_deref()).await?;
        let version = &request.version;
        let registry = Registry::new(store.clone());
        let card = registry.card(version).await?;
        let revocations = Ledger::new(store).revocations().await?;
        if let Some(reason) = registry.barred(version, &revocations, &self.policy()).await? {
            return Err(Error::invalid(format!("{version} is not exported: {reason}")).into());
        }
        let weights = registry.weights(&card).await?;
        let bundle = self.bundle(&card.base.reference()).await?;
        let report = blocking(move || {
            let merged = adapter::merge(&bundle.read(TEXT_ENCODER)?, &weights)?;
            write(request, &merged)
        });
        Ok(report.await?)
    }
}

fn write(request: ExportRequest, encoder: &[u8]) -> error::Result<ExportReport> {
    let ExportRequest { version, to, replace, .. } = request;
    if !files::write(&to, encoder, replace).map_err(|e| files::failed("write", &to, e))? {
        return Err(Error::invalid(format!("{} exists already", to.display()))
            .hint("name another file, or replace this one with --force"));
    }
    Ok(ExportReport { version, file: to.display().to_string(), sha256: Digest::of(encoder), bytes: encoder.len() })
}
