//! Prompts to the token states the UNet reads, each distinct text once.
//!
//! In: prompts. Out: shared token states `[length, width]`. What always holds: a text is encoded alone, never in a batch,
//! so its states do not depend on its neighbours; the cache is bounded and forgets the text used longest ago.

use std::collections::HashMap;
use std::sync::Arc;

use super::bundle::{Bundle, TEXT_ENCODER, TOKENIZER};
use super::runtime::Runtime;
use super::session::{Input, Model, Port, SessionSettings, Stop};
use super::tokenize::Tokenizer;
use crate::error::{Error, Result};

/// Texts remembered: some 60 MB for a Stable Diffusion encoder, 8 MB for a small one.
const CACHE: usize = 256;

/// The token states of one text, `[max_length, width]`.
pub type States = Arc<[f32]>;

/// A bundle's tokenizer and text encoder.
pub struct Encoder {
    tokenizer: Tokenizer,
    model: Model,
    length: usize,
    width: usize,
    pooled: usize,
    cache: Cache,
}

impl Encoder {
    /// Loads both.
    pub fn load(bundle: &Bundle, runtime: &Runtime, settings: &SessionSettings, stop: &Stop) -> Result<Self> {
        let length = bundle.manifest().spec.tokenizer.max_length;
        let tokenizer = Tokenizer::parse(&bundle.read(TOKENIZER)?, length)?;
        let inputs = [Port::i64("input_ids", [None, Some(length)])];
        let outputs = [Port::f32("last_hidden_state", [None, Some(length), None]), Port::f32("text_embeds", [None, None])];
        let model = Model::load(runtime, settings, stop, TEXT_ENCODER, &bundle.read(TEXT_ENCODER)?, (&inputs, &outputs))?;
        let fixed = |name, axis| {
            model
                .output_axis(name, axis)
                .ok_or_else(|| Error::invalid(format!("{TEXT_ENCODER}: the width of output \"{name}\" is not fixed")))
        };
        let (width, pooled) = (fixed("last_hidden_state", 2)?, fixed("text_embeds", 1)?);
        Ok(Self { tokenizer, length, width, pooled, model, cache: Cache::default() })
    }

    /// Tokens of a text.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Numbers of a token's state.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The ids of a text.
    pub fn tokens(&self, text: &str) -> Result<Vec<i64>> {
        self.tokenizer.encode(text)
    }

    /// The token states of a text.
    pub fn states(&mut self, text: &str) -> Result<States> {
        if let Some(states) = self.cache.get(text) {
            return Ok(states);
        }
        let states: States = self.run(text)?.0.into();
        self.cache.put(text, states.clone());
        Ok(states)
    }

    /// The pooled embedding of a text, which shares a space with image embeddings.
    pub fn embedding(&mut self, text: &str) -> Result<Vec<f32>> {
        Ok(self.run(text)?.1)
    }

    fn run(&mut self, text: &str) -> Result<(Vec<f32>, Vec<f32>)> {
        let ids = self.tokenizer.encode(text)?;
        let inputs = [("input_ids", Input::I64(&ids, &[1, self.length]))];
        let states = [1, self.length, self.width];
        let outputs = self.model.run(&inputs, &[("last_hidden_state", &states), ("text_embeds", &[1, self.pooled])])?;
        let mut outputs = outputs.into_iter();
        Ok((outputs.next().unwrap_or_default(), outputs.next().unwrap_or_default()))
    }
}

#[derive(Default)]
struct Cache {
    entries: HashMap<String, (u64, States)>,
    clock: u64,
}

impl Cache {
    fn get(&mut self, text: &str) -> Option<States> {
        self.clock += 1;
        let (used, states) = self.entries.get_mut(text)?;
        *used = self.clock;
        Some(states.clone())
    }

    fn put(&mut self, text: &str, states: States) {
        if self.entries.len() >= CACHE {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(text, _)| text.clone());
            oldest.and_then(|text| self.entries.remove(&text));
        }
        self.entries.insert(text.to_string(), (self.clock, states));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let mut cache = Cache::default();
        cache.put("kept", Arc::from([1.0]));
        for i in 0..2 * CACHE {
            assert!(cache.get("kept").is_some());
            cache.put(&i.to_string(), Arc::from([0.0]));
        }
        assert_eq!(cache.entries.len(), CACHE);
        assert!(cache.get("kept").is_some() && cache.get("0").is_none());
    }
}
