//! The contact sheet: categories down, styles across, every asset small, at a glance. Pure.
//!
//! In: sidecars and their images. Out: one picture of bounded size.
//! Always holds: what was refused is framed in red and what could not be made is an empty box, so that nothing looks
//! better than it is; what does not fit is said.

use std::collections::HashMap;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use crate::campaign::sidecar::{Outcome, Sidecar};

/// Rows, columns and images a cell that are drawn at most.
const MAX: (usize, usize, u32) = (100, 20, 4);
/// Width aimed at: images shrink before the sheet gets wider.
const WIDTH: u32 = 3200;
/// Side of a drawn image, at most and at least.
const SIDE: (u32, u32) = (128, 40);
const GAP: u32 = 8;
const MARGIN: u32 = 24;
const LABELS: u32 = 170;
const HEAD: u32 = 110;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([32, 33, 36]);
const FAINT: Rgb<u8> = Rgb([110, 114, 122]);
const EMPTY: Rgb<u8> = Rgb([238, 239, 241]);
const REFUSED: Rgb<u8> = Rgb([208, 36, 36]);

/// A style, and which trained version of it drew: two versions that a campaign compares are two columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Column<'a> {
    style: &'a str,
    version: Option<u32>,
}

impl<'a> Column<'a> {
    fn of(sidecar: &'a Sidecar) -> Self {
        let job = &sidecar.job;
        Self { style: job.style.as_str(), version: job.style_source.encoder.as_ref().map(|encoder| encoder.version.number) }
    }

    /// Its heading: the style's name, with the version where there are several.
    fn heading(&self, all: &[Self]) -> String {
        match self.version {
            Some(version) if all.iter().filter(|column| column.style == self.style).count() > 1 => {
                format!("{}@{version}", self.style)
            }
            _ => self.style.to_owned(),
        }
    }
}

/// The rows and columns of a sheet.
struct Grid<'a> {
    categories: Vec<&'a str>,
    styles: Vec<Column<'a>>,
    /// Images side by side in a cell.
    across: u32,
}

impl<'a> Grid<'a> {
    fn of(sidecars: &'a [Sidecar]) -> Self {
        let (mut categories, mut styles) = (Vec::new(), Vec::new());
        let mut counts: HashMap<(&str, Column<'_>), u32> = HashMap::new();
        for sidecar in sidecars {
            let (category, style) = (sidecar.job.category.as_str(), Column::of(sidecar));
            if !categories.contains(&category) {
                categories.push(category);
            }
            if !styles.contains(&style) {
                styles.push(style);
            }
            *counts.entry((category, style)).or_default() += 1;
        }
        let across = counts.values().copied().max().unwrap_or(1).min(MAX.2);
        categories.truncate(MAX.0);
        styles.truncate(MAX.1);
        Self { categories, styles, across }
    }
}

/// The sidecars whose images a sheet of these shows.
pub fn shown(sidecars: &[Sidecar]) -> Vec<&Sidecar> {
    placed(sidecars, &Grid::of(sidecars)).into_iter().map(|(sidecar, ..)| sidecar).collect()
}

/// Each sidecar that is shown, with its row, column and place in the cell.
fn placed<'a>(sidecars: &'a [Sidecar], grid: &Grid<'_>) -> Vec<(&'a Sidecar, u32, u32, u32)> {
    let mut filled: HashMap<(usize, usize), u32> = HashMap::new();
    let mut places = Vec::new();
    for sidecar in sidecars {
        let row = grid.categories.iter().position(|c| *c == sidecar.job.category.as_str());
        let column = grid.styles.iter().position(|s| *s == Column::of(sidecar));
        let (Some(row), Some(column)) = (row, column) else { continue };
        let slot = filled.entry((row, column)).or_default();
        if *slot < grid.across {
            places.push((sidecar, row as u32, column as u32, *slot));
            *slot += 1;
        }
    }
    places
}

/// Draws the sheet; `images` by stem.
pub fn draw(title: &str, sidecars: &[Sidecar], images: &HashMap<String, RgbImage>) -> RgbImage {
    let grid = Grid::of(sidecars);
    let (rows, columns) = (grid.categories.len() as u32, grid.styles.len() as u32);
    let across = columns.max(1) * grid.across;
    let side = (WIDTH.saturating_sub(LABELS) / across.max(1)).saturating_sub(GAP).clamp(SIDE.1, SIDE.0);
    let cell = grid.across * (side + GAP) + GAP;
    let width = (2 * MARGIN + LABELS + columns * cell).max(720);
    let mut sheet = RgbImage::from_pixel(width, HEAD + rows * (side + GAP) + MARGIN, PAPER);

    let pen = Pen::new();
    let places = placed(sidecars, &grid);
    let (head, detail) = captions(title, sidecars, places.len());
    pen.write(&mut sheet, &head, (MARGIN, 14), 30.0, INK, width - 2 * MARGIN);
    pen.write(&mut sheet, &detail, (MARGIN, 50), 17.0, FAINT, width - 2 * MARGIN);
    let left = |column: u32| MARGIN + LABELS + column * cell;
    let top = |row: u32| HEAD + row * (side + GAP);
    for (column, style) in (0..).zip(&grid.styles) {
        pen.write(&mut sheet, &style.heading(&grid.styles), (left(column), HEAD - 28), 19.0, INK, cell - GAP);
    }
    for (row, category) in (0..).zip(&grid.categories) {
        pen.write(&mut sheet, category, (MARGIN, top(row) + side / 2 - 11), 19.0, INK, LABELS - GAP);
    }
    for (sidecar, row, column, slot) in places {
        let (x, y) = (left(column) + slot * (side + GAP), top(row));
        match images.get(&sidecar.job.stem) {
            Some(image) => {
                let small = imageops::resize(image, side, side, FilterType::CatmullRom);
                imageops::replace(&mut sheet, &small, x.into(), y.into());
                if sidecar.outcome != Outcome::Accepted {
                    frame(&mut sheet, (x, y), side);
                }
            }
            None => {
                fill(&mut sheet, (x, y), (side, side), EMPTY);
                pen.write(&mut sheet, "failed", (x + 6, y + side / 2 - 9), 16.0, REFUSED, side - 12);
            }
        }
    }
    sheet
}

fn captions(title: &str, sidecars: &[Sidecar], drawn: usize) -> (String, String) {
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
    (title.to_owned(), detail + " · all images are AI-generated")
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

/// A frame just outside the image.
fn frame(sheet: &mut RgbImage, (x, y): (u32, u32), side: u32) {
    const THICK: u32 = 3;
    let (x, y, side) = (x - THICK, y - THICK, side + 2 * THICK);
    fill(sheet, (x, y), (side, THICK), REFUSED);
    fill(sheet, (x, y + side - THICK), (side, THICK), REFUSED);
    fill(sheet, (x, y), (THICK, side), REFUSED);
    fill(sheet, (x + side - THICK, y), (THICK, side), REFUSED);
}

/// Writes text.
struct Pen {
    /// `None` only if the embedded font could not be read: then the sheet is without words, but there.
    font: Option<FontRef<'static>>,
}

impl Pen {
    fn new() -> Self {
        Self { font: FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok() }
    }

    /// Writes one line with its top left corner at `at`; what is wider than `room` ends in "…".
    fn write(&self, sheet: &mut RgbImage, text: &str, at: (u32, u32), size: f32, ink: Rgb<u8>, room: u32) {
        let Some(font) = &self.font else { return };
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
