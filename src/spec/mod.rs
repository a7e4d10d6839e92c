//! Campaigns, style sets and cost models: what a person asks for, read from YAML and checked once.
//!
//! Takes the text of a file; returns a [`Campaign`], a [`StyleSet`] or a [`CostModel`], or every [`Problem`] of the
//! file at once, each with its place; a [`CampaignDraft`] where more is to be checked of what could be read.
//!
//! # Invariants
//!
//! What was read is complete, inside all [`limits`](crate::base::limits), and holds no text that could harm a path, a
//! terminal or a page. What needs the bundle (do these styles exist?) is checked by [`crate::plan`].
//!
//! # Examples
//!
//! ```
//! use housestyle::spec::Campaign;
//!
//! let yaml = "
//! apiVersion: housestyle/v1
//! kind: Campaign
//! metadata: {name: spring}
//! spec:
//!   bundle: tiny
//!   styles: [flat, line]
//!   assets: [{categories: [fox], count: 2}]
//! ";
//! let campaign = Campaign::parse(yaml, "spring.yaml").unwrap();
//! assert_eq!(campaign.images(), 4);
//!
//! // Everything that is wrong with a file is told at once, with its place.
//! let problems = Campaign::parse(&yaml.replace("styles", "style"), "spring.yaml").unwrap_err();
//! let first = "spring.yaml:6:3: spec: the key `styles` is missing";
//! assert_eq!(problems[0].to_string(), first);
//! ```

pub mod costs;
pub mod schema;
pub mod template;

mod asset;
mod campaign;
mod document;
mod draft;
mod gate;
mod guidance;
mod node;
mod output;
mod parse;
mod problem;
mod reader;
mod references;
mod sampler;
mod source;
mod styleset;
mod usage;

pub use asset::AssetSpec;
pub use campaign::{Campaign, Priority};
pub use costs::CostModel;
pub(crate) use document::Document;
pub use draft::CampaignDraft;
pub use gate::Gate;
pub use guidance::{Guidance, StyleScale};
pub use output::{Format, OutputSpec};
pub use parse::DocumentKind;
pub use problem::Problem;
pub use references::Reference;
pub use sampler::{Sampler, SamplerName};
pub use styleset::{Claim, Images, Loss, StyleSet, Training, describe, words};
pub use template::NameTemplate;
pub use usage::{Budget, RightsRequest};
