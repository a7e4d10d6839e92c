//! The pictures: each setting is drawn once, as a sheet of houses by names, and kept.
//!
//! Takes settings, names, seeds and trained vectors. Returns sheets in a folder. Invariants: a picture's noise
//! follows from house, name and seed alone, so that all arms begin alike; a finished sheet is never drawn again.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use housestyle::appearance::picture;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Kind, Result};
use housestyle::campaign::provenance;
use housestyle::pipeline::decode::Decoder;
use housestyle::pipeline::denoise::{Denoiser, LatentRequest, PromptStates};
use housestyle::pipeline::sampler::SamplerSteps;
use housestyle::pipeline::{ModelLoader, TextEncoder, guidance};
use housestyle::spec::{Guidance, SamplerName, StyleScale};
use housestyle::train::TrainingLayout;
use image::{RgbImage, imageops};

use crate::setting::{Arm, Asks, Names, Setting, Task};
use crate::teach::{self, Teacher};
use crate::words::Words;

/// Pictures of one run of the UNet.
const BATCH: usize = 12;

/// What a sheet shows: houses in rows, names in columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// How.
    pub setting: Setting,
    /// Which names these are.
    pub kind: Names,
    /// The seed of all its pictures.
    pub seed: u64,
    /// The rows.
    pub houses: Vec<String>,
    /// The columns.
    pub names: Vec<String>,
}

impl Sheet {
    /// Where it lies.
    pub fn file(&self, folder: &Path) -> PathBuf {
        let Self { setting, kind, seed, houses, names } = self;
        let which = Digest::of(format!("{houses:?} {names:?}"));
        folder.join(format!("{setting}.{kind}{}-{}.seed{seed}.png", names.len(), &which.hex()[..6]))
    }
}

/// Everything that draws.
pub struct Artist<'a> {
    teacher: &'a Teacher<'a>,
    words: &'a Words,
    folder: PathBuf,
    encoder: TextEncoder,
    denoiser: Denoiser,
    decoder: Decoder,
    steps: SamplerSteps,
    size: u32,
    edge: usize,
    versions: HashMap<String, Digest>,
}

impl<'a> Artist<'a> {
    /// Loads the models; `count` is the sampler's steps.
    pub fn new(
        loader: &ModelLoader,
        teacher: &'a Teacher<'a>,
        words: &'a Words,
        folder: PathBuf,
        count: usize,
    ) -> Result<Self> {
        let encoder = TextEncoder::load(loader)?;
        let size = loader.spec().sizes.first().copied().unwrap_or_default();
        Ok(Self {
            teacher,
            words,
            folder,
            denoiser: Denoiser::load(loader, encoder.shape())?,
            decoder: Decoder::load(loader)?,
            encoder,
            steps: SamplerSteps::new(SamplerName::Dpmpp2m, count, loader.bundle().schedule())?,
            size,
            edge: size.checked_div(loader.spec().latent.downscale).unwrap_or_default() as usize,
            versions: HashMap::new(),
        })
    }

    /// Draws the sheet, unless it is there.
    pub fn draw(&mut self, sheet: &Sheet) -> Result<()> {
        let file = sheet.file(&self.folder);
        if file.exists() {
            return Ok(());
        }
        let begun = Instant::now();
        let version = self.version(&sheet.setting)?;
        let places: Vec<(usize, usize)> =
            (0..sheet.houses.len()).flat_map(|row| (0..sheet.names.len()).map(move |column| (row, column))).collect();
        let (columns, rows) = (sheet.names.len() as u32, sheet.houses.len() as u32);
        let mut paper = RgbImage::new(columns * self.size, rows * self.size);
        for places in places.chunks(BATCH) {
            let mut items = Vec::with_capacity(places.len());
            for (row, column) in places {
                items.push(self.item(sheet, (&sheet.houses[*row], &sheet.names[*column]), version.as_ref())?);
            }
            let latents = self.denoiser.run(&items, self.edge, &self.steps, &mut |_| ControlFlow::Continue(()))?;
            for ((row, column), latent) in places.iter().zip(&latents) {
                let picture = self.decoder.decode(latent, self.size)?;
                let at = [column, row].map(|place| i64::from(self.size) * *place as i64);
                imageops::replace(&mut paper, &picture, at[0], at[1]);
            }
        }
        teach::write(&file, &provenance::encode_sheet(&paper, &sheet.setting.to_string())?)?;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("{}: {} pictures, {seconds:.0} s", sheet.setting, places.len());
        Ok(())
    }

    /// One picture on its way. As the trainer does, the stock encoder reads the category's prompt; one encoder for both
    /// reads both.
    fn item(&mut self, sheet: &Sheet, (house, name): (&str, &str), version: Option<&Digest>) -> Result<LatentRequest> {
        let setting = &sheet.setting;
        let both = if setting.arm == Arm::OneEncoder { version } else { None };
        let category = self.encoder.states_of(&self.words.thing(name), both)?;
        let style = self.encoder.states_of(&self.words.style(setting, house, name)?, version)?;
        let states = PromptStates { negative: self.encoder.states("")?, category, style };
        let style_scale = setting.scale.layers(self.teacher.loader.spec().cross_attention_layers);
        let Setting { category, style, .. } = *setting;
        let pull = Guidance { category, style, style_scale: StyleScale::PerLayer(style_scale.clone()) };
        let named = Digest::of(format!("{house}/{name}"));
        let key = named.leading_u64();
        let seed = key.wrapping_add(sheet.seed);
        Ok(LatentRequest { seed, attempt: 0, branches: guidance::branches(&pull), states, style_scale })
    }

    /// The trained encoder of a setting, its move multiplied with the setting's strength.
    fn version(&mut self, setting: &Setting) -> Result<Option<Digest>> {
        if !setting.arm.learns() {
            return Ok(None);
        }
        let Setting { task, arm, strength, .. } = *setting;
        let key = format!("{task:?} {arm:?} {strength}");
        if let Some(digest) = self.versions.get(&key) {
            return Ok(Some(*digest));
        }
        let (layout, mut values) = self.teacher.trained(task, arm)?;
        stretch(&layout, &mut values, strength);
        let weights = layout.write(&values)?;
        let digest = Digest::of(&weights);
        self.encoder.adopt(self.teacher.loader, &digest, &weights)?;
        self.versions.insert(key, digest);
        Ok(Some(digest))
    }

    /// The pictures of a finished sheet, row by row; none if it was not drawn.
    pub fn pictures(&self, sheet: &Sheet) -> Result<Option<Vec<RgbImage>>> {
        let file = sheet.file(&self.folder);
        let Some(bytes) = teach::read(&file)? else { return Ok(None) };
        let paper = picture::decode(&bytes, &file.display().to_string())?;
        let (rows, columns) = (sheet.houses.len() as u32, sheet.names.len() as u32);
        if paper.dimensions() != (columns * self.size, rows * self.size) {
            return Err(Error::new(Kind::Invalid, format!("{} is not such a sheet", file.display())).hint("delete it"));
        }
        let cut = |row: u32, column: u32| {
            imageops::crop_imm(&paper, column * self.size, row * self.size, self.size, self.size).to_image()
        };
        Ok(Some(
            (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| cut(r, c)).collect(),
        ))
    }
}

/// `W + strength·B·A`: the second factor of each low-rank pair is multiplied.
fn stretch(layout: &TrainingLayout, values: &mut [f32], strength: f32) {
    let mut at = 0;
    for tensor in &layout.tensors {
        let end = at + tensor.len();
        if tensor.name.ends_with(".lora_B.weight") {
            values.iter_mut().take(end).skip(at).for_each(|value| *value *= strength);
        }
        at = end;
    }
}

/// The houses of a task's sheets: those that are asked for.
pub fn houses(words: &Words, new_house: &str, setting: &Setting) -> Vec<String> {
    let new = setting.task == Task::NewHouse && setting.asks == Asks::Brand;
    words.looks.iter().map(|(name, _)| name).filter(|name| (*name == new_house) == new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_move_is_stretched() {
        let json = r#"{"parameters": 5, "rank": 1, "batch": {"images": 1, "prompts": 1, "pictures": 0},
            "image_adapter_share": 0.5, "logit_scale": 10, "tensors": [
            {"name": "text_encoder.x.lora_A.weight", "shape": [1, 2], "init": "normal"},
            {"name": "text_encoder.x.lora_B.weight", "shape": [2, 1], "init": "zero"},
            {"name": "image_adapter.up.weight", "shape": [1, 1], "init": "zero"}]}"#;
        let layout = TrainingLayout::parse(json.as_bytes(), "layout.json").unwrap();
        let mut values = vec![1.0, 2.0, 3.0, 4.0, 5.0];
        stretch(&layout, &mut values, 0.5);
        assert_eq!(values, [1.0, 2.0, 1.5, 2.0, 5.0]);
    }
}
