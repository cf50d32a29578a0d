//! Numbers over several axes: a surface, and the cells that no other is better than.

use super::Row;
use crate::Refused;
use serde_json::{Value, json};

/// The time between tokens over concurrency and output length: `decode_itl_surface.json`. A cell that was not measured is null.
///
/// # Errors
/// When no run has the number and both values.
pub fn decode_surface(rows: &[Row], paths: [&str; 2], metric: &str, stat: &str) -> Result<Value, Refused> {
    let cell = |row: &Row| {
        let [concurrency, length] = paths.map(|path| row.value(path).and_then(Value::as_f64));
        Some((concurrency?, length?, row.number(metric, stat)?))
    };
    let mut cells = rows.iter().filter_map(cell).collect::<Vec<_>>();
    if cells.is_empty() {
        let why = format!("no run has {stat} of {metric} and values of {} and {}", paths[0], paths[1]);
        return Err(Refused::new("post_process", why));
    }
    let all = cells.len();
    cells.retain(|(.., number)| number.is_finite() && *number >= 0.0);
    cells.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let raw = cells.iter().map(
        |(concurrency, length, number)| json!({"concurrency": concurrency, "osl": length, "itl_ms": number}),
    );
    let raw = raw.collect::<Vec<_>>();
    let is_failed = cells.len() < 2;
    let axis = |of: fn(&(f64, f64, f64)) -> f64| {
        let mut axis = cells.iter().map(of).filter(|_| !is_failed).collect::<Vec<_>>();
        axis.sort_by(f64::total_cmp);
        axis.dedup_by(|one, other| one.total_cmp(other).is_eq());
        axis
    };
    let (concurrencies, lengths) = (axis(|cell| cell.0), axis(|cell| cell.1));
    let at = |concurrency: f64, length: f64| {
        let is_here = |cell: &&(f64, f64, f64)| {
            cell.0.total_cmp(&concurrency).is_eq() && cell.1.total_cmp(&length).is_eq()
        };
        cells.iter().rev().find(is_here).map(|(.., number)| *number)
    };
    let row = |concurrency: &f64| lengths.iter().map(|length| at(*concurrency, *length)).collect::<Vec<_>>();
    let grid = concurrencies.iter().map(row).collect::<Vec<_>>();
    let mut surface = json!({
        "swept_metric": metric, "stat": stat, "swept_params": paths, "raw_points": raw,
        "surface": {"concurrency_axis": concurrencies, "osl_axis": lengths, "itl_grid": grid},
        "surface_fit_failed": is_failed,
    });
    if is_failed && let Some(fields) = surface.as_object_mut() {
        let why = format!("{} of {all} runs have a finite number that is not negative", cells.len());
        fields.insert("error_reason".to_owned(), json!(why));
    }
    Ok(surface)
}

/// What two axes of a Pareto front are, and what its cells vary in.
#[derive(Clone, Copy, Debug)]
pub struct ParetoAxes<'a> {
    /// Metric and statistic of which less is better.
    pub x: [&'a str; 2],
    /// Metric and statistic of which more is better.
    pub y: [&'a str; 2],
    /// The paths of input length, output length and concurrency.
    pub paths: [&'a str; 3],
}

/// Each cell with whether no other is better than it: `pareto_sweep.json`.
///
/// # Errors
/// When no run has both numbers and all values.
pub fn pareto_sweep(rows: &[Row], axes: ParetoAxes<'_>) -> Result<Value, Refused> {
    let cell = |row: &Row| {
        let [isl, osl, concurrency] = axes.paths.map(|path| row.value(path).cloned());
        let [x, y] = [axes.x, axes.y].map(|[metric, stat]| row.number(metric, stat));
        Some(([isl?, osl?, concurrency?], x?, y?))
    };
    let cells = rows.iter().filter_map(cell).collect::<Vec<_>>();
    if cells.is_empty() {
        let why = format!(
            "no run has {} of {}, {} of {} and all values",
            axes.x[1], axes.x[0], axes.y[1], axes.y[0]
        );
        return Err(Refused::new("post_process", why));
    }
    let is_finite = |x: f64, y: f64| x.is_finite() && y.is_finite();
    let is_optimal = |x: f64, y: f64| {
        let is_better = |(_, other_x, other_y): &([Value; 3], f64, f64)| {
            is_finite(*other_x, *other_y) && *other_x <= x && *other_y >= y && (*other_x < x || *other_y > y)
        };
        is_finite(x, y) && !cells.iter().any(is_better)
    };
    let shown = cells.iter().map(|([isl, osl, concurrency], x, y)| {
        json!({
            "isl": isl, "osl": osl, "concurrency": concurrency, "x": x, "y": y, "pareto_optimal": is_optimal(*x, *y),
        })
    });
    let shown = shown.collect::<Vec<_>>();
    Ok(json!({
        "x_metric": axes.x[0], "x_stat": axes.x[1], "y_metric": axes.y[0], "y_stat": axes.y[1], "cells": shown,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;
    use std::collections::BTreeMap;

    fn row(values: &[(&str, u32)], numbers: &[(&str, &str, f64)]) -> Row {
        let values = values.iter().map(|(path, value)| ((*path).to_owned(), json!(value)));
        let number = |(metric, stat, number): &(&str, &str, f64)| {
            ((*metric).to_owned(), BTreeMap::from([((*stat).to_owned(), *number)]))
        };
        Row { values: Map::from_iter(values), numbers: numbers.iter().map(number).collect() }
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let cell = |concurrency, length, number| {
            row(&[("concurrency", concurrency), ("osl", length)], &[("inter_token_latency", "avg", number)])
        };
        let paths = ["phases.profiling.concurrency", "datasets.main.prompts.osl"];
        let surface = |rows: &[Row]| decode_surface(rows, paths, "inter_token_latency", "avg");
        let found =
            surface(&[cell(8, 64, 12.0), cell(1, 64, 10.0), cell(1, 256, 11.0), cell(8, 256, -1.0)]).unwrap();
        assert_eq!(found["surface"]["itl_grid"], json!([[10.0, 11.0], [12.0, null]]), "{found}");
        assert_eq!(found["surface"]["concurrency_axis"], json!([1.0, 8.0]), "{found}");
        let failed = surface(&[cell(8, 64, f64::NAN)]).unwrap();
        assert_eq!(
            (&failed["surface_fit_failed"], &failed["surface"]["itl_grid"]),
            (&json!(true), &json!([]))
        );
        assert!(surface(&[]).is_err(), "no row");
    }

    #[test]
    fn a_cell_is_optimal_when_no_other_is_better() {
        let cell = |concurrency, latency, throughput| {
            let values = [("isl", 128), ("osl", 16), ("concurrency", concurrency)];
            let numbers =
                [("time_to_first_token", "p95", latency), ("output_token_throughput", "avg", throughput)];
            row(&values, &numbers)
        };
        let rows = [cell(1, 10.0, 50.0), cell(2, 12.0, 90.0), cell(4, 13.0, 80.0), cell(8, f64::NAN, 900.0)];
        let axes = ParetoAxes {
            x: ["time_to_first_token", "p95"],
            y: ["output_token_throughput", "avg"],
            paths: ["isl", "osl", "concurrency"],
        };
        let found = pareto_sweep(&rows, axes).unwrap();
        let optimal = (0..4).map(|cell| found["cells"][cell]["pareto_optimal"] == true).collect::<Vec<_>>();
        assert_eq!(optimal, [true, true, false, false], "{found}");
        assert_eq!(found["cells"][1]["concurrency"], 2, "{found}");
    }
}
