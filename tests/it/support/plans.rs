//! Plans of a house that exists on paper only: many things in one style.

use async_trait::async_trait;
use housestyle::base::currency::Currency;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Result as Outcome};
use housestyle::coordinator::scoring::PictureScorer;
use housestyle::coordinator::{CampaignPlanner, NamedPlan, PlanRefusal};
use housestyle::pipeline::scores::Scores;
use housestyle::plan::{Rates, StyleCatalog, Unscored, check, plan};
use housestyle::spec::Campaign;
use image::RgbImage;

use super::facts;

const CATEGORIES: usize = 10;

fn categories() -> impl Iterator<Item = String> {
    (0..CATEGORIES).map(|n| format!("thing{n}"))
}

/// A campaign of at least so many jobs, to a whole ten.
pub fn campaign(jobs: usize) -> String {
    let categories: Vec<String> = categories().collect();
    format!(
        "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {{name: soak}}\nspec:\n  bundle: stub\n  styles: [flat]\n  \
         assets:\n    - {{categories: [{}], count: {}}}\n  sampler: {{name: euler, steps: 1}}\n  gate: {{style: 0, category: 0}}\n",
        categories.join(", "),
        jobs.div_ceil(CATEGORIES)
    )
}

/// Plans with the stub's facts.
pub struct StubPlans;

#[async_trait]
impl CampaignPlanner for StubPlans {
    async fn plan(&self, yaml: &str, file: &str) -> Result<NamedPlan, PlanRefusal> {
        let mut facts = facts();
        facts.categories = categories().collect();
        let catalog = StyleCatalog::of_bundle(facts);
        let rates = Rates { cost_per_hour: 0.0, currency: Currency::USD };
        let planned = Campaign::parse(yaml, file).and_then(|campaign| check(&campaign, &catalog, &rates).map(plan));
        match planned {
            Ok(plan) => Ok(NamedPlan { name: "soak".into(), plan }),
            Err(problems) => Err(PlanRefusal { problems, error: None }),
        }
    }
}

/// Such a house buys no pictures.
#[async_trait]
impl PictureScorer for StubPlans {
    async fn score(&self, _: &Digest, asked: &Unscored, _: RgbImage) -> Outcome<Scores> {
        Err(Error::unavailable(format!("nobody here judges {}", asked.id)))
    }
}
