//! The style set's grammar.

use super::super::problem::{Places, Problem};
use super::super::reader::{Field, Object, Reader};
use super::super::styleset::{Claim, Images, Loss, StyleSet, Training};
use super::super::{references, template};
use super::common::{self, Keys, filled, filled_text, name, owner, words};
use super::kind::DocumentKind;
use crate::base::licence::Licence;
use crate::base::limits;
use crate::base::names::{BundleRef, Name};
use crate::base::text::{self, plain, show};
use crate::base::version::Branch;

/// The keys of every mapping, by the name of its type in the JSON Schema.
pub(in crate::spec) const KEYS: Keys = &[
    ("Document", &["apiVersion", "kind", "metadata", "spec"]),
    ("Metadata", &["name", "owner"]),
    ("Spec", &["bundle", "branch", "prompt", "images", "training"]),
    (
        "Images",
        &["files", "category", "style", "source", "licence", "holder", "evidence", "territories", "channels", "until"],
    ),
    (
        "Training",
        &[
            "loss",
            "denoising",
            "steps",
            "rank",
            "learning_rate",
            "style_scale",
            "margin",
            "validation",
            "patience",
            "seed",
        ],
    ),
];

/// The prompt when none is given. It names the category too, since a style's words alone draw nothing.
pub(in crate::spec) const DEFAULT_STYLE_PROMPT: &str = "a {category} emoji in {style} style";

fn object<'a>(r: &mut Reader, field: Field<'a>, of: &str) -> Option<Object<'a>> {
    common::object(r, field, KEYS, of)
}

/// Reads a whole style set.
pub(in crate::spec) fn styleset(yaml: &str, file: &str) -> Result<StyleSet, Vec<Problem>> {
    match common::read(yaml, file, document) {
        (Some(set), Reader { places, problems }) if problems.is_empty() => {
            Ok(StyleSet { source: yaml.into(), places, ..set })
        }
        (_, Reader { problems, .. }) => Err(Problem::tidy(problems)),
    }
}

/// Reads the whole document; its text and places are filled in by the caller.
fn document(r: &mut Reader, field: Field<'_>) -> Option<StyleSet> {
    let doc = common::document(r, field, KEYS, DocumentKind::StyleSet)?;
    let metadata = r.need(&doc, "metadata", |r, f| {
        let meta = object(r, f, "Metadata")?;
        let name = r.need(&meta, "name", name);
        let owner = owner(r, &meta);
        Some((name?, owner?))
    });
    // Without a usable name the rest is read all the same, so that its problems are told too.
    let label = metadata.as_ref().map(|(name, _)| name.clone());
    let spec = r.need(&doc, "spec", |r, f| spec(r, f, label));
    let ((name, owner), spec) = (metadata?, spec?);
    Some(StyleSet { name, owner, ..spec })
}

/// Reads `spec`; the metadata's fields are filled in by [`document`].
fn spec(r: &mut Reader, field: Field<'_>, label: Option<Name>) -> Option<StyleSet> {
    let spec = object(r, field, "Spec")?;
    let bundle = r.need(&spec, "bundle", |r, f| r.text(f, str::parse::<BundleRef>));
    let branch = r.or(&spec, "branch", Branch::default(), |r, f| r.word(f, &Branch::ALL.map(|b| (b.as_str(), b))));
    let prompt = r.or(&spec, "prompt", DEFAULT_STYLE_PROMPT.into(), prompt);
    let images = r.need(&spec, "images", |r, f| r.list(f, limits::PICTURES, |r, f| images(r, f, label.as_ref())));
    let training = r.or(&spec, "training", Training::default(), training);
    let branch = branch?;
    if let (Some(prompt), Branch::Style, false) =
        (&prompt, branch, prompt.as_ref().is_some_and(|p| p.contains("{style}")))
    {
        let reason =
            format!("{} does not say `{{style}}`, so the encoder could not tell this style from another", show(prompt));
        r.problems.push(r.places.problem("spec.prompt", reason, None));
    }
    let bundle = bundle?;
    Some(StyleSet {
        name: bundle.name.clone(),
        owner: None,
        bundle,
        branch,
        prompt: prompt?,
        images: images?,
        training: training?,
        source: String::new(),
        places: Places::default(),
    })
}

fn prompt(r: &mut Reader, field: Field<'_>) -> Option<String> {
    let text = r.text(field, |text| plain(text, limits::PROMPT))?;
    filled(r, field, template::check(&text, &template::STYLE_PROMPT_FIELDS))?;
    if text.contains("{category}") {
        Some(text)
    } else {
        r.wrong(field, "does not say `{category}`, so every picture would be described alike", None)
    }
}

fn images(r: &mut Reader, field: Field<'_>, label: Option<&Name>) -> Option<Images> {
    let images = object(r, field, "Images")?;
    let files = r.need(&images, "files", |r, f| r.text(f, references::pattern));
    let category = r.or(&images, "category", "{stem}".into(), |r, f| {
        let text = r.text(f, |text| plain(text, limits::SHORT_TEXT))?;
        filled(r, f, template::check(&text, &template::STEM_FIELDS))?;
        match text::category(&template::fill(&text, &[("stem", "x")])) {
            Ok(_) => Some(text),
            Err(reason) => r.wrong(f, format!("{} {reason}", show(&text)), None),
        }
    });
    // Null is a value here, and another than leaving the key out.
    let style = r.or_null(&images, "style", label.cloned(), name);
    let source = r.maybe(&images, "source", filled_text(limits::RIGHTS_TEXT));
    let licence = r.maybe(&images, "licence", |r, f| r.text(f, str::parse::<Licence>));
    let holder = r.maybe(&images, "holder", filled_text(limits::RIGHTS_TEXT));
    let evidence = r.maybe(&images, "evidence", filled_text(limits::RIGHTS_TEXT));
    let territories = r.or(&images, "territories", Vec::new(), words);
    let channels = r.or(&images, "channels", Vec::new(), words);
    let until = r.maybe(&images, "until", |r, f| r.text(f, str::parse));
    let claim = Claim {
        source: source?,
        licence: licence?,
        holder: holder?,
        evidence: evidence?,
        territories: territories?,
        channels: channels?,
        until: until?,
    };
    Some(Images { files: files?, category: category?, style: style?, claim })
}

fn training(r: &mut Reader, field: Field<'_>) -> Option<Training> {
    let training = object(r, field, "Training")?;
    let default = Training::default();
    let loss = r.or(&training, "loss", default.loss, |r, f| {
        r.word(f, &[("cross-entropy", Loss::CrossEntropy), ("triplet", Loss::Triplet)])
    });
    let mut number =
        |key: &str, default: f64, low: f64, high: f64| r.or(&training, key, default, |r, f| r.number(f, low, high));
    let denoising = number("denoising", default.denoising, 0.0, limits::LOSS_WEIGHT);
    let learning_rate =
        number("learning_rate", default.learning_rate, limits::LEARNING_RATE.0, limits::LEARNING_RATE.1);
    let style_scale = number("style_scale", default.style_scale, 0.0, 1.0);
    let margin = number("margin", default.margin, 0.0, 2.0);
    let validation = number("validation", default.validation, 0.0, limits::VALIDATION);
    let mut whole = |key: &str, default: u32, low: u32, high: u32| {
        r.or(&training, key, default, |r, f| r.integer(f, low.into(), high.into()))
    };
    let steps = whole("steps", default.steps, 1, limits::TRAINING_STEPS);
    let rank = whole("rank", default.rank, 1, limits::RANK);
    let patience = whole("patience", default.patience, 0, limits::TRAINING_STEPS);
    let seed = r.or(&training, "seed", default.seed, |r, f| r.integer(f, 0, u64::MAX.into()));
    Some(Training {
        loss: loss?,
        denoising: denoising?,
        steps: steps?,
        rank: rank?,
        learning_rate: learning_rate?,
        style_scale: style_scale?,
        margin: margin?,
        validation: validation?,
        patience: patience?,
        seed: seed?,
    })
}
