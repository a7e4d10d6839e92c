//! A model's vector as text: half precision, little-endian, base64; 256 numbers take 684 characters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use half::f16;
use serde::{Deserialize, Serialize};

/// A vector of finite numbers in half precision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Vector(Vec<f32>);

impl Vector {
    /// Rounds numbers to half precision. A number that is not finite becomes 0; one that is too large, the largest.
    pub fn new(values: &[f32]) -> Self {
        let rounded = |value: &f32| {
            if value.is_finite() {
                f16::from_f32(value.clamp(f16::MIN.to_f32(), f16::MAX.to_f32())).to_f32()
            } else {
                0.0
            }
        };
        Self(values.iter().map(rounded).collect())
    }

    /// Returns the numbers.
    pub fn values(&self) -> &[f32] {
        &self.0
    }
}

impl From<Vector> for String {
    fn from(vector: Vector) -> Self {
        let bytes: Vec<u8> = vector.0.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        STANDARD.encode(bytes)
    }
}

impl TryFrom<String> for Vector {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = STANDARD.decode(text).map_err(|_| "is not base64")?;
        let (pairs, []) = bytes.as_chunks::<2>() else { return Err("is not a list of half-precision numbers") };
        let values: Vec<f32> = pairs.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()).collect();
        if values.iter().all(|value| value.is_finite()) { Ok(Self(values)) } else { Err("holds a non-finite number") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_survive_writing_and_reading() {
        let vector = Vector::new(&[0.1, -3.5, 0.0, 6e-8, 1e9, f32::NAN]);
        let text = serde_json::to_string(&vector).unwrap();
        assert_eq!(serde_json::from_str::<Vector>(&text).unwrap(), vector);
        assert_eq!((vector.values()[1], vector.values()[4], vector.values()[5]), (-3.5, 65504.0, 0.0));
        for bad in ["\"AAAA\"", "\"?\"", "\"AHw=\"", "3"] {
            assert!(serde_json::from_str::<Vector>(bad).is_err(), "{bad}"); // odd, no base64, infinite, no text
        }
    }
}
