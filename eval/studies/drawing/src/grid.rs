//! The pictures themselves: what each arm draws for the same briefs.
//!
//! Takes sheets of the test names, the drawings. Returns one PNG, names in columns, the house's own drawing on top
//! and each arm below. Invariants: names and houses are taken in order, not by how well they came out.

use housestyle::base::error::Result;
use housestyle::campaign::provenance;
use image::{Rgb, RgbImage, imageops};

use crate::setting::Names;
use crate::study::{Findings, Study};

/// Columns: with nine houses, one name each.
const COLUMNS: usize = 9;
/// White between pictures.
const GAP: u32 = 4;

/// The grid, or nothing if no arm was judged.
pub fn draw(study: &Study<'_, '_>, findings: &Findings) -> Result<Option<Vec<u8>>> {
    let mut rows: Vec<Vec<RgbImage>> = Vec::new();
    for tested in &findings.tested {
        let sheet = study.sheet(tested.choice.tried.setting, Names::Test, 0);
        let Some(pictures) = study.artist.pictures(&sheet)? else { continue };
        let places = (0..COLUMNS).map(|column| (column % sheet.houses.len(), column * sheet.names.len() / COLUMNS));
        let places: Vec<(usize, usize)> = places.collect();
        if rows.is_empty() {
            let mut own = Vec::new();
            for (house, name) in &places {
                let found = study
                    .drawings
                    .rows()
                    .iter()
                    .find(|r| r.house == sheet.houses[*house] && r.name == sheet.names[*name]);
                own.push(found.map_or(Ok(RgbImage::new(1, 1)), |row| study.drawings.read(row))?);
            }
            rows.push(own);
        }
        let all = sheet.names.len();
        rows.push(places.iter().filter_map(|(house, name)| pictures.get(house * all + name).cloned()).collect());
    }
    let Some(side) = rows.iter().flatten().map(RgbImage::width).max() else { return Ok(None) };
    let cell = side + GAP;
    let mut paper = RgbImage::from_pixel(COLUMNS as u32 * cell, rows.len() as u32 * cell, Rgb([255; 3]));
    for (y, row) in rows.iter().enumerate() {
        for (x, picture) in row.iter().enumerate() {
            imageops::replace(&mut paper, picture, x as i64 * i64::from(cell), y as i64 * i64::from(cell));
        }
    }
    // Five bits a channel: nobody sees it, and the file is a third smaller.
    paper.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| (value & 0xf8) | (value >> 5)));
    provenance::encode_sheet(&paper, "Drawing: arms in rows, names in columns").map(Some)
}
