//! The border between values that meet limits and values that do not.

use super::{Row, leaf};
use crate::search::Limit;
use serde_json::{Map, Value, json};

/// The greatest value that meets every limit, and the least that does not: `sla_breach.json`. A number that a run does not have
/// misses its limit; of several runs at a value, all must meet them.
#[must_use]
pub fn sla_breach(rows: &[Row], path: &str, limits: &[Limit]) -> Value {
    let mut points = Vec::<(f64, Value, Vec<Value>)>::new();
    for row in rows {
        let Some((value, at)) = row.value(path).and_then(|value| Some((value, value.as_f64()?))) else {
            continue;
        };
        let breaches = limits.iter().filter_map(|limit| breach(row, limit));
        match points.iter_mut().find(|(other, ..)| other.total_cmp(&at).is_eq()) {
            Some((.., known)) => known.extend(breaches),
            None => points.push((at, value.clone(), breaches.collect())),
        }
    }
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let passing = points.iter().rev().find(|(.., breaches)| breaches.is_empty());
    let failing = points.iter().find(|(.., breaches)| !breaches.is_empty());
    let is_monotonic = match (passing, failing) {
        (Some(passing), Some(failing)) => passing.0 < failing.0,
        _ => true,
    };
    let name = leaf(path);
    let all = points.iter().map(|(_, value, breaches)| {
        let fields = [
            (name.to_owned(), value.clone()),
            ("feasible".to_owned(), json!(breaches.is_empty())),
            ("breaches".to_owned(), json!(breaches)),
        ];
        Value::Object(Map::from_iter(fields))
    });
    let all = all.collect::<Vec<_>>();
    let fields = [
        ("swept_param".to_owned(), json!(path)),
        (format!("max_passing_{name}"), json!(passing.map(|(_, value, _)| value))),
        (format!("first_failing_{name}"), json!(failing.map(|(_, value, _)| value))),
        ("first_failing_breach".to_owned(), json!(failing.and_then(|(.., breaches)| breaches.first()))),
        ("all_points".to_owned(), json!(all)),
        ("monotonicity_check".to_owned(), json!(is_monotonic)),
        ("filters".to_owned(), json!(limits)),
    ];
    Value::Object(Map::from_iter(fields))
}

/// A limit that a run misses, and by which number.
fn breach(row: &Row, limit: &Limit) -> Option<Value> {
    let observed = row.number(&limit.metric_tag, &limit.stat).filter(|number| number.is_finite());
    if observed.is_some_and(|number| limit.op.is_met(number, limit.threshold)) {
        return None;
    }
    let mut breach = json!(limit);
    breach.as_object_mut()?.insert("observed".to_owned(), json!(observed));
    Some(breach)
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;
    use crate::search::Op;

    #[track_caller]
    fn check(points: &[(f64, f64)], (passing, failing, observed, is_monotonic): (Value, Value, Value, bool)) {
        let rows = rows("concurrency", "time_to_first_token", "p95", points);
        let limit = Limit {
            metric_tag: "time_to_first_token".to_owned(),
            stat: "p95".to_owned(),
            op: Op::Lt,
            threshold: 120.0,
        };
        let found = sla_breach(&rows, "phases.profiling.concurrency", &[limit]);
        assert_eq!(found["max_passing_concurrency"], passing, "{found}");
        assert_eq!(found["first_failing_concurrency"], failing, "{found}");
        assert_eq!(found["first_failing_breach"]["observed"], observed, "{found}");
        assert_eq!(found["monotonicity_check"], json!(is_monotonic), "{found}");
        assert_eq!(found["filters"][0]["op"], "lt", "{found}");
    }

    #[test]
    fn the_border_is_between_the_last_that_meets_and_the_first_that_does_not() {
        let both = (json!(11), json!(20), json!(153.7), true);
        check(&[(20.0, 153.7), (1.0, 22.0), (11.0, 60.0)], both);
        check(&[(1.0, 22.0), (11.0, 60.0)], (json!(11), Value::Null, Value::Null, true));
        check(&[(1.0, 220.0), (11.0, f64::NAN)], (Value::Null, json!(1), json!(220.0), true));
        check(&[(1.0, 220.0), (11.0, 60.0)], (json!(11), json!(1), json!(220.0), false));
        // Two runs at 11, one of which misses.
        check(&[(1.0, 22.0), (11.0, 60.0), (11.0, 130.0)], (json!(1), json!(11), json!(130.0), true));
    }
}
