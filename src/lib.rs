//! Housestyle makes campaign images in a brand's own style, in-house, and measures them.
//!
//! The rooms (modules) stand in one order: a room uses rooms above it, never one below it, and no two files use each
//! other; a test reads every `use` and fails otherwise. ARCHITECTURE.md draws the same map and says where a new line
//! goes.
//!
//! | room | what it is |
//! |---|---|
//! | [`base`] | Errors, names, digests, versions, time, text, JSON and numerics: values that every room uses. |
//! | [`io`] | Files within limits, HTTP, shutdown signals: the operating system behind small functions. |
//! | [`spec`] | Campaigns, style sets and cost models, read from YAML and checked. |
//! | [`rights`] | Licences and grants, and whether they allow a use. |
//! | [`appearance`] | Colours, palettes, perceptual hashes and vectors of images. |
//! | [`plan`] | A checked campaign becomes jobs with ids, an estimate, and verdicts on budget and rights. |
//! | [`pipeline`] | Bundles of ONNX models: prompts become latents, latents become images, images get scores. |
//! | [`train`] | Style encoders are trained as low-rank adapters on reference pictures. |
//! | [`telemetry`] | Logs, metrics, traces, and the probes that orchestrators ask. |
//! | [`store`] | Objects by key, in a folder or an S3 bucket. |
//! | [`campaign`] | Everything a campaign leaves in the store: sidecars, images, manifest, contact sheet, status. |
//! | [`registry`] | Versions of trained encoders: published, promoted, revoked, traced to their pictures. |
//! | [`broker`] | Jobs, orders and dead letters in queues: in memory or in RabbitMQ. |
//! | [`events`] | CloudEvents of what happened, signed and sent to webhooks. |
//! | [`worker`] | Takes jobs, generates in batches, applies the gate, commits. |
//! | [`eval`] | Measures a campaign, alone or beside a baseline of bought images, with intervals and tests. |
//! | [`coordinator`] | Accepts submitted campaigns, enqueues their jobs and follows them to the end. |
//! | [`html`] | Pages that hold no script and escape every text. |
//! | [`review`] | Blind votes of people on pairs of images, and their tally. |
//! | [`report`] | An evaluation as a page, tables and a verdict, with costs if a cost model is given. |
//! | [`config`] | Settings from a file and the environment. |
//! | [`app`] | The use cases: run, submit, work, train, evaluate, report, and what they share. |
//! | [`cli`] | Arguments, calls of `app`, and what is printed. |
//!
//! # Examples
//!
//! A campaign is read, checked against the styles of a bundle, and planned:
//!
//! ```
//! use housestyle::base::currency::Currency;
//! use housestyle::pipeline::Bundle;
//! use housestyle::plan::{Rates, StyleCatalog, check, plan};
//! use housestyle::spec::Campaign;
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
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
//! let catalog = StyleCatalog::of_bundle(Bundle::open(Path::new("tests/fixtures/tiny"))?.facts());
//! let rates = Rates { cost_per_hour: 0.10, currency: Currency::USD };
//! let plan = plan(check(&campaign, &catalog, &rates).unwrap());
//! assert_eq!(plan.jobs.len(), 4);
//! assert_eq!(plan.jobs[0].prompts.style, "a fox emoji, bold flat shapes, no outline");
//! assert!(plan.campaign.as_str().starts_with("spring-"));
//! # Ok(())
//! # }
//! ```
//!
//! The same bundle draws the first job, where an ONNX Runtime library is found (`make runtime` fetches one):
//!
//! ```
//! use housestyle::base::currency::Currency;
//! use housestyle::pipeline::{Bundle, ModelLoader, Pipeline, Request, Runtime, SessionSettings};
//! use housestyle::plan::{Rates, StyleCatalog, check, plan};
//! use housestyle::spec::Campaign;
//! use std::ops::ControlFlow;
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let yaml = "
//! # apiVersion: housestyle/v1
//! # kind: Campaign
//! # metadata: {name: spring}
//! # spec:
//! #   bundle: tiny
//! #   styles: [flat, line]
//! #   assets: [{categories: [fox], count: 2}]
//! # ";
//! # let campaign = Campaign::parse(yaml, "spring.yaml").unwrap();
//! let runtime = match Runtime::load(None) {
//!     Ok(runtime) => runtime,
//!     Err(error) => {
//!         eprintln!("skipped: {}", error.chain());
//!         return Ok(());
//!     }
//! };
//! let bundle = Bundle::open(Path::new("tests/fixtures/tiny"))?;
//! let catalog = StyleCatalog::of_bundle(bundle.facts());
//! # let rates = Rates { cost_per_hour: 0.10, currency: Currency::USD };
//! let plan = plan(check(&campaign, &catalog, &rates).unwrap());
//! let mut pipeline = Pipeline::load(&ModelLoader::new(bundle, runtime, SessionSettings::default())?)?;
//! let mut made = pipeline.generate(&[Request::from(&plan.jobs[0])], &mut |_| ControlFlow::Continue(()))?;
//! let image = made.remove(0)?.image;
//! assert_eq!(image.dimensions(), (16, 16));
//! # Ok(())
//! # }
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod base;

pub mod io;

pub mod spec;

pub mod rights;

pub mod appearance;

pub mod plan;

pub mod pipeline;

pub mod train;

pub mod telemetry;

pub mod store;

pub mod campaign;

pub mod registry;

pub mod broker;

pub mod events;

pub mod worker;

pub mod eval;

pub mod coordinator;

pub mod html;

pub mod review;

pub mod report;

pub mod config;

pub mod app;

pub mod cli;
