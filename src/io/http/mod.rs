//! A small HTTP client for POST requests, which checks an address before it connects.

pub mod address;
mod client;
mod connector;
mod reach;
mod url;

pub use client::{GuardedClient, Reply};
pub use reach::{Reach, Resolve};
pub use url::Url;
