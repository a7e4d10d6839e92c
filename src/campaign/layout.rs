//! The names of everything a campaign leaves behind, as PRODUCT.md's "What is left behind" promises them.
//!
//! In: a campaign's id and an asset's stem. Out: [`Key`]s. Always holds: one asset has one name, in one of two folders.

use crate::base::error::Result;
use crate::store::Key;

/// The keys of one campaign.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: Key,
}

/// The two places an asset can end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Passed the gate.
    Assets,
    /// Refused by the gate, or could not be made.
    Rejected,
}

impl Shelf {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Assets, Self::Rejected];

    /// The folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Rejected => "rejected",
        }
    }
}

impl Layout {
    /// The layout of the campaign with this id (`<name>-<12 hex>`).
    pub fn new(campaign: &str) -> Result<Self> {
        Ok(Self { folder: Key::new(format!("campaigns/{campaign}"))? })
    }

    /// The folder that holds everything of the campaign.
    pub fn folder(&self) -> &Key {
        &self.folder
    }

    /// The campaign file as submitted.
    pub fn campaign(&self) -> Result<Key> {
        self.folder.join("campaign.yaml")
    }

    /// Every job.
    pub fn plan(&self) -> Result<Key> {
        self.folder.join("plan.json")
    }

    /// One line an asset, written when the campaign is complete.
    pub fn manifest(&self) -> Result<Key> {
        self.folder.join("manifest.jsonl")
    }

    /// The manifest as a Parquet table, with scores and vectors: what evaluation elsewhere reads.
    pub fn manifest_table(&self) -> Result<Key> {
        self.folder.join("manifest.parquet")
    }

    /// Categories × styles at a glance, written when the campaign is complete.
    pub fn contact_sheet(&self) -> Result<Key> {
        self.folder.join("contact-sheet.png")
    }

    /// That every job was handed to the queue, and when.
    pub fn queued(&self) -> Result<Key> {
        self.folder.join("queued.json")
    }

    /// That it is cancelled: there exactly while it is.
    pub fn cancelled(&self) -> Result<Key> {
        self.folder.join("cancelled.json")
    }

    /// The folder of what was given up on without an outcome.
    pub fn graves(&self) -> Result<Key> {
        self.folder.join("dead")
    }

    /// Why a job was given up on without an outcome.
    pub fn grave(&self, stem: &str) -> Result<Key> {
        self.folder.join(&format!("dead/{stem}.json"))
    }

    /// A shelf's folder.
    pub fn shelf(&self, shelf: Shelf) -> Result<Key> {
        self.folder.join(shelf.name())
    }

    /// An asset's image.
    pub fn image(&self, shelf: Shelf, stem: &str) -> Result<Key> {
        self.folder.join(&format!("{}/{stem}.png", shelf.name()))
    }

    /// An asset's sidecar: there exactly when the asset is finished.
    pub fn sidecar(&self, shelf: Shelf, stem: &str) -> Result<Key> {
        self.folder.join(&format!("{}/{stem}.json", shelf.name()))
    }
}
