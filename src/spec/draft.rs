//! Drafts: campaigns as far as they could be read, so that one run finds what is wrong with all of a file.
//!
//! Takes the text of a file, and later the problems that its bundle shows; returns a [`Campaign`], or every [`Problem`]
//! at once.
//!
//! # Invariants
//!
//! Where something could not be read, a stand-in holds its place; what is found at a stand-in later is not told, only
//! what was wrong in the first place.

use std::collections::BTreeSet;
use std::path::Path;

use super::campaign::Campaign;
use super::problem::Problem;
use super::{parse, source};

/// A campaign as far as it could be read, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignDraft {
    campaign: Option<Campaign>,
    problems: Vec<Problem>,
}

impl CampaignDraft {
    /// Reads a campaign; `file` is the name that problems give it.
    pub fn parse(yaml: &str, file: &str) -> Self {
        let (campaign, problems) = parse::campaign(yaml, file);
        Self { campaign, problems }
    }

    /// Reads a campaign's bytes, which must be UTF-8.
    pub fn parse_bytes(yaml: &[u8], file: &str) -> Self {
        match source::utf8(yaml, file) {
            Ok(yaml) => Self::parse(yaml, file),
            Err(problems) => Self { campaign: None, problems },
        }
    }

    /// Reads a campaign file, never more of it than `limits::FILE_BYTES`.
    pub fn load(path: &Path) -> Self {
        match source::read(path) {
            Ok(bytes) => Self::parse_bytes(&bytes, &path.display().to_string()),
            Err(problems) => Self { campaign: None, problems },
        }
    }

    /// Returns what could be read, to be checked further and never to be run; `None` if not even the bundle's name
    /// could.
    pub fn readable(&self) -> Option<&Campaign> {
        self.campaign.as_ref()
    }

    /// Tells whether nothing was wrong with it so far.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns the campaign, if nothing was wrong with it and nothing more was found.
    ///
    /// # Errors
    ///
    /// Tells all that was wrong or was found, in the file's order.
    pub fn finish(self, found: Vec<Problem>) -> Result<Campaign, Vec<Problem>> {
        let Self { campaign, mut problems } = self;
        let wrong: BTreeSet<String> = problems.iter().map(|problem| problem.path.clone()).collect();
        // The next path in order is the place itself or lies within it, if any of them does.
        let within = |path: &str, place: &str| {
            path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let stands_in = |place: &str| wrong.range(place.to_owned()..).next().is_some_and(|path| within(path, place));
        problems.extend(found.into_iter().filter(|problem| !stands_in(&problem.path)));
        match campaign {
            Some(campaign) if problems.is_empty() => Ok(campaign),
            _ => Err(Problem::tidy(problems)),
        }
    }
}

impl Campaign {
    /// Reads a campaign; `file` is the name that problems give it.
    ///
    /// # Errors
    ///
    /// Tells every problem of the text.
    pub fn parse(yaml: &str, file: &str) -> Result<Self, Vec<Problem>> {
        CampaignDraft::parse(yaml, file).finish(Vec::new())
    }

    /// Reads a campaign's bytes, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// As [`Campaign::parse`].
    pub fn parse_bytes(yaml: &[u8], file: &str) -> Result<Self, Vec<Problem>> {
        CampaignDraft::parse_bytes(yaml, file).finish(Vec::new())
    }

    /// Reads a campaign file, never more of it than `limits::FILE_BYTES`.
    ///
    /// # Errors
    ///
    /// As [`Campaign::parse`], or says that the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        CampaignDraft::load(path).finish(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: c}\nspec:\n  bundle: tiny\n  \
                        styles: [noto, No To, twemoji]\n  assets:\n    - categories: [fox, '', cat]\n      size: \
                        65\n    - 7\n    \
                        - categories: [owl]\n  gate: {style: 2, attempts: 9}\n  sampler: {stepz: 3}\n";

    #[test]
    fn what_could_be_read_keeps_its_place() {
        let draft = CampaignDraft::parse(YAML, "c.yaml");
        let campaign = draft.readable().unwrap();
        assert_eq!((campaign.styles.len(), campaign.styles[2].to_string().as_str()), (3, "twemoji"));
        assert_eq!(campaign.assets[0].categories, ["fox", "", "cat"]);
        assert_eq!((campaign.assets.len(), campaign.assets[2].categories[0].as_str()), (3, "owl"));
        assert_eq!((campaign.gate.style, campaign.gate.category), (0.0, 0.0), "what could not be read asks nothing");
        assert!(!draft.is_whole());
        assert!(
            CampaignDraft::parse("spec: {}", "c.yaml").readable().is_none(),
            "without a bundle there is nothing to check"
        );
    }

    #[test]
    fn later_problems_join_in_place_unless_something_stands_in_there() {
        let draft = CampaignDraft::parse(YAML, "c.yaml");
        let campaign = draft.readable().unwrap();
        let later =
            ["spec.styles[2]", "spec.styles[1]", "spec.assets[0].size", "spec.gate", "spec.assets[2].categories[0]"];
        let found = later.iter().map(|path| campaign.problem(path, "later", None)).collect();
        let problems = draft.finish(found).unwrap_err();
        let told: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            told,
            [
                "spec.styles[1]",
                "spec.styles[2]",
                "spec.assets[0].categories[1]",
                "spec.assets[0].size",
                "spec.assets[1]",
                "spec.assets[2].categories[0]",
                "spec.gate.style",
                "spec.sampler"
            ]
        );
        assert_eq!(problems.iter().filter(|problem| problem.reason == "later").count(), 2);
    }
}
