//! Results that use cases return and also report as progress: a campaign's status, and the outcome of checks.

use serde::Serialize;

use crate::base::error::Result;
use crate::campaign::status::CampaignStatus;

/// The status of a campaign.
#[derive(Debug, Serialize)]
pub(crate) struct StatusReport {
    /// The campaign's status as counted in the store.
    #[serde(flatten)]
    pub standing: CampaignStatus,
    /// The folder or prefix of the campaign's files.
    pub folder: String,
    /// Images per second: since watching began, else since the campaign was queued.
    pub rate: Option<f64>,
    /// Seconds until the campaign is complete, at this rate.
    pub seconds_left: Option<f64>,
    /// Jobs of other campaigns ahead of it in the queue of its priority, while it is not begun; `None` if the broker
    /// cannot be asked.
    pub ahead: Option<usize>,
}

/// The result of checking one file.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    /// The file.
    pub file: String,
    /// The contents of a valid file; `None` if the file has a problem.
    pub contents: Option<CheckedContents>,
    /// Number of problems.
    pub problems: usize,
    /// The reason why checks that need the bundle were not made; `None` if they were.
    pub unchecked: Option<String>,
}

/// The contents of a valid file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckedContents {
    /// A campaign.
    Campaign {
        /// Number of images.
        images: u64,
    },
    /// A style set.
    StyleSet {
        /// Number of pictures used for training.
        pictures: usize,
    },
    /// A cost model.
    CostModel {
        /// The currency of its amounts.
        currency: String,
    },
}

/// The result of checking one requirement.
#[derive(Debug, Serialize)]
pub(crate) struct SystemCheck {
    /// The requirement.
    pub what: String,
    /// Whether it is met.
    pub ok: bool,
    /// What was found, or the error.
    pub detail: String,
    /// What to do if it is not met.
    pub fix: Option<String>,
}

impl SystemCheck {
    /// Creates the result of checking `what` from what was found.
    pub(super) fn new(what: impl Into<String>, found: Result<String>) -> Self {
        match found {
            Ok(detail) => Self { what: what.into(), ok: true, detail, fix: None },
            Err(error) => {
                Self { what: what.into(), ok: false, detail: error.chain(), fix: error.advice().map(str::to_owned) }
            }
        }
    }
}
