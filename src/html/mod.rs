//! Pages that stand alone: HTML with everything in it, which asks nothing of the network and runs no script but its
//! own.
//!
//! Takes markup, a style, pictures. Returns the page's text.
//!
//! # Invariants
//!
//! The content security policy lets nothing in from outside and names the page's own style and script by their
//! hashes, so that what others wrote could not run even if it got in; a picture carries pixels and no metadata.

mod page;

pub use page::{Lang, Page, Thumbnail};
pub(crate) use page::{safe, thumbnail};
