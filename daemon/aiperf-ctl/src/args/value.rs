//! Parsers of flag values.

fn number(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_malformed| match seconds(text) {
        Some(seconds) => {
            format!("`{text}` is not a number: use a number of seconds, without a unit: {seconds}")
        }
        None => format!("`{text}` is not a number"),
    })?;
    if number.is_finite() { Ok(number) } else { Err("must be finite".to_owned()) }
}

/// The seconds of a duration with a unit.
fn seconds(text: &str) -> Option<f64> {
    let units = [("ms", 0.001), ("min", 60.0), ("sec", 1.0), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (number, factor) = units.iter().find_map(|(unit, factor)| {
        Some((text.strip_suffix(unit)?.trim_end().parse::<f64>().ok()?, factor))
    })?;
    Some(number * factor)
}

/// A number of tokens or turns, at least 1.
pub(super) fn one_whole(text: &str) -> Result<f64, String> {
    let count: u32 = one(text)?.parse().map_err(|_malformed| not_whole(text))?;
    if count > 0 { Ok(f64::from(count)) } else { Err("must be at least 1".to_owned()) }
}

fn not_whole(text: &str) -> String {
    let is_negative = text.strip_prefix('-').is_some_and(|rest| rest.parse::<u64>().is_ok());
    let from = if is_negative { " of at least 1" } else { "" };
    format!("`{text}` is not a whole number{from}")
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    number(text)
        .and_then(|value| if value > 0.0 { Ok(value) } else { Err("must be greater than 0".to_owned()) })
}

pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    number(text)
        .and_then(|value| if value >= 0.0 { Ok(value) } else { Err("must not be negative".to_owned()) })
}

/// Seconds between two runs.
pub(super) fn pause(text: &str) -> Result<f64, String> {
    let seconds = not_negative(text)?;
    if seconds <= CENTURY_SECONDS { Ok(seconds) } else { Err("is more than a century".to_owned()) }
}

/// As in AIPerf, `inf` waits for ever, which is a century here.
pub(super) fn grace(text: &str) -> Result<f64, String> {
    if matches!(text, "inf" | "infinity") { Ok(CENTURY_SECONDS) } else { not_negative(text) }
}

/// A sample rate in kHz or, above 96, in Hz.
pub(super) fn sample_rate(text: &str) -> Result<f64, String> {
    let given = number(text)?;
    let khz = if given > 96.0 { given / 1000.0 } else { given };
    if (8.0..=96.0).contains(&khz) { Ok(given) } else { Err("must be from 8 to 96 kHz".to_owned()) }
}

/// A fraction from 0 to 1.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    not_negative(text)
        .and_then(|value| if value <= 1.0 { Ok(value) } else { Err("must be between 0 and 1".to_owned()) })
}

/// A fraction above 0, at most 1.
pub(super) fn fraction_above_zero(text: &str) -> Result<f64, String> {
    positive(text).and_then(|_| fraction(text))
}

/// A percentage above 0, at most 100.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    positive(text)
        .and_then(|value| if value <= 100.0 { Ok(value) } else { Err("must be at most 100".to_owned()) })
}

/// A positive number, for a flag whose lists AIPerf treats as a sweep.
pub(super) fn one_positive(text: &str) -> Result<f64, String> {
    one(text).and_then(positive)
}

/// A number of requests, sessions or users, at least 1.
pub(super) fn one_count(text: &str) -> Result<u64, String> {
    let count: u64 = one(text)?.parse().map_err(|_malformed| not_whole(text))?;
    if count > 0 { Ok(count) } else { Err("must be at least 1".to_owned()) }
}

/// A number of concurrent conversations or requests.
pub(super) fn one_concurrency(text: &str) -> Result<u32, String> {
    let count: u32 = one(text)?.parse().map_err(|_malformed| not_whole(text))?;
    if (1..=CONCURRENCY_MAX).contains(&count) {
        Ok(count)
    } else {
        Err(format!("{count} is not between 1 and {CONCURRENCY_MAX}"))
    }
}

fn one(text: &str) -> Result<&str, String> {
    if text.contains(',') {
        return Err(
            "a list of values would be a sweep, which is not supported: run once for each value".to_owned()
        );
    }
    Ok(text)
}

/// Maximum number of concurrent conversations, the range of a connection's number.
const CONCURRENCY_MAX: u32 = 65_536;
const CENTURY_SECONDS: f64 = 3.2e9;
