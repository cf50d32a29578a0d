//! Reads `--request-rate-series`: a file with the request rate over time.

use crate::plan::Refusal;
use serde::Deserialize;
use spec::{Phase, RatePoint, Shape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    points: Vec<RatePoint>,
}

/// The points of the file.
///
/// # Errors
/// When the file is not a series with increasing times and rates that are not negative.
pub(crate) fn points(file: &[u8]) -> Result<Vec<RatePoint>, Refusal> {
    let refused = |why: String| Refusal(format!("--request-rate-series: {why}"));
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let Series { points } = serde_json::from_slice(file).map_err(|error| refused(error.to_string()))?;
    let phase = Phase { request_rate_series: points, ..Phase::new("series", Shape::Poisson) };
    phase.check().and_then(|()| phase.check_rate()).map_err(|fault| refused(fault.why))?;
    Ok(phase.request_rate_series)
}

#[cfg(test)]
mod tests {
    use super::*;
    fn check(file: &str, expected: &str) {
        let outcome = points(file.as_bytes()).map_or_else(|why| why.0, |points| format!("{points:?}"));
        assert!(outcome.contains(expected), "{file}: {outcome}");
    }

    #[test]
    fn points_are_checked() {
        check(
            r#"{"points":[{"time_s":0,"qps":1},{"time_s":60,"qps":20}]}"#,
            "[RatePoint { time_s: 0.0, qps: 1.0 }, RatePoint { time_s: 60.0, qps: 20.0 }]",
        );
        check(r#"{"points":[{"time_s":0,"qps":-1}]}"#, "point 0 has a time or a rate below 0");
        check(r#"{"points":[{"time_s":1,"qps":1},{"time_s":1,"qps":2}]}"#, "point 1 is not later");
        check("\u{feff}{\"points\":[]}", "needs a rate");
        check("[]", "invalid length 0");
    }
}
