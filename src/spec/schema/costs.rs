//! The mappings around the domain types in a cost model's schema.

use schemars::JsonSchema;

use super::super::costs::{Amount, InHouse, Outsourced, People};
use super::super::parse::API_VERSION;
use crate::base::currency::Currency;
use crate::base::names::Name;

/// A Housestyle cost model: the prices of machines, people and vendors.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `CostModel`")]
pub(super) struct CostModelFile {
    /// Version of this format.
    #[schemars(rename = "apiVersion", extend("const" = API_VERSION))]
    api_version: String,
    /// What this file describes.
    #[schemars(extend("const" = "CostModel"))]
    kind: String,
    /// Whose amounts they are.
    metadata: Metadata,
    /// The amounts.
    spec: Spec,
}

/// Whose amounts they are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `CostModel`")]
struct Metadata {
    /// The model's name.
    name: Name,
    /// Who answers for the amounts.
    owner: Option<String>,
}

/// The amounts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `CostModel`")]
struct Spec {
    /// In which currency all of them are: three capital letters.
    #[schemars(regex(pattern = Currency::PATTERN))]
    currency: String,
    /// Images a month that the house needs and takes.
    volume: Amount,
    /// What the time of people is worth.
    people: People,
    /// Making images in the house.
    in_house: InHouse,
    /// Buying them.
    #[schemars(default)]
    outsourced: Outsourced,
}
