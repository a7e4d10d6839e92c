//! CLIP's image encoder: images to embeddings in the space of the prompts' embeddings.
//!
//! # Invariants
//!
//! Every image is encoded alone. An embedding with a number that is not finite is an error.

use image::RgbImage;

use super::bundle::IMAGE_ENCODER;
use super::decode::fitted;
use super::loader::ModelLoader;
use super::session::{Input, Model, Port, Ports};
use crate::base::error::{Error, Kind, Result};

/// A bundle's image encoder.
pub(crate) struct ImageEncoder {
    model: Model,
    size: u32,
    width: usize,
}

impl ImageEncoder {
    /// Loads the image encoder; `None` if the bundle has none.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader) -> Result<Option<Self>> {
        let spec = loader.spec();
        let (Some(&size), true) = (spec.sizes.first(), spec.files.contains_key(IMAGE_ENCODER)) else { return Ok(None) };
        let edge = Some(size as usize);
        let inputs = [Port::f32("pixel_values", [None, Some(3), edge, edge])];
        let outputs = [Port::f32("image_embeds", [None, None])];
        let model = loader.load(IMAGE_ENCODER, Ports { inputs: &inputs, outputs: &outputs })?;
        let width = model.output_axis("image_embeds", 1);
        let width =
            width.ok_or_else(|| Error::invalid(format!("{IMAGE_ENCODER}: the width of its output is not fixed")))?;
        Ok(Some(Self { model, size, width }))
    }

    /// Returns the embedding of an image; an image of another size than the encoder's is resized first.
    ///
    /// # Errors
    ///
    /// [`Kind::Permanent`] if the embedding is not finite; as [`Model::run`] if the model fails.
    pub(crate) fn embed(&mut self, image: &RgbImage) -> Result<Vec<f32>> {
        let (pixels, edge) = (fitted(image, self.size), self.size as usize);
        let inputs = [("pixel_values", Input::F32(&pixels, &[1, 3, edge, edge]))];
        let embedding = self.model.run(&inputs, &[("image_embeds", &[1, self.width])])?.concat();
        if embedding.iter().all(|value| value.is_finite()) {
            Ok(embedding)
        } else {
            Err(Error::new(Kind::Permanent, "the image encoder's embedding is not finite"))
        }
    }
}
