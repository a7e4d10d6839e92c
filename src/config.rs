//! Settings in layers: defaults < file < environment `HOUSESTYLE_…` < flags; validated once, trusted afterwards.
//!
//! In: a YAML file, the environment, flags. Out: a [`Config`].
//! Always holds: an unknown key in the file is refused, and so is a variable that looks like a misspelt setting.
//! A setting that holds a secret is a type whose `Debug` hides it ([`remote`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Context as _, Error, Kind, Result};
use crate::{files, yaml};

pub mod remote;

use remote::{Broker, Checksums, S3Settings};

/// The settings file that is read when none is named and it is there.
const DEFAULT_FILE: &str = "housestyle.yaml";
/// Far above any honest settings file.
const MAX_BYTES: u64 = 1 << 20;
/// What every variable starts with.
const PREFIX: &str = "HOUSESTYLE_";

/// Every setting, validated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Folders that hold bundles (`<folder>/<name>/bundle.yaml`), searched in this order.
    pub bundles: Vec<PathBuf>,
    /// The ONNX Runtime library; without it the usual places are searched, so set it where two versions are about.
    pub runtime_library: Option<PathBuf>,
    /// Execution provider. The one asked for is the one used; a machine without it stops instead of getting slow.
    pub provider: String,
    /// Threads of the model runtime, 0 for every core. Fewer leave room for others; images do not change.
    pub threads: usize,
    /// Which GPU, where a machine has several.
    pub device: u32,
    /// Where providers that compile models (openvino, tensorrt) keep the result, so that only the first start takes minutes;
    /// without it, a folder of ours in the user's cache. What lies there is trusted: let nobody else write to it.
    pub cache_dir: Option<PathBuf>,
    /// Images denoised together. More is faster until memory or cache ends; images do not change.
    pub max_batch: usize,
    /// What an hour of this machine costs: turns time into the estimate that budgets are held against.
    pub cost_per_hour: f64,
    /// ISO 4217 code of `cost_per_hour`.
    pub currency: String,
    /// Licences that somebody of this house decided to allow beyond the built-in list, such as `LicenseRef-Acme-Agency`.
    pub allowed_licences: Vec<String>,
    /// When a trained encoder should be trained again.
    pub update_policy: UpdatePolicy,
    /// Where everything goes that commands write: a folder, or `s3://bucket/prefix`. `--out` says otherwise for one command.
    pub out: String,
    /// How S3 is spoken.
    pub s3: S3Settings,
    /// The broker: `amqps://user:password@host:port/vhost`.
    pub broker: Option<Broker>,
    /// Seconds after which a job that failed comes again: after its first failure, its second, and so on; the last stands for
    /// all further. A broker that all of a house's workers share must see the same everywhere.
    pub retry_delays: Vec<f64>,
    /// Lets unencrypted connections leave this machine; for networks that are trusted.
    pub allow_plaintext: bool,
    /// How log lines look: for people or for collectors.
    pub log_format: LogFormat,
}

/// When a trained encoder should be trained again; what is not set is no reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdatePolicy {
    /// At so many pictures that it has not learned from.
    pub new_references: Option<u32>,
    /// When the mean style score of its assets' first attempts falls under this.
    pub drift_below: Option<f64>,
    /// When it is older than this.
    pub max_age_days: Option<u32>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line an event.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The layer that flags make.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--bundles`, repeated; empty if not given.
    pub bundles: Vec<PathBuf>,
    /// `--provider`.
    pub provider: Option<String>,
    /// `--threads`.
    pub threads: Option<usize>,
}

/// One layer: what it does not set, the layer below decides.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Layer {
    bundles: Option<Vec<PathBuf>>,
    runtime_library: Option<PathBuf>,
    provider: Option<String>,
    threads: Option<usize>,
    device: Option<u32>,
    cache_dir: Option<PathBuf>,
    max_batch: Option<usize>,
    cost_per_hour: Option<f64>,
    currency: Option<String>,
    allowed_licences: Option<Vec<String>>,
    update_policy: Option<UpdatePolicy>,
    out: Option<String>,
    s3: Option<S3Settings>,
    broker: Option<Broker>,
    retry_delays: Option<Vec<f64>>,
    allow_plaintext: Option<bool>,
    log_format: Option<LogFormat>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bundles: vec!["models".into()],
            runtime_library: None,
            provider: "cpu".into(),
            threads: 0,
            device: 0,
            cache_dir: None,
            max_batch: 16,
            cost_per_hour: 0.10,
            currency: "USD".into(),
            allowed_licences: Vec::new(),
            update_policy: UpdatePolicy::default(),
            out: "out".into(),
            s3: S3Settings::default(),
            broker: None,
            retry_delays: vec![1.0, 5.0, 30.0, 120.0],
            allow_plaintext: false,
            log_format: LogFormat::Human,
        }
    }
}

impl Config {
    /// Applies every layer and validates the result.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: Flags,
    ) -> Result<Self> {
        let environment: Vec<_> = environment.into_iter().collect();
        let mut config = Self { cache_dir: user_cache(&environment), ..Self::default() };
        let (environment, named) = Layer::from_environment(environment)?;
        let file = match file.map(Path::to_owned).or(named) {
            Some(path) => Layer::from_file(&path)?,
            None if Path::new(DEFAULT_FILE).is_file() => Layer::from_file(Path::new(DEFAULT_FILE))?,
            None => Layer::default(),
        };
        let flags = Layer {
            bundles: (!flags.bundles.is_empty()).then_some(flags.bundles),
            provider: flags.provider,
            threads: flags.threads,
            ..Layer::default()
        };
        for layer in [file, environment, flags] {
            layer.apply(&mut config);
        }
        config.validated()
    }

    fn validated(self) -> Result<Self> {
        let wrong = |what: &str, why: &str| Err(Error::invalid(format!("setting {what} {why}")));
        if self.bundles.is_empty() {
            return wrong("bundles", "names no folder");
        }
        if self.threads > 1024 {
            return wrong("threads", "must be 0 (every core) to 1024");
        }
        if !(1..=256).contains(&self.max_batch) {
            return wrong("max_batch", "must be 1 to 256");
        }
        if !(self.cost_per_hour.is_finite() && (0.0..=1e6).contains(&self.cost_per_hour)) {
            return wrong("cost_per_hour", "must be 0 to 1000000");
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return wrong("currency", "must be a three-letter code such as USD");
        }
        let is_licence = |l: &String| !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || "-.+".contains(c));
        if !self.allowed_licences.iter().all(is_licence) {
            return wrong("allowed_licences", "must hold names such as LicenseRef-Acme-Agency");
        }
        if self.update_policy.drift_below.is_some_and(|bound| !(0.0..=1.0).contains(&bound)) {
            return wrong("update_policy.drift_below", "must be 0 to 1");
        }
        if self.out.is_empty() {
            return wrong("out", "names no place");
        }
        let delays = &self.retry_delays;
        if !(1..=8).contains(&delays.len()) || !delays.iter().all(|d| (0.01..=86_400.0).contains(d)) || !delays.is_sorted() {
            return wrong("retry_delays", "must be 1 to 8 numbers of seconds, 0.01 to 86400, in order");
        }
        self.s3.validate(self.allow_plaintext)?;
        if let Some(broker) = &self.broker {
            broker.uri(self.allow_plaintext)?;
        }
        Ok(self)
    }
}

impl Layer {
    fn from_file(path: &Path) -> Result<Self> {
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
    fn from_environment(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Result<(Self, Option<PathBuf>)> {
        let (mut layer, mut file) = (Self::default(), None);
        for (key, value) in vars {
            let Some(name) = key.to_str().and_then(|k| k.strip_prefix(PREFIX)) else { continue };
            if value.is_empty() && VARIABLES.contains(&name) {
                continue; // how compose files and shells say "not set"
            }
            let bad = |why: &str| Error::invalid(format!("{PREFIX}{name} {why}"));
            let text = || value.to_str().map(str::to_owned).ok_or_else(|| bad("is not UTF-8"));
            let number = || text()?.parse::<usize>().map_err(|_| bad("is not a whole number"));
            match name {
                "CONFIG" => file = Some(value.clone().into()),
                "BUNDLES" => layer.bundles = Some(std::env::split_paths(&value).collect()),
                "RUNTIME_LIBRARY" => layer.runtime_library = Some(value.clone().into()),
                "PROVIDER" => layer.provider = Some(text()?),
                "THREADS" => layer.threads = Some(number()?),
                "DEVICE" => layer.device = Some(u32::try_from(number()?).map_err(|_| bad("is no device's number"))?),
                "CACHE_DIR" => layer.cache_dir = Some(value.clone().into()),
                "MAX_BATCH" => layer.max_batch = Some(number()?),
                "COST_PER_HOUR" => {
                    layer.cost_per_hour = Some(text()?.parse().map_err(|_| bad("is not a number"))?);
                }
                "CURRENCY" => layer.currency = Some(text()?),
                "ALLOWED_LICENCES" => {
                    let names = text()?;
                    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                    layer.allowed_licences = Some(names.map(str::to_owned).collect());
                }
                "OUT" => layer.out = Some(text()?),
                "BROKER" => layer.broker = Some(text()?.into()),
                "RETRY_DELAYS" => {
                    let numbers = text()?.split(',').map(|n| n.trim().parse()).collect::<Result<_, _>>();
                    layer.retry_delays = Some(numbers.map_err(|_| bad("must be numbers of seconds, such as 1,5,30"))?);
                }
                "S3_ENDPOINT" => layer.s3().endpoint = Some(text()?),
                "S3_REGION" => layer.s3().region = Some(text()?),
                "S3_PATH_STYLE" => layer.s3().path_style = Some(switch(&text()?).ok_or_else(|| bad(NO_SWITCH))?),
                "S3_CHECKSUMS" => {
                    layer.s3().checksums = match text()?.as_str() {
                        "when_supported" => Checksums::WhenSupported,
                        "when_required" => Checksums::WhenRequired,
                        _ => return Err(bad("must be when_supported or when_required")),
                    };
                }
                "ALLOW_PLAINTEXT" => layer.allow_plaintext = Some(switch(&text()?).ok_or_else(|| bad(NO_SWITCH))?),
                "LOG_FORMAT" => {
                    layer.log_format = Some(match text()?.as_str() {
                        "human" => LogFormat::Human,
                        "json" => LogFormat::Json,
                        _ => return Err(bad("must be human or json")),
                    });
                }
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

    fn apply(self, config: &mut Config) {
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

/// The folder for what can be made again, as desktops and services name it.
fn user_cache(vars: &[(OsString, OsString)]) -> Option<PathBuf> {
    let folder = |name: &str| {
        let found = vars.iter().find(|(key, _)| key == name).map(|(_, value)| PathBuf::from(value));
        found.filter(|path| path.is_absolute())
    };
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(cache.join("housestyle"))
}

/// Every variable's name after the prefix, for "did you mean".
const VARIABLES: [&str; 21] = [
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
    "LOG",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))).collect()
    }

    #[test]
    fn later_layers_win() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("h.yaml");
        std::fs::write(&file, "threads: 1\nmax_batch: 2\nprovider: cuda\nlog_format: json\n").unwrap();
        let flags = Flags { threads: Some(9), ..Flags::default() };
        let vars = env(&[("HOUSESTYLE_PROVIDER", "openvino"), ("HOUSESTYLE_THREADS", "5"), ("PATH", "x")]);
        let config = Config::load(Some(&file), vars, flags).unwrap();
        assert_eq!((config.threads, config.max_batch), (9, 2));
        assert_eq!((config.provider.as_str(), config.log_format), ("openvino", LogFormat::Json));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("h.yaml");
        for (text, word) in [
            ("thread: 1", "thread"),
            ("threads: many", "threads"),
            ("max_batch: 0", "max_batch"),
            ("update_policy: {age: 1}", "age"),
            ("update_policy: {drift_below: 2}", "drift_below"),
            ("allowed_licences: ['a b']", "allowed_licences"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = Config::load(Some(&file), env(&[]), Flags::default()).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.chain().contains(word), "{}", error.chain());
        }
        let error = Config::load(None, env(&[("HOUSESTYLE_PROVIDR", "cpu")]), Flags::default()).unwrap_err();
        assert_eq!(error.advice(), Some("did you mean HOUSESTYLE_PROVIDER?"));
        let error = Config::load(None, env(&[("HOUSESTYLE_COST_PER_HOUR", "NaN")]), Flags::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }

    #[test]
    fn a_settings_file_is_a_plain_file_of_modest_size() {
        let dir = tempfile::tempdir().unwrap();
        let big = dir.path().join("big.yaml");
        std::fs::write(&big, "# much ado\n".repeat(200_000)).unwrap();
        for file in [&big, dir.path(), Path::new("/dev/zero"), &dir.path().join("none.yaml")] {
            let error = Config::load(Some(file), env(&[]), Flags::default()).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{}", error.chain());
        }
    }

    #[test]
    fn what_providers_compile_is_kept_in_the_users_cache_unless_told_otherwise() {
        let load = |vars: &[(&str, &str)]| Config::load(None, env(vars), Flags::default()).unwrap();
        assert_eq!(load(&[("HOME", "/home/a")]).cache_dir, Some("/home/a/.cache/housestyle".into()));
        let both = [("HOME", "/home/a"), ("XDG_CACHE_HOME", "/cache")];
        assert_eq!(load(&both).cache_dir, Some("/cache/housestyle".into()));
        assert_eq!(load(&[("HOME", "relative"), ("XDG_CACHE_HOME", "")]).cache_dir, None);
        let set = load(&[("HOME", "/home/a"), ("HOUSESTYLE_CACHE_DIR", "/engines"), ("HOUSESTYLE_DEVICE", "1")]);
        assert_eq!((set.cache_dir, set.device), (Some("/engines".into()), 1));
    }

    #[test]
    fn foreign_and_empty_variables_pass() {
        let vars = env(&[
            ("HOUSESTYLE_SERVICE_HOST", "10.0.0.1"),
            ("HOUSESTYLE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("HOUSESTYLE_TAG", "v1"),
            ("HOUSESTYLE_ENV", "prod"),
            ("HOUSESTYLE_SERVICE", "x"),
            ("HOUSESTYLE_IMAGE", "x"),
        ]);
        assert_eq!(Config::load(None, vars, Flags::default()).unwrap(), Config::default());
        let empty: Vec<_> = VARIABLES.iter().map(|name| (format!("{PREFIX}{name}").into(), OsString::new())).collect();
        assert_eq!(Config::load(None, empty, Flags::default()).unwrap(), Config::default());
    }
}
