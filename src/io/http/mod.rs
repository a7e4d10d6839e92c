//! A small HTTP client: POST requests to addresses that are checked before anything is sent to them.

pub mod address;
mod client;
mod connector;
mod reach;
mod url;

pub use client::{GuardedClient, Reply};
pub use reach::{Reach, Resolve};
pub use url::Url;
