//! One point of a sweep: its values, its label and the directory of its runs.

use serde_json::{Map, Value};

/// One point of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// Its place among all, from 0 on.
    pub index: usize,
    /// What it is called.
    pub label: String,
    /// What it sets, by path; of a scenario without `values`, everything that it changes.
    pub values: Map<String, Value>,
}

impl Variation {
    /// The name of its directory, as AIPerf builds it: `concurrency_8__isl_128`, or the label where values are no scalars.
    #[must_use]
    pub fn directory(&self) -> String {
        let is_nested = self.values.values().any(|value| value.is_object() || value.is_array());
        let parts = self
            .values
            .iter()
            .map(|(path, value)| format!("{}_{}", path.rsplit('.').next().unwrap_or(path), text(value)));
        let named = if is_nested { String::new() } else { safe(&parts.collect::<Vec<_>>().join("__")) };
        [named, safe(&self.label)]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_else(|| format!("variation_{}", self.index))
    }
}

/// A value as Python prints it, which names and labels have.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => within(other),
    }
}

/// A value inside another one, as Python prints it.
fn within(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(within).collect())),
        Value::Object(fields) => {
            format!(
                "{{{}}}",
                list(fields.iter().map(|(key, value)| format!("'{key}': {}", within(value))).collect())
            )
        }
    }
}

/// A name that is a directory's.
fn safe(name: &str) -> String {
    let name = name.replace(['/', '\\'], "").replace("..", "");
    let name = name.replace(['<', '>', ':', '"', '|', '?', '*'], "");
    let name = name.chars().filter(|letter| !letter.is_control()).collect::<String>();
    let name = name.get(..name.floor_char_boundary(NAME_MAX)).unwrap_or_default().to_owned();
    if name.chars().all(|letter| letter == '.') { String::new() } else { name }
}

/// Longest name of a directory, in bytes.
const NAME_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(values: Value, label: &str, expected: &str) {
        let Value::Object(values) = values else { panic!("a mapping") };
        let variation = Variation { index: 4, label: label.to_owned(), values };
        assert_eq!(variation.directory(), expected);
    }

    #[test]
    fn directories_are_named_after_values() {
        check(
            json!({"phases.profiling.concurrency": 8, "datasets.main.prompts.isl": 0.5}),
            "x",
            "concurrency_8__isl_0.5",
        );
        check(json!({"a.b": true, "c": "x/y"}), "x", "b_True__c_xy");
        check(json!({"benchmark": {"a": 1}}), "short chat", "short chat");
        check(json!({"benchmark": {}}), "../..", "variation_4");
    }
}
