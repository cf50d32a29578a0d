//! Refuses requests for runs that no client of ours makes: any process that can connect to the socket can send any JSON.
//!
//! The plan is held to the rules that the client holds it to (`common/spec/src/check.rs`).

use control::{Create, Fault, Problem};
use spec::{ITEMS_MAX, NAME_MAX, TEXT_MAX};
use std::net::SocketAddr;

/// Refuses what makes no sense, with the path of what is wrong.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(create: &Create) -> Result<(), Problem> {
    create.plan.check().map_err(|fault| Problem::new(Fault::Plan, fault.to_string()))?;
    addresses(create)?;
    headers(create)
}

fn addresses(create: &Create) -> Result<(), Problem> {
    if create.addresses.len() > ITEMS_MAX {
        return Err(refuse("addresses", format_args!("more than {ITEMS_MAX}")));
    }
    for (url, address) in &create.addresses {
        let is_local = address.strip_prefix("unix:").is_some_and(|path| path.starts_with('/'));
        if url.len() > NAME_MAX || !(is_local || address.parse::<SocketAddr>().is_ok()) {
            return Err(refuse("addresses", "must be pairs of a URL and an address with a port"));
        }
    }
    Ok(())
}

fn headers(create: &Create) -> Result<(), Problem> {
    let headers = &create.secret_headers;
    let bytes = headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if headers.len() > HEADERS_MAX || bytes > TEXT_MAX {
        return Err(refuse(
            "secret_headers",
            format_args!("more than {HEADERS_MAX} headers or {TEXT_MAX} bytes"),
        ));
    }
    // Their values are secrets and must not be in messages.
    let is_plain = |text: &String| !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    if headers.iter().all(|(name, value)| !name.is_empty() && is_plain(name) && is_plain(value)) {
        return Ok(());
    }
    Err(refuse("secret_headers", "a header has no name, or holds an end of line"))
}

/// An upper bound of the values in a text of JSON, from its commas and brackets: before it is parsed, which needs many times
/// its length in memory.
#[must_use]
pub fn values(json: &[u8]) -> usize {
    let (mut is_text, mut is_escaped, mut values) = (false, false, 0);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' | b',' if !is_text => values += 1,
            _ => {}
        }
    }
    values
}

fn refuse(path: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(Fault::Plan, format!("`{path}` of the plan: {why}"))
}

/// Values of a plan, ten times those of a long series of rates.
pub const VALUES_MAX: usize = 200_000;
/// Memory of a value, its place in a list included.
pub const VALUE_BYTES: usize = 512;
const HEADERS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use spec::{Phase, Plan, Workers};
    use std::collections::BTreeMap;

    fn usual() -> Create {
        let mut plan = Plan::unknown();
        plan.endpoint.urls = vec!["http://127.0.0.1:8000".to_owned()];
        plan.workers = Workers { workers: 1, ..plan.workers };
        plan.load = spec::Load::of(Phase::closed(4, 100));
        let addresses = vec![("http://127.0.0.1:8000".to_owned(), "127.0.0.1:8000".to_owned())];
        Create { plan, secret_headers: BTreeMap::new(), addresses }
    }

    /// Puts a value at a JSON pointer of a usual request, and looks whether it is refused there.
    fn refused(pointer: &str, value: Value, named: &str) {
        let mut tree = serde_json::to_value(usual()).unwrap();
        let place = tree.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there"));
        *place = value;
        let Ok(create) = serde_json::from_value::<Create>(tree) else { return };
        let problem = check(&create).expect_err(pointer);
        assert!(problem.message.contains(named), "{pointer}: {problem}");
    }

    #[test]
    fn a_usual_plan_passes() {
        check(&usual()).unwrap();
    }

    #[test]
    fn absurd_plans_are_refused_with_their_place() {
        refused("/plan/load/phases", json!([]), "load.phases");
        refused("/plan/load/phases/0/duration_seconds", json!(1e308), "load.phases[0].duration_seconds");
        refused("/plan/workers/workers", json!(0), "workers.workers");
        refused("/addresses", json!([["http://a", "nowhere"]]), "addresses");
        refused("/secret_headers", json!({"X": "a\r\nHost: b"}), "secret_headers");
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        assert_eq!(values(br#"{"a":[[0],[0]],"b":"[,[\",["}"#), 6, "brackets and commas");
        let whole = serde_json::to_vec(&usual()).unwrap();
        assert!(values(&whole) < VALUES_MAX / 100, "a usual plan is far from it");
    }
}
