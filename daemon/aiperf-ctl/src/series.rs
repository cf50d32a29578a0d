//! Reads `--request-rate-series`: a file with the request rate over time.

use crate::plan::Refusal;
use serde::Deserialize;
use spec::{Load, RatePoint};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    points: Vec<RatePoint>,
}

/// Adds the file's points to every phase that has a rate.
///
/// # Errors
/// When the file is not a series with increasing times and rates that are not negative.
pub(crate) fn fill(load: &mut Load, file: &[u8]) -> Result<(), Refusal> {
    let refused = |why: String| Refusal(format!("--request-rate-series: {why}"));
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let series: Series = serde_json::from_slice(file).map_err(|error| refused(error.to_string()))?;
    let points = series.points;
    let is_usable = |point: &RatePoint| {
        point.time_s.is_finite() && point.qps.is_finite() && point.time_s >= 0.0 && point.qps >= 0.0
    };
    if let Some(bad) = points.iter().position(|point| !is_usable(point)) {
        return Err(refused(format!("point {bad} has a time or a rate below 0")));
    }
    if let Some(bad) = points.windows(2).position(|pair| pair[1].time_s <= pair[0].time_s) {
        return Err(refused(format!("point {} is not later than the one before it", bad + 1)));
    }
    if points.iter().all(|point| point.qps == 0.0) {
        return Err(refused("no point has a rate above 0".to_owned()));
    }
    for phase in load.phases.iter_mut().filter(|phase| phase.shape.is_open_loop()) {
        phase.request_rate_series.clone_from(&points);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Phase;

    fn check(file: &str, expected: &str) {
        let mut load = Load::of(Phase::new("profiling", spec::Shape::Poisson));
        let result = fill(&mut load, file.as_bytes()).map_err(|refusal| refusal.0);
        let outcome = result.map_or_else(|why| why, |()| format!("{:?}", load.phases[0].request_rate_series));
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
        check("\u{feff}{\"points\":[]}", "no point has a rate above 0");
        check("[]", "invalid length 0");
    }
}
