//! What a campaign may cost, and what its images will be used for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::currency::Currency;
use crate::base::limits;
use crate::base::time::Date;

/// What a campaign may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Budget {
    /// The most it may cost.
    #[schemars(range(min = 0.0, max = limits::COST))]
    pub max_cost: f64,
    /// In which currency: three capital letters.
    #[schemars(with = "String", regex(pattern = Currency::PATTERN))]
    pub currency: Currency,
}

/// What the pictures will be used for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RightsRequest {
    /// Where they appear: `web`, `print`, …
    #[schemars(default, length(min = 1))]
    pub channels: Vec<String>,
    /// In which countries or regions: `JP`, `US`, …
    #[schemars(default, length(min = 1))]
    pub territories: Vec<String>,
    /// Until when.
    pub until: Option<Date>,
}
