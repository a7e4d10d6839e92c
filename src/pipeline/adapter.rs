//! A trained version of the text encoder: the bundle's own, its weights moved by a low-rank adapter.
//!
//! In: the bytes of the bundle's `text_encoder/model.onnx` and of an `adapter.safetensors`. Out: the bytes of an ONNX text encoder
//! of the same shape, `W + B·A` in place of each adapted `W` (LoRA, Hu et al. 2021), which any ONNX pipeline can load. What
//! always holds: the file keeps its layout, so only numbers change; an adapter of another encoder is refused.

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors};

use super::bundle::onnx::{self, Weight};
use crate::base::error::{Context, Error, Kind, Result};

/// What names of adapter tensors begin with.
const PREFIX: &str = "text_encoder.";

/// The text encoder `model` with `adapter` merged in.
pub fn merge(model: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    let other = |what: String| Error::invalid(format!("the adapter {what}")).hint("it was trained for another bundle");
    let file = SafeTensors::deserialize(adapter).context(Kind::Invalid, || "the adapter is not a safetensors file")?;
    let weights = onnx::weights(super::bundle::TEXT_ENCODER, model)?;
    let mut merged = model.to_vec();
    for name in file.names() {
        let Some(layer) = name.strip_prefix(PREFIX).and_then(|n| n.strip_suffix(".lora_A.weight")) else { continue };
        let (low, rank, columns) = matrix(&file, name).ok_or_else(|| other(format!("has no matrix {name}")))?;
        let up = format!("{PREFIX}{layer}.lora_B.weight");
        let (high, rows, rank_up) = matrix(&file, &up).ok_or_else(|| other(format!("has no matrix {up}")))?;
        let weight = weights.iter().find(|w| w.is(layer)).ok_or_else(|| other(format!("moves {layer}, which is not there")))?;
        if rank != rank_up || weight.dims != [rows as u64, columns as u64] {
            return Err(other(format!("moves {layer} as [{rows}, {columns}], it is {:?}", weight.dims)));
        }
        let place = merged.get_mut(weight.data.clone()).ok_or_else(|| Error::internal("a weight lies outside its file"))?;
        add_product(place, weight.half, (&high, &low), (rows, rank, columns)).map_err(|why| other(format!("{why} {layer}")))?;
    }
    Ok(merged)
}

impl Weight<'_> {
    /// Whether it is the weight of this layer; exporters put the module's own path before, and say how it is stored after.
    fn is(&self, layer: &str) -> bool {
        let name = self.name.strip_suffix("_fp16").unwrap_or(self.name);
        name.strip_suffix(".weight")
            .is_some_and(|path| path == layer || path.strip_suffix(layer).is_some_and(|p| p.ends_with('.')))
    }
}

/// A matrix of the file: values, rows, columns.
fn matrix(file: &SafeTensors<'_>, name: &str) -> Option<(Vec<f32>, usize, usize)> {
    let view = file.tensor(name).ok()?;
    let &[rows, columns] = view.shape() else { return None };
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    (view.dtype() == Dtype::F32).then_some((values, rows, columns))
}

/// `weight += high · low`, where `weight` holds little-endian fp16 or fp32 numbers.
fn add_product(
    weight: &mut [u8],
    half: bool,
    (high, low): (&[f32], &[f32]),
    (rows, rank, columns): (usize, usize, usize),
) -> Result<(), &'static str> {
    let bytes = if half { 2 } else { 4 };
    if weight.len() != rows * columns * bytes || rank == 0 {
        return Err("does not fit");
    }
    for (cells, high) in weight.chunks_exact_mut(columns * bytes).zip(high.chunks_exact(rank)) {
        for (column, cell) in cells.chunks_exact_mut(bytes).enumerate() {
            let moved: f32 = high.iter().enumerate().map(|(r, h)| h * low[r * columns + column]).sum();
            let finite = if let [a, b] = *cell {
                let sum = f16::from_f32(f16::from_le_bytes([a, b]).to_f32() + moved);
                cell.copy_from_slice(&sum.to_le_bytes());
                sum.is_finite()
            } else {
                let sum = f32::from_le_bytes([cell[0], cell[1], cell[2], cell[3]]) + moved;
                cell.copy_from_slice(&sum.to_le_bytes());
                sum.is_finite()
            };
            if !finite {
                return Err("moves out of range");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_added_in_place() {
        let (high, low) = ([1.0, 2.0], [0.5, -1.0, 4.0]); // [2, 1] · [1, 3]
        let expected = [1.5f32, 0.0, 5.0, 2.0, -1.0, 9.0];
        let mut full: Vec<u8> = [1.0f32; 6].iter().flat_map(|x| x.to_le_bytes()).collect();
        add_product(&mut full, false, (&high, &low), (2, 1, 3)).unwrap();
        assert_eq!(full, expected.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
        let mut half: Vec<u8> = [1.0f32; 6].iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        add_product(&mut half, true, (&high, &low), (2, 1, 3)).unwrap();
        assert_eq!(half, expected.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect::<Vec<_>>());
        assert!(add_product(&mut half, true, (&[1e30, 0.0], &low), (2, 1, 3)).is_err());
        assert!(add_product(&mut half, false, (&high, &low), (2, 1, 3)).is_err());
    }

    #[test]
    fn layers_are_found_under_the_exporters_path() {
        let weight = |name| Weight { name, dims: vec![], half: true, data: 0..0 };
        assert!(weight("model.text_model.layers.1.mlp.fc1.weight_fp16").is("text_model.layers.1.mlp.fc1"));
        assert!(weight("text_model.layers.1.mlp.fc1.weight").is("text_model.layers.1.mlp.fc1"));
        assert!(!weight("model.text_model.layers.11.mlp.fc1.weight_fp16").is("layers.1.mlp.fc1"));
        assert!(!weight("model.text_model.layers.1.mlp.fc1.bias").is("text_model.layers.1.mlp.fc1"));
    }
}
