//! A counter over a phase: its increase, and its rate.

/// The increase, and whether the counter was reset. After a reset it counts from zero, as in Prometheus' `increase`.
pub(super) fn growth(values: &[f64]) -> (f64, bool) {
    let mut total = 0.0;
    let mut reset = false;
    for pair in values.windows(2) {
        if pair[1] < pair[0] {
            reset = true;
            total += pair[1];
        } else {
            total += pair[1] - pair[0];
        }
    }
    (total, reset)
}

/// The statistics by the names of AIPerf's server metrics.
pub(super) fn numbers(total: f64, seconds: f64) -> Vec<(&'static str, f64)> {
    let rate = if seconds > 0.0 { total / seconds } else { 0.0 };
    [("total", total), ("rate", rate)].into_iter().filter(|(_, number)| number.is_finite()).collect()
}
