//! Refuses plans that no client of ours makes: any process that can connect to the socket can send any JSON.
//!
//! What needs the inputs (formats, endpoints, templates) is checked by the load generator, which has no privileges.

use common::kernel_event::capture::{PORTS_MAX, SNAP_MAX};
use control::{Create, Fault, Problem};
use serde_json::Value;
use spec::{Phase, Plan, Watch};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Refuses what makes no sense, with the path of what is wrong.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(create: &Create) -> Result<(), Problem> {
    let plan = &create.plan;
    let tree = serde_json::to_value(plan).map_err(|error| refuse("plan", error))?;
    walk("", &tree)?;
    workers(plan)?;
    output(plan)?;
    match &plan.watch {
        Some(watch) => watched(watch)?,
        None => load(plan)?,
    }
    addresses(create)?;
    headers(create)
}

/// Every number and every text of the plan, whatever it is for.
fn walk(path: &str, value: &Value) -> Result<(), Problem> {
    match value {
        Value::Number(number) => {
            let value = number.as_f64().unwrap_or(f64::INFINITY);
            let limit = if path == "random_seed" { f64::MAX } else { NUMBER_MAX };
            if !(0.0..=limit).contains(&value) {
                return Err(refuse(path, format_args!("{number} is not between 0 and {limit}")));
            }
        }
        Value::String(text) => {
            let is_text = TEXTS.iter().any(|text| path.starts_with(text));
            let limit = if is_text { TEXT_MAX } else { NAME_MAX };
            if text.len() > limit {
                return Err(refuse(path, format_args!("{} bytes are more than {limit}", text.len())));
            }
            if !is_text && text.chars().any(char::is_control) {
                return Err(refuse(path, "control characters are no part of a name"));
            }
        }
        Value::Array(items) => {
            if items.len() > ITEMS_MAX {
                return Err(refuse(path, format_args!("{} items are more than {ITEMS_MAX}", items.len())));
            }
            for (place, item) in items.iter().enumerate() {
                walk(&format!("{path}[{place}]"), item)?;
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                // The user's own addition to request bodies may be any JSON.
                if path != "endpoint.extra_inputs" {
                    walk(&path, field)?;
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    Ok(())
}

fn workers(plan: &Plan) -> Result<(), Problem> {
    let workers = &plan.workers;
    if plan.watch.is_none() && workers.cpus.is_empty() && workers.workers == 0 {
        return Err(refuse("workers.workers", "at least one worker is required"));
    }
    if workers.cpus.len() > CPUS_MAX || workers.workers as usize > CPUS_MAX {
        return Err(refuse("workers", format_args!("more than {CPUS_MAX} workers")));
    }
    let distinct = workers.cpus.iter().collect::<BTreeSet<_>>().len();
    if distinct < workers.cpus.len() {
        return Err(refuse("workers.cpus", "a core is listed twice"));
    }
    Ok(())
}

fn output(plan: &Plan) -> Result<(), Problem> {
    match &plan.output.export_prefix {
        Some(prefix) if !is_file_name(prefix) => {
            Err(refuse("output.export_prefix", "must be the name of a file, without a path"))
        }
        _ => Ok(()),
    }
}

fn watched(watch: &Watch) -> Result<(), Problem> {
    if watch.ports.len() > PORTS_MAX {
        return Err(refuse("watch.ports", format_args!("more than {PORTS_MAX} ports")));
    }
    if !(SNAP_MIN..=SNAP_MAX).contains(&watch.snap_length) {
        return Err(refuse("watch.snap_length", format_args!("not between {SNAP_MIN} and {SNAP_MAX}")));
    }
    Ok(())
}

fn load(plan: &Plan) -> Result<(), Problem> {
    let urls = &plan.endpoint.urls;
    if urls.is_empty() {
        return Err(refuse("endpoint.urls", "at least one URL is required"));
    }
    if let Some(url) = urls.iter().find(|url| !SCHEMES.iter().any(|scheme| url.starts_with(scheme))) {
        return Err(refuse("endpoint.urls", format_args!("`{url}` starts with none of {SCHEMES:?}")));
    }
    let phases = &plan.load.phases;
    if phases.is_empty() || phases.len() > PHASES_MAX {
        return Err(refuse("load.phases", format_args!("must have 1 to {PHASES_MAX} phases")));
    }
    if phases.iter().all(|phase| phase.is_warmup) {
        return Err(refuse("load.phases", "every phase is a warm-up: nothing would be measured"));
    }
    let names = phases.iter().map(|phase| &phase.name).collect::<BTreeSet<_>>();
    if names.len() < phases.len() {
        return Err(refuse("load.phases", "two phases have the same name"));
    }
    phases.iter().enumerate().try_for_each(|(place, phase)| check_phase(place, phase))
}

fn check_phase(place: usize, phase: &Phase) -> Result<(), Problem> {
    let at = |field: &str| format!("load.phases[{place}].{field}");
    if phase.name.is_empty() || phase.name.len() > PHASE_NAME_MAX {
        return Err(refuse(&at("name"), format_args!("must have 1 to {PHASE_NAME_MAX} bytes")));
    }
    let whole = [
        ("concurrency", phase.concurrency.map(u64::from)),
        ("prefill_concurrency", phase.prefill_concurrency.map(u64::from)),
        ("users", phase.users.map(u64::from)),
        ("request_count", phase.request_count),
        ("session_count", phase.session_count),
    ];
    if let Some((name, _)) = whole.iter().find(|(_, value)| *value == Some(0)) {
        return Err(refuse(&at(name), "0 would send nothing"));
    }
    let limits = [("concurrency", phase.concurrency), ("users", phase.users)];
    if let Some((name, _)) = limits.iter().find(|(_, limit)| limit.is_some_and(|limit| limit > STREAMS_MAX)) {
        return Err(refuse(&at(name), format_args!("more than {STREAMS_MAX}")));
    }
    let positive = [("duration_seconds", phase.duration_seconds), ("request_rate", phase.request_rate)];
    if let Some((name, _)) = positive.iter().find(|(_, value)| value.is_some_and(|value| value <= 0.0)) {
        return Err(refuse(&at(name), "must be more than 0"));
    }
    Ok(())
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

/// Whether a text is the name of a file and nothing else.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= FILE_NAME_MAX
        && !name.starts_with('-')
        && name != "."
        && name != ".."
        && !name.chars().any(|letter| letter == '/' || letter.is_control())
}

fn refuse(path: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(Fault::Plan, format!("`{path}` of the plan: {why}"))
}

/// Values of a plan, ten times those of a long series of rates.
pub const VALUES_MAX: usize = 200_000;
/// Memory of a value, its place in a list included.
pub const VALUE_BYTES: usize = 512;
/// What a name may be in an ext4 or XFS folder, less the endings that files get.
const FILE_NAME_MAX: usize = 200;
/// More than any time, rate or count of a load.
const NUMBER_MAX: f64 = 1e15;
/// Longest name, URL or flag.
const NAME_MAX: usize = 64 << 10;
/// Longest text of the user's own.
const TEXT_MAX: usize = 4 << 20;
/// What may be as long as that, and may hold ends of lines.
const TEXTS: &[&str] = &[
    "command_line",
    "endpoint.dialect.template",
    "input.change.system_prompt",
    "input.made.system_prompt",
    "output.other",
];
const ITEMS_MAX: usize = 100_000;
const PHASES_MAX: usize = 1000;
const PHASE_NAME_MAX: usize = 64;
const CPUS_MAX: usize = 4096;
const HEADERS_MAX: usize = 256;
const STREAMS_MAX: u32 = 1 << 20;
const SNAP_MIN: u32 = 64;
const SCHEMES: [&str; 3] = ["http://", "https://", "unix://"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use spec::Workers;
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
        refused("/plan/load/phases/0/is_warmup", json!(true), "warm-up");
        refused("/plan/load/phases/0/name", json!(""), "load.phases[0].name");
        refused("/plan/load/phases/0/name", json!("x".repeat(1 << 20)), "load.phases[0].name");
        refused("/plan/load/phases/0/name", json!("a\u{0}b"), "load.phases[0].name");
        refused("/plan/load/phases/0/duration_seconds", json!(-1.0), "load.phases[0].duration_seconds");
        refused("/plan/load/phases/0/duration_seconds", json!(1e308), "load.phases[0].duration_seconds");
        refused("/plan/load/phases/0/duration_seconds", json!(0.0), "load.phases[0].duration_seconds");
        refused("/plan/load/phases/0/request_rate", json!(-0.5), "load.phases[0].request_rate");
        refused("/plan/load/phases/0/concurrency", json!(0), "load.phases[0].concurrency");
        refused("/plan/load/phases/0/concurrency", json!(u32::MAX), "load.phases[0].concurrency");
        refused("/plan/load/phases/0/request_count", json!(0), "load.phases[0].request_count");
        refused("/plan/workers/workers", json!(0), "workers.workers");
        refused("/plan/workers/cpus", json!([1, 1]), "workers.cpus");
        refused("/plan/endpoint/urls", json!([]), "endpoint.urls");
        refused("/plan/endpoint/urls", json!(["file:///etc/passwd"]), "endpoint.urls");
        refused("/plan/output/export_prefix", json!("../../etc/cron.d/x"), "output.export_prefix");
        refused("/plan/output/export_prefix", json!("-rf"), "output.export_prefix");
        refused("/addresses", json!([["http://a", "nowhere"]]), "addresses");
        refused("/secret_headers", json!({"X": "a\r\nHost: b"}), "secret_headers");
    }

    #[test]
    fn values_are_counted_outside_of_texts() {
        assert_eq!(values(br#"{"a":[[0],[0]],"b":"[,[\",["}"#), 6, "brackets and commas");
        let whole = serde_json::to_vec(&usual()).unwrap();
        assert!(values(&whole) < VALUES_MAX / 100, "a usual plan is far from it");
    }

    #[test]
    fn names_of_files_are_no_paths() {
        for name in ["run", "run-1.2", "prefix é"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a\u{0}", "-x", "a\nb"] {
            assert!(!is_file_name(name), "{name:?}");
        }
        assert!(!is_file_name(&"x".repeat(300)), "too long");
    }
}
