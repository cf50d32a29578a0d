//! Analyses of runs, from files to files.

use crate::FAILED;
use crate::args::{Command, Unparsed, parse};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use store::source;
use tempfile::TempDir;

/// A copy of a run of AIPerf.
fn golden(name: &str) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/aiperf-0.13.0").join(name);
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    directory
}

/// What `analyze` returns, or why it is refused.
fn analyze(words: &[&str], runs: &[&Path]) -> Result<u8, String> {
    let words = ["aiperf-ctl", "analyze"].iter().chain(words).map(OsString::from);
    let words = words.chain(runs.iter().map(|run| run.as_os_str().to_owned())).collect::<Vec<_>>();
    let args = parse(&words).map_err(|error| match error {
        Unparsed::Clap(error) => error.to_string(),
        Unparsed::Refused(why) => why,
    })?;
    match args.command {
        Command::Analyze(args) => super::run(&args).map_err(|error| format!("{error:#}")),
        _ => Err("another command".to_owned()),
    }
}

fn text(path: impl AsRef<Path>) -> String {
    source::read_text(path.as_ref(), 1 << 26).unwrap()
}

#[test]
fn a_run_of_aiperf_is_drawn_by_lane() {
    let run = golden("chat-goodput-slices");
    let svg = run.path().join("lanes.svg");
    let words = ["swim-lane", "--html", "-c", "3", "--ramp", "1.5", "--out", svg.to_str().unwrap()];
    assert_eq!(analyze(&words, &[run.path()]), Ok(0), "drawn");
    let (svg, page) = (text(&svg), text(run.path().join("lanes.html")));
    for part in
        ["target 3", "ramp ends (1.5 s)", "benchmark ends", "5 requests of the warm-up", "80 sessions"]
    {
        assert!(svg.contains(part) && page.contains(part), "{part}");
    }
    assert!(page.contains("default-src 'none'") && !page.contains("<script"), "its policy");
    assert!(!page.replace("http://www.w3.org/2000/svg", "").contains("://"), "no network");
    assert_eq!(analyze(&words, &[run.path()]), Ok(0), "drawn again");
    assert_eq!(page, text(run.path().join("lanes.html")), "the same bytes");
}

#[test]
fn each_run_has_its_own_picture_and_others_are_skipped() {
    let (one, other) = (golden("chat-streaming"), golden("chat-nonstreaming"));
    let nothing = tempfile::tempdir().unwrap();
    let status = analyze(&["swim-lane"], &[one.path(), nothing.path(), other.path()]);
    assert_eq!(status, Ok(FAILED), "one of three");
    for run in [&one, &other] {
        let bytes = source::read(&run.path().join("swim_lane.png"), 1 << 26).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"), "a picture");
        assert!(!run.path().join("swim_lane.html").exists(), "not asked for");
    }
    assert_eq!(fs::read_dir(nothing.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn bad_input_is_refused_before_anything_is_written() {
    let run = golden("chat-streaming");
    let check = |words: &[&str], runs: &[&Path], expected: &str| {
        let why = analyze(words, runs).unwrap_err();
        assert!(why.contains(expected), "{why}");
    };
    check(&["swim-lane", "--out", "x.png"], &[run.path(), run.path()], "--out names one file");
    check(&["swim-lane", "--out", "x.pdf"], &[run.path()], "neither .png nor .svg");
    check(&["swim-lane", "--ramp=-1"], &[run.path()], "0 or greater");
    check(&["swim-lane", "-c", "0"], &[run.path()], "0 is not in");
    check(&["swim-lane"], &[], "required");
    check(&["swim-lane"], &[&run.path().join("none")], "is not a directory");
    assert!(!run.path().join("swim_lane.png").exists(), "nothing is written");
}

/// A line of a raw export of chat: a session's turn with these messages, and its answer.
fn raw_line(session: &str, turn: u64, messages: &[(&str, &str)], answer: &str, more: &str) -> String {
    let messages = messages.iter().map(|(role, text)| serde_json::json!({"role": role, "content": text}));
    let data =
        serde_json::json!({"object": "chat.completion.chunk", "choices": [{"delta": {"content": answer}}]});
    let mut line = serde_json::json!({
        "metadata": {"x_correlation_id": session, "conversation_id": format!("of {session}"), "turn_index": turn,
            "request_start_ns": 1_000_000_000 * (turn + 1), "request_end_ns": 1_000_000_000 * (turn + 2)},
        "payload": {"messages": messages.collect::<Vec<_>>(), "model": "m", "max_tokens": 7},
        "status": 200,
        "responses": [{"perf_ns": 1, "packets": [{"name": "data", "value": data.to_string()}]}],
    });
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(more) {
        line["metadata"].as_object_mut().unwrap().extend(fields);
    }
    format!("{line}\n")
}

fn raw_run(lines: &[String]) -> TempDir {
    let run = tempfile::tempdir().unwrap();
    fs::write(run.path().join("profile_export_raw.jsonl"), lines.concat()).unwrap();
    run
}

#[test]
fn messages_of_turns_are_shown_once() {
    let run = raw_run(&[
        raw_line(
            "a",
            1,
            &[("system", "be brief"), ("user", "one"), ("assistant", "first"), ("user", "two")],
            "second",
            "",
        ),
        "no request\n".to_owned(),
        raw_line("a", 0, &[("system", "be brief"), ("user", "one")], "first", ""),
        raw_line(
            "b",
            0,
            &[("user", "<img src=x>\nline 2")],
            "0123456789",
            r#"{"agent_depth": 1, "parent_correlation_id": "a"}"#,
        ),
        raw_line("c", 0, &[("user", "late")], "x", r#"{"request_start_ns": 9000000000000}"#),
    ]);
    let page = |words: &[&str]| {
        let words = [&["turn-messages"], words].concat();
        assert_eq!(analyze(&words, &[run.path()]), Ok(0), "written");
        text(run.path().join("turn_messages.html"))
    };
    let all = page(&[]);
    let count = |page: &str, part: &str| page.matches(part).count();
    for once in
        ["be brief", ">first<", ">second<", "3 messages as before", ">late<", "started by of a, depth 1"]
    {
        assert_eq!(count(&all, once), 1, "{once}: {all}");
    }
    assert!(all.contains("&lt;img src=x&gt;\nline 2") && !all.contains("<img"), "foreign markup is text");
    assert!(all.contains("1 lines are no requests and are left out, the first in line 2 of"), "{all}");
    assert!(
        all.contains("default-src 'none'") && !all.contains("<script") && !all.contains("://"),
        "its policy"
    );
    let place = |part: &str| all.find(part).unwrap();
    assert!(
        place("of a ") < place("of c ") && place("of c ") < place("of b "),
        "roots first, then by their begin"
    );
    assert_eq!(all, page(&[]), "the same bytes");
    let few = page(&["-n", "1", "--max-turns", "1", "--content-cap", "3"]);
    for part in
        ["1 further turns are hidden", "2 further sessions are hidden", "5 further characters are hidden"]
    {
        assert!(few.contains(part), "{part}: {few}");
    }
    assert!(!few.contains("two") && !few.contains(">late<"), "hidden");
}

#[test]
fn a_raw_export_of_aiperf_has_its_messages() {
    let run = golden("chat-streaming");
    assert_eq!(analyze(&["turn-messages", "-n", "2"], &[run.path()]), Ok(0), "of a compressed file");
    let page = text(run.path().join("turn_messages.html"));
    assert_eq!(page.matches("class=\"conversation\"").count(), 2, "two of them");
    assert!(page.contains("<h4>user</h4>") && page.contains("<h4>answer</h4>"), "what was sent and received");
    fs::remove_file(run.path().join("profile_export_raw.jsonl.gz")).unwrap();
    let why = analyze(&["turn-messages"], &[run.path()]).unwrap_err();
    assert!(why.contains("measure with --export-level raw"), "{why}");
}
