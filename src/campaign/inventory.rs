//! Lists the files of a campaign and derives each job's state from their names, without reading any of them.
//!
//! # Invariants
//!
//! Each job has one state: an accepted asset takes precedence over a rejected one, and an outcome over a dead letter.

use std::collections::BTreeSet;

use crate::base::error::Result;
use crate::base::stem::Stem;
use crate::campaign::layout::{DEAD_LETTERS, Layout, Shelf};
use crate::store::{Key, Store};

/// The files of a campaign's jobs that are in the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    assets: ShelfFiles,
    rejected: ShelfFiles,
    dead_letters: BTreeSet<Stem>,
}

/// The files in one asset folder, by kind.
#[derive(Clone, Debug, Default, PartialEq)]
struct ShelfFiles {
    sidecars: BTreeSet<Stem>,
    images: BTreeSet<Stem>,
}

/// The state of a job, derived from the names of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Passed the gate.
    Accepted,
    /// Refused by the gate.
    Rejected,
    /// Generation failed; the sidecar has a reason instead of an image.
    Failed,
    /// Given up on without an outcome; there is a dead-letter record.
    Dead,
}

impl Inventory {
    /// Lists the campaign's folder with one listing.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked.
    pub async fn list(store: &dyn Store, layout: &Layout) -> Result<Self> {
        let mut found = Self::default();
        for key in store.list(layout.folder()).await? {
            found.add(layout, &key);
        }
        Ok(found)
    }

    fn add(&mut self, layout: &Layout, key: &Key) -> Option<()> {
        let name = key.as_str().strip_prefix(layout.folder().as_str())?.strip_prefix('/')?;
        let (folder, file) = name.split_once('/')?;
        let (stem, ending) = file.rsplit_once('.')?;
        let stem: Stem = stem.parse().ok()?; // files with other names are not the campaign's
        let shelf = Shelf::ALL.into_iter().find(|shelf| shelf.name() == folder);
        match (shelf, ending) {
            (Some(shelf), "json") => self.shelf_mut(shelf).sidecars.insert(stem),
            (Some(shelf), "png") => self.shelf_mut(shelf).images.insert(stem),
            (None, "json") if folder == DEAD_LETTERS => self.dead_letters.insert(stem),
            _ => return None,
        };
        Some(())
    }

    fn shelf(&self, shelf: Shelf) -> &ShelfFiles {
        match shelf {
            Shelf::Assets => &self.assets,
            Shelf::Rejected => &self.rejected,
        }
    }

    fn shelf_mut(&mut self, shelf: Shelf) -> &mut ShelfFiles {
        match shelf {
            Shelf::Assets => &mut self.assets,
            Shelf::Rejected => &mut self.rejected,
        }
    }

    /// Returns whether an asset folder has a sidecar with this stem.
    pub(crate) fn has_sidecar(&self, shelf: Shelf, stem: &Stem) -> bool {
        self.shelf(shelf).sidecars.contains(stem)
    }

    /// Returns whether an asset folder has an image with this stem.
    pub(crate) fn has_image(&self, shelf: Shelf, stem: &Stem) -> bool {
        self.shelf(shelf).images.contains(stem)
    }

    /// Returns the state of the job with this stem; `None` if it has no outcome yet.
    pub fn state(&self, stem: &Stem) -> Option<JobState> {
        if self.has_sidecar(Shelf::Assets, stem) {
            Some(JobState::Accepted)
        } else if self.has_sidecar(Shelf::Rejected, stem) {
            Some(if self.has_image(Shelf::Rejected, stem) { JobState::Rejected } else { JobState::Failed })
        } else {
            self.dead_letters.contains(stem).then_some(JobState::Dead)
        }
    }

    /// Returns the stems of the jobs in this state.
    pub fn stems(&self, state: JobState) -> Vec<Stem> {
        self.in_state(state).cloned().collect()
    }

    /// Returns how many jobs are in this state.
    pub fn count(&self, state: JobState) -> usize {
        self.in_state(state).count()
    }

    fn in_state(&self, state: JobState) -> impl Iterator<Item = &Stem> {
        let files = match state {
            JobState::Accepted => &self.assets.sidecars,
            JobState::Rejected | JobState::Failed => &self.rejected.sidecars,
            JobState::Dead => &self.dead_letters,
        };
        files.iter().filter(move |stem| self.state(stem) == Some(state))
    }

    /// Returns how many jobs have an outcome.
    pub fn finished(&self) -> usize {
        self.assets.sidecars.union(&self.rejected.sidecars).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_counts_once_and_foreign_files_not_at_all() {
        let layout = Layout::of(&"small-0123456789ab".parse().unwrap());
        let mut found = Inventory::default();
        for name in [
            "assets/a.json",
            "assets/a.png",
            "rejected/a.json",
            "rejected/b.json",
            "rejected/b.png",
            "rejected/c.json",
            "dead/c.json",
            "dead/d.json",
            "assets/Theirs.json",
            "assets/deep/e.json",
            "other/f.json",
            "plan.json",
        ] {
            found.add(&layout, &layout.folder().join(name).unwrap());
        }
        for (state, stem) in
            [(JobState::Accepted, "a"), (JobState::Rejected, "b"), (JobState::Failed, "c"), (JobState::Dead, "d")]
        {
            assert_eq!((found.stems(state), found.count(state)), (vec![Stem::of(stem)], 1));
        }
        assert_eq!((found.finished(), found.state(&Stem::of("e"))), (3, None));
    }
}
