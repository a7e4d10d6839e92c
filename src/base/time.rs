//! Days and moments in UTC, as texts that sort like time: `2027-12-31` and `2027-12-31T23:59:59Z`.
//!
//! # Invariants
//!
//! A [`Date`] exists in the calendar and is not before 1970; both types are in UTC, and only [`Timestamp::now`] reads a
//! clock.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::base::checked_text::checked_text;

/// The first day there is.
const FIRST: civil::Date = civil::date(1970, 1, 1);

/// A day of the calendar, written `2027-12-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(civil::Date);

impl Default for Date {
    /// Returns the first day there is, on which nothing has expired.
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Date {
    /// Returns how many days it is after 1970-01-01.
    pub(crate) fn days(self) -> u64 {
        self.0.duration_since(FIRST).as_hours().unsigned_abs() / 24
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What prints as it was written is in the one form that sorts like time.
        let date = text.parse().ok().filter(|date: &civil::Date| *date >= FIRST && date.to_string() == text);
        date.map(Self).ok_or_else(|| "is not a day: expected one such as `2027-12-31`".into())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

checked_text!(Date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "A day, such as 2027-12-31.");

/// A moment in UTC, to the second, written `2027-12-31T23:59:59Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// Returns this moment, by the machine's clock.
    pub fn now() -> Self {
        Self::from_seconds(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0))
    }

    /// Returns the moment that is `seconds` after the start of 1970, or the last one there is if the calendar ends
    /// before.
    pub(crate) fn from_seconds(seconds: u64) -> Self {
        let last = jiff::Timestamp::MAX.as_second();
        let second = i64::try_from(seconds).unwrap_or(last).min(last);
        Self(jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Returns its day.
    pub fn date(self) -> Date {
        Date(Offset::UTC.to_datetime(self.0).date())
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What prints as it was written is in UTC and without fractions of a second.
        let fits = |moment: &jiff::Timestamp| {
            *moment >= jiff::Timestamp::UNIX_EPOCH && moment.subsec_nanosecond() == 0 && moment.to_string() == text
        };
        let moment = text.parse().ok().filter(fits);
        moment.map(Self).ok_or_else(|| "is not a moment: expected one such as `2027-12-31T23:59:59Z`".into())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

checked_text!(
    Timestamp,
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
    "A moment in UTC, such as 2027-12-31T23:59:59Z."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_exist() {
        for good in ["2027-12-31", "2028-02-29", "2000-02-29"] {
            assert_eq!(good.parse::<Date>().unwrap().to_string(), good);
        }
        for bad in [
            "2027-02-29",
            "2100-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-1-1",
            "20270101",
            "2027-01-01T00:00",
            "1969-12-31",
            "27-01-01",
            "",
            "２０２７-01-01",
            "ab",
        ] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (days, text) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (47_540, "2100-02-28"),
            (2_932_896, "9999-12-31"),
        ] {
            let date: Date = text.parse().unwrap();
            assert_eq!((date.days(), date.to_string().as_str()), (days, text));
        }
    }

    #[test]
    fn moments_read_and_print_the_same() {
        let moment = Timestamp::from_seconds(1_830_297_599);
        assert_eq!(moment.to_string(), "2027-12-31T23:59:59Z");
        assert_eq!(moment.to_string().parse(), Ok(moment));
        for bad in [
            "2027-12-31",
            "2027-12-31T24:00:00Z",
            "2027-12-31T23:59:60Z",
            "2027-12-31T23:59:59.5Z",
            "2027-12-31t23:59:59z",
            "2027-12-31T23:59:59",
            "2027-12-31T+1:00:00Z",
            "é",
            "T::Z",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}
