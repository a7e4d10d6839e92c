//! Currencies, by the code that ISO 4217 gives them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::checked_text::text_conversions;

/// A currency's code in the form of ISO 4217: three capital letters, such as `USD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([char; 3]);

impl Currency {
    /// The code's form as a regular expression, for JSON Schemas.
    pub(crate) const PATTERN: &str = "^[A-Z]{3}$";
    /// The United States dollar, which prices are in unless a setting says otherwise.
    pub const USD: Self = Self(['U', 'S', 'D']);
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        let letters: Vec<char> = code.chars().take(4).collect();
        let code = <[char; 3]>::try_from(letters).ok().filter(|code| code.iter().all(char::is_ascii_uppercase));
        code.map(Self).ok_or_else(|| "is not a currency: expected three capital letters such as `USD`".into())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_iter(self.0))
    }
}

text_conversions!(Currency);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!("USD".parse(), Ok(Currency::USD));
        assert_eq!("JPY".parse::<Currency>().unwrap().to_string(), "JPY");
        for bad in ["", "US", "USDT", "usd", "U D", "ÜSD", "12E", "dollars"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&Currency::USD).unwrap(), "\"USD\"");
    }
}
