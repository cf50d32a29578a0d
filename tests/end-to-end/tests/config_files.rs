//! Tests configuration files: a run that one describes, and the same run again from what it stored.

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use std::fs;
use std::path::Path;

/// Both spellings of keys, a variable of the environment that is not plain text, expressions, and distributions.
const CONFIG: &str = r#"
schemaVersion: "2.0"
variables: {each: 2, label: demo}
benchmark:
  model: ${MODEL}
  endpoint: {url: "${SERVER}", type: chat, streaming: true, extra: {temperature: "${NONE:0.5}", seed: '7'}}
  dataset:
    type: synthetic
    entries: 12
    prompts:
      isl: {peaks: [{mean: 20, stddev: 2, weight: 60}, {mean: 200, median: 150, weight: 40}]}
      osl: {points: [{value: 8}, {value: 16}]}
  warmup: {type: concurrency, requests: 2}
  profiling: {type: concurrency, concurrency: "{{ each * 2 }}", requests: 12}
  artifacts:
    dir: artifacts
    userFiles:
      - {path: meta/run.json, content: {label: "{{ label }}", concurrency: "{{ each * 2 }}", model: "{{ model }}"}}
"#;

fn configured(server: &Server, file: &Path, flags: &[&str]) -> Ended {
    let mut run = Run::of("profile");
    run.command.arg("--config").arg(file).args(flags);
    run.command.env("SERVER", server.url()).env("MODEL", "mock-model # 1");
    run.without_daemon().end()
}

#[test]
fn a_file_describes_a_run_which_can_be_repeated() {
    needs_programs!();
    let server = Server::start("");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.yaml");
    fs::write(&file, CONFIG).unwrap();
    let first = configured(&server, &file, &["--fail-on", "never"]);
    first.ended_with(0);
    let run = first.json("run.json");
    let plan = &run["plan"];
    assert_eq!(plan["endpoint"]["models"][0], "mock-model # 1", "a value, whatever it looks like");
    assert_eq!(plan["endpoint"]["extra_inputs"]["temperature"], 0.5, "a number where no key knows its type");
    assert_eq!(plan["endpoint"]["extra_inputs"]["seed"], "7", "a text that was written as one");
    assert_eq!(plan["load"]["phases"][1]["concurrency"], 4, "of an expression");
    assert_eq!(first.json("meta/run.json")["concurrency"], 4, "a file of the user's");
    let inputs = first.json("inputs.json");

    let stored = first.artifacts().join("run.json");
    let again = configured(&server, &stored, &["--artifact-dir", "artifacts", "--fail-on", "never"]);
    again.ended_with(0);
    let mut expected = run["plan"].clone();
    let mut found = again.json("run.json")["plan"].clone();
    for plan in [&mut expected, &mut found] {
        // What is of the command, not of the run.
        plan["command_line"] = "".into();
        plan["given"].as_object_mut().unwrap().remove("random-seed");
    }
    assert_eq!(found, expected, "the same plan, with the seed that was drawn");
    assert_eq!(again.json("inputs.json"), inputs, "the same requests");
}

#[test]
fn nothing_is_sent_for_a_file_that_is_wrong() {
    needs_programs!();
    let server = Server::start("");
    let folder = tempfile::tempdir().unwrap();
    for (from, to, expected) in [
        ("requests: 12", "requests: 0", "`benchmark.profiling.requests` of --config: must be at least 1"),
        ("requests: 12", "requsts: 12", "unknown field `requsts`"),
        (
            "entries: 12",
            "entrys: 12",
            "`benchmark.dataset.entrys` is not a known key; did you mean `entries`?",
        ),
        ("{{ label }}", "{{ labl }}", "`benchmark.artifacts.userFiles`"),
        ("median: 150", "median: 250", "a median of 250"),
        ("${MODEL}", "${MODLE}", "`${MODLE}` is not set in the environment"),
        ("variables:", "sweep: {a: 1}\nvariables:", "sweep: "),
    ] {
        assert!(CONFIG.contains(from), "{from}");
        let file = folder.path().join("run.yaml");
        fs::write(&file, CONFIG.replace(from, to)).unwrap();
        for flags in [&[][..], &["--dry-run"]] {
            let refused = configured(&server, &file, flags);
            refused.ended_with(2);
            assert!(refused.err.contains(expected), "{from} as {to}: {}", refused.err);
        }
    }
    assert_eq!(server.received(), 0, "nothing was sent");
}
