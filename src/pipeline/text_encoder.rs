//! The text encoder: prompts to the token states that the UNet reads, with a cache.
//!
//! Takes prompts and the version of the encoder that reads them; returns shared token states `[length, width]`.
//!
//! # Invariants
//!
//! A text is encoded alone, never in a batch, so its states do not depend on its neighbours. The cache is bounded and
//! evicts the least recently used text. A trained version is another small model beside the same UNet.

use std::collections::HashMap;
use std::sync::Arc;

use super::adapter;
use super::bundle::{TEXT_ENCODER, TOKENIZER};
use super::loader::ModelLoader;
use super::session::{Input, Model, Port, Ports};
use super::tokenize::Tokenizer;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};

/// The number of texts cached: some 60 MB for a Stable Diffusion encoder, 8 MB for a small one.
const CACHE: usize = 256;

/// The token states of one text, `[max_length, width]`.
pub(crate) type TokenStates = Arc<[f32]>;

/// The shape of `TokenStates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatesShape {
    /// The number of tokens of a text.
    pub length: usize,
    /// The number of values in a token's state.
    pub width: usize,
}

/// A bundle's tokenizer and text encoder.
pub struct TextEncoder {
    tokenizer: Tokenizer,
    model: Model,
    /// The trained versions, by the digest of their weights.
    versions: HashMap<Digest, Model>,
    shape: StatesShape,
    pooled: usize,
    cache: Cache,
}

impl TextEncoder {
    /// Loads the tokenizer and the text encoder.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load`] and `Tokenizer::parse`.
    pub fn load(loader: &ModelLoader) -> Result<Self> {
        let (bundle, length) = (loader.bundle(), loader.spec().tokenizer.max_length);
        let tokenizer = Tokenizer::parse(&bundle.read(TOKENIZER)?, length)?;
        let model = model(loader, &bundle.read(TEXT_ENCODER)?, length)?;
        let fixed = |name, axis| {
            model
                .output_axis(name, axis)
                .ok_or_else(|| Error::invalid(format!("{TEXT_ENCODER}: the width of output \"{name}\" is not fixed")))
        };
        let (width, pooled) = (fixed("last_hidden_state", 2)?, fixed("text_embeds", 1)?);
        let shape = StatesShape { length, width };
        Ok(Self { tokenizer, model, versions: HashMap::new(), shape, pooled, cache: Cache::default() })
    }

    /// Adds a trained version: the bundle's text encoder with an adapter, whose bytes `weights` hash to `digest`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the weights are no adapter of this encoder.
    pub fn adopt(&mut self, loader: &ModelLoader, digest: &Digest, weights: &[u8]) -> Result<()> {
        if !self.versions.contains_key(digest) {
            let merged = adapter::merge(&loader.bundle().read(TEXT_ENCODER)?, weights)?;
            self.versions.insert(*digest, model(loader, &merged, self.shape.length)?);
        }
        Ok(())
    }

    /// Returns the shape of a text's states.
    pub fn shape(&self) -> StatesShape {
        self.shape
    }

    /// Returns the token ids of a text.
    ///
    /// # Errors
    ///
    /// As `Tokenizer::encode`.
    pub fn tokens(&self, text: &str) -> Result<Vec<i64>> {
        self.tokenizer.encode(text)
    }

    /// Returns the token states of a text, as the stock encoder reads it.
    ///
    /// # Errors
    ///
    /// As `Tokenizer::encode` and [`Model::run`].
    pub fn states(&mut self, text: &str) -> Result<TokenStates> {
        self.states_of(text, None)
    }

    /// Returns the token states of a text, as a version reads it; `None` is the stock encoder.
    ///
    /// # Errors
    ///
    /// As [`TextEncoder::states`]; also [`Kind::Unavailable`] if the version was not adopted.
    pub fn states_of(&mut self, text: &str, version: Option<&Digest>) -> Result<TokenStates> {
        let key = (version.cloned(), text.to_owned());
        if let Some(states) = self.cache.get(&key) {
            return Ok(states);
        }
        let states: TokenStates = self.run(text, version)?.0.into();
        self.cache.put(key, states.clone());
        Ok(states)
    }

    /// Returns the pooled embedding of a text, which shares a space with image embeddings.
    ///
    /// # Errors
    ///
    /// As [`TextEncoder::states`].
    pub fn embedding(&mut self, text: &str) -> Result<Vec<f32>> {
        self.embedding_of(text, None)
    }

    /// Returns the pooled embedding of a text, as a version reads it; `None` is the stock encoder.
    ///
    /// # Errors
    ///
    /// As [`TextEncoder::states_of`].
    pub(crate) fn embedding_of(&mut self, text: &str, version: Option<&Digest>) -> Result<Vec<f32>> {
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
        let inputs = [("input_ids", Input::I64(&ids, &[1, self.shape.length]))];
        let states = [1, self.shape.length, self.shape.width];
        let outputs = model.run(&inputs, &[("last_hidden_state", &states), ("text_embeds", &[1, self.pooled])])?;
        let mut outputs = outputs.into_iter();
        Ok((outputs.next().unwrap_or_default(), outputs.next().unwrap_or_default()))
    }
}

fn model(loader: &ModelLoader, bytes: &[u8], length: usize) -> Result<Model> {
    let inputs = [Port::i64("input_ids", [None, Some(length)])];
    let outputs = [Port::f32("last_hidden_state", [None, Some(length), None]), Port::f32("text_embeds", [None, None])];
    loader.load_bytes(TEXT_ENCODER, bytes, Ports { inputs: &inputs, outputs: &outputs })
}

/// A text and the version that reads it.
type CacheKey = (Option<Digest>, String);

#[derive(Default)]
struct Cache {
    entries: HashMap<CacheKey, (u64, TokenStates)>,
    clock: u64,
}

impl Cache {
    fn get(&mut self, key: &CacheKey) -> Option<TokenStates> {
        self.clock += 1;
        let (used, states) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(states.clone())
    }

    fn put(&mut self, key: CacheKey, states: TokenStates) {
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
    fn the_cache_is_bounded_and_evicts_the_least_recently_used() {
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
