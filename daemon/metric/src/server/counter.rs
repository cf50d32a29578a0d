//! A counter over a phase: how much it grew, and how fast.

/// The growth and whether the counter began anew. From then on it counts from zero, as Prometheus' `increase` has it.
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
