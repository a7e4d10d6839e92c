//! What use cases find out and report on the way: how far a campaign is, and what was checked.

use serde::Serialize;

use crate::base::error::Result;
use crate::campaign::status::CampaignStatus;

/// How far a campaign is.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// What the store says.
    #[serde(flatten)]
    pub standing: CampaignStatus,
    /// The folder or prefix of its files.
    pub folder: String,
    /// Images a second: since it is watched, else since it was queued.
    pub rate: Option<f64>,
    /// Seconds until it is complete, at this rate.
    pub seconds_left: Option<f64>,
    /// Jobs of others that wait on the same lane before a campaign that is not begun; `None` where the broker is not
    /// known.
    pub ahead: Option<usize>,
}

/// One file that was checked.
#[derive(Debug)]
pub struct CheckedFile {
    /// The file.
    pub file: String,
    /// What it holds; `None` if something stands against it.
    pub contents: Option<CheckedContents>,
    /// How many problems it has.
    pub problems: usize,
    /// Why what depends on the bundle was not checked.
    pub unchecked: Option<String>,
}

/// What a file without problems holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckedContents {
    /// A campaign of so many images.
    Campaign {
        /// Images that are asked for.
        images: u64,
    },
    /// A style set of so many pictures.
    StyleSet {
        /// Pictures that are learned from.
        pictures: usize,
    },
    /// A cost model.
    CostModel {
        /// The currency it reckons in.
        currency: String,
    },
}

/// One thing that was checked.
#[derive(Debug, Serialize)]
pub struct SystemCheck {
    /// The thing.
    pub what: String,
    /// Whether it is as needed.
    pub ok: bool,
    /// What was found, or what is wrong.
    pub detail: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl SystemCheck {
    /// A check of `what` that found this.
    pub(super) fn new(what: impl Into<String>, found: Result<String>) -> Self {
        match found {
            Ok(detail) => Self { what: what.into(), ok: true, detail, fix: None },
            Err(error) => {
                Self { what: what.into(), ok: false, detail: error.chain(), fix: error.advice().map(str::to_owned) }
            }
        }
    }
}
