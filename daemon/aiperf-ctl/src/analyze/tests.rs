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
