//! The layout of a training graph: the tensors in its flat parameter vector, and the sizes of its batches.
//!
//! Takes `layout.json`, which the exporter writes beside each graph; returns a [`TrainingLayout`], and vectors as
//! safetensors with the names that diffusers uses for LoRA weights.
//!
//! # Invariants
//!
//! A layout's tensors fill the vector exactly.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Deserialize;

use crate::base::error::{Context, Error, Kind, Result};
use crate::pipeline::noise::{Stream, normals};

/// The maximum number of parameters; a larger number means a broken file.
const MAX_PARAMETERS: usize = 1 << 30;

/// A training graph's layout.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingLayout {
    /// The length of the parameter vector.
    pub parameters: usize,
    /// The rank of the low-rank adapters.
    pub rank: usize,
    /// The sizes of a batch; unused places are masked.
    pub batch: BatchSizes,
    /// The share of the adapter's output that is added to an image feature.
    pub image_adapter_share: f32,
    /// CLIP's temperature, 1/τ.
    pub logit_scale: f32,
    /// The tensors in the vector, in order.
    pub tensors: Vec<Tensor>,
}

/// The fixed sizes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchSizes {
    /// The number of image features.
    pub images: usize,
    /// The number of prompts they are compared with.
    pub prompts: usize,
    /// The number of noisy latents; 0 in a graph without the UNet.
    pub pictures: usize,
}

/// One trained tensor.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// The tensor's name, such as `text_encoder.….q_proj.lora_A.weight`.
    pub name: String,
    /// The numbers of rows and columns.
    pub shape: [usize; 2],
    /// The initial values.
    pub init: Init,
}

/// A tensor's initial values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// Normally distributed numbers with deviation 1/√columns.
    Normal,
    /// Zeros, so that the encoder starts as the stock one.
    Zero,
}

impl Tensor {
    /// Returns the number of its elements.
    pub fn len(&self) -> usize {
        self.shape[0].saturating_mul(self.shape[1])
    }

    /// Returns whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl TrainingLayout {
    /// Parses and checks a `layout.json`; `name` names it in the error.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the file is not a layout or its sizes do not match.
    pub fn parse(json: &[u8], name: &str) -> Result<Self> {
        let layout: Self =
            serde_json::from_slice(json).context(Kind::Invalid, || format!("{name} is not a training layout"))?;
        let sum = layout.tensors.iter().map(Tensor::len).fold(0usize, usize::saturating_add);
        let sizes = [layout.batch.images, layout.batch.prompts, layout.rank, layout.parameters];
        let finite = layout.logit_scale.is_finite() && layout.image_adapter_share.is_finite();
        if sum == layout.parameters && sum <= MAX_PARAMETERS && sizes.iter().all(|size| *size > 0) && finite {
            Ok(layout)
        } else {
            Err(Error::invalid(format!("{name} has sizes that do not match")).hint("export the bundle again"))
        }
    }

    /// Returns the vector that training starts with.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.parameters);
        for (i, tensor) in self.tensors.iter().enumerate() {
            match tensor.init {
                Init::Zero => values.resize(values.len() + tensor.len(), 0.0),
                Init::Normal => {
                    let deviation = 1.0 / (tensor.shape[1] as f32).sqrt();
                    // Jobs count attempts from 1, so attempt 0 shares no noise with any image.
                    values.extend(normals(seed, 0, Stream::Step(i), tensor.len()).into_iter().map(|x| x * deviation));
                }
            }
        }
        values
    }

    /// Writes the vector as a safetensors file.
    ///
    /// # Errors
    ///
    /// [`Kind::Internal`] if the vector is shorter than the layout.
    pub fn write(&self, values: &[f32]) -> Result<Vec<u8>> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut views = Vec::with_capacity(self.tensors.len());
        let mut at = 0;
        for tensor in &self.tensors {
            let end = at + 4 * tensor.len();
            let data =
                bytes.get(at..end).ok_or_else(|| Error::internal("a parameter vector is shorter than its layout"))?;
            let view = TensorView::new(Dtype::F32, tensor.shape.to_vec(), data);
            views.push((tensor.name.as_str(), view.context(Kind::Internal, || "cannot describe a tensor")?));
            at = end;
        }
        let about = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize(views, Some(about)).context(Kind::Internal, || "cannot write a safetensors file")
    }

    /// Reads the vector from a safetensors file that [`TrainingLayout::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the file is of another layout or holds numbers that are not finite.
    pub fn read(&self, bytes: &[u8], name: &str) -> Result<Vec<f32>> {
        let file =
            SafeTensors::deserialize(bytes).context(Kind::Invalid, || format!("{name} is not a safetensors file"))?;
        let other = |what: String| Error::invalid(format!("{name} {what}")).hint("it belongs to another bundle");
        if file.len() != self.tensors.len() {
            return Err(other(format!("has {} tensors, the bundle trains {}", file.len(), self.tensors.len())));
        }
        let mut values = Vec::with_capacity(self.parameters);
        for tensor in &self.tensors {
            let view = file.tensor(&tensor.name).map_err(|_| other(format!("has no tensor {}", tensor.name)))?;
            if view.dtype() != Dtype::F32 || view.shape() != tensor.shape {
                return Err(other(format!("holds {} as {:?} {:?}", tensor.name, view.dtype(), view.shape())));
            }
            values.extend(view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        }
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(other("has numbers that are not finite".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"parameters": 10, "rank": 2, "batch": {"images": 4, "prompts": 6, "pictures": 0},
        "image_adapter_share": 0.2, "logit_scale": 14.3, "tensors": [
        {"name": "a.lora_A.weight", "shape": [2, 3], "init": "normal"},
        {"name": "a.lora_B.weight", "shape": [2, 2], "init": "zero"}]}"#;

    #[test]
    fn vectors_survive_the_file_and_other_layouts_are_refused() {
        let layout = TrainingLayout::parse(JSON.as_bytes(), "layout.json").unwrap();
        let values = layout.initial(7);
        assert_eq!((values.len(), &values[6..]), (10, &[0.0; 4][..]));
        assert!(values[..6].iter().all(|v| *v != 0.0) && values == layout.initial(7) && values != layout.initial(8));
        let file = layout.write(&values).unwrap();
        assert_eq!(layout.read(&file, "x").unwrap(), values);

        let other = TrainingLayout::parse(JSON.replace("[2, 3]", "[3, 2]").as_bytes(), "layout.json").unwrap();
        assert!(other.read(&file, "x").unwrap_err().to_string().contains("a.lora_A.weight"));
        assert!(layout.read(&file[..40], "x").is_err());
        let mut wild = values;
        wild[0] = f32::NAN;
        assert!(layout.read(&layout.write(&wild).unwrap(), "x").unwrap_err().to_string().contains("not finite"));
    }

    #[test]
    fn layouts_that_do_not_add_up_are_refused() {
        for (from, to) in [
            ("10", "11"),
            ("[2, 2]", "[2, 18446744073709551615]"),
            ("\"images\": 4", "\"images\": 0"),
            ("14.3", "1e999"),
        ] {
            assert!(
                TrainingLayout::parse(JSON.replacen(from, to, 1).as_bytes(), "layout.json").is_err(),
                "{from} -> {to}"
            );
        }
    }
}
