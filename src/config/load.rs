//! Applies the layers of settings and validates the result.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::layer::{self, EnvironmentLayer};
use super::settings::{Config, Layer};
use crate::base::error::{Context as _, Error, Kind, Result};
use crate::io::http::Url;

/// The settings file that is read if it exists and no other is named.
const DEFAULT_FILE: &str = "housestyle.yaml";

/// The settings that are given as command-line flags.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// The values of `--bundles`; empty if not given.
    pub bundles: Vec<PathBuf>,
    /// The value of `--provider`.
    pub provider: Option<String>,
    /// The value of `--threads`.
    pub threads: Option<usize>,
}

impl Config {
    /// Applies every layer and validates the result.
    ///
    /// # Errors
    ///
    /// Fails with [`Kind::Invalid`] for a file or variable that cannot be read, an unknown name, or a value that is not
    /// allowed.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: Flags,
    ) -> Result<Self> {
        let environment: Vec<_> = environment.into_iter().collect();
        let mut config = Self { cache_dir: user_cache(&environment), ..Self::default() };
        let EnvironmentLayer { layer: environment, file: named } = EnvironmentLayer::read(environment)?;
        let file = match file.map(Path::to_owned).or(named) {
            Some(path) => layer::from_file(&path)?,
            None if Path::new(DEFAULT_FILE).is_file() => layer::from_file(Path::new(DEFAULT_FILE))?,
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

    /// Returns the URL of the collector that traces are sent to, if one is set.
    ///
    /// # Errors
    ///
    /// Fails with [`Kind::Invalid`] if the address is not a URL, which [`Config::load`] has checked.
    pub fn collector(&self) -> Result<Option<Url>> {
        let read = |endpoint: &String| endpoint.parse().context(Kind::Invalid, || "setting otlp_endpoint");
        self.otlp_endpoint.as_ref().map(read).transpose()
    }

    fn validated(self) -> Result<Self> {
        let wrong = |what: &str, why: &str| Err(Error::invalid(format!("setting {what} {why}")));
        if self.bundles.is_empty() {
            return wrong("bundles", "must name at least one folder");
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
            return wrong("out", "must name a folder or a bucket");
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
        if !(1..=8).contains(&delays.len())
            || !delays.iter().all(|d| (0.01..=86_400.0).contains(d))
            || !delays.is_sorted()
        {
            return wrong("retry_delays", "must be 1 to 8 numbers of seconds, 0.01 to 86400, in order");
        }
        if let Some(broker) = &self.broker {
            broker.uri(self.allow_plaintext)?;
        }
        Ok(self)
    }
}

/// Returns housestyle's folder in the user's cache, by `XDG_CACHE_HOME` or `HOME`.
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
    use super::super::layer::PREFIX;
    use super::super::layer::names;
    use super::*;
    use crate::telemetry::log::LogFormat;

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
    fn compiled_models_are_kept_in_the_users_cache_unless_set_otherwise() {
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
        let empty: Vec<_> = names().map(|name| (format!("{PREFIX}{name}").into(), OsString::new())).collect();
        assert_eq!(Config::load(None, empty, Flags::default()).unwrap(), Config::default());
    }
}
