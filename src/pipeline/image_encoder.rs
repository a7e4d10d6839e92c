//! The image tower of the bundle's CLIP: how the model that guides sees a picture.
//!
//! In: an image. Out: its embedding. What always holds: every picture is seen alone; a view with a number that is not finite is an
//! error.

use image::RgbImage;

use super::bundle::{Bundle, IMAGE_ENCODER};
use super::decode::fitted;
use super::runtime::Runtime;
use super::session::{Input, Model, Port, SessionSettings, Stop};
use crate::base::error::{Error, Kind, Result};

/// A bundle's image tower.
pub struct ImageEncoder {
    model: Model,
    size: u32,
    width: usize,
}

impl ImageEncoder {
    /// Loads it, if the bundle has one.
    pub fn load(bundle: &Bundle, runtime: &Runtime, settings: &SessionSettings, stop: &Stop) -> Result<Option<Self>> {
        let spec = &bundle.manifest().spec;
        let (Some(&size), true) = (spec.sizes.first(), spec.files.contains_key(IMAGE_ENCODER)) else { return Ok(None) };
        let edge = Some(size as usize);
        let inputs = [Port::f32("pixel_values", [None, Some(3), edge, edge])];
        let outputs = [Port::f32("image_embeds", [None, None])];
        let model = Model::load(runtime, settings, stop, IMAGE_ENCODER, &bundle.read(IMAGE_ENCODER)?, (&inputs, &outputs))?;
        let width = model.output_axis("image_embeds", 1);
        let width = width.ok_or_else(|| Error::invalid(format!("{IMAGE_ENCODER}: the width of its output is not fixed")))?;
        Ok(Some(Self { model, size, width }))
    }

    /// The embedding of a picture; another size than the tower's is resized first.
    pub fn embed(&mut self, image: &RgbImage) -> Result<Vec<f32>> {
        let (pixels, edge) = (fitted(image, self.size), self.size as usize);
        let inputs = [("pixel_values", Input::F32(&pixels, &[1, 3, edge, edge]))];
        let embedding = self.model.run(&inputs, &[("image_embeds", &[1, self.width])])?.concat();
        match embedding.iter().all(|value| value.is_finite()) {
            true => Ok(embedding),
            false => Err(Error::new(Kind::Permanent, "the image tower's view is not finite")),
        }
    }
}
