//! Values that flags take.

fn number(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_malformed| format!("`{text}` is not a number"))?;
    if number.is_finite() { Ok(number) } else { Err("must be finite".to_owned()) }
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    number(text)
        .and_then(|value| if value > 0.0 { Ok(value) } else { Err("must be greater than 0".to_owned()) })
}

pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    number(text)
        .and_then(|value| if value >= 0.0 { Ok(value) } else { Err("must not be negative".to_owned()) })
}

/// As AIPerf takes it: `inf` waits for ever, which is a century here.
pub(super) fn grace(text: &str) -> Result<f64, String> {
    if matches!(text, "inf" | "infinity") { Ok(CENTURY_SECONDS) } else { not_negative(text) }
}

const CENTURY_SECONDS: f64 = 3.2e9;
