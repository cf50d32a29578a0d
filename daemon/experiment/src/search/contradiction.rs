//! Limits that no number can meet together.

use super::{Limit, Op};

/// Why no number meets every limit, if none does.
pub(crate) fn contradiction(limits: &[Limit]) -> Option<String> {
    limits.iter().find_map(|upper| {
        let lower = limits.iter().find(|lower| excludes(upper, lower))?;
        let (metric, stat) = (&upper.metric_tag, &upper.stat);
        Some(format!(
            "{stat} of {metric} cannot be {} {} and {} {}",
            words(upper.op),
            upper.threshold,
            words(lower.op),
            lower.threshold
        ))
    })
}

/// Whether what is below the one is never above the other.
fn excludes(upper: &Limit, lower: &Limit) -> bool {
    let is_upper = matches!(upper.op, Op::Lt | Op::Le);
    let is_lower = matches!(lower.op, Op::Gt | Op::Ge);
    if !is_upper || !is_lower || upper.metric_tag != lower.metric_tag || upper.stat != lower.stat {
        return false;
    }
    match upper.threshold.total_cmp(&lower.threshold) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => upper.op == Op::Lt || lower.op == Op::Gt,
        std::cmp::Ordering::Greater => false,
    }
}

const fn words(op: Op) -> &'static str {
    match op {
        Op::Lt => "less than",
        Op::Le => "at most",
        Op::Gt => "more than",
        Op::Ge => "at least",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(limits: &[(&str, Op, f64)], expected: Option<&str>) {
        let limit = |(stat, op, threshold): &(&str, Op, f64)| Limit {
            metric_tag: "time_to_first_token".to_owned(),
            stat: (*stat).to_owned(),
            op: *op,
            threshold: *threshold,
        };
        let limits = limits.iter().map(limit).collect::<Vec<_>>();
        assert_eq!(contradiction(&limits).as_deref(), expected);
    }

    #[test]
    fn limits_contradict_when_nothing_is_between_them() {
        let why = "p95 of time_to_first_token cannot be less than 5 and more than 10";
        check(&[("p95", Op::Lt, 5.0), ("p95", Op::Gt, 10.0)], Some(why));
        check(&[("p95", Op::Gt, 10.0), ("p99", Op::Lt, 20.0), ("p95", Op::Lt, 5.0)], Some(why));
        check(&[("p95", Op::Lt, 5.0), ("p99", Op::Gt, 10.0)], None);
        check(&[("p95", Op::Lt, 10.0), ("p95", Op::Gt, 5.0)], None);
        check(&[("p95", Op::Le, 5.0), ("p95", Op::Ge, 5.0)], None);
        let why = "p95 of time_to_first_token cannot be less than 5 and at least 5";
        check(&[("p95", Op::Lt, 5.0), ("p95", Op::Ge, 5.0)], Some(why));
    }
}
