//! The keys of everything that a campaign keeps in a store.
//!
//! # Invariants
//!
//! Each asset has one stem, in one of two folders.

use crate::base::stem::Stem;
use crate::plan::CampaignId;
use crate::store::Key;

/// The keys of one campaign.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: Key,
}

/// The two folders that assets are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Assets that passed the gate.
    Assets,
    /// Assets that the gate refused, and jobs whose generation failed.
    Rejected,
}

impl Shelf {
    /// Both folders, that of accepted assets first.
    pub const ALL: [Self; 2] = [Self::Assets, Self::Rejected];

    /// Returns the folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Rejected => "rejected",
        }
    }

    /// Returns the other folder.
    pub fn other(self) -> Self {
        match self {
            Self::Assets => Self::Rejected,
            Self::Rejected => Self::Assets,
        }
    }
}

impl Layout {
    /// Returns the layout of this campaign.
    pub fn of(campaign: &CampaignId) -> Self {
        Self { folder: Key::of_checked(format!("{CAMPAIGNS}/{campaign}")) }
    }

    /// Returns the folder that holds everything of the campaign.
    pub fn folder(&self) -> &Key {
        &self.folder
    }

    /// Returns the key of the campaign file as submitted.
    pub fn campaign(&self) -> Key {
        self.folder.join_checked("campaign.yaml")
    }

    /// Returns the key of the plan, with every job.
    pub fn plan(&self) -> Key {
        self.folder.join_checked("plan.json")
    }

    /// Returns the key of the manifest: one JSON line per asset, written when the campaign is complete.
    pub fn manifest(&self) -> Key {
        self.folder.join_checked("manifest.jsonl")
    }

    /// Returns the key of the manifest as a Parquet table, with scores and vectors, for evaluation elsewhere.
    pub(crate) fn manifest_table(&self) -> Key {
        self.folder.join_checked("manifest.parquet")
    }

    /// Returns the key of the contact sheet, written when the campaign is complete.
    pub fn contact_sheet(&self) -> Key {
        self.folder.join_checked("contact-sheet.png")
    }

    /// Returns the keys of the files that exist only if the campaign is complete: both manifests and the contact sheet.
    pub(crate) fn completion(&self) -> [Key; 3] {
        [self.manifest(), self.manifest_table(), self.contact_sheet()]
    }

    /// Returns the key of the record that every job was queued.
    pub fn queued(&self) -> Key {
        self.folder.join_checked("queued.json")
    }

    /// Returns the key of the record that the campaign is cancelled; it exists only while it is.
    pub fn cancelled(&self) -> Key {
        self.folder.join_checked("cancelled.json")
    }

    /// Returns the key of a job's dead-letter record.
    pub(crate) fn dead_letter(&self, stem: &Stem) -> Key {
        self.folder.join_checked(format_args!("{DEAD_LETTERS}/{stem}.json"))
    }

    /// Returns the key of an asset's image.
    pub fn image(&self, shelf: Shelf, stem: &Stem) -> Key {
        self.folder.join_checked(format_args!("{}/{stem}.png", shelf.name()))
    }

    /// Returns the key of an asset's sidecar, which exists exactly when the asset is finished.
    pub fn sidecar(&self, shelf: Shelf, stem: &Stem) -> Key {
        self.folder.join_checked(format_args!("{}/{stem}.json", shelf.name()))
    }
}

/// The folder that has a folder for each campaign.
pub(super) const CAMPAIGNS: &str = "campaigns";
/// The folder of dead-letter records.
pub(super) const DEAD_LETTERS: &str = "dead";
