//! The table of settings: each is defined once, with its type, default, environment variables and documentation.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::variable::FromVariable;
use crate::base::currency::Currency;
use crate::base::licence::Licence;
use crate::broker::address::BrokerAddress;
use crate::events::webhook::WebhookSetting;
use crate::registry::retrain::UpdatePolicy;
use crate::store::s3::settings::S3Settings;
use crate::telemetry::log::LogFormat;

/// Defines [`Config`], its defaults, and [`Layer`], in which every setting may be left out.
///
/// A setting's default is followed by the variables that set it, without their prefix; a variable sets the whole
/// setting, or the field after `=>`.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident: $type:ty = $default:expr, [$($variable:literal $(=> $field:ident)?),*];
    )*) => {
        /// The validated settings.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct Config {
            $($(#[doc = $doc])* pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// One layer of settings; a setting that it does not have is taken from the layer below.
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct Layer {
            $(pub(super) $name: Option<$type>,)*
        }

        impl Layer {
            /// Applies this layer to `config`.
            pub(super) fn apply(self, config: &mut Config) {
                $(if let Some(value) = self.$name {
                    config.$name = value;
                })*
            }

            /// Sets the setting of the variable `name` (without its prefix); returns `None` if there is none.
            ///
            /// # Errors
            ///
            /// Fails with the reason why the value is invalid.
            pub(super) fn set_variable(&mut self, name: &str, value: &OsStr) -> Option<Result<(), String>> {
                match name {
                    $($($variable => Some(set!(self.$name, value $(, $field)?)),)*)*
                    _ => None,
                }
            }
        }

        /// The names of all settings' variables, without their prefix.
        pub(super) const VARIABLES: &[&str] = &[$($($variable,)*)*];
    };
}

/// Reads a variable into a setting, or into one field of it. A layer that sets one field of a setting replaces all of
/// its fields, so that an S3 endpoint is never combined with the region of another layer.
macro_rules! set {
    ($layer:ident.$name:ident, $value:ident) => {
        FromVariable::from_variable($value).map(|value| $layer.$name = Some(value))
    };
    ($layer:ident.$name:ident, $value:ident, $field:ident) => {
        FromVariable::from_variable($value).map(|value| $layer.$name.get_or_insert_default().$field = value)
    };
}

settings! {
    /// Folders that hold bundles (`<folder>/<name>/bundle.yaml`), searched in this order.
    bundles: Vec<PathBuf> = vec!["models".into()], ["BUNDLES"];
    /// Path of the ONNX Runtime library; by default the usual places are searched. Set it if two versions are
    /// installed.
    runtime_library: Option<PathBuf> = None, ["RUNTIME_LIBRARY"];
    /// Execution provider. A machine that does not have it stops with an error instead of using a slower one.
    provider: String = "cpu".into(), ["PROVIDER"];
    /// Number of threads of the model runtime, 0 for every core. Images do not depend on it.
    threads: usize = 0, ["THREADS"];
    /// Index of the GPU, from 0.
    device: u32 = 0, ["DEVICE"];
    /// Folder in which providers that compile models (openvino, tensorrt) cache the result, so that only the first
    /// start takes minutes; by default `housestyle` in the user's cache folder. Its files are trusted, so no other
    /// user must be able to write to it.
    cache_dir: Option<PathBuf> = None, ["CACHE_DIR"];
    /// Largest number of images denoised together. More is faster until memory or cache is full; images do not depend
    /// on it.
    max_batch: usize = 16, ["MAX_BATCH"];
    /// Cost of this machine per hour in `currency`, for the cost estimates that budgets are compared with.
    cost_per_hour: f64 = 0.10, ["COST_PER_HOUR"];
    /// ISO 4217 code of `cost_per_hour`.
    currency: Currency = Currency::USD, ["CURRENCY"];
    /// Licences that are allowed in addition to the built-in list, such as `LicenseRef-Acme-Agency`.
    allowed_licences: Vec<Licence> = Vec::new(), ["ALLOWED_LICENCES"];
    /// Thresholds at which a trained encoder should be trained again.
    update_policy: UpdatePolicy = UpdatePolicy::default(), [];
    /// The store that commands write to: a folder, or `s3://bucket/prefix`. `--out` overrides it for one command.
    out: String = "out".into(), ["OUT"];
    /// Settings of the S3 client; a layer that sets one field replaces all of them.
    s3: S3Settings = S3Settings::default(), [
        "S3_ENDPOINT" => endpoint,
        "S3_REGION" => region,
        "S3_PATH_STYLE" => path_style,
        "S3_CHECKSUMS" => checksums
    ];
    /// Address of the broker: `amqps://user:password@host:port/vhost`.
    broker: Option<BrokerAddress> = None, ["BROKER"];
    /// Seconds after which a failed job is retried: after its first failure, its second, and so on; the last applies to
    /// all further failures. All processes that share a broker must have the same delays.
    retry_delays: Vec<f64> = vec![1.0, 5.0, 30.0, 120.0], ["RETRY_DELAYS"];
    /// Allows unencrypted connections to other machines; for trusted networks.
    allow_plaintext: bool = false, ["ALLOW_PLAINTEXT"];
    /// Format of log lines: `human` or `json`.
    log_format: LogFormat = LogFormat::Human, ["LOG_FORMAT"];
    /// Address on which `/metrics`, `/healthz` and `/readyz` are served, such as `0.0.0.0:9464`; by default none. They
    /// reveal no secrets but have no authentication: use an address that only monitoring can reach.
    listen: Option<SocketAddr> = None, ["LISTEN"];
    /// URL of the collector that traces are sent to by OTLP over HTTP, such as `http://127.0.0.1:4318`; by default
    /// traces are not recorded.
    otlp_endpoint: Option<String> = None, ["OTLP_ENDPOINT"];
    /// Webhooks: endpoints that events about campaigns and assets are sent to over HTTP.
    webhooks: Vec<WebhookSetting> = Vec::new(), [];
    /// Private networks that webhooks may reach, with or without TLS. Everyone who may configure a webhook can reach
    /// all machines in them.
    webhook_networks: Vec<IpNet> = Vec::new(), [];
    /// The `source` attribute of events; give each installation its own if several send to one receiver.
    event_source: String = "/housestyle".into(), ["EVENT_SOURCE"];
}
