//! Reads the directory of a sweep: its variations, each with its runs, or why it is not compared.

use crate::compare::side::Side;
use crate::plan::Refusal;
use crate::report;
use crate::sweep::{AGGREGATE, JOURNAL, failures, named};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::path::{Component, Path, PathBuf};
use store::{source, visible};

/// A sweep: what one server does under each of several loads.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// Where it is from.
    pub(super) label: String,
    /// In the order of the sweep.
    pub(super) variations: Vec<Variation>,
}

/// A variation of a sweep.
#[derive(Clone, Debug)]
pub(super) struct Variation {
    /// Its values, in one line.
    pub(super) name: String,
    /// Its values by name.
    pub(super) parameters: Map<String, Value>,
    /// Its runs, or why they are not compared.
    pub(super) side: Result<Side, String>,
    /// Why some of its runs are missing.
    pub(super) missing: Option<String>,
}

impl Variation {
    /// Whether another variation has the same values.
    pub(super) fn is(&self, other: &Self) -> bool {
        let (own, others) = (&self.parameters, &other.parameters);
        own.len() == others.len()
            && own.iter().all(|(name, value)| others.get(name).is_some_and(|other| are_equal(value, other)))
    }
}

/// Whether a directory is a sweep's.
pub(in crate::compare) fn is_sweep(path: &Path) -> bool {
    path.is_dir() && (path.join(JOURNAL).is_file() || aggregate_of(path).is_some())
}

/// Reads a sweep.
///
/// # Errors
/// When it has no results of the whole, or a run cannot be read.
pub(super) fn read(path: &Path, tokenizer: Option<&str>) -> Result<Curve> {
    let label = path.display().to_string();
    let Some(aggregate) = aggregate_of(path) else {
        let why = "is a sweep that did not end: the same command measures the rest of it";
        return Err(Refusal(format!("`{label}` {why}")).into());
    };
    let shown = aggregate.display().to_string();
    let text = source::read(&aggregate, DOCUMENT_BYTES_MAX)
        .map_err(|error| Refusal(format!("failed to read `{shown}`: {error}")))?;
    let document: Value =
        serde_json::from_slice(&text).with_context(|| format!("failed to parse `{shown}`"))?;
    let failures = failures(path);
    let variations = items(&document["per_combination_metrics"]).map(|of| {
        let variation = variation(path, of, &document, &failures, tokenizer)?;
        variation.ok_or_else(|| {
            Refusal(format!("`{shown}` does not name its runs: it is no sweep of aiperf-ctl")).into()
        })
    });
    Ok(Curve { label, variations: variations.collect::<Result<_>>()? })
}

/// A variation of the aggregates; `None` if they do not name its runs.
fn variation(
    sweep: &Path,
    of: &Value,
    document: &Value,
    failures: &[(String, String)],
    tokenizer: Option<&str>,
) -> Result<Option<Variation>> {
    let parameters = of["parameters"].as_object().cloned().unwrap_or_default();
    let directories = items(&of["directories"]).filter_map(Value::as_str).map(Path::new).collect::<Vec<_>>();
    let Some(first) = directories.first() else { return Ok(None) };
    let name = match parameters.is_empty() {
        true => first.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        false => named(&parameters),
    };
    let mut variation =
        Variation { name: visible(&name).into_owned(), parameters, side: Err(String::new()), missing: None };
    let limits = limits(document, &of["parameters"]);
    if !limits.is_empty() {
        variation.side = Err(visible(&limits.join(", ")).into_owned());
        return Ok(Some(variation));
    }
    let mut runs = Vec::new();
    let mut missing = Vec::new();
    for (place, directory) in directories.iter().enumerate() {
        if of["verdicts"][place] == "failed" {
            let why = failures.iter().rfind(|(of, _)| directory.ends_with(of)).map(|(_, why)| why.as_str());
            missing.push(format!("failed: {}", visible(why.unwrap_or("no reason is known"))));
        } else if let Some(run) = located(sweep, directory)? {
            runs.push(crate::compare::read(&run, tokenizer)?);
        } else {
            missing.push(format!("no results in `{}`", visible(&directory.display().to_string())));
        }
    }
    variation.side = if runs.is_empty() {
        Err(missing.first().cloned().unwrap_or_default())
    } else {
        let few = || format!("{} of {} runs: {}", missing.len(), directories.len(), missing[0]);
        variation.missing = (!missing.is_empty()).then(few);
        let label = format!("{}: {}", sweep.display(), variation.name);
        Ok(Side { label, runs })
    };
    Ok(Some(variation))
}

/// Where a run is below the directory of its sweep, which may have been moved since.
fn located(sweep: &Path, run: &Path) -> Result<Option<PathBuf>> {
    let names = run.components().rev().map_while(|component| match component {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let mut below = PathBuf::new();
    for name in names.take(NESTED_MAX) {
        below = match below.as_os_str().is_empty() {
            true => PathBuf::from(name),
            false => Path::new(name).join(below),
        };
        let found = sweep.join(&below);
        if found.is_dir() && report::holds_records(&found)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Why the sweep itself does not compare a variation.
fn limits(document: &Value, parameters: &Value) -> Vec<String> {
    let excluded = items(&document["excluded_from_best"]).filter(|one| one["parameters"] == *parameters);
    let mut reasons = Vec::new();
    for reason in excluded.flat_map(|one| items(&one["reasons"])).filter_map(Value::as_str) {
        if !reasons.iter().any(|known| known == reason) {
            reasons.push(reason.to_owned());
        }
    }
    reasons
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether two values are, such as 4 and 4.0.
fn are_equal(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

/// The file with the numbers of all variations: where variations take turns, it is below `aggregate`.
fn aggregate_of(path: &Path) -> Option<PathBuf> {
    let places = ["sweep_aggregate", "aggregate/sweep_aggregate"];
    places.iter().map(|place| path.join(place).join(AGGREGATE)).find(|file| file.is_file())
}

/// Below a sweep, a run is in `profile_runs/trial_0001/NAME` at most.
const NESTED_MAX: usize = 3;

/// A limit that no sweep reaches.
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;
