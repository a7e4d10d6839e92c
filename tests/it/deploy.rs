//! What deploy/ says about this program is true of it: metrics exist, settings load.

use std::collections::BTreeSet;
use std::path::Path;

use housestyle::config::{Config, Flags};
use housestyle::telemetry::metrics::{Metric, MetricForm, TABLE};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// Every use of a metric of ours in a text: its name as written, and what stands in the braces after it.
fn uses(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("housestyle_") {
        let name: String = rest[at..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        rest = &rest[at + name.len()..];
        let matchers = rest.strip_prefix('{').and_then(|r| r.split_once('}')).map_or("", |(inside, _)| inside);
        found.push((name, matchers.to_owned()));
    }
    found
}

/// The metric that a series of this name belongs to.
fn metric(series: &str) -> Option<&'static Metric> {
    TABLE.into_iter().find(|metric| match metric.form {
        MetricForm::Histogram(_) => {
            ["_bucket", "_sum", "_count"].iter().any(|s| series.strip_suffix(s) == Some(metric.name))
        }
        MetricForm::Counter | MetricForm::Gauge => series == metric.name,
    })
}

/// What is wrong with a use.
fn wrong(series: &str, matchers: &str) -> Option<String> {
    let Some(metric) = metric(series) else { return Some(format!("{series} is not in the table")) };
    for matcher in matchers.split(',').filter(|m| !m.trim().is_empty()) {
        let (label, values) = matcher.split_once('=').unwrap();
        let label = label.trim().trim_end_matches('!');
        if matches!(label, "le" | "instance" | "job") {
            continue; // Prometheus's own
        }
        let Some(known) = metric.labels.iter().find(|l| l.name == label) else {
            return Some(format!("{series} has no label {label}"));
        };
        let strange = values.trim_matches(['~', '"', '\\']).split('|').find(|value| !known.values.contains(value));
        if let Some(value) = strange {
            return Some(format!("{series} never has {label}={value}"));
        }
    }
    None
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("deploy/helm/housestyle/files/dashboard.json")).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown: String = targets.map(|target| target["expr"].as_str().unwrap().to_owned() + "\n").collect();
    let mut seen = BTreeSet::new();
    for (place, text) in [
        ("dashboard", shown),
        ("alerts", read("deploy/helm/housestyle/files/alerts.yml")),
        ("tests of alerts", read("deploy/prometheus/alerts.test.yml")),
    ] {
        let used: Vec<_> = uses(&text)
            .into_iter()
            .filter(|(name, _)| place == "dashboard" || metric(name).is_some() || !is_prose(name))
            .collect();
        assert!(used.len() > 5, "{place}: {used:?}");
        for (name, matchers) in &used {
            assert_eq!(wrong(name, matchers), None, "{place}");
            seen.extend(metric(name).map(|metric| metric.name).filter(|_| place == "dashboard"));
        }
    }
    let unseen: Vec<_> = TABLE.iter().map(|metric| metric.name).filter(|name| !seen.contains(name)).collect();
    assert!(unseen.is_empty(), "the dashboard shows nothing of {unseen:?}");
}

/// A histogram named as a whole, as sentences do.
fn is_prose(name: &str) -> bool {
    TABLE.iter().any(|metric| metric.name == name)
}

#[test]
fn a_wrong_use_is_noticed() {
    for (expression, why) in [
        ("rate(housestyle_asset_total[5m])", "not in the table"),
        ("housestyle_stage_seconds", "not in the table"),
        ("housestyle_assets_total{outcome=\"acepted\"}", "never has outcome=acepted"),
        ("housestyle_assets_total{outcome=~\"accepted|lost\"}", "never has outcome=lost"),
        ("housestyle_errors_total{outcome=\"accepted\"}", "no label outcome"),
    ] {
        let (name, matchers) = uses(expression).remove(0);
        assert!(wrong(&name, &matchers).unwrap().contains(why), "{expression}");
    }
    assert_eq!(wrong("housestyle_stage_seconds_bucket", "stage=\"unet\",le=\"1\""), None);
}

#[test]
fn the_example_settings_load() {
    let config =
        Config::load(Some(&Path::new(ROOT).join("deploy/examples/housestyle.yaml")), [], Flags::default()).unwrap();
    assert_eq!(config.listen.unwrap().port(), 9464);
    assert_eq!(config.webhooks.len(), 1);
}
