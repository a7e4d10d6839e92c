//! Signs webhooks by the Standard Webhooks specification, so that any of its libraries can verify them.
//!
//! # Invariants
//!
//! A secret never appears in `Debug` output, an error or a log. While a secret is being replaced, the old and the new
//! one both sign.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::base::error::{Error, Result};
use crate::io::files;

/// The prefix of every secret.
const PREFIX: &str = "whsec_";
/// The permitted lengths of a secret in bytes, by the specification.
const LENGTHS: RangeInclusive<usize> = 24..=64;
/// The maximum number of secrets that sign side by side.
const MOST: usize = 4;

/// The signing secrets of a webhook: one, or several while one is being replaced.
#[derive(Clone)]
pub(crate) struct SigningSecrets(Vec<Vec<u8>>);

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({} hidden)", self.0.len())
    }
}

impl SigningSecrets {
    /// Parses secrets, one a line: each `whsec_` and 24 to 64 bytes in Base64.
    ///
    /// # Errors
    ///
    /// If the text holds no such secrets; the error does not quote it.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let hint = "make one with: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"";
            Error::invalid(format!("a webhook's secret {why}")).hint(hint)
        };
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if !(1..=MOST).contains(&lines.len()) {
            return Err(wrong("file holds one secret a line, at most four"));
        }
        let read = |line: &&str| {
            let encoded = line.strip_prefix(PREFIX).ok_or_else(|| wrong("starts with whsec_"))?;
            // The cause is left out: it would quote the secret.
            let bytes = STANDARD.decode(encoded).map_err(|_| wrong("is Base64 after whsec_"))?;
            if LENGTHS.contains(&bytes.len()) { Ok(bytes) } else { Err(wrong("has 24 to 64 bytes")) }
        };
        Ok(Self(lines.iter().map(read).collect::<Result<_>>()?))
    }

    /// Reads the secrets in a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or holds no such secrets.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = files::read(path, 4096).map_err(|e| {
            let failed =
                Error::unavailable(format!("cannot read the webhook secret in {}", path.display())).caused_by(e);
            failed.hint("name a readable file with the webhook's secret_file")
        })?;
        Self::parse(std::str::from_utf8(&bytes).map_err(|_| Error::invalid("a webhook's secret file is not UTF-8"))?)
    }

    /// Returns the value of the header `webhook-signature`: one `v1,…` per secret, newest first.
    ///
    /// # Errors
    ///
    /// If a secret cannot be used as a key, which [`SigningSecrets::parse`] rules out.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> Result<String> {
        let one = |secret: &Vec<u8>| {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Error::internal("a secret cannot sign"))?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        Ok(self.0.iter().map(one).collect::<Result<Vec<_>>>()?.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_specifications_example_is_signed() {
        let signed = SigningSecrets::parse(SECRET).unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side() {
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = SigningSecrets::parse(&format!("{other}\n{SECRET}\n")).unwrap().sign("a", 1, b"x").unwrap();
        let alone = |secret| SigningSecrets::parse(secret).unwrap().sign("a", 1, b"x").unwrap();
        assert_eq!(both, format!("{} {}", alone(&other), alone(SECRET)));
    }

    #[test]
    fn wrong_secrets_are_refused_and_none_is_shown() {
        let secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        for bad in [
            secret,
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
            &format!("{SECRET}\n").repeat(5),
        ] {
            let error = SigningSecrets::parse(bad).unwrap_err();
            assert!(!format!("{} {error:?}", error.chain()).contains("MfKQ9r8G"), "{error:?}");
        }
        assert_eq!(format!("{:?}", SigningSecrets::parse(SECRET).unwrap()), "SigningSecrets(1 hidden)");
    }
}
