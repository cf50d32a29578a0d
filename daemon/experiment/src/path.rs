//! Dotted paths into a configuration: where a sweep sets its values.

use crate::Refused;
use serde_json::{Map, Value};

/// A valid path below `benchmark`, or to one of `variables`.
///
/// A bare name of a phase's field means that of the measured phase.
///
/// # Errors
/// When it cannot lead anywhere.
pub fn resolved(path: &str) -> Result<String, Refused> {
    let refuse = |why: &str| Err(Refused::new(path, why));
    if PHASE_FIELDS.contains(&path) {
        return Ok(format!("phases.profiling.{path}"));
    }
    if path.split('.').any(str::is_empty) {
        return refuse("a path is names with a dot between them, such as phases.profiling.concurrency");
    }
    match path.split('.').next().unwrap_or_default() {
        "benchmark" => refuse("leave `benchmark.` out: paths begin below it"),
        "sweep" | "multi_run" | "random_seed" => refuse("it is the same in every run of a sweep"),
        "artifacts" if path == "artifacts.dir" => refuse("it is the same in every run of a sweep"),
        _ => Ok(path.to_owned()),
    }
}

/// Sets a value below `benchmark`, or one of `variables`.
///
/// # Errors
/// When the path leads to nothing: of a list of named things, the name must be there.
pub fn set(file: &mut Map<String, Value>, path: &str, value: Value) -> Result<(), Refused> {
    *place(file, path)? = value;
    Ok(())
}

/// Where a path leads; what is missing on the way is made.
pub(crate) fn place<'a>(file: &'a mut Map<String, Value>, path: &str) -> Result<&'a mut Value, Refused> {
    let is_variable = path.split('.').next() == Some("variables");
    let root = match file.contains_key("benchmark") && !is_variable {
        true => file.entry("benchmark").or_insert_with(|| Value::Object(Map::new())),
        false => return within(file, path),
    };
    match root {
        Value::Object(body) => within(body, path),
        _ => Err(Refused::new("benchmark", "is not a mapping")),
    }
}

fn within<'a>(root: &'a mut Map<String, Value>, path: &str) -> Result<&'a mut Value, Refused> {
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    let names = names.collect::<Vec<_>>();
    // `warmup:` and `profiling:` stand for phases of these names, as `dataset:` does for the only one.
    if first == "phases" && !root.contains_key("phases") && names.len() > 1 && root.contains_key(names[0]) {
        return within(root, &names.join("."));
    }
    if first == "datasets"
        && !root.contains_key("datasets")
        && names.len() > 1
        && root.contains_key("dataset")
    {
        return within(root, &format!("dataset.{}", names[1..].join(".")));
    }
    let mut at = root.entry(first).or_insert_with(|| Value::Object(Map::new()));
    for (place, name) in names.iter().enumerate() {
        let parent = if place == 0 { first } else { names[place - 1] };
        at = below(at, name, parent).map_err(|why| Refused::new(path, why))?;
    }
    Ok(at)
}

/// What a name leads to.
fn below<'a>(at: &'a mut Value, name: &str, parent: &str) -> Result<&'a mut Value, String> {
    match at {
        Value::Null => {
            *at = Value::Object(Map::new());
            below(at, name, parent)
        }
        // The only phase may be written without a list and without a name.
        Value::Object(fields) if parent == "phases" && name == "profiling" && fields.contains_key("type") => {
            Ok(at)
        }
        Value::Object(fields) => Ok(fields.entry(name).or_insert(Value::Null)),
        Value::Array(items) => {
            let found = item(items, name, parent)?;
            Ok(&mut items[found])
        }
        other => Err(format!("`{parent}` is {other}, which has no `{name}`")),
    }
}

/// The place of the item with a name.
fn item(items: &[Value], name: &str, parent: &str) -> Result<usize, String> {
    let name_of = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
    if let Some(place) = name.parse::<usize>().ok().filter(|place| parent == "phases" && *place < items.len())
    {
        return Ok(place);
    }
    if let Some(place) = items.iter().position(|item| name_of(item).as_deref() == Some(name)) {
        return Ok(place);
    }
    let names = items.iter().map(|item| name_of(item).unwrap_or_else(|| "(no name)".to_owned()));
    let names = names.collect::<Vec<_>>().join(", ");
    if parent != "phases" || name != "profiling" {
        return Err(format!("`{parent}` has no `{name}`, only {names}"));
    }
    let is_measured = |item: &&(usize, &Value)| {
        let kind = item.1.get("kind").and_then(Value::as_str);
        kind.map_or_else(|| name_of(item.1).as_deref() != Some("warmup"), |kind| kind == "profiling")
    };
    let measured = items.iter().enumerate().collect::<Vec<_>>();
    match measured.iter().filter(is_measured).collect::<Vec<_>>().as_slice() {
        [(place, _)] => Ok(*place),
        [] => Err(format!("no phase is measured, of {names}")),
        [(first, _), ..] => Err(format!(
            "several phases are measured ({names}): name one, as in phases.{}.…, or count, as in phases.{first}.…",
            name_of(&items[*first]).unwrap_or_default(),
        )),
    }
}

/// Puts everything of `over` into `base`: mappings are merged, and lists of named things by their names.
///
/// A distribution of another kind replaces the one before, because the two have different keys.
pub fn merge(base: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Object(known)), Value::Object(fields)) if !is_other_distribution(known, fields) => {
                merge(known, fields);
            }
            (Some(Value::Array(known)), Value::Array(items)) if are_named(known) && are_named(items) => {
                merge_named(known, items);
            }
            _ => drop(base.insert(key.clone(), value.clone())),
        }
    }
}

fn merge_named(known: &mut Vec<Value>, items: &[Value]) {
    for item in items {
        let same = known.iter_mut().find(|one| one["name"] == item["name"]);
        match (same, item) {
            (Some(Value::Object(known)), Value::Object(fields)) => merge(known, fields),
            _ => known.push(item.clone()),
        }
    }
}

fn are_named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

fn is_other_distribution(known: &Map<String, Value>, fields: &Map<String, Value>) -> bool {
    let kinds = |fields: &Map<String, Value>| {
        DISTRIBUTION_KEYS.iter().filter(|key| fields.contains_key(**key)).copied().collect::<Vec<_>>()
    };
    let (before, after) = (kinds(known), kinds(fields));
    !before.is_empty() && !after.is_empty() && before != after
}

/// Fields of a phase that may stand without a path.
const PHASE_FIELDS: &[&str] = &[
    "concurrency",
    "concurrency_ramp",
    "duration",
    "grace_period",
    "prefill_concurrency",
    "prefill_ramp",
    "rate",
    "rate_ramp",
    "rate_series",
    "requests",
    "sessions",
    "smoothness",
    "users",
];
/// Keys that show what kind a distribution is of.
const DISTRIBUTION_KEYS: &[&str] = &["peaks", "points", "value", "median", "stddev"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Map<String, Value> {
        let Value::Object(fields) = value else { panic!("a mapping") };
        fields
    }

    #[test]
    fn values_are_set_where_a_path_leads() {
        let file = || {
            fields(json!({"benchmark": {
                "phases": [{"name": "warmup"}, {"name": "main", "kind": "profiling", "rate": 1}],
                "datasets": [{"name": "a", "prompts": {"isl": 5}}],
            }, "variables": {"x": 1}}))
        };
        for (path, place) in [
            ("phases.main.rate", "/benchmark/phases/1/rate"),
            ("phases.profiling.rate", "/benchmark/phases/1/rate"),
            ("phases.0.rate", "/benchmark/phases/0/rate"),
            ("datasets.a.prompts.isl", "/benchmark/datasets/0/prompts/isl"),
            ("slos.time_to_first_token", "/benchmark/slos/time_to_first_token"),
            ("variables.x", "/variables/x"),
        ] {
            let mut file = file();
            set(&mut file, path, json!(7)).unwrap();
            assert_eq!(Value::Object(file).pointer(place), Some(&json!(7)), "{path}");
        }
        for (path, expected) in [
            ("phases.nosuch.rate", "`phases` has no `nosuch`, only warmup, main"),
            ("datasets.b.prompts", "`datasets` has no `b`, only a"),
            ("phases.main.rate.x", "`rate` is 1, which has no `x`"),
        ] {
            let why = set(&mut file(), path, json!(7)).unwrap_err().to_string();
            assert!(why.starts_with(path) && why.contains(expected), "{path}: {why}");
        }
    }

    #[test]
    fn short_forms_are_found() {
        let mut flat = fields(json!({"phases": {"type": "concurrency"}, "dataset": {"type": "synthetic"}}));
        set(&mut flat, "phases.profiling.concurrency", json!(3)).unwrap();
        set(&mut flat, "datasets.main.prompts.isl", json!(4)).unwrap();
        let expected = json!({"phases": {"type": "concurrency", "concurrency": 3}, "dataset": {"type": "synthetic", "prompts": {"isl": 4}}});
        assert_eq!(Value::Object(flat), expected);
        let mut named = fields(json!({"profiling": {"type": "concurrency"}}));
        set(&mut named, "phases.profiling.concurrency", json!(3)).unwrap();
        assert_eq!(Value::Object(named), json!({"profiling": {"type": "concurrency", "concurrency": 3}}));
    }

    #[test]
    fn paths_that_lead_nowhere_are_refused() {
        for path in ["", ".a", "a..b", "a.", "benchmark.phases", "sweep.type", "random_seed"] {
            assert!(resolved(path).is_err(), "{path}");
        }
        assert_eq!(resolved("rate").unwrap(), "phases.profiling.rate");
    }

    #[test]
    fn scenarios_are_merged_by_name() {
        let mut base =
            fields(json!({"a": {"mean": 1, "stddev": 2}, "phases": [{"name": "x", "rate": 1}], "l": [1]}));
        let over = fields(
            json!({"a": {"peaks": []}, "phases": [{"name": "x", "users": 2}, {"name": "y"}], "l": [2]}),
        );
        merge(&mut base, &over);
        let expected = json!({"a": {"peaks": []}, "phases": [{"name": "x", "rate": 1, "users": 2}, {"name": "y"}], "l": [2]});
        assert_eq!(Value::Object(base), expected);
    }
}
