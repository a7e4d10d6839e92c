//! The table of settings: each is named once, with its type, default, environment variables and documentation.

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
/// After a setting's default stand the variables that set it, without their prefix, each with the part of the setting
/// that it sets: the whole, or one field.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident: $type:ty = $default:expr, [$($variable:literal $(=> $field:ident)?),*];
    )*) => {
        /// Every setting, validated.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct Config {
            $($(#[doc = $doc])* pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// One layer of settings: what it does not set, the layer below decides.
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct Layer {
            $(pub(super) $name: Option<$type>,)*
        }

        impl Layer {
            /// Lays this layer over `config`.
            pub(super) fn apply(self, config: &mut Config) {
                $(if let Some(value) = self.$name {
                    config.$name = value;
                })*
            }

            /// Sets what the variable of this name (without its prefix) sets; returns `None` if it is no setting's.
            ///
            /// # Errors
            /// Why its value cannot be read.
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

/// Reads a variable into a setting, or into one field of it. The fields of one setting belong together: the layer
/// that sets any of them decides them all, so that an S3 endpoint never meets the region of another.
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
    /// The ONNX Runtime library; without it the usual places are searched, so set it where two versions are about.
    runtime_library: Option<PathBuf> = None, ["RUNTIME_LIBRARY"];
    /// Execution provider. The one asked for is the one used; a machine without it stops instead of getting slow.
    provider: String = "cpu".into(), ["PROVIDER"];
    /// Threads of the model runtime, 0 for every core. Fewer leave room for others; images do not change.
    threads: usize = 0, ["THREADS"];
    /// Which GPU, where a machine has several.
    device: u32 = 0, ["DEVICE"];
    /// Where providers that compile models (openvino, tensorrt) keep the result, so that only the first start takes
    /// minutes; without it, a folder of ours in the user's cache. What lies there is trusted: let nobody else write to
    /// it.
    cache_dir: Option<PathBuf> = None, ["CACHE_DIR"];
    /// Images denoised together. More is faster until memory or cache ends; images do not change.
    max_batch: usize = 16, ["MAX_BATCH"];
    /// Cost of an hour of this machine, which turns time into the estimate that budgets are compared with.
    cost_per_hour: f64 = 0.10, ["COST_PER_HOUR"];
    /// ISO 4217 code of `cost_per_hour`.
    currency: Currency = Currency::USD, ["CURRENCY"];
    /// Licences that are allowed beyond the built-in list, such as
    /// `LicenseRef-Acme-Agency`.
    allowed_licences: Vec<Licence> = Vec::new(), ["ALLOWED_LICENCES"];
    /// When a trained encoder should be trained again.
    update_policy: UpdatePolicy = UpdatePolicy::default(), [];
    /// Where everything goes that commands write: a folder, or `s3://bucket/prefix`. `--out` says otherwise for one
    /// command.
    out: String = "out".into(), ["OUT"];
    /// How S3 is reached; the layer that sets any part of it sets all of it.
    s3: S3Settings = S3Settings::default(), [
        "S3_ENDPOINT" => endpoint,
        "S3_REGION" => region,
        "S3_PATH_STYLE" => path_style,
        "S3_CHECKSUMS" => checksums
    ];
    /// The broker: `amqps://user:password@host:port/vhost`.
    broker: Option<BrokerAddress> = None, ["BROKER"];
    /// Seconds after which a job that failed comes again: after its first failure, its second, and so on; the last
    /// stands for all further. A broker that all of a house's workers share must see the same everywhere.
    retry_delays: Vec<f64> = vec![1.0, 5.0, 30.0, 120.0], ["RETRY_DELAYS"];
    /// Lets unencrypted connections leave this machine; for networks that are trusted.
    allow_plaintext: bool = false, ["ALLOW_PLAINTEXT"];
    /// Format of log lines: for people or for collectors.
    log_format: LogFormat = LogFormat::Human, ["LOG_FORMAT"];
    /// Where `/metrics`, `/healthz` and `/readyz` are answered, such as `0.0.0.0:9464`; without it, nowhere. It knows
    /// no secrets, but also no passwords: listen where only those who watch can reach it.
    listen: Option<SocketAddr> = None, ["LISTEN"];
    /// The collector that traces are sent to by OTLP over HTTP, such as `http://127.0.0.1:4318`; without it, none are
    /// kept.
    otlp_endpoint: Option<String> = None, ["OTLP_ENDPOINT"];
    /// Endpoints that events about campaigns and assets are sent to over HTTP.
    webhooks: Vec<WebhookSetting> = Vec::new(), [];
    /// Networks that are not the public internet and that webhooks may reach all the same, without TLS too. Whoever may
    /// set a webhook reaches everything in them.
    webhook_networks: Vec<IpNet> = Vec::new(), [];
    /// What events name as their source; where several houses tell one receiver, each needs its own.
    event_source: String = "/housestyle".into(), ["EVENT_SOURCE"];
}
