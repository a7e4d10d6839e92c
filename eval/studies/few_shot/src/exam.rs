//! Who is asked what: the drawings judged, the candidates, and the marks.
//!
//! Takes an encoder and how it is asked for a style. Returns [`Scores`]. Invariants: of a drawing's style, only the
//! style is asked (a brief says what shall be drawn); of its thing, all of the bundle's things are candidates.

use std::collections::BTreeSet;

use housestyle::base::error::Result;
use housestyle::spec::{template, words};
use housestyle::train::probe::Identifier;
use housestyle_study_common::drawings::NEW_HOUSE;

use crate::cells::{Scores, Task};
use crate::tip::{Asked, best_of};

/// A style that can be asked for.
#[derive(Clone, Debug)]
pub struct Style {
    /// The house's name, which no encoder knows before it learns.
    pub name: String,
    /// Its look in an expert's words.
    pub look: String,
}

/// A drawing that is judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Who drew it.
    pub house: String,
    /// What it shows.
    pub name: String,
    /// The image tower's feature.
    pub feature: Vec<f32>,
}

/// How a style is asked for, together with a thing.
type Wording<'a> = &'a dyn Fn(&str, &Style) -> String;

/// The drawings judged and the candidates.
pub struct Exam {
    /// The question.
    pub task: Task,
    /// What is judged.
    pub pictures: Vec<Judged>,
    /// The candidates for a style; a new house is the first.
    pub styles: Vec<Style>,
    /// The candidates for a thing.
    pub categories: Vec<String>,
    /// How the bundle asks for a thing.
    pub category: String,
    /// How the bundle asks for a look.
    pub described: String,
}

impl Exam {
    /// Judges one encoder on everything.
    pub fn judge(&self, encoder: &mut Identifier, wording: Wording<'_>) -> Result<Scores> {
        let style = self.styles_asked(encoder, wording, 1.0)?;
        let thing = self.things_asked(encoder, 1.0)?;
        let kept = self.kept(encoder, wording)?;
        Ok(Scores { kept, ..self.scores(&logits(style), &logits(thing)) })
    }

    /// Judges a style encoder on styles and a category encoder on things.
    pub fn judge_two(&self, style: &mut Identifier, category: &mut Identifier, wording: Wording<'_>) -> Result<Scores> {
        let asked = self.styles_asked(style, wording, 1.0)?;
        let thing = self.things_asked(category, 1.0)?;
        let kept = self.kept(style, wording)?;
        Ok(Scores { kept, ..self.scores(&logits(asked), &logits(thing)) })
    }

    /// Whether a drawing is the brand's own; where every house is a brand, it is.
    fn own(&self, picture: &Judged) -> bool {
        self.task == Task::Houses || picture.house == NEW_HOUSE
    }

    /// The candidates' texts for a drawing's style. Beside a new house the others are described: nobody ever named
    /// them.
    fn style_texts(&self, name: &str, wording: Wording<'_>) -> Vec<String> {
        let stock = template::fill(&self.category, &[("category", &words(name))]);
        let text = |style: &Style| match self.task == Task::Houses || style.name == NEW_HOUSE {
            true => wording(name, style),
            false => template::fill(&self.described, &[("prompt", &stock), ("look", &style.look)]),
        };
        self.styles.iter().map(text).collect()
    }

    /// Every drawing with the logits of its style.
    pub fn styles_asked(&self, encoder: &mut Identifier, wording: Wording<'_>, scale: f32) -> Result<Vec<Asked>> {
        let asked = |picture: &Judged| -> Result<Asked> {
            let image = encoder.image(&picture.feature);
            let cosines = encoder.cosines(&image, &self.style_texts(&picture.name, wording))?;
            let right = self.styles.iter().position(|style| style.name == picture.house).unwrap_or(usize::MAX);
            Ok(Asked { image, logits: cosines.iter().map(|c| scale * c).collect(), right })
        };
        self.pictures.iter().map(asked).collect()
    }

    /// The brand's own drawings with the logits of their thing.
    pub fn things_asked(&self, encoder: &mut Identifier, scale: f32) -> Result<Vec<Asked>> {
        let text = |category: &String| template::fill(&self.category, &[("category", &words(category))]);
        let texts: Vec<String> = self.categories.iter().map(text).collect();
        let asked = |picture: &Judged| -> Result<Asked> {
            let image = encoder.image(&picture.feature);
            let cosines = encoder.cosines(&image, &texts)?;
            let right = self.categories.iter().position(|category| *category == picture.name).unwrap_or(usize::MAX);
            Ok(Asked { image, logits: cosines.iter().map(|c| scale * c).collect(), right })
        };
        self.pictures.iter().filter(|picture| self.own(picture)).map(asked).collect()
    }

    /// How often the encoder of styles still tells things apart, among the judged names.
    pub fn kept(&self, encoder: &mut Identifier, wording: Wording<'_>) -> Result<f64> {
        let names: BTreeSet<&String> = self.pictures.iter().map(|picture| &picture.name).collect();
        let names: Vec<&String> = names.into_iter().collect();
        let (mut right, mut all) = (0, 0);
        for picture in self.pictures.iter().filter(|picture| self.own(picture)) {
            let Some(style) = self.styles.iter().find(|style| style.name == picture.house) else { continue };
            let texts: Vec<String> = names.iter().map(|name| wording(name, style)).collect();
            let image = encoder.image(&picture.feature);
            let found = best_of(&encoder.cosines(&image, &texts)?);
            right += usize::from(found.and_then(|i| names.get(i)) == Some(&&picture.name));
            all += 1;
        }
        Ok(share(right, all))
    }

    /// The marks: `style` has the logits of every drawing, `thing` those of the brand's own.
    pub fn scores(&self, style: &[Vec<f32>], thing: &[Vec<f32>]) -> Scores {
        let pairs = || self.pictures.iter().zip(style);
        let named = |logits: &[f32]| best_of(logits).and_then(|i| self.styles.get(i)).map(|style| style.name.as_str());
        let own = || pairs().filter(|(picture, _)| self.own(picture));
        let found = share(own().filter(|(p, logits)| named(logits) == Some(p.house.as_str())).count(), own().count());
        let others = || pairs().filter(|(picture, _)| !self.own(picture));
        let spared = match self.task {
            Task::Houses => 1.0,
            Task::NewHouse => {
                share(others().filter(|(_, logits)| named(logits) != Some(NEW_HOUSE)).count(), others().count())
            }
        };
        let rank = |picture: &Judged, logits: &[f32]| {
            let right = self.categories.iter().position(|category| *category == picture.name);
            let own = right.and_then(|i| logits.get(i)).copied().unwrap_or(f32::NEG_INFINITY);
            logits.iter().filter(|logit| **logit > own).count()
        };
        let own_pictures = self.pictures.iter().filter(|picture| self.own(picture));
        let ranks: Vec<usize> = own_pictures.zip(thing).map(|(picture, logits)| rank(picture, logits)).collect();
        let within = |n: usize| share(ranks.iter().filter(|rank| **rank < n).count(), ranks.len());
        let style = if self.task == Task::Houses { found } else { (found + spared) / 2.0 };
        Scores { style, found, spared, category: within(1), category_five: within(5), kept: 0.0 }
    }
}

fn logits(asked: Vec<Asked>) -> Vec<Vec<f32>> {
    asked.into_iter().map(|asked| asked.logits).collect()
}

fn share(count: usize, all: usize) -> f64 {
    count as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exam(task: Task) -> Exam {
        let picture = |house: &str, name: &str| Judged { house: house.into(), name: name.into(), feature: vec![] };
        let style = |name: &str| Style { name: name.into(), look: "flat".into() };
        Exam {
            task,
            pictures: vec![picture(NEW_HOUSE, "fox"), picture("noto", "owl"), picture("noto", "fox")],
            styles: vec![style(NEW_HOUSE), style("noto")],
            categories: ["fox", "owl"].map(String::from).into(),
            category: "a {category}".into(),
            described: "{prompt}, {look}".into(),
        }
    }

    #[test]
    fn a_new_house_must_be_found_and_others_spared() {
        let exam = exam(Task::NewHouse);
        let scores = exam.scores(&[vec![2.0, 1.0], vec![1.0, 0.0], vec![0.0, 1.0]], &[vec![0.0, 1.0]]);
        assert_eq!((scores.found, scores.spared, scores.style), (1.0, 0.5, 0.75));
        assert_eq!((scores.category, scores.category_five), (0.0, 1.0));
        let name = |category: &str, style: &Style| format!("{category} by {}", style.name);
        assert_eq!(exam.style_texts("fox", &name), [format!("fox by {NEW_HOUSE}"), "a fox, flat".into()]);
    }

    #[test]
    fn where_every_house_is_a_brand_all_drawings_count() {
        let exam = exam(Task::Houses);
        let things = [vec![1.0, 0.0], vec![1.0, 0.0], vec![1.0, 0.0]];
        let scores = exam.scores(&[vec![2.0, 1.0], vec![1.0, 0.0], vec![0.0, 1.0]], &things);
        assert!((scores.style - 2.0 / 3.0).abs() < 1e-12 && (scores.category - 2.0 / 3.0).abs() < 1e-12, "{scores:?}");
    }
}
