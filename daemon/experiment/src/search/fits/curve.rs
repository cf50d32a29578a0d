//! A number along one axis: where it degrades, and which line or parabola it follows.

use super::{Row, leaf, points, whole};
use crate::Refused;
use serde_json::{Map, Value, json};

/// The first value at which a number is more than that of the least value by a share: `degradation_knee.json`.
///
/// # Errors
/// When no run has the number, or that of the least value is not a positive number.
pub fn degradation_knee(
    rows: &[Row],
    path: &str,
    metric: &str,
    stat: &str,
    threshold: f64,
) -> Result<Value, Refused> {
    let points = points(rows, path, metric, stat)?;
    let (first, baseline) = points[0];
    if !(baseline.is_finite() && baseline > 0.0) {
        let why = format!(
            "{stat} of {metric} is {baseline} at {first}, the least value: nothing can be compared with it"
        );
        return Err(Refused::new("post_process", why));
    }
    let knee = points[1..].iter().find(|(_, number)| *number > baseline * (1.0 + threshold));
    let name = leaf(path);
    let all = points.iter().map(|(value, number)| {
        Value::Object(Map::from_iter([(name.to_owned(), whole(*value)), (stat.to_owned(), json!(number))]))
    });
    let all = all.collect::<Vec<_>>();
    let fields = [
        (format!("baseline_{name}"), whole(first)),
        (format!("baseline_{stat}"), json!(baseline)),
        (format!("knee_{name}"), knee.map_or(Value::Null, |(value, _)| whole(*value))),
        (format!("knee_{stat}"), knee.map_or(Value::Null, |(_, number)| json!(number))),
        ("threshold_pct".to_owned(), json!(threshold)),
        ("swept_metric".to_owned(), json!(metric)),
        ("stat".to_owned(), json!(stat)),
        ("swept_param".to_owned(), json!(path)),
        ("all_points".to_owned(), json!(all)),
    ];
    Ok(Value::Object(Map::from_iter(fields)))
}

/// The line through a number over an axis, or the parabola where the line explains less than a share of its variance:
/// `prefill_curve.json`. Coefficients are those of the greatest power first.
///
/// # Errors
/// When fewer than two runs have the number.
pub fn prefill_curve(
    rows: &[Row],
    path: &str,
    metric: &str,
    stat: &str,
    floor: f64,
) -> Result<Value, Refused> {
    let points = points(rows, path, metric, stat)?;
    if points.len() < 2 {
        let why = format!("a curve needs 2 runs with {stat} of {metric}, and there is {}", points.len());
        return Err(Refused::new("post_process", why));
    }
    let finite = points.iter().copied().filter(|(value, number)| value.is_finite() && number.is_finite());
    let finite = finite.collect::<Vec<_>>();
    let line = polynomial(&finite, 1);
    let is_poor = line.as_ref().is_none_or(|(_, explained)| *explained < floor);
    let parabola = if is_poor { polynomial(&finite, 2) } else { None };
    let is_better =
        |(_, explained): &(Vec<f64>, f64)| line.as_ref().is_none_or(|(_, of_line)| explained > of_line);
    let (form, fit) = match parabola.filter(is_better) {
        Some(parabola) => ("quadratic", Some(parabola)),
        None => ("linear", line),
    };
    let (coefficients, explained) = fit.unwrap_or_default();
    let raw =
        points.iter().map(|(value, number)| json!({"isl": value, "ttft_ms": number})).collect::<Vec<_>>();
    let mut curve = json!({
        "fit_form": form,
        "coefficients": coefficients,
        "r_squared": explained,
        "below_floor": coefficients.is_empty() || explained < floor,
        "r_squared_floor": floor,
    });
    if let Some(fields) = curve.as_object_mut() {
        if coefficients.is_empty() {
            let why =
                format!("{} of {} runs have different values and finite numbers", finite.len(), points.len());
            fields.insert("error_reason".to_owned(), json!(why));
        }
        let rest = [
            ("raw_points", json!(raw)),
            ("swept_metric", json!(metric)),
            ("stat", json!(stat)),
            ("swept_param", json!(path)),
        ];
        fields.extend(rest.map(|(key, value)| (key.to_owned(), value)));
    }
    Ok(curve)
}

/// The coefficients of the polynomial of a degree, at most 2, that is closest in squares, and the share of the variance that it
/// explains (0 of a constant). None with too few different places.
fn polynomial(points: &[(f64, f64)], degree: usize) -> Option<(Vec<f64>, f64)> {
    let count = super::super::side::float(points.len());
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (middle, level) = (mean(&|point| point.0), mean(&|point| point.1));
    let scale = points.iter().map(|point| (point.0 - middle).abs()).fold(0.0, f64::max);
    // Places from −1 to 1 and numbers around their mean keep the sums below of one size.
    let scaled = points.iter().map(|(x, y)| ((x - middle) / scale, y - level)).collect::<Vec<_>>();
    let sum = |x_power: i32, of: &dyn Fn(&(f64, f64)) -> f64| {
        scaled.iter().map(|point| point.0.powi(x_power) * of(point)).sum::<f64>()
    };
    let one = |_: &(f64, f64)| 1.0;
    let number = |point: &(f64, f64)| point.1;
    let mut rows = vec![
        vec![sum(0, &one), sum(1, &one), sum(2, &one), sum(0, &number)],
        vec![sum(1, &one), sum(2, &one), sum(3, &one), sum(1, &number)],
        vec![sum(2, &one), sum(3, &one), sum(4, &one), sum(2, &number)],
    ];
    rows.truncate(degree + 1);
    rows.iter_mut().for_each(|row| drop(row.drain(degree + 1..3)));
    let solved = solve(rows)?;
    let at =
        |x: f64| solved.iter().rev().fold(0.0, |value, coefficient| f64::mul_add(value, x, *coefficient));
    let left = scaled.iter().map(|(x, y)| (y - at(*x)).powi(2)).sum::<f64>();
    let all = scaled.iter().map(|(_, y)| y * y).sum::<f64>();
    let explained = if all > 0.0 { 1.0 - left / all } else { 0.0 };
    let [constant, slope, bend] = [0, 1, 2].map(|power| solved.get(power).copied().unwrap_or(0.0));
    let (slope, bend) = (slope / scale, bend / (scale * scale));
    let mut coefficients = vec![
        bend,
        (2.0 * bend).mul_add(-middle, slope),
        (bend * middle).mul_add(middle, slope.mul_add(-middle, constant + level)),
    ];
    let coefficients = coefficients.split_off(2 - degree);
    coefficients.iter().all(|coefficient| coefficient.is_finite()).then_some((coefficients, explained))
}

/// Gauss's elimination; none without one solution.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = rows.len();
    for column in 0..count {
        let pivot = (column..count)
            .max_by(|one, other| rows[*one][column].abs().total_cmp(&rows[*other][column].abs()))?;
        rows.swap(column, pivot);
        let pivot = rows[column].clone();
        if pivot[column].abs() < 1e-12 || !pivot[column].is_finite() {
            return None;
        }
        for (place, row) in rows.iter_mut().enumerate() {
            let share = row[column] / pivot[column];
            if place != column {
                row.iter_mut().zip(&pivot).for_each(|(own, other)| *own -= share * other);
            }
        }
    }
    Some(rows.iter().enumerate().map(|(place, row)| row[count] / row[place]).collect())
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;

    const CONCURRENCY: &str = "phases.profiling.concurrency";
    const ISL: &str = "datasets.main.prompts.isl";

    #[test]
    fn the_knee_has_the_keys_and_values_of_aiperf() {
        let points = [(2.0, 120.5), (5.0, 107.2), (11.0, 111.1), (27.0, 170.6), (64.0, 222.8)];
        let rows = rows("concurrency", "request_latency", "p99", &points);
        let found = degradation_knee(&rows, CONCURRENCY, "request_latency", "p99", 0.2).unwrap();
        let expected = json!({
            "baseline_concurrency": 2, "baseline_p99": 120.5, "knee_concurrency": 27, "knee_p99": 170.6,
            "threshold_pct": 0.2, "swept_metric": "request_latency", "stat": "p99", "swept_param": CONCURRENCY,
            "all_points": [
                {"concurrency": 2, "p99": 120.5}, {"concurrency": 5, "p99": 107.2}, {"concurrency": 11, "p99": 111.1},
                {"concurrency": 27, "p99": 170.6}, {"concurrency": 64, "p99": 222.8},
            ],
        });
        assert_eq!(found, expected);
        let none = degradation_knee(&rows, CONCURRENCY, "request_latency", "p99", 9.0).unwrap();
        assert_eq!((&none["knee_concurrency"], &none["knee_p99"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn a_statistic_is_not_replaced_by_another() {
        let rows = rows("concurrency", "request_latency", "avg", &[(2.0, 120.5), (5.0, 107.2)]);
        let why = degradation_knee(&rows, CONCURRENCY, "request_latency", "p99", 0.2).unwrap_err();
        assert_eq!(
            why.why(),
            "no run has p99 of request_latency and a value of phases.profiling.concurrency"
        );
    }

    #[track_caller]
    fn check_curve(points: &[(f64, f64)], (form, coefficients, explained): (&str, &[f64], f64)) {
        let rows = rows(ISL, "time_to_first_token", "avg", points);
        let found = prefill_curve(&rows, ISL, "time_to_first_token", "avg", 0.85).unwrap();
        assert_eq!(found["fit_form"], form, "{found}");
        let numbers = found["coefficients"].as_array().unwrap().iter().filter_map(Value::as_f64);
        let numbers = numbers.chain(found["r_squared"].as_f64()).collect::<Vec<_>>();
        let expected = [coefficients, &[explained]].concat();
        let is_close = |(one, other): (&f64, &f64)| (one - other).abs() <= 1e-9 * other.abs().max(1e-3);
        assert!(numbers.len() == expected.len() && numbers.iter().zip(&expected).all(is_close), "{found}");
    }

    #[test]
    fn a_line_is_that_of_aiperf() {
        let points = [(32.0, 22.323_811_749_999_997), (91.0, 22.240_538_25), (256.0, 22.035_929_449_999_998)];
        let coefficients = [-0.001_275_428_694_888_881_8, 22.361_222_308_454_295];
        check_curve(&points, ("linear", &coefficients, 0.999_216_091_995_651_5));
    }

    #[test]
    fn a_parabola_is_tried_when_a_line_explains_little() {
        let parabola = |x: f64| (x, (2.0 * x).mul_add(x, -5.0 * x) + 1.0);
        check_curve(&[0.0, 1.0, 2.0, 3.0].map(parabola), ("quadratic", &[2.0, -5.0, 1.0], 1.0));
        check_curve(&[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)], ("linear", &[0.0, 5.0], 0.0));
    }

    #[test]
    fn too_few_runs_have_no_curve() {
        let metric = "time_to_first_token";
        let found = prefill_curve(
            &rows(ISL, metric, "avg", &[(1.0, 5.0), (2.0, f64::NAN)]),
            ISL,
            metric,
            "avg",
            0.85,
        );
        let found = found.unwrap();
        assert_eq!((&found["below_floor"], &found["coefficients"]), (&json!(true), &json!([])));
        let why =
            prefill_curve(&rows(ISL, metric, "avg", &[(1.0, 5.0)]), ISL, metric, "avg", 0.85).unwrap_err();
        assert_eq!(why.why(), "a curve needs 2 runs with avg of time_to_first_token, and there is 1");
    }
}
