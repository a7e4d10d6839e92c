//! Draws the contact sheet: one picture of all assets of a campaign as thumbnails, a row per category and a column per
//! style.
//!
//! Labels are written in Latin, Greek and Cyrillic script, which the font covers; a label in another script is replaced
//! by its slug, as in file names.
//!
//! # Invariants
//!
//! The sheet's size is bounded. A rejected asset has a red frame and a failed one is an empty box; the number of assets
//! that are not shown is written on the sheet.

use std::collections::HashMap;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::base::stem::Stem;
use crate::base::{limits, text};
use crate::campaign::sidecar::{Outcome, Sidecar};

/// Largest number of rows.
const MAX_ROWS: usize = 100;
/// Largest number of columns.
const MAX_COLUMNS: usize = 20;
/// Largest number of images in a cell.
const MAX_ACROSS: u32 = 4;
/// Target width in pixels: thumbnails shrink before the sheet gets wider.
const WIDTH: u32 = 3200;
/// Largest edge of a thumbnail in pixels.
const MAX_EDGE: u32 = 128;
/// Smallest edge of a thumbnail in pixels.
const MIN_EDGE: u32 = 40;
const GAP: u32 = 8;
const MARGIN: u32 = 24;
const LABELS: u32 = 170;
const HEAD: u32 = 110;

const BACKGROUND: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([32, 33, 36]);
const FAINT: Rgb<u8> = Rgb([110, 114, 122]);
const EMPTY: Rgb<u8> = Rgb([238, 239, 241]);
const REFUSED: Rgb<u8> = Rgb([208, 36, 36]);

/// A column of the sheet: a style and the trained version of it, so that two versions that a campaign compares have a
/// column each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SheetColumn {
    style: String,
    version: Option<u32>,
}

impl SheetColumn {
    fn of(sidecar: &Sidecar) -> Self {
        let job = &sidecar.job;
        Self {
            style: job.style.clone(),
            version: job.style_source.encoder.as_ref().map(|encoder| encoder.version.number),
        }
    }

    /// Returns the column's heading: the style's name, with the version if several are shown.
    fn heading(&self, all: &[Self]) -> String {
        match self.version {
            Some(version) if all.iter().filter(|column| column.style == self.style).count() > 1 => {
                format!("{}@{version}", self.style)
            }
            _ => self.style.clone(),
        }
    }
}

/// The position of an asset on the sheet.
#[derive(Debug)]
struct Place {
    /// The asset's index among the campaign's sidecars.
    sidecar: usize,
    stem: Stem,
    outcome: Outcome,
    row: u32,
    column: u32,
    /// The asset's index among the images of its cell.
    slot: u32,
}

/// The layout of a contact sheet, made before any image is read: what is shown, where, and how large.
#[derive(Debug)]
pub struct ContactSheet {
    title: String,
    detail: String,
    categories: Vec<String>,
    headings: Vec<String>,
    places: Vec<Place>,
    /// Number of images side by side in a cell.
    across: u32,
    /// Edge of a thumbnail in pixels.
    edge: u32,
}

impl ContactSheet {
    /// Lays out the sheet of these assets.
    pub fn of(title: &str, sidecars: &[Sidecar]) -> Self {
        let (mut categories, mut columns): (Vec<String>, Vec<SheetColumn>) = Default::default();
        let mut counts: HashMap<(&str, SheetColumn), u32> = HashMap::new();
        for sidecar in sidecars {
            let (category, column) = (sidecar.job.category.as_str(), SheetColumn::of(sidecar));
            if !categories.iter().any(|known| known == category) {
                categories.push(category.to_owned());
            }
            if !columns.contains(&column) {
                columns.push(column.clone());
            }
            *counts.entry((category, column)).or_default() += 1;
        }
        let across = counts.values().copied().max().unwrap_or(1).min(MAX_ACROSS);
        categories.truncate(MAX_ROWS);
        columns.truncate(MAX_COLUMNS);
        let places = places(sidecars, &categories, &columns, across);
        let images = (columns.len() as u32).max(1) * across;
        Self {
            title: title.to_owned(),
            detail: detail(sidecars, places.len()),
            headings: columns.iter().map(|column| column.heading(&columns)).collect(),
            categories,
            places,
            across,
            edge: (WIDTH.saturating_sub(LABELS) / images).saturating_sub(GAP).clamp(MIN_EDGE, MAX_EDGE),
        }
    }

    /// Returns those of the campaign's sidecars that the sheet shows.
    pub fn shown<'a>(&self, sidecars: &'a [Sidecar]) -> impl Iterator<Item = &'a Sidecar> {
        self.places.iter().filter_map(|place| sidecars.get(place.sidecar))
    }

    /// Scales an image to the size in which the sheet shows it.
    pub(crate) fn thumbnail(&self, image: &RgbImage) -> RgbImage {
        imageops::resize(image, self.edge, self.edge, FilterType::CatmullRom)
    }

    /// Draws the sheet with these thumbnails, keyed by stem.
    pub fn draw(&self, thumbnails: &HashMap<Stem, RgbImage>) -> RgbImage {
        let (rows, columns) = (self.categories.len() as u32, self.headings.len() as u32);
        let cell = self.across * (self.edge + GAP) + GAP;
        let width = (2 * MARGIN + LABELS + columns * cell).max(720);
        let mut sheet = RgbImage::from_pixel(width, HEAD + rows * (self.edge + GAP) + MARGIN, BACKGROUND);
        let pen = Pen::new();
        let mut write = |text: &str, x, y, style: (f32, Rgb<u8>), room| {
            pen.write(&mut sheet, text, (x, y), style.0, style.1, room);
        };
        write(&self.title, MARGIN, 14, (30.0, INK), width - 2 * MARGIN);
        write(&self.detail, MARGIN, 50, (17.0, FAINT), width - 2 * MARGIN);
        let left = |column: u32| MARGIN + LABELS + column * cell;
        let top = |row: u32| HEAD + row * (self.edge + GAP);
        for (column, heading) in (0..).zip(&self.headings) {
            write(heading, left(column), HEAD - 28, (19.0, INK), cell - GAP);
        }
        for (row, category) in (0..).zip(&self.categories) {
            write(category, MARGIN, top(row) + self.edge / 2 - 11, (19.0, INK), LABELS - GAP);
        }
        for place in &self.places {
            let (x, y) = (left(place.column) + place.slot * (self.edge + GAP), top(place.row));
            if let Some(thumbnail) = thumbnails.get(&place.stem) {
                imageops::replace(&mut sheet, thumbnail, x.into(), y.into());
                if place.outcome != Outcome::Accepted {
                    frame(&mut sheet, (x, y), self.edge);
                }
            } else {
                fill(&mut sheet, (x, y), (self.edge, self.edge), EMPTY);
                pen.write(&mut sheet, "failed", (x + 6, y + self.edge / 2 - 9), 16.0, REFUSED, self.edge - 12);
            }
        }
        sheet
    }
}

/// Returns the position of each asset that is shown.
fn places(sidecars: &[Sidecar], categories: &[String], columns: &[SheetColumn], across: u32) -> Vec<Place> {
    let mut filled: HashMap<(usize, usize), u32> = HashMap::new();
    let mut places = Vec::new();
    for (index, sidecar) in sidecars.iter().enumerate() {
        let row = categories.iter().position(|category| *category == sidecar.job.category);
        let column = columns.iter().position(|column| *column == SheetColumn::of(sidecar));
        let (Some(row), Some(column)) = (row, column) else { continue };
        let slot = filled.entry((row, column)).or_default();
        if *slot < across {
            places.push(Place {
                sidecar: index,
                stem: sidecar.job.stem.clone(),
                outcome: sidecar.outcome,
                row: row as u32,
                column: column as u32,
                slot: *slot,
            });
            *slot += 1;
        }
    }
    places
}

/// Returns the line under the title: how many assets there are, by outcome, and how many are not shown.
fn detail(sidecars: &[Sidecar], drawn: usize) -> String {
    let count = |outcome| sidecars.iter().filter(|s| s.outcome == outcome).count();
    let (accepted, rejected, failed) = (count(Outcome::Accepted), count(Outcome::Rejected), count(Outcome::Failed));
    let mut detail = format!("{accepted} of {} accepted", sidecars.len());
    if rejected > 0 {
        detail += &format!(" · {rejected} rejected (red frame)");
    }
    if failed > 0 {
        detail += &format!(" · {failed} failed (empty box)");
    }
    if drawn < sidecars.len() {
        detail += &format!(" · {} more not shown here", sidecars.len() - drawn);
    }
    detail + " · all images are AI-generated"
}

fn fill(sheet: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), colour: Rgb<u8>) {
    for dy in 0..height {
        for dx in 0..width {
            if let Some(pixel) = sheet.get_pixel_mut_checked(x + dx, y + dy) {
                *pixel = colour;
            }
        }
    }
}

/// Draws a frame just outside an image.
fn frame(sheet: &mut RgbImage, (x, y): (u32, u32), side: u32) {
    const THICK: u32 = 3;
    let (x, y, side) = (x - THICK, y - THICK, side + 2 * THICK);
    fill(sheet, (x, y), (side, THICK), REFUSED);
    fill(sheet, (x, y + side - THICK), (side, THICK), REFUSED);
    fill(sheet, (x, y), (THICK, side), REFUSED);
    fill(sheet, (x + side - THICK, y), (THICK, side), REFUSED);
}

/// Draws text on a picture.
struct Pen {
    /// The embedded font; `None` only if it cannot be read, in which case the sheet has no labels.
    font: Option<FontRef<'static>>,
}

impl Pen {
    fn new() -> Self {
        Self { font: FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok() }
    }

    /// Writes one line of text with its top left corner at `at`; text wider than `room` pixels is cut and ends in "…".
    fn write(&self, sheet: &mut RgbImage, text: &str, at: (u32, u32), size: f32, ink: Rgb<u8>, room: u32) {
        let Some(font) = &self.font else { return };
        let text = &readable(font, text);
        let scaled = font.as_scaled(PxScale::from(size));
        let advance = |c: char| scaled.h_advance(scaled.glyph_id(c));
        let whole: f32 = text.chars().map(advance).sum();
        let limit = if whole <= room as f32 { whole + 1.0 } else { room as f32 - advance('…') };
        let mut x = 0.0;
        let fitting = text.chars().take_while(|c| {
            x += advance(*c);
            x <= limit
        });
        let mut line: String = fitting.collect();
        if line.len() < text.len() {
            line.push('…');
        }
        let (mut x, baseline) = (at.0 as f32, at.1 as f32 + scaled.ascent());
        for c in line.chars() {
            let glyph = scaled.glyph_id(c).with_scale_and_position(size, point(x, baseline));
            x += advance(c);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, cover| {
                let (px, py) = (corner.x as i64 + i64::from(dx), corner.y as i64 + i64::from(dy));
                let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py)) else { return };
                if let Some(pixel) = sheet.get_pixel_mut_checked(px, py) {
                    let mix = |under: u8, over: u8| {
                        (f32::from(under) + (f32::from(over) - f32::from(under)) * cover.clamp(0.0, 1.0)).round() as u8
                    };
                    *pixel = Rgb(std::array::from_fn(|i| mix(pixel.0[i], ink.0[i])));
                }
            });
        }
    }
}

/// Returns `text` if the font has all its letters, and its slug otherwise, because missing letters are drawn as boxes.
fn readable(font: &FontRef<'_>, text: &str) -> String {
    let has = |c: char| c.is_whitespace() || font.glyph_id(c).0 != 0;
    if text.chars().all(has) { text.to_owned() } else { text::slug(text, limits::STEM) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_in_a_script_without_letters_is_written_as_its_slug() {
        let font = Pen::new().font.unwrap();
        for text in ["Red apple · 3", "Ærø, Čeština", "лиса", "αλεπού"] {
            assert_eq!(readable(&font, text), text);
        }
        assert_eq!(readable(&font, "狐 fox 2"), "fox-2");
        assert_eq!(readable(&font, "狐"), "asset");
    }
}
