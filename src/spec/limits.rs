//! Every limit a campaign must keep, in one place: the reader enforces them, the JSON Schema prints them.
//!
//! They are far above honest use and far below what would hurt a machine.

/// Bytes of one campaign file.
pub const FILE_BYTES: usize = 1 << 20;
/// Nested lists and mappings.
pub const DEPTH: usize = 32;
/// Values in one file, before aliases are followed.
pub const NODES: usize = 20_000;
/// Values that following `*aliases` may add.
pub const ALIASED_NODES: usize = 2_000;
/// Characters of any one text; longer ones are dropped while reading, so they can never be copied by an alias.
pub const TEXT: usize = 2_000;
/// Problems printed for one file; the rest is only counted.
pub const PROBLEMS: usize = 100;
/// Characters of a prompt. The tokenizer's own limit is checked with the bundle.
pub const PROMPT: usize = 1_000;
/// Characters of a category, an owner, a label's value, a channel or a territory.
pub const SHORT_TEXT: usize = 100;
/// Characters of a name (campaign, style, bundle, label).
pub const NAME: usize = 63;
/// Characters of `output.name`.
pub const NAME_TEMPLATE: usize = 100;
/// Bytes of a file's stem before its 8 hex digits: below every file system's 255, with room for suffixes.
pub const STEM: usize = 120;
/// Images one campaign may ask for.
pub const JOBS: u64 = 100_000;
/// Images of one category × style.
pub const COUNT: u32 = 10_000;
/// Smallest edge of an image, in pixels.
pub const SIZE_MIN: u32 = 16;
/// Largest edge of an image, in pixels.
pub const SIZE_MAX: u32 = 2_048;
/// Steps of a sampler.
pub const STEPS: u32 = 200;
/// Guidance scale, each axis.
pub const GUIDANCE: f64 = 30.0;
/// Layers in a per-layer `style_scale`.
pub const LAYERS: usize = 256;
/// Attempts before an image is rejected.
pub const ATTEMPTS: u32 = 20;
/// A budget nobody has.
pub const COST: f64 = 1e9;
/// Entries of labels, channels and territories.
pub const ENTRIES: usize = 300;
