//! docs/api/openapi.json describes every call that the daemon answers, and no other.

use super::Violation;
use super::source::Files;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn check(files: &Files) -> Vec<Violation> {
    let text = |path: &str| files.get(path).map_or("", |file| file.text.as_str());
    let answered = answered(text(ROUTES));
    let Ok(document) = serde_json::from_str::<Value>(text(DOCUMENT)) else {
        return vec![Violation::new(DOCUMENT, 1, "is not there or no JSON")];
    };
    let described = described(&document);
    let missing =
        answered.difference(&described).map(|call| format!("`{call}` is answered and not described"));
    let extra = described.difference(&answered).map(|call| format!("`{call}` is described and not answered"));
    missing.chain(extra).map(|message| Violation::new(DOCUMENT, 1, message)).collect()
}

/// Calls of match arms such as `("GET", ["runs", id, "files"]) =>`.
fn answered(code: &str) -> BTreeSet<String> {
    let arms = code.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    let calls = arms.filter_map(|arm| {
        let (method, rest) = arm.split_once("\", [")?;
        let (parts, _) = rest.split_once("])")?;
        let path = parts.split(", ").map(|part| match part.strip_prefix('"') {
            Some(name) => format!("/{}", name.trim_end_matches('"')),
            None => format!("/{{{part}}}"),
        });
        Some(format!("{method} /v1{}", path.collect::<String>()))
    });
    calls.collect()
}

fn described(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let calls = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten().map(|(method, _)| method.as_str());
        methods
            .filter(|method| METHODS.contains(method))
            .map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    calls.collect()
}

const ROUTES: &str = "daemon/aiperfd/src/access.rs";
const DOCUMENT: &str = "docs/api/openapi.json";
const METHODS: &[&str] = &["delete", "get", "post", "put"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::files;

    #[test]
    fn calls_are_compared() {
        let routes = "(\"GET\", [\"runs\", id]) => x,\n(\"PUT\", [\"runs\", id, \"inputs\", name]) => y,\n";
        let document = r#"{"paths":{"/v1/runs/{id}":{"get":{},"delete":{},"parameters":[]}}}"#;
        let found = check(&files(&[(ROUTES, routes), (DOCUMENT, document)]));
        let messages = found.iter().map(|one| one.message.as_str()).collect::<Vec<_>>();
        let expected = [
            "`PUT /v1/runs/{id}/inputs/{name}` is answered and not described",
            "`DELETE /v1/runs/{id}` is described and not answered",
        ];
        assert_eq!(messages, expected, "both ways");
    }
}
