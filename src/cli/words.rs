//! Formats values for people, the same in every command.

use crate::rights::Ruling;

/// Formats a duration, rounded up to seconds or minutes.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// Formats a number of bytes.
pub(crate) fn storage(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).ceil()),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

/// Describes a ruling on a licence.
pub(crate) fn ruling(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Allowed => "allowed",
        Ruling::Attribution => "allowed, name the holder",
        Ruling::Refused => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_rounded_up_to_a_readable_unit() {
        assert_eq!([0.2, 75.0, 7300.0].map(duration), ["1 s", "1 min 15 s", "2 h 1 min"]);
        assert_eq!([1, 288_000, 1_500_000, 2_000_000_000].map(storage), ["1 kB", "288 kB", "1.5 MB", "2.0 GB"]);
    }
}
