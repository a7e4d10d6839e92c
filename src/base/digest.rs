//! SHA-256 digests: what identifies a file, a bundle, a version's weights or a request.
//!
//! Written `sha256:<64 hex>`; where stored files hold the 64 digits alone, their field says
//! `#[serde(with = "bare_digest")]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::base::checked_text::checked_text;
use crate::base::hex;

/// The SHA-256 of some bytes, written `sha256:<64 hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads the 64 hex digits without the prefix.
    ///
    /// # Errors
    ///
    /// Says why `text` is no digest.
    pub(crate) fn from_hex(text: &str) -> Result<Self, String> {
        hex::decode(text).map(Self).ok_or_else(|| "is not a digest: expected 64 hex digits".into())
    }

    /// Writes the 64 hex digits without the prefix.
    pub fn hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// Reads the first eight bytes as a big-endian number, for seeds that derive from a text.
    pub fn leading_u64(&self) -> u64 {
        self.0[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(digest: &str) -> Result<Self, String> {
        let hex = digest.strip_prefix("sha256:").and_then(hex::decode);
        hex.map(Self).ok_or_else(|| "is not a digest: expected `sha256:` and 64 hex digits".into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Digest").field(&self.hex()).finish()
    }
}

checked_text!(Digest, "^sha256:[0-9a-f]{64}$", "The SHA-256 of a file.");

/// Serialises a [`Digest`] as its 64 hex digits alone, as stored records write it.
pub mod bare_digest {
    use super::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// Writes the digits.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub(crate) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&digest.hex())
    }

    /// Reads the digits.
    ///
    /// # Errors
    ///
    /// Fails where they are no digest.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        Digest::from_hex(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// The same for a digest that may be absent, which is written as null.
    pub mod option {
        use super::Digest;
        use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

        /// Writes the digits or null.
        ///
        /// # Errors
        ///
        /// Those of the serializer.
        pub(crate) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
            match digest {
                Some(digest) => serializer.serialize_some(&digest.hex()),
                None => serializer.serialize_none(),
            }
        }

        /// Reads the digits or null.
        ///
        /// # Errors
        ///
        /// Fails where they are no digest.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| Digest::from_hex(&text).map_err(D::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_and_prints_the_same() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(Digest::from_hex(&digest.hex()), Ok(digest));
        assert_eq!(digest.leading_u64(), 0xba78_16bf_8f01_cfea);
        for bad in
            ["", "sha256:", "sha256:zz", &digest.hex(), &digest.to_string().to_uppercase(), &format!("{digest}0")]
        {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn stored_records_may_hold_the_digits_alone() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Record {
            prefixed: Digest,
            #[serde(with = "bare_digest")]
            bare: Digest,
            #[serde(with = "bare_digest::option", default)]
            maybe: Option<Digest>,
        }
        let digest = Digest::of("x");
        let record = Record { prefixed: digest, bare: digest, maybe: Some(digest) };
        let hex = digest.hex();
        let json = format!(r#"{{"prefixed":"sha256:{hex}","bare":"{hex}","maybe":"{hex}"}}"#);
        assert_eq!(serde_json::to_string(&record).unwrap(), json);
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
        let none: Record = serde_json::from_str(&format!(r#"{{"prefixed":"sha256:{hex}","bare":"{hex}"}}"#)).unwrap();
        assert_eq!(none.maybe, None);
        assert!(serde_json::from_str::<Record>(&json.replace(&hex, "00")).is_err());
    }
}
