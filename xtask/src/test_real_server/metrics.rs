//! Numbers that a server publishes for Prometheus.

/// The sum of all series of this name; `None` if there is none.
pub(super) fn sum(text: &str, name: &str) -> Option<f64> {
    let of_name = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let rest = match rest.strip_prefix('{') {
            // No label that is asked for has a brace in its value.
            Some(labels) => labels.split_once('}')?.1,
            None => rest,
        };
        rest.strip_prefix(' ')?.split(' ').next()?.parse::<f64>().ok()
    };
    text.lines().filter_map(of_name).fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// A whole number that a counter has.
pub(super) fn count(text: &str, name: &str) -> Option<u64> {
    let sum = sum(text, name)?;
    format!("{sum:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_name_are_added_up() {
        let text = "# HELP a_total x\n# TYPE a_total counter\na_total{f=\"stop\"} 1.0\na_total{f=\"length\"} 39.0 17\n\
                    a_total_created{f=\"stop\"} 1.7e+09\nb:c_total 640\nb:sum{le=\"1\"} 0.5\n";
        assert_eq!(sum(text, "a_total"), Some(40.0), "both, and not what only begins so");
        assert_eq!(count(text, "b:c_total"), Some(640), "without labels");
        assert_eq!(sum(text, "b:sum"), Some(0.5), "a sum of seconds");
        assert_eq!(sum(text, "d"), None, "what is not there");
    }
}
