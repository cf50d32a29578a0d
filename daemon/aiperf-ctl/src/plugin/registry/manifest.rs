//! Manifests of Python packages: `plugins.yaml` of AIPerf 0.13, and the older `registry.yaml`.
//!
//! ```text
//! plugins.yaml   schema_version: "1.0"                 registry.yaml   plugin: {name, version, description, enabled}
//!                KIND: {NAME: {class, description,                     KINDs: {NAME: {class, description, priority,
//!                              priority, metadata}}                                   auto_load, config_params}}
//! ```
//!
//! A priority of the first is that of a conflict, where the highest wins; one of the second is an order, where the lowest is first.

use serde_json::{Map, Value};

/// What a manifest declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Manifest {
    /// What it says of the whole.
    pub(super) description: Option<String>,
    /// Whether its author has turned it off.
    pub(super) is_disabled: bool,
    /// The components, in order.
    pub(super) components: Vec<Declared>,
}

/// A component as a manifest declares it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Declared {
    /// AIPerf's category: a kind in the singular.
    pub(super) kind: String,
    pub(super) name: String,
    /// `module:Class`.
    pub(super) class: String,
    pub(super) description: String,
    pub(super) priority: i64,
    pub(super) order: i64,
    pub(super) is_auto_loaded: bool,
    /// The names of its configuration's parameters.
    pub(super) parameters: Vec<String>,
}

/// Parses a manifest; `package` completes classes that are named relative to it.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn parse(text: &str, package: &str) -> Result<Manifest, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let value = serde_saphyr::from_str::<Value>(text).map_err(|error| format!("not valid YAML: {error}"))?;
    let Value::Object(fields) = value else { return Err("not a mapping of kinds to components".to_owned()) };
    let about = fields.get("plugin").and_then(Value::as_object);
    let is_old = about.is_some();
    let mut manifest = Manifest {
        description: about.and_then(|about| text_of(about, "description")),
        is_disabled: about.and_then(|about| about.get("enabled")) == Some(&Value::Bool(false)),
        components: Vec::new(),
    };
    for (key, value) in fields.iter().filter(|(key, _)| !ABOUT.contains(&key.as_str())) {
        let Value::Object(components) = value else { return Err(format!("`{key}` is no mapping of names")) };
        for (name, value) in components {
            let declared = declared(key, name, value, package, is_old)?;
            manifest.components.push(declared);
        }
    }
    if manifest.components.len() > COMPONENTS_MAX {
        return Err(format!("it declares more than {COMPONENTS_MAX} components"));
    }
    Ok(manifest)
}

fn declared(kind: &str, name: &str, value: &Value, package: &str, is_old: bool) -> Result<Declared, String> {
    let place = format!("`{kind}.{name}`");
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
    {
        return Err(format!("{place}: a name has letters, digits, `_` and `-`"));
    }
    let Value::Object(fields) = value else { return Err(format!("{place} is no mapping")) };
    let class = text_of(fields, "class").ok_or_else(|| format!("{place} has no `class`"))?;
    let class =
        qualified(&class, package).ok_or_else(|| format!("{place}: `{class}` is no class: module:Class"))?;
    let priority = match fields.get("priority") {
        None | Some(Value::Null) => 0,
        Some(number) => number.as_i64().ok_or_else(|| format!("{place}: `priority` is no whole number"))?,
    };
    let parameters = ["config_params", "config_schema"].iter().find_map(|key| fields.get(*key));
    let parameters = match parameters {
        Some(Value::Object(parameters)) => parameters.keys().cloned().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(name_of).collect(),
        _ => Vec::new(),
    };
    Ok(Declared {
        kind: singular(kind),
        name: name.to_owned(),
        class,
        description: text_of(fields, "description").unwrap_or_default().trim().to_owned(),
        priority: if is_old { 0 } else { priority },
        order: if is_old { priority } else { 0 },
        is_auto_loaded: fields.get("auto_load") != Some(&Value::Bool(false)),
        parameters,
    })
}

/// The name in an entry of a list of parameters.
fn name_of(entry: &Value) -> Option<String> {
    let name = if entry.is_object() { entry.get("name")? } else { entry };
    name.as_str().map(str::to_owned)
}

/// A category's name in the singular, in which AIPerf 0.13 has it: the older manifest has two in the plural.
fn singular(kind: &str) -> String {
    match kind {
        "phase_hooks" => "phase_hook",
        "post_processors" | "results_processors" | "results_processor" => "post_processor",
        "aggregators" => "aggregator",
        _ => kind,
    }
    .to_owned()
}

/// A class as `module:Class`, from that or `module.Class`, which may begin below the package.
pub(super) fn qualified(class: &str, package: &str) -> Option<String> {
    let (module, name) = class.split_once(':').or_else(|| class.rsplit_once('.'))?;
    let is_name = |name: &str| {
        name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let module =
        module.strip_prefix('.').map_or_else(|| module.to_owned(), |below| format!("{package}.{below}"));
    (name.split('.').all(is_name) && module.split('.').all(is_name)).then(|| format!("{module}:{name}"))
}

fn text_of(fields: &Map<String, Value>, key: &str) -> Option<String> {
    fields.get(key)?.as_str().map(str::to_owned)
}

/// Keys of a manifest that are no kinds.
const ABOUT: &[&str] = &["schema_version", "plugin", "$schema"];
const TEXT_BYTES_MAX: usize = 1 << 20;
const COMPONENTS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let new = "schema_version: \"1.0\"\nendpoint:\n  echo:\n    class: my.echo:Echo\n    description: |\n      Echoes.\n    priority: 7\n    metadata: {endpoint_path: /echo}\n";
        let manifest = parse(new, "my").unwrap();
        let echo = &manifest.components[0];
        assert_eq!((echo.kind.as_str(), echo.class.as_str(), echo.priority), ("endpoint", "my.echo:Echo", 7));
        assert_eq!(echo.description, "Echoes.");
        let old = "plugin: {name: my, version: 1.0.0, description: Mine, enabled: true}\nphase_hooks:\n  a: {class: .hooks.A, priority: 10, auto_load: false, config_params: {log_file: {type: string}}}\npost_processors:\n  b: {class: my.b.B}\n";
        let manifest = parse(old, "my").unwrap();
        assert_eq!(manifest.description.as_deref(), Some("Mine"));
        let [hook, processor] = manifest.components.as_slice() else { panic!("{manifest:?}") };
        let expected = Declared {
            kind: "phase_hook".to_owned(),
            name: "a".to_owned(),
            class: "my.hooks:A".to_owned(),
            order: 10,
            parameters: vec!["log_file".to_owned()],
            ..Declared::default()
        };
        assert_eq!(hook, &expected);
        assert!(processor.is_auto_loaded && processor.kind == "post_processor");
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let refused = |text: &str, expected: &str| {
            let why = parse(text, "my").unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        };
        refused("- a", "not a mapping");
        refused("a: [", "YAML");
        refused("endpoint: 5", "`endpoint` is no mapping");
        refused("endpoint: {a: 5}", "`endpoint.a` is no mapping");
        refused("endpoint: {a: {}}", "no `class`");
        refused("endpoint: {a: {class: os}}", "no class");
        refused("endpoint: {a: {class: \"os:system('x')\"}}", "no class");
        refused("endpoint: {../a: {class: m:C}}", "a name has");
        refused("endpoint: {a: {class: m:C, priority: high}}", "whole number");
    }
}
