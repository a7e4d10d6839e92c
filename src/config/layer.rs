//! One layer of settings: what a file or the environment says, and leaves to others.
//!
//! In: a YAML file, variables `HOUSESTYLE_…`. Out: a [`Layer`] that is laid over a [`Config`].
//! Always holds: an unknown key is refused, and so is a variable that looks like a misspelt setting.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::base::currency::Currency;
use crate::base::licence::Licence;
use ipnet::IpNet;
use serde::Deserialize;

use super::Config;
use crate::base::error::{Context as _, Error, Kind, Result};
use crate::base::{text, yaml};
use crate::broker::address::BrokerAddress;
use crate::events::webhook;
use crate::io::files;
use crate::registry::retrain::UpdatePolicy;
use crate::store::s3::settings::{Checksums, S3Settings};
use crate::telemetry::log::LogFormat;

/// Far above any honest settings file.
const MAX_BYTES: u64 = 1 << 20;
/// What every variable starts with.
pub(super) const PREFIX: &str = "HOUSESTYLE_";

/// One layer: what it does not set, the layer below decides.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Layer {
    pub(super) bundles: Option<Vec<PathBuf>>,
    pub(super) runtime_library: Option<PathBuf>,
    pub(super) provider: Option<String>,
    pub(super) threads: Option<usize>,
    pub(super) device: Option<u32>,
    pub(super) cache_dir: Option<PathBuf>,
    pub(super) max_batch: Option<usize>,
    pub(super) cost_per_hour: Option<f64>,
    pub(super) currency: Option<Currency>,
    pub(super) allowed_licences: Option<Vec<Licence>>,
    pub(super) update_policy: Option<UpdatePolicy>,
    pub(super) out: Option<String>,
    pub(super) s3: Option<S3Settings>,
    pub(super) broker: Option<BrokerAddress>,
    pub(super) retry_delays: Option<Vec<f64>>,
    pub(super) allow_plaintext: Option<bool>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) otlp_endpoint: Option<String>,
    pub(super) webhooks: Option<Vec<webhook::WebhookSetting>>,
    pub(super) webhook_networks: Option<Vec<IpNet>>,
    pub(super) event_source: Option<String>,
}

impl Layer {
    pub(super) fn from_file(path: &Path) -> Result<Self> {
        let shown = path.display();
        let bytes = files::read(path, MAX_BYTES).context(Kind::Invalid, || format!("cannot read settings {shown}"))?;
        let text = String::from_utf8(bytes).context(Kind::Invalid, || format!("settings {shown} are not UTF-8 text"))?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        yaml::parse(&text).context(Kind::Invalid, || format!("settings {shown}"))
    }

    /// The environment's layer, and the settings file it names.
    ///
    /// Variables with our prefix that are nobody's are let pass (orchestrators inject such names), unless they are
    /// a slip of the pen away from a setting: a setting ignored in silence is worse than a refusal.
    pub(super) fn from_environment(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<(Self, Option<PathBuf>)> {
        let (mut layer, mut file) = (Self::default(), None);
        for (key, value) in vars {
            let Some(name) = key.to_str().and_then(|k| k.strip_prefix(PREFIX)) else { continue };
            if value.is_empty() && VARIABLES.contains(&name) {
                continue; // how compose files and shells say "not set"
            }
            let bad = |why: &str| Error::invalid(format!("{PREFIX}{name} {why}"));
            let as_text = || value.to_str().map(str::to_owned).ok_or_else(|| bad("is not UTF-8"));
            let number = || as_text()?.parse::<usize>().map_err(|_| bad("is not a whole number"));
            match name {
                "CONFIG" => file = Some(value.clone().into()),
                "BUNDLES" => layer.bundles = Some(std::env::split_paths(&value).collect()),
                "RUNTIME_LIBRARY" => layer.runtime_library = Some(value.clone().into()),
                "PROVIDER" => layer.provider = Some(as_text()?),
                "THREADS" => layer.threads = Some(number()?),
                "DEVICE" => layer.device = Some(u32::try_from(number()?).map_err(|_| bad("is no device's number"))?),
                "CACHE_DIR" => layer.cache_dir = Some(value.clone().into()),
                "MAX_BATCH" => layer.max_batch = Some(number()?),
                "COST_PER_HOUR" => {
                    layer.cost_per_hour = Some(as_text()?.parse().map_err(|_| bad("is not a number"))?);
                }
                "CURRENCY" => layer.currency = Some(as_text()?.parse().map_err(|why: String| bad(&why))?),
                "ALLOWED_LICENCES" => {
                    let names = as_text()?;
                    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                    let licences = names.map(|name| name.parse().map_err(|why| bad(&format!("{} {why}", text::show(name)))));
                    layer.allowed_licences = Some(licences.collect::<Result<_>>()?);
                }
                "OUT" => layer.out = Some(as_text()?),
                "BROKER" => layer.broker = Some(as_text()?.into()),
                "RETRY_DELAYS" => {
                    let numbers = as_text()?.split(',').map(|n| n.trim().parse()).collect::<Result<_, _>>();
                    layer.retry_delays = Some(numbers.map_err(|_| bad("must be numbers of seconds, such as 1,5,30"))?);
                }
                "S3_ENDPOINT" => layer.s3().endpoint = Some(as_text()?),
                "S3_REGION" => layer.s3().region = Some(as_text()?),
                "S3_PATH_STYLE" => layer.s3().path_style = Some(switch(&as_text()?).ok_or_else(|| bad(NO_SWITCH))?),
                "S3_CHECKSUMS" => {
                    layer.s3().checksums = match as_text()?.as_str() {
                        "when_supported" => Checksums::WhenSupported,
                        "when_required" => Checksums::WhenRequired,
                        _ => return Err(bad("must be when_supported or when_required")),
                    };
                }
                "ALLOW_PLAINTEXT" => layer.allow_plaintext = Some(switch(&as_text()?).ok_or_else(|| bad(NO_SWITCH))?),
                "LOG_FORMAT" => {
                    layer.log_format = Some(match as_text()?.as_str() {
                        "human" => LogFormat::Human,
                        "json" => LogFormat::Json,
                        _ => return Err(bad("must be human or json")),
                    });
                }
                "LISTEN" => {
                    let address = as_text()?.parse().map_err(|_| bad("is no address such as 127.0.0.1:9464"))?;
                    layer.listen = Some(address);
                }
                "OTLP_ENDPOINT" => layer.otlp_endpoint = Some(as_text()?),
                "EVENT_SOURCE" => layer.event_source = Some(as_text()?),
                "LOG" => {} // the filter of telemetry
                other => {
                    // One slip in four letters: a short name is soon near to another that means something else.
                    let slip = |v: &&&str| strsim::osa_distance(v, other) <= (v.len() / 4).max(1);
                    if let Some(near) = VARIABLES.iter().find(slip) {
                        return Err(bad("is no setting").hint(format!("did you mean {PREFIX}{near}?")));
                    }
                }
            }
        }
        Ok((layer, file))
    }

    pub(super) fn apply(self, config: &mut Config) {
        fn set<T>(target: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *target = value;
            }
        }
        set(&mut config.bundles, self.bundles);
        set(&mut config.runtime_library, self.runtime_library.map(Some));
        set(&mut config.provider, self.provider);
        set(&mut config.threads, self.threads);
        set(&mut config.device, self.device);
        set(&mut config.cache_dir, self.cache_dir.map(Some));
        set(&mut config.max_batch, self.max_batch);
        set(&mut config.cost_per_hour, self.cost_per_hour);
        set(&mut config.currency, self.currency);
        set(&mut config.allowed_licences, self.allowed_licences);
        set(&mut config.update_policy, self.update_policy);
        set(&mut config.out, self.out);
        set(&mut config.s3, self.s3);
        set(&mut config.broker, self.broker.map(Some));
        set(&mut config.retry_delays, self.retry_delays);
        set(&mut config.allow_plaintext, self.allow_plaintext);
        set(&mut config.log_format, self.log_format);
        set(&mut config.listen, self.listen.map(Some));
        set(&mut config.otlp_endpoint, self.otlp_endpoint.map(Some));
        set(&mut config.webhooks, self.webhooks);
        set(&mut config.webhook_networks, self.webhook_networks);
        set(&mut config.event_source, self.event_source);
    }

    /// The S3 settings of this layer. They are one setting: the layer that has any decides them all, so that an endpoint
    /// never meets the region of another.
    fn s3(&mut self) -> &mut S3Settings {
        self.s3.get_or_insert_default()
    }
}

const NO_SWITCH: &str = "must be true or false";

fn switch(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Every variable's name after the prefix, for "did you mean".
pub(super) const VARIABLES: [&str; 24] = [
    "CONFIG",
    "BUNDLES",
    "RUNTIME_LIBRARY",
    "PROVIDER",
    "THREADS",
    "DEVICE",
    "CACHE_DIR",
    "MAX_BATCH",
    "COST_PER_HOUR",
    "CURRENCY",
    "ALLOWED_LICENCES",
    "OUT",
    "BROKER",
    "RETRY_DELAYS",
    "S3_ENDPOINT",
    "S3_REGION",
    "S3_PATH_STYLE",
    "S3_CHECKSUMS",
    "ALLOW_PLAINTEXT",
    "LOG_FORMAT",
    "LISTEN",
    "OTLP_ENDPOINT",
    "EVENT_SOURCE",
    "LOG",
];
