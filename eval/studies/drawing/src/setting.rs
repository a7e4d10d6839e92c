//! What is drawn: who reads the prompts, what they say, how hard they pull.
//!
//! Takes names of tasks, arms and settings. Returns values that say themselves in a file's name. Invariants: two
//! settings that could draw different pictures have different names.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// Which brands are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Nine houses as brands, one style encoder for all: the UNet saw such drawings, but never the names.
    Houses,
    /// A house that nothing ever saw.
    NewHouse,
}

/// Who draws them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// The stock encoder, given the brand's name: what a user would type.
    Name,
    /// The stock encoder, given an expert's description of the look.
    Described,
    /// One encoder that learned looks and things, denoising too; it reads both streams.
    OneEncoder,
    /// Control-CLIP: cross-entropy and denoising.
    CrossEntropy,
    /// Control-CLIP: triplet loss and denoising.
    Triplet,
    /// Cross-entropy without denoising: what the denoising term is for.
    Undenoised,
    /// Cross-entropy and denoising at the whole style stream (λ = 1 in training).
    Whole,
    /// As `whole`, and the prompt that learns begins with the expert's description.
    Worded,
    /// The same with the triplet loss.
    WordedTriplet,
    /// As `worded`, at half the style stream (λ = 0.5 in training), which is nearer to what is drawn with.
    WordedHalf,
}

/// How much of each cross-attention layer listens to the style's prompt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// All layers alike.
    Even(f32),
    /// The layers in the middle of the UNet alone, where the latents are smallest.
    Inner(f32),
    /// All others alone.
    Outer(f32),
}

/// What the style's stream is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asks {
    /// The brand.
    Brand,
    /// The nine houses' described looks, though the encoder learned something else.
    OtherLooks,
}

/// One way to draw.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Which brands.
    pub task: Task,
    /// Who draws.
    pub arm: Arm,
    /// What is asked for.
    pub asks: Asks,
    /// Guidance towards the category.
    pub category: f32,
    /// Guidance towards the style.
    pub style: f32,
    /// λ.
    pub scale: Scale,
    /// What the trained weights' move is multiplied with; 1 as trained.
    pub strength: f32,
}

/// Which names are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// The names that the brands brought: what the encoders learned from.
    Brought,
    /// Few-shot names that no brand brought: settings are chosen on these.
    Kept,
    /// What is judged.
    Test,
}

impl Task {
    /// All, in the order of the tables.
    pub const ALL: [Self; 2] = [Self::Houses, Self::NewHouse];
}

impl Arm {
    /// All, in the order of the tables.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Described,
        Self::OneEncoder,
        Self::CrossEntropy,
        Self::Triplet,
        Self::Undenoised,
        Self::Whole,
        Self::Worded,
        Self::WordedTriplet,
        Self::WordedHalf,
    ];

    /// Whether it learns from the brands' pictures.
    pub fn learns(self) -> bool {
        !matches!(self, Self::Name | Self::Described)
    }

    /// Whether the prompt that learns begins with the expert's description.
    pub fn is_worded(self) -> bool {
        matches!(self, Self::Worded | Self::WordedTriplet | Self::WordedHalf)
    }

    /// What people read.
    pub fn title(self) -> &'static str {
        match self {
            Self::Name => "stock encoder, the brand's name",
            Self::Described => "stock encoder, an expert's description",
            Self::OneEncoder => "one encoder, both tasks",
            Self::CrossEntropy => "Control-CLIP, cross-entropy",
            Self::Triplet => "Control-CLIP, triplet",
            Self::Undenoised => "cross-entropy without denoising",
            Self::Whole => "Control-CLIP, λ = 1 in training",
            Self::Worded => "Control-CLIP, λ = 1, trained description",
            Self::WordedTriplet => "Control-CLIP, λ = 1, trained description, triplet",
            Self::WordedHalf => "Control-CLIP, λ = 0.5, trained description",
        }
    }
}

impl Scale {
    /// One value for each of `layers`, which run down, middle, up.
    pub fn layers(self, layers: usize) -> Vec<f32> {
        let inner = |i: usize| (layers / 3..layers - layers / 3).contains(&i);
        let value = |i: usize| match self {
            Self::Even(value) => value,
            Self::Inner(value) if inner(i) => value,
            Self::Outer(value) if !inner(i) => value,
            _ => 0.0,
        };
        (0..layers).map(value).collect()
    }
}

impl Setting {
    /// Classic guidance of the brand's prompt at this λ.
    pub fn new(task: Task, arm: Arm, (category, style): (f32, f32), scale: f32) -> Self {
        Self { task, arm, asks: Asks::Brand, category, style, scale: Scale::Even(scale), strength: 1.0 }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even(value) => write!(f, "{value}"),
            Self::Inner(value) => write!(f, "{value}-inner"),
            Self::Outer(value) => write!(f, "{value}-outer"),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, arm, asks, category, style, scale, strength } = self;
        write!(f, "{}.{}.c{category}-s{style}.l{scale}", said(*task), said(*arm))?;
        if *strength != 1.0 {
            write!(f, ".x{strength}")?;
        }
        if *asks == Asks::OtherLooks {
            write!(f, ".other-looks")?;
        }
        Ok(())
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brought => "brought",
            Self::Kept => "kept",
            Self::Test => "test",
        })
    }
}

/// How the command line says it.
pub fn said(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_themselves() {
        let plain = Setting::new(Task::Houses, Arm::CrossEntropy, (3.0, 4.5), 0.5);
        assert_eq!(plain.to_string(), "houses.cross-entropy.c3-s4.5.l0.5");
        let odd = Setting { scale: Scale::Inner(1.0), strength: 1.5, asks: Asks::OtherLooks, ..plain };
        assert_eq!(odd.to_string(), "houses.cross-entropy.c3-s4.5.l1-inner.x1.5.other-looks");
    }

    #[test]
    fn inner_and_outer_layers_are_all_layers() {
        assert_eq!(Scale::Inner(1.0).layers(7), [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(Scale::Outer(0.5).layers(7), [0.5, 0.5, 0.0, 0.0, 0.0, 0.5, 0.5]);
        assert_eq!(Scale::Even(0.5).layers(2), [0.5, 0.5]);
    }
}
