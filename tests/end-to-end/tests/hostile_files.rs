//! Tests invalid, endless and oversized files, and names that lead elsewhere: each is refused at once with an error, and
//! nothing is written outside the artifact directory.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A directory with paths of every kind that is not a file, each with the expected error.
struct Odd {
    folder: TempDir,
    _listener: UnixListener,
}

impl Odd {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        mknodat(CWD, folder.path().join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        symlink("/dev/zero", folder.path().join("zeros")).unwrap();
        fs::create_dir(folder.path().join("directory")).unwrap();
        Self { folder, _listener: listener }
    }

    fn paths(&self) -> Vec<(PathBuf, &'static str)> {
        let inside = |name: &str| self.folder.path().join(name);
        vec![
            ("/dev/zero".into(), "it is a device"),
            ("/dev/urandom".into(), "it is a device"),
            ("/proc/kallsyms".into(), "a file of a kernel file system"),
            (inside("zeros"), "it is a device"),
            (inside("socket"), "it is a socket"),
            (inside("fifo"), "it is a pipe"),
            (inside("directory"), "directory"),
        ]
    }
}

/// `aiperf-ctl` with these words, limited to four gigabytes of address space.
fn bounded(words: &[&str]) -> Run {
    let mut run = Run::of("x");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 4194304; exec \"$0\" \"$@\""]).arg(run.command.get_program()).args(words);
    command.current_dir(run.folder.path()).env("XDG_STATE_HOME", run.state.path()).stdin(Stdio::null());
    run.command = command;
    run
}

fn profile(url: &str, words: &[&str]) -> Run {
    let profile =
        ["profile", "--model", "m", "--url", url, "--request-count", "3", "--artifact-dir", "artifacts"];
    bounded(&[&profile[..], words].concat()).without_daemon()
}

#[track_caller]
fn refused(ended: &Ended, word: &str, what: &str) {
    assert!(matches!(ended.status, Some(1 | 2)), "{what}: {:?} {}", ended.status, ended.err);
    assert!(ended.err.contains(word), "{what}: `{word}` in {}", ended.err);
}

#[test]
fn every_path_given_by_a_user_must_be_a_file() {
    needs_programs!();
    let (server, odd) = (Server::start(""), Odd::make());
    for (path, word) in odd.paths() {
        let path = path.to_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().to_str().unwrap();
        for link in ["tokenizer.json", "run.json", "requests.parquet"] {
            symlink(path, folder.path().join(link)).unwrap();
        }
        let mut flags = vec![
            vec!["--config", path],
            vec!["--system-prompt-file", path],
            vec!["--ca-certificate", path],
            vec!["--request-rate-series", path, "--arrival-pattern", "constant"],
            vec!["--tokenizer", given],
        ];
        if !path.ends_with("directory") {
            flags.push(vec!["--input-file", path]);
            flags.push(vec!["--input-file", path, "--custom-dataset-type", "single_turn"]);
        }
        for flags in flags {
            refused(&profile(&server.url(), &flags).end(), word, &format!("{flags:?}"));
        }
        for words in [vec!["compare", path, path], vec!["analyze-trace", path]] {
            if !path.ends_with("directory") {
                refused(&bounded(&words).end(), word, &format!("{words:?}"));
            }
        }
        let report = bounded(&["report", given]).end();
        assert!(matches!(report.status, Some(1 | 2)), "report of {path}: {:?} {}", report.status, report.err);
    }
    assert_eq!(server.received(), 0, "nothing was sent");
}

#[test]
fn media_in_rows_must_be_files() {
    needs_programs!();
    let (server, odd) = (Server::start(""), Odd::make());
    for (path, word) in odd.paths() {
        for kind in ["image", "audio", "video"] {
            let run = profile(&server.url(), &["--input-file", "rows.jsonl"]);
            let row = json!({ "text": "x", kind: path });
            fs::write(run.folder.path().join("rows.jsonl"), format!("{row}\n")).unwrap();
            refused(&run.end(), word, &format!("{kind} {}", path.display()));
        }
    }
}

#[test]
fn rows_may_be_read_from_a_pipe() {
    needs_programs!();
    let server = Server::start("");
    let mut run =
        profile(&server.url(), &["--input-file", "/dev/stdin", "--custom-dataset-type", "single_turn"]);
    let (from, mut to) = std::io::pipe().unwrap();
    run.command.stdin(from);
    let writer = std::thread::spawn(move || {
        for number in 0..3 {
            writeln!(to, "{{\"text\":\"row {number}\"}}").unwrap();
        }
    });
    let ended = run.end();
    writer.join().unwrap();
    ended.ended_with(0);
    assert_eq!(ended.records().len(), 3, "each row is sent");
}

#[test]
fn compressed_files_are_read_up_to_a_limit() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let mut bomb = GzEncoder::new(
        File::create(folder.path().join("profile_export_raw.jsonl.gz")).unwrap(),
        Compression::fast(),
    );
    let zeros = vec![b' '; 1 << 20];
    bomb.write_all(b"{\"a\":\"").unwrap();
    for _ in 0..512 {
        bomb.write_all(&zeros).unwrap();
    }
    bomb.finish().unwrap();
    let ended = bounded(&["report", folder.path().to_str().unwrap()]).end();
    refused(&ended, "line of more than 64 MiB", "one endless line");
}

/// A run with a modified description.
fn changed(change: impl FnOnce(&mut Value)) -> (TempDir, PathBuf) {
    let server = Server::start("");
    let ended = Run::profile(&server.url(), "--request-count 4").end();
    ended.ended_with(0);
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("outer/run");
    fs::create_dir_all(&run).unwrap();
    for file in ["requests.parquet", "tokens.parquet"] {
        fs::copy(ended.artifacts().join(file), run.join(file)).unwrap();
    }
    let mut own = ended.json("run.json");
    change(&mut own);
    fs::write(run.join("run.json"), own.to_string()).unwrap();
    (folder, run)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect::<Vec<_>>();
    names.sort();
    names
}

#[test]
fn a_name_in_a_stored_run_is_never_a_path() {
    needs_programs!();
    for prefix in ["../escape", "/tmp/aiperf-escape", "sub/dir", "..", "-rf", "a\u{0}b", "a\u{1b}[2Jb", "run"]
    {
        let (folder, run) = changed(|own| own["plan"]["output"]["export_prefix"] = prefix.into());
        let to = folder.path().join("outer/to");
        for words in [
            vec!["report", run.to_str().unwrap(), "--artifact-dir", to.to_str().unwrap()],
            vec!["compare", run.to_str().unwrap(), run.to_str().unwrap()],
        ] {
            let ended = bounded(&words).end();
            assert!(matches!(ended.status, Some(1 | 2)), "{prefix:?}: {words:?} {}", ended.err);
            assert!(ended.err.contains("export prefix"), "{prefix:?}: {}", ended.err);
            assert!(!ended.err.contains('\u{1b}'), "{prefix:?}: {:?}", ended.err);
        }
        assert_eq!(names(folder.path()), ["outer"], "{prefix:?}: nothing outside");
        assert!(!Path::new("/tmp/aiperf-escape.json").exists(), "nor elsewhere");
    }
}

#[test]
fn a_prefix_that_is_a_path_is_refused_before_any_request() {
    needs_programs!();
    let server = Server::start("");
    for prefix in ["../escape", "/tmp/x", "sub/dir/x", "outputs", "inputs.json", "run"] {
        let ended = profile(&server.url(), &["--profile-export-prefix", prefix]).end();
        ended.ended_with(2);
        assert!(ended.err.contains("--profile-export-prefix"), "{prefix}: {}", ended.err);
        assert_eq!(ended.left_behind(), Vec::<String>::new(), "{prefix}: nothing is created");
    }
    assert_eq!(server.received(), 0, "nothing was sent");
}

#[test]
fn links_in_the_artifact_directory_are_replaced_and_not_followed() {
    needs_programs!();
    let server = Server::start("");
    let run = Run::profile(&server.url(), "--request-count 4 --export-level raw --slice-duration 1");
    let artifacts = run.folder.path().join("artifacts");
    fs::create_dir(&artifacts).unwrap();
    let victim = tempfile::NamedTempFile::new().unwrap();
    fs::write(victim.path(), "kept").unwrap();
    let files = [
        "run.json",
        "inputs.json",
        "requests.parquet",
        "tokens.parquet",
        "responses.parquet",
        "profile_export.jsonl",
        "profile_export_raw.jsonl",
        "profile_export_aiperf.json",
        "profile_export_aiperf.csv",
        "profile_export_console.txt",
        "profile_export_aiperf_timeslices.json",
        "profile_export_aiperf_timeslices.csv",
        "profile_export_slices.csv",
    ];
    for file in files {
        symlink(victim.path(), artifacts.join(file)).unwrap();
        symlink(victim.path(), artifacts.join(format!("{file}.tmp"))).unwrap();
    }
    let ended = run.end();
    ended.ended_with(0);
    assert_eq!(fs::read_to_string(victim.path()).unwrap(), "kept", "the target of the links");
    for file in files {
        let found = ended.artifacts().join(file).symlink_metadata().unwrap();
        assert!(found.is_file() && found.len() > 0, "{file} is a regular file");
    }
}
