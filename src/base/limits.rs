//! Every limit that a campaign or a style set must keep: the reader enforces them, the JSON Schema states them.
//!
//! They are far above honest use and far below what would hurt a machine.

/// Bytes of one file.
pub(crate) const FILE_BYTES: usize = 1 << 20;
/// Nested lists and mappings.
pub(crate) const DEPTH: usize = 32;
/// Values in one file, before aliases are followed.
pub(crate) const NODES: usize = 20_000;
/// Values that following `*aliases` may add.
pub(crate) const ALIASED_NODES: usize = 2_000;
/// Characters of any one text; longer ones are dropped while reading, so they can never be copied by an alias.
pub(crate) const TEXT: usize = 2_000;
/// Problems that are printed for one file; further ones are only counted.
pub const PROBLEMS: usize = 100;
/// Characters of a prompt. The tokenizer's own limit is checked with the bundle.
pub(crate) const PROMPT: usize = 1_000;
/// Characters of a category, an owner, a label's value, a channel or a territory.
pub(crate) const SHORT_TEXT: usize = 100;
/// Characters of a name (campaign, style, bundle, label).
pub(crate) const NAME: usize = 63;
/// Characters of `output.name`.
pub(crate) const NAME_TEMPLATE: usize = 100;
/// Bytes of a file's stem before its 8 hex digits: below every file system's 255, with room for suffixes.
pub(crate) const STEM: usize = 120;
/// Images one campaign may ask for.
pub const JOBS: u64 = 100_000;
/// Images of one category × style.
pub(crate) const COUNT: u32 = 10_000;
/// Smallest edge of an image, in pixels.
pub(crate) const SIZE_MIN: u32 = 16;
/// Largest edge of an image, in pixels.
pub(crate) const SIZE_MAX: u32 = 2_048;
/// Steps of a sampler.
pub(crate) const STEPS: u32 = 200;
/// Guidance scale, each axis.
pub(crate) const GUIDANCE: f64 = 30.0;
/// Layers in a per-layer `style_scale`.
pub(crate) const LAYERS: usize = 256;
/// Attempts before an image is rejected.
pub(crate) const ATTEMPTS: u32 = 20;
/// Largest amount of money.
pub(crate) const COST: f64 = 1e9;
/// Entries of labels, channels and territories.
pub(crate) const ENTRIES: usize = 300;
/// Pictures of one style set.
pub const PICTURES: usize = 2_000;
/// Bytes of one reference picture.
pub(crate) const PICTURE_BYTES: u64 = 32 << 20;
/// Bytes of all reference pictures of a set.
pub(crate) const SET_BYTES: u64 = 1 << 30;
/// Edge of a reference picture, in pixels.
pub(crate) const PICTURE_SIZE: u32 = 4_096;
/// Entries of a folder that are looked at for reference pictures.
pub(crate) const FOLDER_ENTRIES: usize = 20_000;
/// Characters of a path or pattern in a style set.
pub const PATH: usize = 300;
/// Characters of a source, a holder or evidence.
pub(crate) const RIGHTS_TEXT: usize = 300;
/// Weight of a term of the training loss.
pub(crate) const LOSS_WEIGHT: f64 = 100.0;
/// Steps of a training.
pub(crate) const TRAINING_STEPS: u32 = 20_000;
/// Rank of a low-rank adapter.
pub(crate) const RANK: u32 = 64;
/// Least and greatest learning rate.
pub(crate) const LEARNING_RATE: (f64, f64) = (1e-7, 1e-1);
/// Share of a style set that is kept for validation.
pub(crate) const VALIDATION: f64 = 0.5;
