//! Parses the values of environment variables, by the type of the setting.

use std::env;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::base::currency::Currency;
use crate::base::licence::Licence;
use crate::base::text;
use crate::broker::address::BrokerAddress;
use crate::store::s3::settings::Checksums;
use crate::telemetry::log::LogFormat;

/// A type that can be parsed from an environment variable.
pub(super) trait FromVariable: Sized {
    /// Parses the value.
    ///
    /// # Errors
    ///
    /// Fails with the reason why it is invalid, worded to follow the variable's name.
    fn from_variable(value: &OsStr) -> Result<Self, String>;
}

fn utf8(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| "is not UTF-8".to_owned())
}

/// Returns the items of a comma-separated list.
fn items(value: &OsStr) -> Result<impl Iterator<Item = &str>, String> {
    Ok(utf8(value)?.split(',').map(str::trim).filter(|item| !item.is_empty()))
}

impl<T: FromVariable> FromVariable for Option<T> {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        T::from_variable(value).map(Some)
    }
}

impl FromVariable for String {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        utf8(value).map(str::to_owned)
    }
}

impl FromVariable for PathBuf {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        Ok(value.into())
    }
}

impl FromVariable for Vec<PathBuf> {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        Ok(env::split_paths(value).collect())
    }
}

impl FromVariable for usize {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        utf8(value)?.parse().map_err(|_| "is not a whole number".to_owned())
    }
}

impl FromVariable for u32 {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        utf8(value)?.parse().map_err(|_| "is not a whole number of at most 4294967295".to_owned())
    }
}

impl FromVariable for f64 {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        utf8(value)?.parse().map_err(|_| "is not a number".to_owned())
    }
}

impl FromVariable for Vec<f64> {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        let numbers = utf8(value)?.split(',').map(|number| number.trim().parse()).collect::<Result<_, _>>();
        numbers.map_err(|_| "must be numbers, such as 1,5,30".to_owned())
    }
}

impl FromVariable for bool {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        match utf8(value)? {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }
}

impl FromVariable for SocketAddr {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        utf8(value)?.parse().map_err(|_| "is not an address such as 127.0.0.1:9464".to_owned())
    }
}

impl FromVariable for Currency {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        utf8(value)?.parse()
    }
}

impl FromVariable for Vec<Licence> {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        items(value)?.map(|name| name.parse().map_err(|why| format!("{} {why}", text::show(name)))).collect()
    }
}

impl FromVariable for BrokerAddress {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        String::from_variable(value).map(Into::into)
    }
}

impl FromVariable for LogFormat {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        match utf8(value)? {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("must be human or json".to_owned()),
        }
    }
}

impl FromVariable for Checksums {
    fn from_variable(value: &OsStr) -> Result<Self, String> {
        match utf8(value)? {
            "when_supported" => Ok(Self::WhenSupported),
            "when_required" => Ok(Self::WhenRequired),
            _ => Err("must be when_supported or when_required".to_owned()),
        }
    }
}
