//! What the bundle's independent evaluator says of each picture.
//!
//! Takes sheets that were drawn. Returns [`Mark`]s, one for each picture. Invariants: pictures are judged apart from
//! drawing, so a new evaluator judges the same pictures again; the evaluator shares nothing with what guides drawing.

use housestyle::base::error::{Error, Result};
use housestyle::pipeline::ModelLoader;
use housestyle::pipeline::classifier::Classifier;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::draw::{Artist, Sheet};

/// One picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Whose look was asked for.
    pub house: String,
    /// What was asked for.
    pub name: String,
    /// The look is the most probable one.
    pub style: bool,
    /// The thing is the most probable one.
    pub first: bool,
    /// The thing is among the first five.
    pub five: bool,
}

/// The evaluator.
pub struct Judge(Classifier);

impl Judge {
    /// Loads it.
    pub fn load(loader: &ModelLoader) -> Result<Self> {
        Classifier::load(loader)?
            .map(Self)
            .ok_or_else(|| Error::invalid("the bundle has no evaluator, so nothing can be judged"))
    }

    /// The marks of a sheet; none if it was not drawn.
    pub fn judge(&mut self, artist: &Artist<'_>, sheet: &Sheet) -> Result<Option<Vec<Mark>>> {
        let Some(pictures) = artist.pictures(sheet)? else { return Ok(None) };
        let asked = sheet.houses.iter().flat_map(|house| sheet.names.iter().map(move |name| (house, name)));
        let mark = |((house, name), picture): ((&String, &String), RgbImage)| -> Result<Mark> {
            let seen = self.0.classify(&picture)?;
            let style = seen.top_styles(1).first().is_some_and(|(best, _)| *best == house.as_str());
            let rank = seen.category_rank(name).unwrap_or(usize::MAX);
            Ok(Mark { house: house.clone(), name: name.clone(), style, first: rank == 1, five: rank <= 5 })
        };
        asked.zip(pictures).map(mark).collect::<Result<_>>().map(Some)
    }
}
