//! Prompts to the token states the UNet reads, each distinct text once.
//!
//! In: prompts, and which version of the text encoder reads them. Out: shared token states `[length, width]`. What always
//! holds: a text is encoded alone, never in a batch, so its states do not depend on its neighbours; the cache is bounded and
//! forgets the text used longest ago; another version is another small model beside the same UNet.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::pipeline::adapter;
use crate::pipeline::bundle::{Bundle, TEXT_ENCODER, TOKENIZER};
use crate::pipeline::runtime::Runtime;
use crate::pipeline::session::{Input, Model, Port, SessionSettings, Stop};
use crate::pipeline::tokenize::Tokenizer;

/// Texts remembered: some 60 MB for a Stable Diffusion encoder, 8 MB for a small one.
const CACHE: usize = 256;

/// The token states of one text, `[max_length, width]`.
pub type States = Arc<[f32]>;

/// A bundle's tokenizer and text encoder.
pub struct Encoder {
    tokenizer: Tokenizer,
    model: Model,
    /// Trained versions, by what their weights hash to.
    versions: HashMap<Digest, Model>,
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
        let model = Self::model(runtime, settings, stop, &bundle.read(TEXT_ENCODER)?, length)?;
        let fixed = |name, axis| {
            model
                .output_axis(name, axis)
                .ok_or_else(|| Error::invalid(format!("{TEXT_ENCODER}: the width of output \"{name}\" is not fixed")))
        };
        let (width, pooled) = (fixed("last_hidden_state", 2)?, fixed("text_embeds", 1)?);
        Ok(Self { tokenizer, length, width, pooled, model, versions: HashMap::new(), cache: Cache::default() })
    }

    fn model(runtime: &Runtime, settings: &SessionSettings, stop: &Stop, bytes: &[u8], length: usize) -> Result<Model> {
        let inputs = [Port::i64("input_ids", [None, Some(length)])];
        let outputs = [Port::f32("last_hidden_state", [None, Some(length), None]), Port::f32("text_embeds", [None, None])];
        Model::load(runtime, settings, stop, TEXT_ENCODER, bytes, (&inputs, &outputs))
    }

    /// Takes in a trained version: the bundle's text encoder with `adapter`, whose bytes hash to `digest`.
    pub fn adopt(
        &mut self,
        bundle: &Bundle,
        runtime: &Runtime,
        settings: &SessionSettings,
        stop: &Stop,
        (digest, adapter): (&Digest, &[u8]),
    ) -> Result<()> {
        if !self.versions.contains_key(digest) {
            let merged = adapter::merge(&bundle.read(TEXT_ENCODER)?, adapter)?;
            self.versions.insert(digest.clone(), Self::model(runtime, settings, stop, &merged, self.length)?);
        }
        Ok(())
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

    /// The token states of a text, as the stock encoder reads it.
    pub fn states(&mut self, text: &str) -> Result<States> {
        self.states_of(text, None)
    }

    /// The token states of a text, as a version reads it; `None` is the stock encoder.
    pub fn states_of(&mut self, text: &str, version: Option<&Digest>) -> Result<States> {
        let key = (version.cloned(), text.to_owned());
        if let Some(states) = self.cache.get(&key) {
            return Ok(states);
        }
        let states: States = self.run(text, version)?.0.into();
        self.cache.put(key, states.clone());
        Ok(states)
    }

    /// The pooled embedding of a text, which shares a space with image embeddings.
    pub fn embedding(&mut self, text: &str) -> Result<Vec<f32>> {
        self.embedding_of(text, None)
    }

    /// The pooled embedding of a text, as a version reads it; `None` is the stock encoder.
    pub fn embedding_of(&mut self, text: &str, version: Option<&Digest>) -> Result<Vec<f32>> {
        Ok(self.run(text, version)?.1)
    }

    fn run(&mut self, text: &str, version: Option<&Digest>) -> Result<(Vec<f32>, Vec<f32>)> {
        let ids = self.tokenizer.encode(text)?;
        let model = match version {
            None => &mut self.model,
            Some(digest) => self.versions.get_mut(digest).ok_or_else(|| {
                Error::new(Kind::Unavailable, format!("the encoder version with weights {digest} is not loaded"))
            })?,
        };
        let inputs = [("input_ids", Input::I64(&ids, &[1, self.length]))];
        let states = [1, self.length, self.width];
        let outputs = model.run(&inputs, &[("last_hidden_state", &states), ("text_embeds", &[1, self.pooled])])?;
        let mut outputs = outputs.into_iter();
        Ok((outputs.next().unwrap_or_default(), outputs.next().unwrap_or_default()))
    }
}

/// A text and who reads it.
type CacheKey = (Option<Digest>, String);

#[derive(Default)]
struct Cache {
    entries: HashMap<CacheKey, (u64, States)>,
    clock: u64,
}

impl Cache {
    fn get(&mut self, key: &CacheKey) -> Option<States> {
        self.clock += 1;
        let (used, states) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(states.clone())
    }

    fn put(&mut self, key: CacheKey, states: States) {
        if self.entries.len() >= CACHE {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, (self.clock, states));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let mut cache = Cache::default();
        let key = |text: &str| (None, text.to_owned());
        cache.put(key("kept"), Arc::from([1.0]));
        for i in 0..2 * CACHE {
            assert!(cache.get(&key("kept")).is_some());
            cache.put(key(&i.to_string()), Arc::from([0.0]));
        }
        assert_eq!(cache.entries.len(), CACHE);
        assert!(cache.get(&key("kept")).is_some() && cache.get(&key("0")).is_none());
        assert!(cache.get(&(Some(Digest::of("a version")), "kept".into())).is_none());
    }
}
