//! Defines, writes and reads everything that a campaign keeps in a store: plan, assets, records and manifests.
//!
//! # Invariants
//!
//! An asset is committed by writing its image first and its sidecar last, so a sidecar implies a complete image.

pub mod columns;
pub mod commit;
pub mod contact_sheet;
pub mod dead_letter;
pub mod finish;
pub mod inventory;
pub mod job_name;
pub mod layout;
pub mod outcomes;
pub mod plan_file;
pub mod provenance;
pub mod records;
pub mod sidecar;
pub mod status;
pub mod summary;
pub mod table;
mod verify;

pub use layout::Layout;
pub use outcomes::{Outcomes, Verify};
pub use sidecar::Sidecar;
