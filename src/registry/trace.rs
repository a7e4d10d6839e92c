//! From a source to the versions that learned from it to the assets they drew, and back. Pure.
//!
//! Takes a [`Survey`] and a question. Returns a [`Trace`], or nothing if what is asked for is not known.
//!
//! # Invariants
//!
//! A version also answers for what its parents learned; an answer names what could not be read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::base::digest::Digest;
use crate::base::licence::Licence;
use crate::base::time::Date;
use crate::base::version::VersionId;
use crate::registry::ledger::same_source;
use crate::registry::survey::{AssetRow, Survey};

/// Where a trace starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A picture or an asset's image, by digest.
    Digest(Digest),
    /// A version.
    Version(VersionId),
    /// An asset's stem or a source.
    Text(String),
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// What was asked for: `picture`, `source`, `version` or `asset`.
    pub kind: &'static str,
    /// The pictures.
    pub pictures: Vec<TracedPicture>,
    /// The versions that learned from them.
    pub versions: Vec<TracedVersion>,
    /// The assets that these drew.
    pub assets: Vec<TracedAsset>,
    /// What could not be read, so that more may belong here.
    pub unreadable: Vec<String>,
}

/// A picture in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedPicture {
    /// What its bytes hash to.
    pub sha256: Digest,
    /// What it was called.
    pub file: String,
    /// Where it came from.
    pub source: String,
    /// Under which licence.
    pub licence: Licence,
    /// Who holds the rights; unknown only where the ledger lost its entry.
    pub holder: Option<String>,
    /// What proves it.
    pub evidence: Option<String>,
    /// The last day of its use.
    pub until: Option<Date>,
    /// Since when and why it must not be used.
    pub revoked: Option<String>,
}

/// A version in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedVersion {
    /// Which.
    pub version: VersionId,
    /// Whether it is in use.
    pub promoted: bool,
    /// Why it must not be used for new work.
    pub unusable: Option<String>,
}

/// An asset in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedAsset {
    /// Its sidecar's key in the store.
    pub sidecar: String,
    /// The style it is drawn in.
    pub style: String,
    /// The version that drew it; none for a style that the bundle itself knows.
    pub version: Option<VersionId>,
    /// The version that read what was drawn; none for the bundle's own encoder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_version: Option<VersionId>,
    /// The sources its sidecar names.
    pub sources: Vec<String>,
}

/// Answers a question.
pub fn trace(survey: &Survey, question: &Question) -> Option<Trace> {
    match question {
        Question::Version(version) => survey.cards.contains_key(version).then(|| from_version(survey, version)),
        Question::Digest(digest) => {
            let of = |picture: &TracedPicture| picture.sha256 == *digest;
            forward(survey, "picture", of, |_| false).or_else(|| {
                let asset = survey.assets.iter().find(|asset| asset.image.as_ref() == Some(digest))?;
                Some(from_asset(survey, asset))
            })
        }
        Question::Text(text) => match survey.assets.iter().find(|asset| asset.stem == **text) {
            Some(asset) => Some(from_asset(survey, asset)),
            None => {
                let names_it = |asset: &AssetRow| asset.sources.iter().any(|source| same_source(source, text));
                forward(survey, "source", |picture| same_source(&picture.source, text), names_it)
            }
        },
    }
}

/// From some pictures to all that came of them, and to assets that belong without any.
fn forward(
    survey: &Survey,
    kind: &'static str,
    of: impl Fn(&TracedPicture) -> bool,
    belongs: impl Fn(&AssetRow) -> bool,
) -> Option<Trace> {
    let pictures: Vec<TracedPicture> = pictures(survey).into_values().filter(of).collect();
    let digests: BTreeSet<&Digest> = pictures.iter().map(|picture| &picture.sha256).collect();
    let learned = |version: &&VersionId| survey.learned(version).iter().any(|lesson| digests.contains(&lesson.sha256));
    let versions: BTreeSet<VersionId> = survey.cards.keys().filter(learned).cloned().collect();
    let drawn = |asset: &&AssetRow| asset.versions().any(|v| versions.contains(v)) || belongs(asset);
    let assets: Vec<TracedAsset> = survey.assets.iter().filter(drawn).map(asset).collect();
    (!(pictures.is_empty() && assets.is_empty())).then(|| Trace {
        kind,
        versions: versions.iter().map(|id| version(survey, id)).collect(),
        pictures,
        assets,
        unreadable: survey.unreadable.clone(),
    })
}

fn from_version(survey: &Survey, id: &VersionId) -> Trace {
    let drawn = |asset: &&AssetRow| asset.versions().any(|version| version == id);
    Trace {
        kind: "version",
        pictures: lessons(survey, id),
        versions: vec![version(survey, id)],
        assets: survey.assets.iter().filter(drawn).map(asset).collect(),
        unreadable: survey.unreadable.clone(),
    }
}

fn from_asset(survey: &Survey, row: &AssetRow) -> Trace {
    let mut pictures: Vec<TracedPicture> = row.versions().flat_map(|id| lessons(survey, id)).collect();
    pictures.sort_by_key(|picture| picture.sha256);
    pictures.dedup_by(|a, b| a.sha256 == b.sha256);
    Trace {
        kind: "asset",
        pictures,
        versions: row.versions().map(|id| version(survey, id)).collect(),
        assets: vec![asset(row)],
        unreadable: survey.unreadable.clone(),
    }
}

fn lessons(survey: &Survey, id: &VersionId) -> Vec<TracedPicture> {
    let mut all = pictures(survey);
    let digests: BTreeSet<&Digest> = survey.learned(id).iter().map(|lesson| &lesson.sha256).collect();
    digests.into_iter().filter_map(|digest| all.remove(digest)).collect()
}

/// Every picture that the ledger or a card knows; the ledger knows more of it.
fn pictures(survey: &Survey) -> BTreeMap<Digest, TracedPicture> {
    let revoked = |sha256: &Digest, source: &str| survey.revocations.of(sha256, source).map(|r| r.because());
    let of_cards = survey.cards.values().flat_map(|card| &card.pictures).map(|lesson| TracedPicture {
        sha256: lesson.sha256,
        file: lesson.file.clone(),
        source: lesson.source.clone(),
        licence: lesson.licence.clone(),
        holder: None,
        evidence: None,
        until: None,
        revoked: revoked(&lesson.sha256, &lesson.source),
    });
    let of_ledger = survey.entries.values().map(|entry| TracedPicture {
        sha256: entry.sha256,
        file: entry.file.clone(),
        source: entry.grant.source.clone(),
        licence: entry.grant.licence.clone(),
        holder: Some(entry.grant.holder.clone()),
        evidence: entry.grant.evidence.clone(),
        until: entry.grant.terms.until,
        revoked: revoked(&entry.sha256, &entry.grant.source),
    });
    of_cards.chain(of_ledger).map(|picture| (picture.sha256, picture)).collect()
}

fn version(survey: &Survey, id: &VersionId) -> TracedVersion {
    TracedVersion {
        version: id.clone(),
        promoted: survey.promoted.get(&id.encoder()) == Some(id),
        unusable: survey.revoked(id).map(|(lesson, revocation)| format!("{} is {}", lesson.file, revocation.because())),
    }
}

fn asset(row: &AssetRow) -> TracedAsset {
    let AssetRow { sidecar, style, version, category_version, sources, .. } = row.clone();
    TracedAsset { sidecar, style, version, category_version, sources }
}
