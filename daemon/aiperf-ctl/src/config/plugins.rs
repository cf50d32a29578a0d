//! `plugins` of a configuration file: lists of components by their kind, or a mapping of names.
//!
//! ```text
//! plugins: {phase_hooks: [{name, config}], post_processors: [NAME]}      plugins: {NAME: {enabled, class, config}}
//! ```

use crate::plugin::Kind;
use serde_json::{Map, Value};

/// The values of `--plugin` that say the same.
///
/// # Errors
/// What is wrong, after the key's name.
pub(super) fn words(plugins: &Value) -> Result<Vec<String>, String> {
    let Value::Object(plugins) = plugins else { return Err(" is no mapping".to_owned()) };
    let mut words = Vec::new();
    for (key, value) in plugins {
        match (Kind::of(key), value) {
            (_, Value::Null) => {}
            (Some(kind), Value::Array(items)) => {
                for item in items {
                    let (name, config) = item_of(item).map_err(|why| format!(".{key}: {why}"))?;
                    words.push(word(&format!("{}.{name}", kind.name()), config));
                }
            }
            (Some(_), _) => return Err(format!(".{key} is no list of components")),
            (None, Value::Object(fields)) => {
                words.extend(named(key, fields).map_err(|why| format!(".{key}: {why}"))?);
            }
            (None, Value::Bool(true)) => words.push(word(key, None)),
            (None, Value::Bool(false)) => {}
            (None, _) => {
                let kinds = Kind::ALL.map(|kind| format!("{}s", kind.name())).join(", ");
                return Err(format!(
                    ".{key} is neither a kind of components ({kinds}) nor a plugin: {{enabled, class, config}}"
                ));
            }
        }
    }
    Ok(words)
}

/// A component of a list: its name, or a mapping with it.
fn item_of(item: &Value) -> Result<(&str, Option<&Value>), String> {
    if let Value::String(name) = item {
        return Ok((name, None));
    }
    let Value::Object(fields) = item else {
        return Err("a component is a name, or {name, config}".to_owned());
    };
    known(fields, &["name", "config"])?;
    let name = fields.get("name").and_then(Value::as_str).ok_or("a component has no `name`")?;
    Ok((name, config_of(fields)?))
}

/// A plugin of the mapping.
fn named(name: &str, fields: &Map<String, Value>) -> Result<Option<String>, String> {
    known(fields, &["enabled", "class", "config"])?;
    match fields.get("enabled") {
        None | Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Ok(None),
        Some(_) => return Err("`enabled` is neither true nor false".to_owned()),
    }
    let name = match fields.get("class") {
        None | Some(Value::Null) => name,
        Some(class) => class.as_str().ok_or("`class` is no text")?,
    };
    Ok(Some(word(name, config_of(fields)?)))
}

fn config_of(fields: &Map<String, Value>) -> Result<Option<&Value>, String> {
    match fields.get("config") {
        None | Some(Value::Null) => Ok(None),
        Some(config @ Value::Object(_)) => Ok(Some(config)),
        Some(_) => Err("`config` is no mapping".to_owned()),
    }
}

fn known(fields: &Map<String, Value>, keys: &[&str]) -> Result<(), String> {
    match fields.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!("`{key}` is none of its keys: {}", keys.join(", "))),
    }
}

fn word(name: &str, config: Option<&Value>) -> String {
    config.map_or_else(|| name.to_owned(), |config| format!("{name}={config}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_name_plugins() {
        let lists = json!({"phase_hooks": [{"name": "log", "config": {"file": "a"}}, "other"], "post_processors": null});
        assert_eq!(words(&lists).unwrap(), [r#"phase_hook.log={"file":"a"}"#, "phase_hook.other"]);
        let names =
            json!({"log": {"class": "p.h:Log"}, "off": {"enabled": false}, "on": true, "x": {"config": {}}});
        assert_eq!(words(&names).unwrap(), ["p.h:Log", "on", "x={}"]);
        let refused = |value: Value, expected: &str| {
            let why = words(&value).unwrap_err();
            assert!(why.contains(expected), "{value}: {why}");
        };
        refused(json!([]), "no mapping");
        refused(json!({"phase_hooks": {}}), ".phase_hooks is no list");
        refused(json!({"phase_hooks": [{"config": {}}]}), "no `name`");
        refused(json!({"phase_hooks": [{"name": "a", "confg": {}}]}), "`confg` is none");
        refused(json!({"log": 7}), ".log is neither");
    }
}
