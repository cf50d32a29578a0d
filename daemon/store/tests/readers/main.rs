//! Tests that other programs read the Parquet files: pyarrow, DuckDB and Polars, from the Python environment that `cargo xtask
//! setup` creates.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]
#![expect(clippy::print_stdout, reason = "a skipped test prints the reason")]

use common::clock::MonoNs;
use common::id::RequestId;
use common::reply_event::EventKind;
use record::{Request, Row, Token};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use store::parquet::{Limits, PartWriter, concat};

#[test]
fn other_programs_read_the_same() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let tokens =
        (0..REQUESTS).flat_map(|id| (0..EVENTS).map(move |index| token(id, index))).collect::<Vec<_>>();
    write(folder.path(), "tokens", tokens.iter().cloned());
    write(folder.path(), "requests", (0..REQUESTS).map(request));
    let found = read(&python, folder.path());
    let stamped = tokens.iter().filter_map(|token| Some((token.reaped_ns.0, token.kernel_received_ns?.0)));
    let expected = json!({
        "rows": tokens.len(),
        "stamped": stamped.clone().count(),
        "waited": stamped.map(|(reaped, kernel)| reaped - kernel).sum::<u64>(),
        "first": tokens.iter().map(|token| token.reaped_ns.0).min(),
        "last": tokens.iter().map(|token| token.reaped_ns.0).max(),
        "bytes": tokens.iter().map(|token| u64::from(token.bytes)).sum::<u64>(),
        "requests": REQUESTS,
        "kinds": 3,
    });
    for reader in ["pyarrow", "duckdb", "polars"] {
        assert_eq!(found[reader], expected, "{reader}");
    }
    let first = (0..REQUESTS).map(|id| token(id, 0).reaped_ns.0).sum::<u64>();
    assert_eq!(found["joined"], json!([REQUESTS, first, REQUESTS.div_ceil(2), "ok"]), "two files together");
    layout(&found["layout"]);
}

/// Row groups, encodings and bounds that readers of large files need.
fn layout(layout: &Value) {
    let groups = layout["groups"].as_array().unwrap();
    let (last, full) = groups.split_last().unwrap();
    assert!(!full.is_empty() && full.iter().all(|rows| *rows == 1 << 18), "groups are full: {groups:?}");
    assert!(last.as_u64().unwrap() <= 1 << 18, "except the last");
    let encodings = |column: &str| layout["encodings"][column].to_string();
    for column in ["request_id", "index", "kernel_received_ns", "reaped_ns", "end_offset", "tokens"] {
        assert!(encodings(column).contains("DELTA_BINARY_PACKED"), "{column}: {}", encodings(column));
    }
    for column in ["kind", "unmatched"] {
        assert!(encodings(column).contains("DICTIONARY"), "{column}: {}", encodings(column));
    }
    assert_eq!(layout["compressions"], json!(["ZSTD"]), "one compression");
    assert_eq!(layout["bounded"], true, "each group has its minimum and maximum");
    assert_eq!(
        layout["metadata"]["aiperfd.schema_version"],
        record::SCHEMA_VERSION,
        "the file has its schema version"
    );
}

/// The size of an event stated in docs/DATA.md.
#[test]
fn an_event_takes_few_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        folder.path(),
        "tokens",
        (0..REQUESTS).flat_map(|id| (0..EVENTS).map(move |index| token(id, index))),
    );
    let bytes = std::fs::metadata(path).unwrap().len();
    let events = REQUESTS * u64::from(EVENTS);
    assert!(bytes < events * 12, "{bytes} bytes for {events} events");
}

fn write<R: Row>(folder: &Path, stem: &str, rows: impl Iterator<Item = R>) -> PathBuf {
    let metadata = [("aiperfd.schema_version".to_owned(), record::SCHEMA_VERSION.to_owned())];
    let parts = folder.join("parts");
    std::fs::create_dir_all(&parts).unwrap();
    let mut writer = PartWriter::new(&parts, stem, Limits::STANDARD, &metadata);
    rows.for_each(|row| writer.push(row).unwrap());
    let path = folder.join(format!("{stem}.parquet"));
    concat(&writer.finish().unwrap(), &path).unwrap();
    path
}

fn read(python: &Path, folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/read.py");
    let output = Command::new(python).arg(script).arg(folder).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the readers failed: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The environment's Python; without one the test is skipped, except with `CI=true`.
fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("readers").join("bin/python");
    if python.is_file() {
        return Some(python);
    }
    let why = format!("`{}` does not exist; `cargo xtask setup` creates it", python.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "skipped, which CI does not allow: {why}");
    println!("skipped: {why}");
    None
}

/// Pseudo-random numbers that are the same in each run.
const fn scatter(id: u64, salt: u64) -> u64 {
    let mixed = (id ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 40
}

fn token(id: u64, index: u32) -> Token {
    let place = u64::from(index);
    let kernel = 1_000_000_000 + id * 50_000 + 20_000_000 + place * 7_000_000 + scatter(id, place) / 8;
    let kind = match index {
        0 => EventKind::Role,
        _ if index + 1 == EVENTS => EventKind::Done,
        _ => EventKind::Content,
    };
    let is_lost = id % 100 == 7;
    Token {
        request_id: RequestId(id),
        index,
        kind,
        kernel_received_ns: (!is_lost).then_some(MonoNs(kernel)),
        reaped_ns: MonoNs(kernel + 20_000 + scatter(id, 77) / 256),
        end_offset: (place + 1) * 210 + scatter(id, 78) % 16,
        bytes: 210,
        segment: (!is_lost).then_some(place),
        events_in_segment: (!is_lost).then_some(1),
        tokens: Some(1),
        unmatched: is_lost.then(|| "no_stamp".to_owned()),
    }
}

fn request(id: u64) -> Request {
    Request {
        due_ns: MonoNs(1_000_000_000 + id * 50_000),
        events: EVENTS,
        input_tokens: id.is_multiple_of(2).then_some(200),
        ..Request::blank(RequestId(id))
    }
}

const REQUESTS: u64 = 20_000;
const EVENTS: u32 = 20;
