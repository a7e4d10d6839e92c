//! Days and moments, as texts that sort like time: `2027-12-31` and `2027-12-31T23:59:59Z`.
//!
//! In: a text, or seconds since 1970. Out: a [`Date`] or a [`Timestamp`]. What always holds: a `Date` exists in the
//! calendar; both are in UTC, and only [`Timestamp::now`] looks at a clock.

use crate::base::checked_text::checked_text;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// A day of the calendar, written `2027-12-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Default for Date {
    /// The first day there is: nothing has expired on it.
    fn default() -> Self {
        Self { year: 1970, month: 1, day: 1 }
    }
}

impl Date {
    /// The day that is `days` after 1970-01-01; the last day there is for more than the calendar holds.
    pub fn from_days(days: u64) -> Self {
        // The civil calendar in eras of 400 years that begin on the first of March, where a leap day is the last of its year.
        let days = days.min(2_932_896) + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = 400 * era + year_of_era + u64::from(month <= 2);
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        Self { year: year as u16, month: month as u8, day: day as u8 }
    }

    /// How many days it is after 1970-01-01.
    pub fn days(self) -> u64 {
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        let year = u64::from(self.year) - u64::from(month <= 2);
        let (era, of_era) = (year / 400, year % 400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        146_097 * era + 365 * of_era + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

impl std::str::FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        let read = || {
            if !shaped {
                return None; // and only ASCII is sliced below
            }
            let date = Self { year: text[..4].parse().ok()?, month: text[5..7].parse().ok()?, day: text[8..].parse().ok()? };
            let leap = date.year.is_multiple_of(4) && (!date.year.is_multiple_of(100) || date.year.is_multiple_of(400));
            let days = match date.month {
                2 => 28 + u8::from(leap),
                4 | 6 | 9 | 11 => 30,
                1..=12 => 31,
                _ => 0,
            };
            (date.year >= 1970 && (1..=days).contains(&date.day)).then_some(date)
        };
        read().ok_or_else(|| "is not a day: expected one such as `2027-12-31`".into())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

checked_text!(Date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "A day, such as 2027-12-31.");

/// A moment in UTC, to the second, written `2027-12-31T23:59:59Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp {
    date: Date,
    second: u32,
}

impl Timestamp {
    /// This moment, by the machine's clock.
    pub fn now() -> Self {
        Self::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }

    /// The moment that is `seconds` after the start of 1970.
    pub fn from_seconds(seconds: u64) -> Self {
        Self { date: Date::from_days(seconds / DAY), second: (seconds % DAY) as u32 }
    }

    /// Its day.
    pub fn date(self) -> Date {
        self.date
    }
}

impl std::str::FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
            let parts: Vec<&str> = time.split(':').collect();
            let number = |part: &str, below: u32| {
                let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
                part.parse::<u32>().ok().filter(|n| digits && *n < below)
            };
            let [hours, minutes, seconds] = parts[..] else { return None };
            let second = number(hours, 24)? * 3600 + number(minutes, 60)? * 60 + number(seconds, 60)?;
            Some(Self { date: date.parse().ok()?, second })
        };
        read().ok_or_else(|| "is not a moment: expected one such as `2027-12-31T23:59:59Z`".into())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, second } = self;
        write!(f, "{date}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
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
        for bad in ["2027-02-29", "2100-02-29", "2027-13-01", "2027-00-10", "2027-1-1", "27-01-01", "", "２０２７-01-01", "ab"]
        {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (days, text) in [(0, "1970-01-01"), (59, "1970-03-01"), (11_016, "2000-02-29"), (47_540, "2100-02-28")] {
            assert_eq!(Date::from_days(days).to_string(), text);
        }
        for days in (0..=2_932_896).step_by(97) {
            let date = Date::from_days(days);
            assert_eq!((date.days(), date.to_string().parse()), (days, Ok(date)));
        }
        assert_eq!(Date::from_days(u64::MAX).to_string(), "9999-12-31");
    }

    #[test]
    fn moments_read_and_print_the_same() {
        let moment = Timestamp::from_seconds(1_830_297_599);
        assert_eq!(moment.to_string(), "2027-12-31T23:59:59Z");
        assert_eq!(moment.to_string().parse(), Ok(moment));
        for bad in ["2027-12-31", "2027-12-31T24:00:00Z", "2027-12-31T23:59:59", "2027-12-31T+1:00:00Z", "é", "T::Z"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}
