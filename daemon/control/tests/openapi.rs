//! The API's description for others names exactly the calls that the crate's own table names.

use serde_json::Value;
use std::collections::BTreeSet;

const DESCRIBED: &str = include_str!("../../../docs/api/openapi.json");
const SOURCE: &str = include_str!("../src/lib.rs");

#[test]
fn the_description_has_every_call_and_no_other() {
    let described: Value = serde_json::from_str(DESCRIBED).expect("the description is JSON");
    let paths = described["paths"].as_object().expect("it has paths");
    let mut calls = BTreeSet::new();
    for (path, methods) in paths {
        for method in methods.as_object().expect("a path has methods").keys() {
            if METHODS.contains(&method.to_uppercase().as_str()) {
                calls.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    assert_eq!(calls, documented(), "docs/api/openapi.json against the table in daemon/control/src/lib.rs");
}

/// The calls in the table of the crate's documentation.
fn documented() -> BTreeSet<String> {
    let lines = SOURCE.lines().filter_map(|line| line.strip_prefix("//! "));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter(|words| words.len() > 1 && METHODS.contains(&words[0]))
        .map(|words| words[..2].join(" "))
        .collect()
}

const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];
