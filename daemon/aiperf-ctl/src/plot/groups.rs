//! Runs in groups, each with its name and color: by a column, or as baselines and treatments.

use super::config::{Quantity, Spec};
use super::many::{Many, RunSummary};
use picture::{Point, Subject};
use std::collections::BTreeMap;

/// Runs of one color.
pub(super) struct Group<'a> {
    /// Its name; empty if it is the only one.
    pub(super) name: String,
    pub(super) subject: Subject,
    pub(super) runs: Vec<&'a RunSummary>,
}

/// The groups of a plot, by name; baselines come first.
pub(super) fn groups<'a>(spec: &Spec, many: &'a Many) -> Vec<Group<'a>> {
    let mut by_name = BTreeMap::<(bool, String), Vec<&RunSummary>>::new();
    let is_classified = spec.group_by == "experiment_group";
    for run in &many.runs {
        let value = run.column(&spec.group_by).unwrap_or("unknown");
        let name = many.display_names.get(value).cloned().unwrap_or_else(|| value.to_owned());
        by_name.entry((is_classified && !run.is_baseline, name)).or_default().push(run);
    }
    let is_only = by_name.len() == 1;
    let mut treatments = 0;
    let groups = by_name.into_iter().enumerate().map(|(number, ((is_treatment, name), runs))| {
        let subject = match (is_classified, is_treatment) {
            (true, false) => Subject::Baseline,
            (true, true) => {
                treatments += 1;
                if treatments == 1 { Subject::Treatment } else { Subject::Series(treatments - 2) }
            }
            (false, _) => Subject::Series(number),
        };
        Group { name: if is_only { String::new() } else { name }, subject, runs }
    });
    groups.collect()
}

/// The points of a group in the order of the horizontal axis, each with its label and why it must not be used; and how many runs
/// lack a number.
pub(super) fn points(spec: &Spec, group: &Group<'_>, x: &Quantity, y: &Quantity) -> (Vec<Point>, usize) {
    let point = |run: &&RunSummary| {
        let label = spec.label_by.as_ref().and_then(|column| run.column(column)).map(str::to_owned);
        Some(Point { label, hollow: run.cause.clone(), ..Point::new(run.number(x)?, run.number(y)?) })
    };
    let mut points = group.runs.iter().filter_map(point).collect::<Vec<_>>();
    points.sort_by(|one, other| one.x.total_cmp(&other.x));
    let missing = group.runs.len() - points.len();
    (points, missing)
}

/// Why no run has both numbers: the first that none has.
pub(super) fn missing(many: &Many, axes: [&Quantity; 2]) -> String {
    let is_nowhere = |of: &&&Quantity| many.runs.iter().all(|run| run.number(of).is_none());
    match axes.iter().find(is_nowhere) {
        Some(of) if of.name.ends_with("_per_gpu") => {
            format!(
                "no run has `{}`: the number of GPUs is known with GPU telemetry only (--gpu-telemetry)",
                of.name
            )
        }
        Some(of) => format!(
            "no run has `{}`{}",
            of.name,
            of.stat.map_or_else(String::new, |stat| format!(", {}", stat.name()))
        ),
        None => "no run has both of its numbers".to_owned(),
    }
}
