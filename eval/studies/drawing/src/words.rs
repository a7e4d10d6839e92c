//! The words: what each arm's prompts say.
//!
//! Takes the bundle's templates and looks, an arm, a house and a name. Returns texts. Invariants: an arm is asked for
//! a picture in the very words it was taught with, and only `described` and `worded` arms are told the expert's
//! description.

use housestyle::base::error::{Error, Result};
use housestyle::pipeline::Bundle;
use housestyle::spec::{describe, template, words};

use crate::setting::{Arm, Asks, Setting};

/// How a brand is asked for, as in a style set.
const BRAND: &str = "a {category} emoji in {style} style";
/// The same with a description, which is part of the style: short, as prompts are never cut.
const WORDED: &str = "a {category} emoji, {style}";

/// The bundle's own words.
#[derive(Clone, Debug)]
pub struct Words {
    /// How it asks for a thing.
    pub category: String,
    /// How it asks for a look.
    pub described: String,
    /// Its houses: name and look.
    pub looks: Vec<(String, String)>,
    /// Its things.
    pub things: Vec<String>,
}

impl Words {
    /// What the bundle says.
    pub fn of(bundle: &Bundle) -> Self {
        let spec = &bundle.manifest().spec;
        Self {
            category: spec.prompt.category.clone(),
            described: spec.prompt.style.clone(),
            looks: spec.styles.iter().map(|style| (style.name.to_string(), style.look.clone())).collect(),
            things: spec.categories.clone(),
        }
    }

    /// The category's prompt.
    pub fn thing(&self, name: &str) -> String {
        template::fill(&self.category, &[("category", &words(name))])
    }

    /// How an arm learns: the template, and what stands in it for a house.
    pub fn taught(&self, arm: Arm, house: &str) -> Result<(&'static str, String)> {
        match arm {
            arm if arm.is_worded() => Ok((WORDED, format!("{} {house}", self.look(house)?))),
            _ => Ok((BRAND, house.to_owned())),
        }
    }

    /// The style's prompt.
    pub fn style(&self, setting: &Setting, house: &str, name: &str) -> Result<String> {
        if setting.arm == Arm::Described || setting.asks == Asks::OtherLooks {
            let fields = [("prompt", &*self.thing(name)), ("look", self.look(house)?), ("category", &*words(name))];
            return Ok(template::fill(&self.described, &fields));
        }
        let (template, style) = self.taught(setting.arm, house)?;
        Ok(describe(template, name, &style))
    }

    fn look(&self, house: &str) -> Result<&str> {
        let found = self.looks.iter().find(|(name, _)| name == house);
        found.map(|(_, look)| look.as_str()).ok_or_else(|| Error::invalid(format!("the bundle describes no {house}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Task;

    #[test]
    fn only_those_who_may_are_told_the_look() {
        let words = Words {
            category: "a {category} emoji".into(),
            described: "{prompt}, {look}".into(),
            looks: vec![("acme".into(), "bold, flat".into())],
            things: vec![],
        };
        let ask = |arm| words.style(&Setting::new(Task::Houses, arm, (3.0, 3.0), 1.0), "acme", "red-fox").unwrap();
        assert_eq!(ask(Arm::Name), "a red fox emoji in acme style");
        assert_eq!(ask(Arm::Described), "a red fox emoji, bold, flat");
        assert_eq!(ask(Arm::Worded), "a red fox emoji, bold, flat acme");
        for arm in Arm::ALL.into_iter().filter(|arm| *arm != Arm::Described && !arm.is_worded()) {
            assert_eq!(ask(arm), ask(Arm::Name), "{arm:?}");
        }
        let other = Setting { asks: Asks::OtherLooks, ..Setting::new(Task::NewHouse, Arm::Triplet, (3.0, 3.0), 1.0) };
        assert_eq!(words.style(&other, "acme", "fox").unwrap(), "a fox emoji, bold, flat");
        assert!(words.style(&other, "unknown", "fox").is_err());
    }
}
