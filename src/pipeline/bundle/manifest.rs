//! `bundle.yaml`: a bundle's description of itself.
//!
//! Takes the file's text; returns a checked [`Manifest`].
//!
//! # Invariants
//!
//! Unknown keys are errors. Names, counts and sizes lie within limits. Texts for people are one line without invisible
//! characters. Every path in `files` stays inside the bundle's folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::base::digest::{Digest, bare_digest};
use crate::base::error::{Context, Error, Kind, Result};
use crate::base::licence::Licence;
use crate::base::names::Name;
use crate::base::{limits, text, yaml};

/// The maximum size of a `bundle.yaml` in bytes.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// The maximum number of files that a bundle may list.
const MAX_FILES: usize = 64;
/// The maximum size of one file in bytes: protobuf's own limit, and far above every text file.
const MAX_FILE_BYTES: u64 = (1 << 31) - 1;
/// The maximum image edge in pixels.
const MAX_SIZE: u32 = 4096;
/// The maximum number of styles or categories.
const MAX_CLASSES: usize = 10_000;

/// The document in a `bundle.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: BundleSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: Name,
    #[serde(default)]
    description: String,
}

/// A checked `bundle.yaml`.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The bundle's name, which is also its folder's.
    pub name: Name,
    /// One sentence about it.
    pub description: String,
    /// The bundle's contents and use.
    pub spec: BundleSpec,
}

/// The bundle's contents and how it is used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleSpec {
    /// Image edges it can draw, in pixels.
    pub sizes: Vec<u32>,
    /// Shape and scale of its latents.
    pub latent: LatentSpec,
    /// The limit of the tokenizer.
    pub tokenizer: TokenizerSpec,
    /// The number of style scales that the UNet takes.
    pub cross_attention_layers: usize,
    /// The templates by which prompts are written for it.
    pub prompt: PromptTemplates,
    /// The measured seconds of one UNet step for one image, all branches.
    pub seconds_per_step: f64,
    /// The measured size of one PNG in bytes.
    pub bytes_per_image: u64,
    /// The styles it can draw.
    pub styles: Vec<BundleStyle>,
    /// The evaluator's category classes, in logit order; empty without evaluator.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The independent evaluator, if the bundle has one.
    #[serde(default)]
    pub evaluator: Option<EvaluatorSpec>,
    /// Figures measured by its maker; printed, never used in a computation.
    #[serde(default)]
    pub measured: Value,
    /// A description of its training data; printed.
    #[serde(default)]
    pub training_data: Value,
    /// The files of the bundle by path, without `bundle.yaml` and `README.md`.
    pub files: BTreeMap<String, ListedFile>,
}

/// The shape and scale of latents.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentSpec {
    /// The number of channels.
    pub channels: usize,
    /// The edge of one latent cell in pixels.
    pub downscale: u32,
    /// The factor by which training multiplied the encoder's latents, after subtracting the shift.
    pub scaling_factor: f64,
    /// The shift, subtracted before scaling.
    #[serde(default)]
    pub shift_factor: f64,
}

/// The limit of the tokenizer.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerSpec {
    /// The number of tokens of a prompt, including begin and end.
    pub max_length: usize,
}

/// The templates by which prompts are written for the bundle.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptTemplates {
    /// The template of a category's prompt, with `{category}`.
    pub category: String,
    /// The template of a style's prompt, with `{prompt}` and `{look}`.
    pub style: String,
}

/// A style the bundle can draw.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleStyle {
    /// The style's name.
    pub name: Name,
    /// An expert's description of the style.
    pub look: String,
    /// The licence of the drawings it was learned from.
    pub licence: Licence,
    /// The holder of the rights in those drawings.
    pub holder: String,
    /// The source of those drawings.
    pub source: String,
    /// The attribution that the licence asks for.
    #[serde(default)]
    pub attribution: String,
}

/// The independent evaluator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatorSpec {
    /// The edge of its input images, in pixels.
    pub size: u32,
    /// The style classes, in logit order.
    pub styles: Vec<String>,
    /// The accuracy on held-out drawings; printed beside every score.
    #[serde(default)]
    pub held_out: BTreeMap<String, f64>,
}

/// A listed file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedFile {
    /// The SHA-256 of the file.
    #[serde(with = "bare_digest")]
    pub sha256: Digest,
    /// The size of the file in bytes.
    pub bytes: u64,
}

impl Manifest {
    /// Parses and checks the text of a `bundle.yaml`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] for the first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = yaml::parse(text).context(Kind::Invalid, || "bundle.yaml cannot be read")?;
        if (file.api_version.as_str(), file.kind.as_str()) != ("housestyle/v1", "Bundle") {
            return Err(Error::invalid("bundle.yaml: expected apiVersion housestyle/v1 and kind Bundle"));
        }
        let mut manifest = Self { name: file.metadata.name, description: file.metadata.description, spec: file.spec };
        let checked = manifest.make_plain().and_then(|()| manifest.spec.check());
        checked.map_err(|why| Error::invalid(format!("bundle.yaml: {why}")))?;
        Ok(manifest)
    }

    /// Checks every text that people read or prompts hold: nothing in it can forge a line or control a terminal.
    fn make_plain(&mut self) -> Result<(), String> {
        fn plain(place: &str, value: &mut String, longest: usize) -> Result<(), String> {
            *value = text::plain(value, longest).map_err(|why| format!("{place} {why}"))?;
            Ok(())
        }
        let Self { description, spec, .. } = self;
        plain("metadata.description", description, limits::TEXT)?;
        plain("spec.prompt.category", &mut spec.prompt.category, limits::TEXT)?;
        plain("spec.prompt.style", &mut spec.prompt.style, limits::TEXT)?;
        for style in &mut spec.styles {
            let BundleStyle { name, look, licence: _, holder, source, attribution } = style;
            let texts = [("look", look), ("holder", holder), ("source", source), ("attribution", attribution)];
            for (key, value) in texts {
                plain(&format!("spec.styles: {key} of {name}"), value, limits::TEXT)?;
            }
        }
        let classes = spec.evaluator.iter_mut().flat_map(|evaluator| &mut evaluator.styles);
        for class in spec.categories.iter_mut().chain(classes) {
            plain("the name of a category or style", class, limits::SHORT_TEXT)?;
        }
        Ok(())
    }
}

impl BundleSpec {
    fn check(&self) -> Result<(), String> {
        let require = |holds: bool, why: &str| if holds { Ok(()) } else { Err(why.to_string()) };
        let latent = self.latent;
        require((1..=64).contains(&latent.channels), "spec.latent.channels must lie between 1 and 64")?;
        require((1..=64).contains(&latent.downscale), "spec.latent.downscale must lie between 1 and 64")?;
        require(
            latent.scaling_factor.is_normal() && latent.scaling_factor > 0.0,
            "spec.latent.scaling_factor must be positive",
        )?;
        require(latent.shift_factor.is_finite(), "spec.latent.shift_factor must be a number")?;
        let fits = |size: &u32| (1..=MAX_SIZE).contains(size) && size.is_multiple_of(latent.downscale);
        require(!self.sizes.is_empty() && self.sizes.len() <= 64, "spec.sizes must list 1 to 64 sizes")?;
        require(self.sizes.iter().all(fits), "spec.sizes must be multiples of spec.latent.downscale up to 4096")?;
        require(
            (3..=4096).contains(&self.tokenizer.max_length),
            "spec.tokenizer.max_length must lie between 3 and 4096",
        )?;
        require(
            (1..=1024).contains(&self.cross_attention_layers),
            "spec.cross_attention_layers must lie between 1 and 1024",
        )?;
        require((0.0..=1e6).contains(&self.seconds_per_step), "spec.seconds_per_step must lie between 0 and 1000000")?;
        require(self.bytes_per_image <= MAX_FILE_BYTES, "spec.bytes_per_image must lie below 2 GiB")?;
        require(
            !self.styles.is_empty() && self.styles.len() <= MAX_CLASSES,
            "spec.styles must list at least one style",
        )?;
        let names: Vec<&Name> = self.styles.iter().map(|style| &style.name).collect();
        require(distinct(&names), "spec.styles names a style twice")?;
        require(
            self.categories.len() <= MAX_CLASSES && distinct(&self.categories),
            "spec.categories must be few and distinct",
        )?;
        if let Some(evaluator) = &self.evaluator {
            require((1..=MAX_SIZE).contains(&evaluator.size), "spec.evaluator.size must lie between 1 and 4096")?;
            require(!self.categories.is_empty(), "spec.categories must list the evaluator's categories")?;
            let styles = &evaluator.styles;
            require(
                !styles.is_empty() && styles.len() <= MAX_CLASSES && distinct(styles),
                "spec.evaluator.styles must be distinct",
            )?;
        }
        require(self.files.len() <= MAX_FILES, "spec.files lists too many files")?;
        for (path, listed) in &self.files {
            safe_path(path).map_err(|why| format!("spec.files: \"{}\" {why}", path.escape_debug()))?;
            require(
                listed.bytes <= MAX_FILE_BYTES,
                &format!("spec.files: {path} is too large ({} bytes)", listed.bytes),
            )?;
        }
        Ok(())
    }
}

/// Checks that a path is relative and of plain names, so that it can never leave the folder on any system.
fn safe_path(path: &str) -> Result<(), &'static str> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    if path.len() > 200 || path.split('/').count() > 8 || !path.split('/').all(plain) || Path::new(path).is_absolute() {
        return Err("is not a plain relative path");
    }
    Ok(())
}

fn distinct<T: Ord>(items: &[T]) -> bool {
    items.iter().collect::<std::collections::BTreeSet<_>>().len() == items.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_the_folder() {
        for path in ["unet/model.onnx", "tokenizer/tokenizer.json", "a-b_c.1"] {
            assert!(safe_path(path).is_ok(), "{path}");
        }
        let long = "a/".repeat(300);
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/.hidden",
            "C:\\x",
            "a\\b",
            "a\0b",
            "é",
            "a b",
            &long,
        ] {
            assert!(safe_path(path).is_err(), "{path:?}");
        }
    }
}
