//! Replaces `${NAME}`, `${NAME:default}` and `{{ expressions }}` in the values of a configuration file.
//!
//! It is done in parsed values, never in the file's text, so what a variable holds is a value whatever it looks like; and no
//! value appears in a message. Expressions see `variables` and all keys, as in AIPerf.

use super::document::{is_free, snake_case};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Reads a variable of the environment.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The values of a file with everything replaced.
///
/// # Errors
/// A variable that is not set, or an expression that fails, with its key.
pub(super) fn substituted(
    fields: &Map<String, Value>,
    variable: Variable<'_>,
) -> Result<Map<String, Value>, String> {
    let values = Replaced { variable, is_coerced: true, jinja: None }.object(fields, "")?;
    let jinja = Jinja::new(&values)?;
    Replaced { variable, is_coerced: false, jinja: Some(&jinja) }.object(fields, "")
}

/// A walk over the values.
struct Replaced<'a> {
    variable: Variable<'a>,
    /// Whether a variable that looks like a number or a boolean is one, also where the key knows its type.
    is_coerced: bool,
    jinja: Option<&'a Jinja>,
}

impl Replaced<'_> {
    fn object(&self, fields: &Map<String, Value>, path: &str) -> Result<Map<String, Value>, String> {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        fields.iter().map(|(key, value)| Ok((key.clone(), self.value(value, &below(key))?))).collect()
    }

    fn value(&self, value: &Value, path: &str) -> Result<Value, String> {
        match value {
            Value::String(text) => self.text(text, path),
            Value::Object(fields) => self.object(fields, path).map(Value::Object),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(place, item)| self.value(item, &format!("{path}[{place}]")));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            other => Ok(other.clone()),
        }
    }

    fn text(&self, text: &str, path: &str) -> Result<Value, String> {
        let replaced = with_environment(text, self.variable).map_err(|why| format!("`{path}`: {why}"))?;
        let is_variable = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
        let is_value = self.is_coerced || is_below_free(path);
        if let Some(jinja) = self.jinja.filter(|_| is_template(text) && !is_kept(path)) {
            let rendered = jinja.render(&replaced, path)?;
            return Ok(if is_value { coerced(rendered) } else { Value::String(rendered) });
        }
        Ok(if is_variable && is_value { coerced(replaced) } else { Value::String(replaced) })
    }
}

/// Replaces variables of the environment.
fn with_environment(text: &str, variable: Variable<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            return Err("`${` has no closing `}`".to_owned());
        };
        let (name, default) =
            inside.split_once(':').map_or((inside, None), |(name, default)| (name, Some(default)));
        let is_name = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
        if name.is_empty()
            || name.starts_with(|first: char| first.is_ascii_digit())
            || !name.chars().all(is_name)
        {
            out.push_str("${");
            rest = rest.split_at(before.len() + 2).1;
            continue;
        }
        let value = variable(name).or_else(|| default.map(str::to_owned));
        out.push_str(&value.ok_or_else(|| format!("`${{{name}}}` is not set in the environment"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether a text has expressions.
fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// Whether a value is a template of its own that is rendered later: of request bodies, or of the user's files.
fn is_kept(path: &str) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    let path = snake_case(path.strip_prefix("benchmark.").unwrap_or(path));
    ["template", "body", "payload_template"].contains(&key) || path.starts_with("artifacts.user_files")
}

/// Whether a path is below one whose values are any JSON.
fn is_below_free(path: &str) -> bool {
    let path = snake_case(path);
    path.match_indices('.').map(|(end, _)| &path[..end]).chain([path.as_str()]).any(is_free)
}

/// A boolean or a number, if the text is one as JSON writes it.
pub(crate) fn coerced(text: String) -> Value {
    match text.to_ascii_lowercase().as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match serde_json::from_str(text.trim()) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => Value::String(text),
        },
    }
}

/// Renders expressions.
struct Jinja {
    environment: Environment<'static>,
    values: Map<String, Value>,
}

impl Jinja {
    /// With the values of a file as what expressions see: its `variables` first, which may refer to each other.
    fn new(values: &Map<String, Value>) -> Result<Self, String> {
        let mut seen = values.clone();
        if let Some(Value::Object(body)) = values.get("benchmark") {
            for (key, value) in body {
                seen.insert(key.clone(), value.clone());
            }
        }
        for value in seen.values_mut() {
            by_name(value);
        }
        let mut jinja = Self { environment: environment(), values: seen };
        if let Some(Value::Object(variables)) = values.get("variables") {
            jinja.define(variables)?;
        }
        Ok(jinja)
    }

    /// Resolves variables, each after those that it refers to.
    fn define(&mut self, variables: &Map<String, Value>) -> Result<(), String> {
        let names = variables.keys().cloned().collect::<BTreeSet<_>>();
        let mut pending = Vec::new();
        for (name, value) in variables {
            let mut needs = BTreeSet::new();
            self.references(value, &mut needs);
            needs.retain(|needed| names.contains(needed));
            pending.push((name, value, needs));
        }
        self.values.retain(|name, _| !names.contains(name));
        let mut resolved = Map::new();
        while !pending.is_empty() {
            let (ready, waiting): (Vec<_>, Vec<_>) = pending
                .into_iter()
                .partition(|(.., needs)| needs.iter().all(|needed| resolved.contains_key(needed)));
            if ready.is_empty() {
                let names = waiting.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(format!("`variables` refer to each other in a circle: {names}"));
            }
            for (name, value, _) in ready {
                let value = self.rendered(value, &format!("variables.{name}"))?;
                resolved.insert(name.clone(), value.clone());
                self.values.insert(name.clone(), value);
            }
            pending = waiting;
        }
        self.values.insert("variables".to_owned(), Value::Object(resolved));
        Ok(())
    }

    /// The names that a value's expressions refer to.
    fn references(&self, value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::String(text) if is_template(text) => {
                if let Ok(template) = self.environment.template_from_str(text) {
                    names.extend(template.undeclared_variables(false));
                }
            }
            Value::Object(fields) => fields.values().for_each(|value| self.references(value, names)),
            Value::Array(items) => items.iter().for_each(|item| self.references(item, names)),
            _ => {}
        }
    }

    /// A value of `variables` with its expressions rendered.
    fn rendered(&self, value: &Value, path: &str) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if is_template(text) => coerced(self.render(text, path)?),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| Ok((key.clone(), self.rendered(value, path)?)));
                Value::Object(fields.collect::<Result<_, String>>()?)
            }
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.rendered(item, path)).collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }

    fn render(&self, text: &str, path: &str) -> Result<String, String> {
        render(&self.environment, text, &self.values).map_err(|why| format!("`{path}`: {why}"))
    }
}

/// Lists of things with names, as in `phases.profiling.rate`, become objects.
fn by_name(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(by_name),
        Value::Array(items) => {
            items.iter_mut().for_each(by_name);
            let named =
                items.iter().filter_map(|item| Some((item.get("name")?.as_str()?.to_owned(), item.clone())));
            let named = named.collect::<Map<_, _>>();
            if !named.is_empty() {
                *value = Value::Object(named);
            }
        }
        _ => {}
    }
}

/// Renders a template whose every name must be known; bounded in what it may compute.
///
/// # Errors
/// Why it cannot be rendered; without any value.
pub(crate) fn render(
    environment: &Environment<'_>,
    text: &str,
    values: &Map<String, Value>,
) -> Result<String, String> {
    let template = environment
        .template_from_str(text)
        .map_err(|error| format!("invalid expression: {}", reason(&error)))?;
    template
        .render(minijinja::Value::from(Serde(values)))
        .map_err(|error| format!("the expression failed: {}", reason(&error)))
}

fn reason(error: &minijinja::Error) -> String {
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("{}{detail}", error.kind())
}

/// The environment of templates, whose texts are plain.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_fuel(Some(FUEL));
    environment
}

/// Steps of an expression, far more than any needs.
const FUEL: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::super::document::parse;
    use super::*;
    use serde_json::json;

    fn replaced(text: &str) -> Result<Value, String> {
        let variable = |name: &str| match name {
            "NUMBER" => Some("0123".to_owned()),
            "HASH" => Some("abc #1".to_owned()),
            "COUNT" => Some("16".to_owned()),
            "BRACES" => Some("{{ 7 * 7 }}".to_owned()),
            _ => None,
        };
        substituted(&parse(text).unwrap(), &variable).map(Value::Object)
    }

    #[track_caller]
    fn check(text: &str, expected: Value) {
        assert_eq!(replaced(text), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let why = replaced(text).expect_err(text);
        assert!(why.contains(expected), "{text}: {why}");
    }

    #[test]
    fn variables_are_replaced_in_values() {
        check("model: ${HASH}", json!({"model": "abc #1"}));
        check("model: ${NUMBER}", json!({"model": "0123"}));
        check("model: ${NONE:a/b:c}-${COUNT}", json!({"model": "a/b:c-16"}));
        check("model: ${NONE:}", json!({"model": ""}));
        check("model: ${BRACES}", json!({"model": "{{ 7 * 7 }}"}));
        check("model: $${1} ${a b}", json!({"model": "$${1} ${a b}"}));
        check("# ${NONE}\nmodel: m", json!({"model": "m"}));
        check(
            "endpoint: {extra: {n: \"${COUNT}\", s: '16', z: \"${NUMBER}\", t: \"${NONE:True}\"}}",
            json!({"endpoint": {"extra": {"n": 16, "s": "16", "z": "0123", "t": true}}}),
        );
        check_refused("a: {b: [\"${NONE}\"]}", "`a.b[0]`: `${NONE}` is not set in the environment");
        check_refused("a: \"${NONE\"", "has no closing");
    }

    #[test]
    fn expressions_see_variables_and_keys() {
        check(
            "variables: {total: \"{{ each * 4 }}\", each: 32}\nentries: \"{{ total // 3 }}\"\nlabel: \"n={{ total }}\"",
            json!({"variables": {"total": 128, "each": 32}, "entries": "42", "label": "n=128"}),
        );
        check(
            "benchmark: {phases: [{name: profiling, concurrency: \"${COUNT}\"}], dataset: {entries: \"{{ phases.profiling.concurrency * 2 }}\"}}",
            json!({"benchmark": {"phases": [{"name": "profiling", "concurrency": "16"}], "dataset": {"entries": "32"}}}),
        );
        check("a: \"{% if 1 %}x{% endif %}\"", json!({"a": "x"}));
        check(
            "endpoint: {template: {body: \"{{ text|tojson }}\"}}\nartifacts: {userFiles: [{path: a, content: \"{{ epoch }}\"}]}",
            json!({
                "endpoint": {"template": {"body": "{{ text|tojson }}"}},
                "artifacts": {"userFiles": [{"path": "a", "content": "{{ epoch }}"}]}
            }),
        );
    }

    #[test]
    fn expressions_that_fail_are_refused_with_their_key() {
        check_refused("a: \"{{ nothing }}\"", "`a`: the expression failed: undefined value");
        check_refused("a: \"{{ 1 +\"", "`a`: invalid expression");
        check_refused("variables: {a: \"{{ b }}\", b: \"{{ a }}\"}", "refer to each other in a circle: a, b");
        check_refused(
            "a: \"{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}\"",
            "`a`",
        );
        let why = replaced("variables: {secret: hush}\na: \"{{ secret.x.y }}\"").unwrap_err();
        assert!(!why.contains("hush"), "no value in {why}");
    }
}
