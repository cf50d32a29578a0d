//! Tests a second run in the directory of an earlier one: all files are of the second run.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::Run;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Runs a profile with its results in this directory.
fn profile(server: &Server, directory: &Path, flags: &str, status: i32) {
    let mut run = Run::of("profile");
    let common = "--model m --concurrency 1 --request-count 3 --isl 8 --ui none --no-gpu-telemetry --tokenizer builtin";
    run.command.args(common.split(' ')).args(["--url", &server.url(), "--artifact-dir"]).arg(directory);
    run.command.args(flags.split_whitespace());
    run.without_daemon().end().ended_with(status);
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn run_id(directory: &Path) -> String {
    let text = fs::read_to_string(directory.join("run.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_with_less_leaves_nothing_of_one_with_more() {
    needs_programs!();
    let server = Server::start("");
    let (full, plain) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let more =
        "--streaming --export-level raw --export-outputs-json --slice-duration 1 --profile-export-prefix old";
    profile(&server, full.path(), more, 0);
    fs::write(full.path().join("notes.txt"), "mine").unwrap();
    assert!(full.path().join("old_raw.jsonl").is_file(), "the first run has more: {:?}", names(full.path()));
    let first = run_id(full.path());
    profile(&server, full.path(), "--export-level summary", 0);
    profile(&server, plain.path(), "--export-level summary", 0);
    assert_ne!(run_id(full.path()), first, "of another run");
    let mut expected = names(plain.path());
    expected.insert("notes.txt".to_owned());
    assert_eq!(names(full.path()), expected, "as in an empty directory, plus files that are not a run's");
}

#[test]
fn a_run_that_fails_to_start_keeps_the_earlier_one() {
    needs_programs!();
    let server = Server::start("");
    let directory = tempfile::tempdir().unwrap();
    profile(&server, directory.path(), "", 0);
    let (before, first) = (names(directory.path()), run_id(directory.path()));
    let url = server.url();
    drop(server);
    let mut run = Run::of("profile");
    run.command.args(["--model", "m", "--ui", "none", "--url", &url, "--artifact-dir"]).arg(directory.path());
    run.without_daemon().end().ended_with(1);
    assert_eq!((names(directory.path()), run_id(directory.path())), (before, first), "as it was");
}

#[test]
fn a_shorter_series_leaves_nothing_of_a_longer_one() {
    needs_programs!();
    let server = Server::start("");
    let directory = tempfile::tempdir().unwrap();
    profile(&server, directory.path(), "", 0);
    profile(&server, directory.path(), "--num-profile-runs 3", 0);
    assert_eq!(
        names(directory.path()),
        ["aggregate", "profile_runs"].map(str::to_owned).into(),
        "no single run"
    );
    profile(&server, directory.path(), "--num-profile-runs 2", 0);
    let runs = names(&directory.path().join("profile_runs"));
    assert_eq!(runs, ["run_0001", "run_0002"].map(str::to_owned).into(), "no third run");
    profile(&server, directory.path(), "", 0);
    assert!(!names(directory.path()).contains("aggregate"), "no series: {:?}", names(directory.path()));
}
