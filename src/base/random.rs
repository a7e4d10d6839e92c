//! Random bytes from the operating system, for ids and nonces.

use crate::base::error::{Error, Result};
use crate::base::hex;

/// Returns `N` random bytes as lower-case hex digits.
///
/// # Errors
///
/// Fails if the operating system gives no randomness.
pub(crate) fn hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Error::internal("the system gives no randomness").caused_by(e))?;
    Ok(hex::encode(&bytes))
}
