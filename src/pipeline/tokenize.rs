//! Prompts to token ids.
//!
//! In: a prompt. Out: exactly `max_length` ids, with the tokenizer's begin and end tokens, padded.
//! What always holds: a prompt that does not fit is an error that names the limit; nothing is ever cut in silence.

use tokenizers::Tokenizer as HfTokenizer;

use crate::error::{Context, Error, Kind, Result};

/// Longest prompt (in bytes) that is tokenized at all: hostile prompts must not cost time.
const MAX_PROMPT_BYTES: usize = 16 * 1024;
/// CLIP's end token, which is also its padding.
const END: &str = "<|endoftext|>";

/// A bundle's tokenizer.
pub struct Tokenizer {
    inner: HfTokenizer,
    max_length: usize,
    pad: u32,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`; its own truncation and padding are replaced by the bundle's rule.
    pub fn parse(json: &[u8], max_length: usize) -> Result<Self> {
        let broken = || "tokenizer/tokenizer.json cannot be read";
        let mut inner = HfTokenizer::from_bytes(json).context(Kind::Invalid, broken)?;
        let pad = inner.get_padding().map(|padding| padding.pad_id).or_else(|| inner.token_to_id(END));
        let pad = pad.ok_or_else(|| Error::invalid(format!("tokenizer/tokenizer.json has neither padding nor {END}")))?;
        inner.with_truncation(None).context(Kind::Invalid, broken)?;
        inner.with_padding(None);
        Ok(Self { inner, max_length, pad })
    }

    /// The ids of `prompt`.
    pub fn encode(&self, prompt: &str) -> Result<Vec<i64>> {
        if prompt.len() > MAX_PROMPT_BYTES {
            return Err(Error::invalid(format!("a prompt has {} bytes; the limit is {MAX_PROMPT_BYTES}", prompt.len())));
        }
        let encoding = self.inner.encode_fast(prompt, true).context(Kind::Invalid, || "a prompt cannot be tokenized")?;
        let ids = encoding.get_ids();
        if ids.len() > self.max_length {
            let start: String = prompt.chars().take(40).collect();
            return Err(Error::invalid(format!(
                "the prompt \"{}…\" has {} tokens; the bundle's text encoder takes {} with its begin and end",
                start.escape_debug(),
                ids.len(),
                self.max_length
            ))
            .hint("shorten the prompt"));
        }
        let padding = std::iter::repeat_n(&self.pad, self.max_length - ids.len());
        Ok(ids.iter().chain(padding).map(|id| i64::from(*id)).collect())
    }
}
