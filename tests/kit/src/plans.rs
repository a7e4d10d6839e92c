//! Plans for a bundle that does not exist, which the [`Stub`](crate::stub::Stub) draws.

use async_trait::async_trait;
use housestyle::base::currency::Currency;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Result as Outcome};
use housestyle::coordinator::scoring::PictureScorer;
use housestyle::coordinator::{CampaignPlanner, NamedPlan, PlanRefusal};
use housestyle::pipeline::scores::Scores;
use housestyle::plan::{BundleFacts, Plan, Rates, StyleCatalog, StyleFacts, Unscored, check, plan};
use housestyle::spec::Campaign;
use image::RgbImage;

/// A plan of `count` images for each of two categories × two styles; `rest` goes into the campaign's spec.
pub fn small_plan(count: u32, rest: &str) -> Plan {
    let yaml = format!(
        "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {{name: small}}\nspec:\n  bundle: stub\n  \
         styles: [flat, line]\n  assets:\n    - {{categories: [fox, rocket], count: {count}}}\n{rest}"
    );
    let campaign = Campaign::parse(&yaml, "small.yaml").unwrap();
    let (catalog, rates) = (StyleCatalog::of_bundle(facts()), Rates { cost_per_hour: 1.0, currency: Currency::USD });
    plan(check(&campaign, &catalog, &rates).unwrap())
}

/// What planning knows of the bundle of [`small_plan`].
pub fn facts() -> BundleFacts {
    let style = |name: &str| StyleFacts {
        name: name.into(),
        look: format!("the look of {name}"),
        licence: "MIT".into(),
        holder: "Somebody".into(),
        source: "somewhere".into(),
        attribution: if name == "line" { "Line <House> & Co, CC BY 4.0".into() } else { String::new() },
        encoder: None,
        grants: Vec::new(),
    };
    BundleFacts {
        name: "stub".parse().unwrap(),
        digest: Digest::of("stub"),
        styles: vec![style("flat"), style("line")],
        categories: vec!["fox".into(), "rocket".into()],
        scored_styles: ["flat", "line", "acme"].map(String::from).to_vec(),
        sizes: vec![16],
        cross_attention_layers: 2,
        prompt_category: "a {category}".into(),
        prompt_style: "{prompt}, {look}".into(),
        seconds_per_step: 0.01,
        bytes_per_image: 1000,
    }
}

const CATEGORIES: usize = 10;

fn categories() -> impl Iterator<Item = String> {
    (0..CATEGORIES).map(|n| format!("thing{n}"))
}

/// A campaign of at least so many jobs, to a whole ten.
pub fn campaign(jobs: usize) -> String {
    let categories: Vec<String> = categories().collect();
    format!(
        "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {{name: soak}}\nspec:\n  bundle: stub\n  \
         styles: [flat]\n  \
         assets:\n    - {{categories: [{}], count: {}}}\n  sampler: {{name: euler, steps: 1}}\n  \
         gate: {{style: 0, category: 0}}\n",
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
