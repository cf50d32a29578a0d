//! What users get wrong: one clear message, the right exit status, and nothing half-written.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::Run;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use serde_json::Value;
use std::fs;

/// The command ends with this status and one error message that holds this text; it leaves no file.
fn check(run: Run, status: i32, text: &str) {
    let ended = run.end();
    ended.ended_with(status);
    assert_eq!(ended.out, "", "nothing but the message is said");
    let errors = ended.err.lines().filter(|line| line.contains(text)).collect::<Vec<_>>();
    assert_eq!(errors.len(), 1, "one message with `{text}`: {}", ended.err);
    assert!(errors[0].starts_with("error:"), "it is called an error: {}", ended.err);
    let files = ended.left_behind().into_iter().filter(|name| !name.starts_with("given")).collect::<Vec<_>>();
    assert_eq!(files, [""; 0], "nothing is left behind");
}

/// A profile with a dataset of these bytes.
fn with_dataset(url: &str, bytes: &[u8]) -> Run {
    let mut run = Run::of("profile");
    fs::write(run.folder.path().join("given.jsonl"), bytes).unwrap();
    let flags = "--model mock-model --ui none --artifact-dir artifacts --input-file given.jsonl";
    run.command.args(flags.split(' ')).args(["--url", url]);
    run.without_daemon()
}

#[test]
fn wrong_flags() {
    needs_programs!();
    let url = "http://127.0.0.1:1";
    check(Run::profile(url, "--no-such-flag"), 2, "unexpected argument '--no-such-flag'");
    check(Run::profile(url, "--concurrency 0"), 2, "--concurrency");
    check(Run::profile(url, "--arrival-pattern constant"), 2, "need --request-rate");
    check(Run::profile(url, "--benchmark-grace-period 3"), 2, "--benchmark-grace-period needs");
    check(Run::profile(url, "--input-file x.jsonl"), 2, "contradicts --input-file");
    check(Run::profile("ftp://127.0.0.1:1", ""), 2, "none of http, https and unix");
}

#[test]
fn wrong_datasets() {
    needs_programs!();
    let server = Server::start("");
    let url = server.url();
    check(with_dataset(&url, b"{\"text\":\"a\"}\n{\"text\":\n"), 2, "line 2");
    check(with_dataset(&url, b"{\"text\":\"a\"}\n\n{\"text\":\"\"}\n"), 2, "line 3");
    check(with_dataset(&url, b"{\"text\":\"a\"}\n\xff\xfe\n"), 2, "line 2");
    check(with_dataset(&url, b""), 2, "no rows");
    let mut missing = with_dataset(&url, b"");
    fs::remove_file(missing.folder.path().join("given.jsonl")).unwrap();
    missing.command.arg("--use-server-token-count");
    check(missing, 2, "failed to read `given.jsonl`");
}

#[test]
fn wrong_tokenizers() {
    needs_programs!();
    let server = Server::start("");
    check(Run::profile(&server.url(), "--tokenizer nowhere"), 2, "failed to read `nowhere/tokenizer.json`");
    let run = Run::profile(&server.url(), "--tokenizer given");
    fs::create_dir(run.folder.path().join("given")).unwrap();
    fs::write(run.folder.path().join("given/tokenizer.json"), "{}").unwrap();
    check(run, 2, "tokenizer `given`");
}

#[test]
fn servers_that_are_not_there() {
    needs_programs!();
    check(Run::profile("http://127.0.0.1:1", ""), 1, "no server answers at http://127.0.0.1:1");
    check(Run::profile("https://127.0.0.1:1", ""), 1, "no server answers at https://127.0.0.1:1");
    check(Run::profile("http://no-such-host.invalid:80", ""), 1, "failed to resolve");
}

#[test]
fn cores_that_are_not_there() {
    needs_programs!();
    let server = Server::start("");
    check(Run::profile(&server.url(), "--cpus 4000"), 2, "core 4000 of --cpus");
    check(Run::profile(&server.url(), "--workers 250 --concurrency 250"), 2, "more than the");
}

#[test]
fn reports_of_what_is_no_run() {
    needs_programs!();
    let mut run = Run::of("report");
    run.command.arg(".");
    check(run.without_daemon(), 2, "holds no run");
    let mut run = Run::of("report");
    run.command.arg("0123456789ab");
    check(run.without_daemon(), 1, "neither a directory nor a run");
}

/// The plan with every default, and not so much as a directory: not even a server is needed.
#[test]
fn a_dry_run_touches_nothing() {
    needs_programs!();
    let flags = "--dry-run --api-key hush --concurrency 3";
    let ended = Run::profile("http://no-such-host.invalid:80", flags).end();
    ended.ended_with(0);
    let plan: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(plan["load"]["phases"][0]["request_count"], 10, "a default is filled in: {plan}");
    assert_eq!(plan["timestamps"], "auto", "a default is filled in: {plan}");
    assert!(!ended.out.contains("hush"), "the key stays secret: {plan}");
    assert_eq!(ended.left_behind(), [""; 0], "nothing is written");
    assert_eq!(ended.err, "", "nothing else is said");
}
