//! Numbers and times in few columns.

use metric::{float, whole};

/// A count with separators: 1,234,567.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value of any size in at most 7 columns.
pub(super) fn value(number: f64) -> String {
    match number.abs() {
        0.0..9999.995 => format!("{number:.2}"),
        9999.995..9_999_999.5 => format!("{number:.0}"),
        _ => format!("{number:.1e}"),
    }
}

/// A rate in at most 6 columns: one digit after the point, or none where it is large.
pub(super) fn rate(number: f64) -> String {
    if number.abs() < 99.95 { format!("{number:.1}") } else { compact(whole(number.round())) }
}

/// A count in at most 6 columns: exact, or in thousands and more.
pub(super) fn compact(number: u64) -> String {
    if number < 100_000 {
        return count(number);
    }
    let (unit, suffix) = UNITS.into_iter().find(|(unit, _)| number >= *unit).unwrap_or((1, ""));
    let number = float(number) / float(unit);
    if number < 100.0 { format!("{number:.1}{suffix}") } else { format!("{number:.0}{suffix}") }
}

const UNITS: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "P"),
    (1_000_000_000_000, "T"),
    (1_000_000_000, "G"),
    (1_000_000, "M"),
    (1_000, "k"),
];

/// A time of seconds as a clock shows it: 0:07, 1:02:03.
pub(super) fn time(seconds: f64) -> String {
    let seconds = whole(seconds);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit() {
        let counts = [0, 999, 1000, 1_234_567].map(count);
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
        let values = [0.0, 12.347, 9_999.99, 12_345.6, 9_999_999.0, 1e12, f64::NAN].map(value);
        assert_eq!(values, ["0.00", "12.35", "9999.99", "12346", "9999999", "1.0e12", "NaN"]);
        let compacts = [99_999, 100_000, 1_234_567, 123_456_789, u64::MAX].map(compact);
        assert_eq!(compacts, ["99,999", "100k", "1.2M", "123M", "18447P"]);
        let rates = [0.0, 41.23, 412.3, 41_234.0, 412_345.0].map(rate);
        assert_eq!(rates, ["0.0", "41.2", "412", "41,234", "412k"]);
        let times = [0.0, 7.9, 61.0, 3723.0, -1.0, f64::NAN].map(time);
        assert_eq!(times, ["0:00", "0:07", "1:01", "1:02:03", "0:00", "0:00"]);
    }
}
