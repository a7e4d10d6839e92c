//! Text identification: which prompt an image feature belongs to, by cosine.
//!
//! Takes a bundle, perhaps a trained vector, an image feature and prompts; returns cosines.
//!
//! # Invariants
//!
//! The text is read by the merged encoder that campaigns use, and the image feature passes the adapter that was trained
//! with it; without a vector both are the stock model's.

use std::collections::HashMap;

use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::pipeline::{ModelLoader, TextEncoder};
use crate::train::layout::TrainingLayout;

/// The name of the image adapter's first tensor in a layout.
const DOWN: &str = "image_adapter.down.weight";
/// The name of the image adapter's second tensor in a layout.
const UP: &str = "image_adapter.up.weight";

/// A text encoder and the image adapter that was trained with it.
pub struct Identifier {
    encoder: TextEncoder,
    version: Option<Digest>,
    adapter: Option<ImageAdapter>,
    texts: HashMap<String, Vec<f32>>,
}

impl Identifier {
    /// Loads the bundle's text encoder, with `trained` merged into it if given.
    ///
    /// # Errors
    ///
    /// As [`TextEncoder::load`]; also if the layout has no image adapter.
    pub fn load(loader: &ModelLoader, trained: Option<(&TrainingLayout, &[f32])>) -> Result<Self> {
        let mut encoder = TextEncoder::load(loader)?;
        let (mut version, mut adapter) = (None, None);
        if let Some((layout, params)) = trained {
            let weights = layout.write(params)?;
            let digest = Digest::of(&weights);
            encoder.adopt(loader, &digest, &weights)?;
            (version, adapter) = (Some(digest), Some(ImageAdapter::new(layout, params)?));
        }
        Ok(Self { encoder, version, adapter, texts: HashMap::new() })
    }

    /// Returns the image's unit feature, which is compared with texts.
    pub fn image(&self, feature: &[f32]) -> Vec<f32> {
        let feature = unit(feature);
        match &self.adapter {
            Some(adapter) => adapter.apply(&feature),
            None => feature,
        }
    }

    /// Returns the cosine of an image (see [`Identifier::image`]) with each text; every distinct text is encoded once.
    ///
    /// # Errors
    ///
    /// As `TextEncoder::embedding_of`.
    pub fn cosines<'a>(&mut self, image: &[f32], texts: impl IntoIterator<Item = &'a String>) -> Result<Vec<f32>> {
        texts.into_iter().map(|text| Ok(dot(image, self.text(text)?))).collect()
    }

    /// Returns the unit embedding of a text.
    ///
    /// # Errors
    ///
    /// As `TextEncoder::embedding_of`.
    pub fn text(&mut self, text: &str) -> Result<&[f32]> {
        if !self.texts.contains_key(text) {
            let embedding = unit(&self.encoder.embedding_of(text, self.version.as_ref())?);
            self.texts.insert(text.to_owned(), embedding);
        }
        self.texts.get(text).map(Vec::as_slice).ok_or_else(|| Error::internal("a text has no embedding"))
    }
}

/// The adapter on image features, `x + α·MLP(x)`.
#[derive(Clone, Debug)]
struct ImageAdapter {
    /// The first matrix, `[hidden, width]`, row-major.
    down: Vec<f32>,
    /// The second matrix, `[width, hidden]`, row-major.
    up: Vec<f32>,
    width: usize,
    share: f32,
}

impl ImageAdapter {
    fn new(layout: &TrainingLayout, params: &[f32]) -> Result<Self> {
        let find = |name: &str| {
            let mut at = 0;
            for tensor in &layout.tensors {
                if tensor.name == name {
                    return params.get(at..at + tensor.len()).map(|values| (values.to_vec(), tensor.shape));
                }
                at += tensor.len();
            }
            None
        };
        match (find(DOWN), find(UP)) {
            (Some((down, [hidden, width])), Some((up, shape))) if shape == [width, hidden] => {
                Ok(Self { down, up, width, share: layout.image_adapter_share })
            }
            _ => Err(Error::invalid("the training layout has no image adapter").hint("export the bundle again")),
        }
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let hidden: Vec<f32> = self.down.chunks_exact(self.width.max(1)).map(|row| dot(row, x).max(0.0)).collect();
        let moved = self.up.chunks_exact(hidden.len().max(1)).map(|row| self.share * dot(row, &hidden));
        unit(&x.iter().zip(moved).map(|(x, m)| x + m).collect::<Vec<_>>())
    }
}

/// Returns the scalar product.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Returns the vector scaled to length 1; zeros stay zeros.
pub fn unit(values: &[f32]) -> Vec<f32> {
    let norm = dot(values, values).sqrt().max(1e-12);
    values.iter().map(|value| value / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: &str = r#"{"parameters": 4, "rank": 1, "batch": {"images": 1, "prompts": 1, "pictures": 0},
        "image_adapter_share": 0.5, "logit_scale": 10, "tensors": [
        {"name": "image_adapter.down.weight", "shape": [1, 2], "init": "normal"},
        {"name": "image_adapter.up.weight", "shape": [2, 1], "init": "zero"}]}"#;

    #[test]
    fn the_image_adapter_adds_its_share() {
        let layout = TrainingLayout::parse(LAYOUT.as_bytes(), "layout.json").unwrap();
        let adapter = ImageAdapter::new(&layout, &[1.0, 0.0, 0.0, 2.0]).unwrap();
        // relu(1·x₀) = 1, times (0, 2), times 0.5: (1, 0) becomes (1, 1), at length 1.
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let moved = adapter.apply(&[1.0, 0.0]);
        assert!((moved[0] - half).abs() < 1e-6 && (moved[1] - half).abs() < 1e-6, "{moved:?}");
        // A feature that the ReLU cuts off is not moved.
        assert_eq!(adapter.apply(&[-1.0, 0.0]), [-1.0, 0.0]);
        let other =
            TrainingLayout::parse(LAYOUT.replace("image_adapter.up", "something").as_bytes(), "layout.json").unwrap();
        assert!(ImageAdapter::new(&other, &[0.0; 4]).is_err());
    }
}
