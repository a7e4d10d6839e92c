//! The tokenizer: prompts to token ids.
//!
//! Takes a prompt; returns exactly `max_length` ids, with the tokenizer's begin and end tokens, padded.
//!
//! # Invariants
//!
//! A prompt that does not fit is an error that names the limit; nothing is cut silently. Whatever a tokenizer's file
//! holds, it causes an error at worst.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use tokenizers::Tokenizer as HfTokenizer;

use crate::base::error::{Context, Error, Kind, Result};

/// The longest prompt in bytes that is tokenized at all, so that hostile prompts cost no time.
const MAX_PROMPT_BYTES: usize = 16 * 1024;
/// The end token of CLIP, which is also its padding.
const END: &str = "<|endoftext|>";

/// The part of a `tokenizer.json` that is checked before the library reads it.
#[derive(Deserialize)]
struct File {
    model: Bpe,
}

/// The settings of CLIP's kind of tokenizer that are checked: two that CLIP does not use.
#[derive(Deserialize)]
struct Bpe {
    /// The prefix whose length in bytes the library cuts off tokens, even inside a character.
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    /// The dropout, which makes tokens random, so that the same prompt would not give the same ids.
    #[serde(default)]
    dropout: Option<f32>,
}

/// A bundle's tokenizer.
pub(crate) struct Tokenizer {
    inner: HfTokenizer,
    max_length: usize,
    pad: u32,
}

impl Tokenizer {
    /// Parses a `tokenizer.json`, which must leave room for a word; its own truncation and padding are replaced by the
    /// bundle's rule.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the file cannot be parsed, has a setting that CLIP does not use, or leaves no room for a
    /// word.
    pub fn parse(json: &[u8], max_length: usize) -> Result<Self> {
        let broken = || "tokenizer/tokenizer.json cannot be read";
        let refuse =
            |why: String| Error::invalid(format!("tokenizer/tokenizer.json {why}")).hint("export the bundle again");
        let File { model } = serde_json::from_slice(json).context(Kind::Invalid, broken)?;
        if model.continuing_subword_prefix.is_some_and(|prefix| !prefix.is_empty()) {
            return Err(refuse("has a continuing_subword_prefix, which no CLIP tokenizer has".into()));
        }
        if model.dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err(refuse("has a dropout: prompts would become random tokens".into()));
        }
        let mut inner = guarded(|| HfTokenizer::from_bytes(json)).context(Kind::Invalid, broken)?;
        let pad = inner.get_padding().map(|padding| padding.pad_id).or_else(|| inner.token_to_id(END));
        let pad = pad.ok_or_else(|| refuse(format!("has neither padding nor {END}")))?;
        inner.with_truncation(None).context(Kind::Invalid, broken)?;
        inner.with_padding(None);
        let tokenizer = Self { inner, max_length, pad };
        tokenizer.encode("a").map_err(|e| refuse("cannot tokenize the prompt \"a\"".into()).caused_by(e))?;
        Ok(tokenizer)
    }

    /// Returns the ids of `prompt`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the prompt is too long; [`Kind::Unavailable`] if the tokenizer fails on it.
    pub fn encode(&self, prompt: &str) -> Result<Vec<i64>> {
        if prompt.len() > MAX_PROMPT_BYTES {
            return Err(Error::invalid(format!(
                "a prompt has {} bytes; the limit is {MAX_PROMPT_BYTES}",
                prompt.len()
            )));
        }
        let encoding = guarded(|| self.inner.encode_fast(prompt, true)).map_err(|e| {
            let failed = Error::unavailable("the bundle's tokenizer failed on a prompt");
            failed.hint("export the bundle again; its tokenizer/tokenizer.json is broken").caused_by(e)
        })?;
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

/// Turns a panic of the library, which some broken files cause, into an error.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    // A value half-changed by a panic is dropped by the caller, or only read again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the tokenizer library panicked".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &[u8] = include_bytes!("../../tests/fixtures/tiny/tokenizer/tokenizer.json");

    fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let mut json = serde_json::from_slice(TINY).unwrap();
        change(&mut json);
        serde_json::to_vec(&json).unwrap()
    }

    #[test]
    fn a_file_that_would_panic_or_be_random_is_refused() {
        let parse = |json: &[u8]| Tokenizer::parse(json, 24).map(drop);
        parse(TINY).unwrap();
        for (key, value) in
            [("continuing_subword_prefix", "a prefix longer than any token".into()), ("dropout", 0.5.into())]
        {
            let error = parse(&changed(|json| json["model"][key] = value)).unwrap_err();
            assert!(error.kind() == Kind::Invalid && error.to_string().contains(key), "{}", error.chain());
        }
        parse(&changed(|json| json["model"]["continuing_subword_prefix"] = "".into())).unwrap();
        assert!(Tokenizer::parse(TINY, 2).is_err(), "no room for a word");
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let error = guarded::<()>(|| panic!("as the library does")).unwrap_err();
        assert!(error.to_string().contains("panicked"));
    }
}
