//! Domain events: what happens to campaigns and assets.

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, bare_digest};
use crate::campaign::layout::Layout;
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::pipeline::scores::Scores;
use crate::plan::{CampaignId, JobId};
use crate::spec::Problem;
use crate::store::Key;

/// An event in the life of a campaign or an asset.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DomainEvent {
    /// A campaign was accepted; its jobs are in the queue.
    CampaignAccepted(CampaignAccepted),
    /// A campaign was rejected; nothing is made.
    CampaignRejected(CampaignRejected),
    /// Every job of a campaign has its outcome.
    CampaignCompleted(CampaignCompleted),
    /// A campaign was cancelled.
    CampaignCancelled(CampaignCancelled),
    /// An asset passed the gate.
    AssetAccepted(AssetFinished),
    /// An asset did not pass the gate, or could not be made.
    AssetRejected(AssetFinished),
    /// A job was given up on without an outcome.
    AssetDead(AssetDead),
}

/// The event that a campaign was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignAccepted {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The campaign's name, as its author wrote it.
    pub name: String,
    /// The number of jobs to make.
    pub jobs: usize,
    /// The location where its assets will be stored.
    pub folder: String,
}

/// The event that a campaign was rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignRejected {
    /// The SHA-256 of the submitted text, as a rejected campaign has no id.
    pub submission: String,
    /// The campaign's name, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The problems, each with its place in the file.
    pub problems: Vec<String>,
}

/// The event that every job of a campaign has its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignCompleted {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The number of assets that passed the gate.
    pub accepted: usize,
    /// The number of assets that did not pass the gate.
    pub rejected: usize,
    /// The number of jobs that gave no image or were given up on.
    pub failed: usize,
    /// The location where its assets are stored.
    pub folder: String,
    /// The location of the manifest, which has one line per asset.
    pub manifest: Option<String>,
    /// The location of the contact sheet, which shows categories × styles.
    pub contact_sheet: Option<String>,
}

/// The event that a campaign was cancelled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignCancelled {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The number of jobs that have their outcome and keep it.
    pub finished: usize,
    /// The number of jobs that are not made.
    pub left: usize,
}

/// The event that an asset is finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetFinished {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The job's id.
    pub job: JobId,
    /// The asset's category.
    pub category: String,
    /// The asset's style.
    pub style: String,
    /// The reasons why the asset was not accepted; empty if it was.
    pub reasons: Vec<String>,
    /// The number of attempts made.
    pub attempts: usize,
    /// The evaluator's scores of the image.
    pub scores: Option<Scores>,
    /// The location of the image; `None` if none could be made.
    pub image: Option<String>,
    /// The SHA-256 of the image.
    #[serde(with = "bare_digest::option", default)]
    pub sha256: Option<Digest>,
    /// The location of the sidecar.
    pub sidecar: String,
}

/// The event that a job was given up on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetDead {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The job's id.
    pub job: JobId,
    /// The reason.
    pub reason: String,
}

impl CampaignRejected {
    /// Creates the rejection of a submitted text for these problems.
    pub fn of(submitted: &[u8], name: Option<&str>, problems: &[Problem]) -> Self {
        let in_words = |p: &Problem| match (p.line, p.path.is_empty()) {
            (0, true) => p.reason.clone(),
            (0, false) => format!("{}: {}", p.path, p.reason),
            (line, _) => format!("{line}:{}: {}: {}", p.column, p.path, p.reason),
        };
        Self {
            submission: Digest::of(submitted).hex(),
            name: name.map(str::to_owned),
            problems: problems.iter().map(in_words).collect(),
        }
    }
}

impl DomainEvent {
    /// Creates the event for a finished asset; `locate` returns the address at which a person finds a stored object.
    pub fn asset(sidecar: &Sidecar, locate: impl Fn(&Key) -> String) -> Self {
        let job = &sidecar.job;
        let layout = Layout::of(&job.campaign);
        let shelf = sidecar.outcome.shelf();
        let image = sidecar.image.as_ref().map(|_| layout.image(shelf, &job.stem));
        let asset = AssetFinished {
            campaign: job.campaign.clone(),
            job: job.id.clone(),
            category: job.category.clone(),
            style: job.style.clone(),
            reasons: sidecar.reasons.clone(),
            attempts: sidecar.attempts.len(),
            scores: sidecar.chosen_scores().cloned(),
            image: image.map(|key| locate(&key)),
            sha256: sidecar.image.as_ref().map(|image| image.sha256),
            sidecar: locate(&layout.sidecar(shelf, &job.stem)),
        };
        match sidecar.outcome {
            Outcome::Accepted => Self::AssetAccepted(asset),
            Outcome::Rejected | Outcome::Failed => Self::AssetRejected(asset),
        }
    }

    /// Returns the event's topic: its routing key on the topic exchange, and its name in a webhook's `events`.
    pub fn topic(&self) -> &'static str {
        match self {
            Self::CampaignAccepted(_) => "campaign.accepted",
            Self::CampaignRejected(_) => "campaign.rejected",
            Self::CampaignCompleted(_) => "campaign.completed",
            Self::CampaignCancelled(_) => "campaign.cancelled",
            Self::AssetAccepted(_) => "asset.accepted",
            Self::AssetRejected(_) => "asset.rejected",
            Self::AssetDead(_) => "asset.dead",
        }
    }

    /// All topics.
    pub(crate) const TOPICS: [&str; 7] = [
        "campaign.accepted",
        "campaign.rejected",
        "campaign.completed",
        "campaign.cancelled",
        "asset.accepted",
        "asset.rejected",
        "asset.dead",
    ];

    /// Returns the campaign or asset that the event is about.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::CampaignAccepted(it) => it.campaign.to_string(),
            Self::CampaignRejected(it) => format!("submission/{}", it.submission),
            Self::CampaignCompleted(it) => it.campaign.to_string(),
            Self::CampaignCancelled(it) => it.campaign.to_string(),
            Self::AssetAccepted(it) | Self::AssetRejected(it) => format!("{}/{}", it.campaign, it.job),
            Self::AssetDead(it) => format!("{}/{}", it.campaign, it.job),
        }
    }
}
