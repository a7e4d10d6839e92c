//! LoRA adapters: merges a trained adapter into the weights of the bundle's text encoder.
//!
//! Takes the bytes of the bundle's `text_encoder/model.onnx` and of an `adapter.safetensors`; returns the bytes of an
//! ONNX text encoder of the same shape, `W + B·A` in place of each adapted `W` (LoRA, Hu et al. 2021), which any ONNX
//! pipeline can load.
//!
//! # Invariants
//!
//! The file keeps its layout, so only numbers change. An adapter of another encoder is refused.

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors};

use super::bundle::onnx::{self, Weight};
use crate::base::error::{Context, Error, Kind, Result};

/// Prefix of the names of adapter tensors.
const PREFIX: &str = "text_encoder.";

/// Merges `adapter` into the text encoder `model`.
///
/// # Errors
///
/// [`Kind::Invalid`] if the adapter is broken, belongs to another encoder or moves a weight out of range.
pub(crate) fn merge(model: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    let other = |what: String| Error::invalid(format!("the adapter {what}")).hint("it was trained for another bundle");
    let file = SafeTensors::deserialize(adapter).context(Kind::Invalid, || "the adapter is not a safetensors file")?;
    let weights = onnx::weights(super::bundle::TEXT_ENCODER, model)?;
    let mut merged = model.to_vec();
    for name in file.names() {
        let Some(layer) = name.strip_prefix(PREFIX).and_then(|n| n.strip_suffix(".lora_A.weight")) else { continue };
        let low = matrix(&file, name).ok_or_else(|| other(format!("has no matrix {name}")))?;
        let up = format!("{PREFIX}{layer}.lora_B.weight");
        let high = matrix(&file, &up).ok_or_else(|| other(format!("has no matrix {up}")))?;
        let weight =
            weights.iter().find(|w| w.is(layer)).ok_or_else(|| other(format!("moves {layer}, which is not there")))?;
        if low.rows != high.columns || weight.dims != [high.rows as u64, low.columns as u64] {
            let (rows, columns) = (high.rows, low.columns);
            return Err(other(format!("moves {layer} as [{rows}, {columns}], it is {:?}", weight.dims)));
        }
        let place =
            merged.get_mut(weight.data.clone()).ok_or_else(|| Error::internal("a weight lies outside its file"))?;
        add_product(place, weight.half, &high, &low).map_err(|why| other(format!("{why} {layer}")))?;
    }
    Ok(merged)
}

impl Weight<'_> {
    /// Returns whether this is the weight of a layer. Exporters prefix the module's own path and suffix the storage
    /// type.
    fn is(&self, layer: &str) -> bool {
        let name = self.name.strip_suffix("_fp16").unwrap_or(self.name);
        name.strip_suffix(".weight")
            .is_some_and(|path| path == layer || path.strip_suffix(layer).is_some_and(|p| p.ends_with('.')))
    }
}

/// A matrix in row-major order.
struct Matrix {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
}

/// Reads a matrix of `f32` numbers from the file; `None` if there is none of that name.
fn matrix(file: &SafeTensors<'_>, name: &str) -> Option<Matrix> {
    let view = file.tensor(name).ok()?;
    let &[rows, columns] = view.shape() else { return None };
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    (view.dtype() == Dtype::F32).then_some(Matrix { values, rows, columns })
}

/// Adds the product of two matrices: `weight += high · low`, where `weight` holds little-endian fp16 or fp32 numbers.
fn add_product(weight: &mut [u8], half: bool, high: &Matrix, low: &Matrix) -> Result<(), &'static str> {
    let bytes = if half { 2 } else { 4 };
    let (rank, columns) = (low.rows, low.columns);
    if weight.len() != high.rows * columns * bytes || rank == 0 {
        return Err("does not fit");
    }
    for (cells, high) in weight.chunks_exact_mut(columns * bytes).zip(high.values.chunks_exact(rank)) {
        for (column, cell) in cells.chunks_exact_mut(bytes).enumerate() {
            let moved: f32 = high.iter().enumerate().map(|(r, h)| h * low.values[r * columns + column]).sum();
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
        let high = |values| Matrix { values, rows: 2, columns: 1 };
        let low = Matrix { values: vec![0.5, -1.0, 4.0], rows: 1, columns: 3 };
        let moved = high(vec![1.0, 2.0]);
        let expected = [1.5f32, 0.0, 5.0, 2.0, -1.0, 9.0];
        let mut full: Vec<u8> = [1.0f32; 6].iter().flat_map(|x| x.to_le_bytes()).collect();
        add_product(&mut full, false, &moved, &low).unwrap();
        assert_eq!(full, expected.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
        let mut half: Vec<u8> = [1.0f32; 6].iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        add_product(&mut half, true, &moved, &low).unwrap();
        assert_eq!(half, expected.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect::<Vec<_>>());
        assert!(add_product(&mut half, true, &high(vec![1e30, 0.0]), &low).is_err());
        assert!(add_product(&mut half, false, &moved, &low).is_err());
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
