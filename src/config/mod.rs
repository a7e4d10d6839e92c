//! Settings in layers: defaults < file < environment `HOUSESTYLE_…` < flags; validated once, trusted afterwards.
//!
//! In: a YAML file, the environment, flags. Out: a [`Config`].
//! Always holds: an unknown key in the file is refused, and so is a variable that looks like a misspelt setting.
//! A setting that holds a secret is a type whose `Debug` hides it ([`remote`]).

use crate::base::currency::Currency;
use crate::base::licence::Licence;
use crate::registry::retrain::UpdatePolicy;
use crate::telemetry::log::LogFormat;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Serialize;

use crate::base::error::{Context as _, Error, Kind, Result};
use crate::events::webhook;
use crate::io::http::Url;

mod layer;

use crate::broker::address::BrokerAddress;
use crate::store::s3::settings::S3Settings;
use layer::Layer;

/// The settings file that is read when none is named and it is there.
const DEFAULT_FILE: &str = "housestyle.yaml";

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
    pub currency: Currency,
    /// Licences that somebody of this house decided to allow beyond the built-in list, such as `LicenseRef-Acme-Agency`.
    pub allowed_licences: Vec<Licence>,
    /// When a trained encoder should be trained again.
    pub update_policy: UpdatePolicy,
    /// Where everything goes that commands write: a folder, or `s3://bucket/prefix`. `--out` says otherwise for one command.
    pub out: String,
    /// How S3 is spoken.
    pub s3: S3Settings,
    /// The broker: `amqps://user:password@host:port/vhost`.
    pub broker: Option<BrokerAddress>,
    /// Seconds after which a job that failed comes again: after its first failure, its second, and so on; the last stands for
    /// all further. A broker that all of a house's workers share must see the same everywhere.
    pub retry_delays: Vec<f64>,
    /// Lets unencrypted connections leave this machine; for networks that are trusted.
    pub allow_plaintext: bool,
    /// How log lines look: for people or for collectors.
    pub log_format: LogFormat,
    /// Where `/metrics`, `/healthz` and `/readyz` are answered, such as `0.0.0.0:9464`; without it, nowhere. It knows no
    /// secrets, but also no passwords: listen where only those who watch can reach it.
    pub listen: Option<SocketAddr>,
    /// The collector that traces are sent to by OTLP over HTTP, such as `http://127.0.0.1:4318`; without it, none are kept.
    pub otlp_endpoint: Option<String>,
    /// Who is told over HTTP what happens to campaigns and assets.
    pub webhooks: Vec<webhook::WebhookSetting>,
    /// Networks that are not the public internet and that webhooks may reach all the same, without TLS too. Whoever may set
    /// a webhook reaches everything in them.
    pub webhook_networks: Vec<IpNet>,
    /// What events name as their source; where several houses tell one receiver, each needs its own.
    pub event_source: String,
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
            currency: Currency::USD,
            allowed_licences: Vec::new(),
            update_policy: UpdatePolicy::default(),
            out: "out".into(),
            s3: S3Settings::default(),
            broker: None,
            retry_delays: vec![1.0, 5.0, 30.0, 120.0],
            allow_plaintext: false,
            log_format: LogFormat::Human,
            listen: None,
            otlp_endpoint: None,
            webhooks: Vec::new(),
            webhook_networks: Vec::new(),
            event_source: "/housestyle".into(),
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

    /// Where traces go.
    pub fn collector(&self) -> Result<Option<Url>> {
        let read = |endpoint: &String| endpoint.parse().context(Kind::Invalid, || "setting otlp_endpoint");
        self.otlp_endpoint.as_ref().map(read).transpose()
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
        if self.update_policy.drift_below.is_some_and(|bound| !(0.0..=1.0).contains(&bound)) {
            return wrong("update_policy.drift_below", "must be 0 to 1");
        }
        if self.out.is_empty() {
            return wrong("out", "names no place");
        }
        self.s3.validate(self.allow_plaintext)?;
        self.collector()?;
        for (i, setting) in self.webhooks.iter().enumerate() {
            if let Some(why) = setting.problem() {
                return wrong(&format!("webhooks[{i}]"), &why);
            }
        }
        if self.event_source.is_empty() || self.event_source.chars().any(|c| !c.is_ascii_graphic()) {
            return wrong("event_source", "must be a URI reference such as /housestyle");
        }
        let delays = &self.retry_delays;
        if !(1..=8).contains(&delays.len()) || !delays.iter().all(|d| (0.01..=86_400.0).contains(d)) || !delays.is_sorted() {
            return wrong("retry_delays", "must be 1 to 8 numbers of seconds, 0.01 to 86400, in order");
        }
        if let Some(broker) = &self.broker {
            broker.uri(self.allow_plaintext)?;
        }
        Ok(self)
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

#[cfg(test)]
mod tests {
    use super::layer::{PREFIX, VARIABLES};
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
            ("listen: 'port 80'", "listen"),
            ("webhooks: [{url: 'ftp://a', secret_file: s}]", "webhooks[0]"),
            ("webhooks: [{url: 'https://a', secret_file: s, events: [asset.acepted]}]", "asset.accepted"),
            ("webhooks: [{url: 'https://a', secret: s}]", "secret"),
            ("webhook_networks: [10.0.0.0/99]", "webhook_networks"),
            ("event_source: 'a b'", "event_source"),
            ("otlp_endpoint: collector", "otlp_endpoint"),
            ("out: ''", "out"),
            ("s3: {endpoint: 'http://bucket.example.com'}", "not encrypted"),
            ("s3: {secret: x}", "secret"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = Config::load(Some(&file), env(&[]), Flags::default()).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.chain().contains(word), "{}", error.chain());
        }
        let error = Config::load(None, env(&[("HOUSESTYLE_PROVIDR", "cpu")]), Flags::default()).unwrap_err();
        assert_eq!(error.advice(), Some("did you mean HOUSESTYLE_PROVIDER?"));
        let error = Config::load(None, env(&[("HOUSESTYLE_S3_CHECKSUMS", "never")]), Flags::default()).unwrap_err();
        assert!(error.chain().contains("when_required"), "{}", error.chain());
        let error = Config::load(None, env(&[("HOUSESTYLE_COST_PER_HOUR", "NaN")]), Flags::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }

    #[test]
    fn the_layer_that_names_a_server_decides_how_it_is_spoken_to() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("h.yaml");
        std::fs::write(&file, "out: s3://bucket/x\ns3: {endpoint: 'https://a.example.com', region: here}\n").unwrap();
        let config = Config::load(Some(&file), env(&[]), Flags::default()).unwrap();
        assert_eq!((config.out.as_str(), config.s3.region.as_deref()), ("s3://bucket/x", Some("here")));
        let vars = env(&[("HOUSESTYLE_S3_ENDPOINT", "http://b.example.com"), ("HOUSESTYLE_ALLOW_PLAINTEXT", "true")]);
        let config = Config::load(Some(&file), vars, Flags::default()).unwrap();
        assert_eq!((config.s3.endpoint.as_deref(), config.s3.region), (Some("http://b.example.com"), None));
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
