//! A configuration file as a tree of values: YAML, or JSON, which is YAML too.
//!
//! AIPerf accepts each key in snake case and in camel case; here all become snake case, and how the user wrote them is kept for
//! messages.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Parses a configuration file.
///
/// # Errors
/// When it is no mapping.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, String> {
    // `y` and `no` are names too: where a boolean is needed, `yes` and `off` are understood as such.
    let options = serde_saphyr::options! { strict_booleans: true };
    let value = serde_saphyr::from_str_with_options(text, options);
    let value = value.map_err(|error| format!("not valid YAML: {error}"))?;
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null => Err("it is empty".to_owned()),
        _ => Err("not a mapping of keys to values".to_owned()),
    }
}

/// How the user wrote the paths of keys.
#[derive(Debug, Default)]
pub(super) struct Written(BTreeMap<String, String>);

impl Written {
    /// A path as the user wrote it.
    pub(super) fn of<'a>(&'a self, path: &'a str) -> &'a str {
        self.0.get(path).map_or(path, String::as_str)
    }
}

/// The same tree with its keys in snake case.
///
/// # Errors
/// When a key is given twice, in both spellings.
pub(super) fn in_snake_case(
    fields: Map<String, Value>,
    written: &mut Written,
) -> Result<Map<String, Value>, String> {
    renamed(fields, "", "", written)
}

fn renamed(
    fields: Map<String, Value>,
    path: &str,
    as_written: &str,
    written: &mut Written,
) -> Result<Map<String, Value>, String> {
    let below =
        |path: &str, key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let mut all = Map::new();
    for (key, value) in fields {
        let known = snake_case(&key);
        let (path, spelled) = (below(path, &known), below(as_written, &key));
        if all.contains_key(&known) {
            return Err(format!("`{spelled}` is given twice, in two spellings"));
        }
        written.0.insert(path.clone(), spelled.clone());
        let value = if is_free(&path) { value } else { renamed_value(value, &path, &spelled, written)? };
        all.insert(known, value);
    }
    Ok(all)
}

fn renamed_value(value: Value, path: &str, spelled: &str, written: &mut Written) -> Result<Value, String> {
    Ok(match value {
        Value::Object(fields) => Value::Object(renamed(fields, path, spelled, written)?),
        Value::Array(items) => {
            let items = items.into_iter().enumerate().map(|(place, item)| {
                renamed_value(item, &format!("{path}[{place}]"), &format!("{spelled}[{place}]"), written)
            });
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        other => other,
    })
}

/// A `sweep` block with its keys in snake case, except paths and values.
///
/// # Errors
/// When a key is given twice, in both spellings.
pub(super) fn sweep_in_snake_case(block: Value) -> Result<Value, String> {
    let Value::Object(fields) = block else { return Ok(block) };
    let mut all = Map::new();
    for (key, value) in fields {
        let known = snake_case(&key);
        let value = match (known.as_str(), value) {
            ("runs", Value::Array(runs)) => {
                Value::Array(runs.into_iter().map(run_in_snake_case).collect::<Result<_, _>>()?)
            }
            ("dimensions", Value::Array(items)) => {
                Value::Array(items.into_iter().map(sweep_in_snake_case).collect::<Result<_, _>>()?)
            }
            (_, value) => value,
        };
        if all.insert(known, value).is_some() {
            return Err(format!("`sweep.{key}` is given twice, in two spellings"));
        }
    }
    Ok(Value::Object(all))
}

/// A scenario, whose `benchmark` is a part of a configuration.
fn run_in_snake_case(run: Value) -> Result<Value, String> {
    match run {
        Value::Object(fields) => in_snake_case(fields, &mut Written::default()).map(Value::Object),
        other => Ok(other),
    }
}

/// `batchSize` as `batch_size`.
pub(super) fn snake_case(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    for letter in key.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Whether the keys below a path are the user's own, and its values any JSON.
pub(super) fn is_free(path: &str) -> bool {
    let path = path.strip_prefix("benchmark.").unwrap_or(path);
    let plain =
        path.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join(".");
    let plain =
        plain.strip_prefix("dataset.").map_or_else(|| plain.clone(), |rest| format!("datasets.{rest}"));
    FREE.contains(&plain.as_str())
}

const FREE: &[&str] = &[
    "variables",
    "sweep",
    "plot",
    "plugins",
    "slos",
    "endpoint.headers",
    "endpoint.extra",
    "otel.custom_resource_attributes",
    "mlflow.tags",
    "datasets.filters",
    "datasets.records",
    "artifacts.user_files.content",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_become_snake_case_except_the_users_own() {
        let fields =
            parse("benchmark:\n  serverMetrics: {urls: [a]}\n  endpoint: {extra: {topK: 1}, apiKey: k}\n")
                .unwrap();
        let mut written = Written::default();
        let fields = in_snake_case(fields, &mut written).unwrap();
        let expected = json!({
            "benchmark": {"server_metrics": {"urls": ["a"]}, "endpoint": {"extra": {"topK": 1}, "api_key": "k"}}
        });
        assert_eq!(Value::Object(fields), expected, "keys");
        assert_eq!(written.of("benchmark.endpoint.api_key"), "benchmark.endpoint.apiKey", "as written");
        let twice = parse("{apiKey: a, api_key: b}").unwrap();
        let why = in_snake_case(twice, &mut Written::default()).unwrap_err();
        assert_eq!(why, "`api_key` is given twice, in two spellings");
    }

    #[test]
    fn names_are_no_booleans() {
        let fields = parse("{model: y, field: no, streaming: true}").unwrap();
        assert_eq!(
            Value::Object(fields),
            json!({"model": "y", "field": "no", "streaming": true}),
            "YAML 1.2"
        );
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        for (text, expected) in
            [("[1]", "not a mapping"), ("", "empty"), ("a: [", "not valid YAML"), ("a: 1\na: 2", "YAML")]
        {
            let why = parse(text).expect_err(text);
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
