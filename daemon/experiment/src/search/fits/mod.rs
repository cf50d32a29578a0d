//! Curves through the runs of a sweep, with the keys of AIPerf's files.
//!
//! ```text
//! rows: values, numbers of metrics ──▶ curve.rs    degradation_knee.json, prefill_curve.json
//!                                      border.rs   sla_breach.json
//!                                      grid.rs     decode_itl_surface.json, pareto_sweep.json
//! ```
//!
//! A statistic is what its name says: where a run has no p99, the row is left out, rather than filled with another number. Rows of
//! runs that the client limited, or that failed, say nothing of the server: the caller leaves them out.

mod border;
mod curve;
mod grid;

pub use border::sla_breach;
pub use curve::{degradation_knee, prefill_curve};
pub use grid::{ParetoAxes, decode_surface, pareto_sweep};

use crate::Refused;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A run of a sweep, or the mean of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What varies: values by path, or by its last name.
    pub values: Map<String, Value>,
    /// Numbers by metric, then by statistic, in display units.
    pub numbers: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Row {
    /// The value of a path, or of its last name.
    fn value(&self, path: &str) -> Option<&Value> {
        self.values.get(path).or_else(|| self.values.get(leaf(path)))
    }

    fn number(&self, metric: &str, stat: &str) -> Option<f64> {
        self.numbers.get(metric)?.get(stat).copied()
    }
}

fn leaf(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The numbers of a metric by rising value of a path.
fn points(rows: &[Row], path: &str, metric: &str, stat: &str) -> Result<Vec<(f64, f64)>, Refused> {
    let point = |row: &Row| Some((row.value(path)?.as_f64()?, row.number(metric, stat)?));
    let mut points = rows.iter().filter_map(point).collect::<Vec<_>>();
    if points.is_empty() {
        let why = format!("no run has {stat} of {metric} and a value of {path}");
        return Err(Refused::new("post_process", why));
    }
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    Ok(points)
}

/// A whole number without a fraction.
fn whole(value: f64) -> Value {
    if value.fract().abs() > 0.0 {
        return Value::from(value);
    }
    serde_json::from_str(&format!("{value:.0}")).unwrap_or_else(|_| Value::from(value))
}

/// Rows of one metric and statistic, for tests.
#[cfg(test)]
fn rows(path: &str, metric: &str, stat: &str, points: &[(f64, f64)]) -> Vec<Row> {
    let row = |(value, number): &(f64, f64)| Row {
        values: Map::from_iter([(path.to_owned(), whole(*value))]),
        numbers: BTreeMap::from([(metric.to_owned(), BTreeMap::from([(stat.to_owned(), *number)]))]),
    };
    points.iter().map(row).collect()
}
