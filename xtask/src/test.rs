//! `cargo xtask test`: every test there is, from nothing.
//!
//! Tests that need root, a kernel feature or a tool print `skipped: REASON` where these are missing, and the end lists how many
//! were skipped; with `CI=true` in the environment they fail instead.
//!
//! ```text
//! cargo test --no-run ──▶ test programs, those that take long first ──▶ two at a time ──▶ one at a time ──▶ cargo test --doc
//! ```
//!
//! Many tests of whole runs wait: for a server, for a timeout, for a process to be started again. Two programs at a time fill
//! the cores, where cargo runs one after the other; those that search for a server's limit run alone, as a client that has to
//! share its core says nothing of the server. What a program prints stands together.

use crate::clock;
use crate::process;
use crate::project::Project;
use crate::say::say;
use crate::setup;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    let missing = setup::install_for_tests(project);
    let skipped = project.target.join("skipped-tests");
    fs::write(&skipped, "").with_context(|| format!("failed to write `{}`", skipped.display()))?;
    let programs = compile(project)?.into_iter().map(by_module).collect::<Result<Vec<_>>>()?.concat();
    let (alone, others) = programs.into_iter().partition(|program| program.is_one_of(ALONE));
    let mut failed = run_all(longest_first(others), AT_A_TIME, &skipped);
    failed.extend(run_all(alone, 1, &skipped));
    if !failed.is_empty() {
        bail!("these test programs failed: {}", failed.join(", "));
    }
    process::run(project.cargo().args(["test", "--workspace", "--doc"]).env("AIPERFD_SKIPPED", &skipped))?;
    let reasons = fs::read_to_string(&skipped).unwrap_or_default();
    say(&format!("\nevery test passed{}", left_out(&reasons, &missing)));
    Ok(())
}

/// A compiled program of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TestProgram {
    /// Its package's folder, in which cargo runs tests, and its own name: `tests/end-to-end mlflow`.
    name: String,
    path: PathBuf,
    folder: PathBuf,
    /// The tests to run; all without any.
    tests: Vec<String>,
}

impl TestProgram {
    fn is_one_of(&self, names: &[&str]) -> bool {
        self.name.rsplit_once(' ').is_some_and(|(_, name)| names.contains(&name))
    }
}

/// Of cargo's messages (`cargo help test`, `--message-format json`), what describes test programs.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<CompiledAs>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct CompiledAs {
    test: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Compiles all tests, and the programs that they start.
fn compile(project: &Project) -> Result<Vec<TestProgram>> {
    let mut command = project.cargo();
    command.args(["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"]);
    say("+ cargo test --workspace --no-run");
    let output = command.stderr(Stdio::inherit()).output().context("failed to start cargo")?;
    if !output.status.success() {
        bail!("the tests do not compile");
    }
    let programs = programs(&project.root, &String::from_utf8_lossy(&output.stdout))?;
    if programs.is_empty() {
        bail!("cargo names no program of tests");
    }
    Ok(programs)
}

fn programs(root: &Path, messages: &str) -> Result<Vec<TestProgram>> {
    let mut programs = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line)
            .with_context(|| format!("cargo printed something unexpected: {line}"))?;
        let Message { executable: Some(path), manifest_path: Some(manifest), profile, target } = message
        else {
            continue;
        };
        let (Some(CompiledAs { test: true }), Some(target), Some(folder)) =
            (profile, target, manifest.parent())
        else {
            continue;
        };
        let package = folder.strip_prefix(root).unwrap_or(folder).display();
        programs.push(TestProgram {
            name: format!("{package} {}", target.name).trim_start().to_owned(),
            path,
            folder: folder.to_owned(),
            tests: Vec::new(),
        });
    }
    Ok(programs)
}

/// A program of many modules as one program for each.
fn by_module(program: TestProgram) -> Result<Vec<TestProgram>> {
    if !program.is_one_of(&[END_TO_END]) {
        return Ok(vec![program]);
    }
    let listed = process::output(Command::new(&program.path).args(["--list", "--format", "terse"]));
    let listed = listed.with_context(|| format!("`{}` does not list its tests", program.name))?;
    let mut modules = BTreeMap::<&str, Vec<String>>::new();
    for test in listed.lines().filter_map(|line| line.strip_suffix(": test")) {
        let module = test.split_once("::").map_or("", |(module, _)| module);
        modules.entry(module).or_default().push(test.to_owned());
    }
    let package = program.name.trim_end_matches(END_TO_END);
    let of = |(module, tests)| TestProgram { name: format!("{package}{module}"), tests, ..program.clone() };
    Ok(modules.into_iter().map(of).collect())
}

/// Long programs start first, so that none is left for the end.
fn longest_first(mut programs: Vec<TestProgram>) -> Vec<TestProgram> {
    let place = |program: &TestProgram| {
        LONG.iter().position(|long| program.name.ends_with(&format!(" {long}"))).unwrap_or(LONG.len())
    };
    programs.sort_by_key(place);
    programs
}

/// Runs all of them; the names of those that failed.
fn run_all(programs: Vec<TestProgram>, at_a_time: usize, skipped: &Path) -> Vec<String> {
    let (waiting, failed) = (Mutex::new(VecDeque::from(programs)), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(program) = next() {
                    if !passes(&program, skipped) {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(program.name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn passes(program: &TestProgram, skipped: &Path) -> bool {
    let begun = clock::mono_ns();
    let mut command = Command::new(&program.path);
    command.current_dir(&program.folder).env("AIPERFD_SKIPPED", skipped);
    if !program.tests.is_empty() {
        command.arg("--exact").args(&program.tests);
    }
    let result = printed(&mut command);
    let seconds = clock::seconds_since(begun);
    let (passed, text) = match result {
        Ok((status, text)) => (status.success(), format!("{text}\n     {status}")),
        Err(error) => (false, format!("     {error:#}")),
    };
    say(&format!("\n     Ran {} in {seconds:.0} s\n{}", program.name, text.trim_end()));
    passed
}

/// Runs a program to its end; what it printed to both of its outputs, in order. It goes by a file: a pipe would be waited for as
/// long as a process that the program left behind has it open.
fn printed(command: &mut Command) -> Result<(ExitStatus, String)> {
    let file = rustix::fs::memfd_create("printed", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = fs::File::from(file);
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file.try_clone()?);
    let status = command.status().context("failed to start it")?;
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

/// As many as this repository's servers of tests and load generators share two cores with.
const AT_A_TIME: usize = 2;
/// Those that take more than ten seconds, the longest first.
const LONG: &[&str] = &[
    "mlflow",
    "kills",
    "plugins",
    "bounded_server",
    "otel",
    "media",
    "command_lines",
    "full_disk",
    "tokenizer",
];
/// The program whose modules are run one by one.
const END_TO_END: &str = "end-to-end";
/// Those whose load must be the only one.
const ALONE: &[&str] = &["searches", "sweeps", "adaptive_scale"];

/// What the tests could not show here.
fn left_out(reasons: &str, missing: &[String]) -> String {
    let mut counts = BTreeMap::<&str, u32>::new();
    for reason in reasons.lines() {
        *counts.entry(reason).or_default() += 1;
    }
    let mut text = match reasons.lines().count() {
        0 => ", and none was left out".to_owned(),
        some => format!("; {some} were left out:"),
    };
    for (reason, count) in counts {
        text.push_str(&format!("\n  {count} times: {reason}"));
    }
    if !missing.is_empty() {
        text.push_str(&format!("\nnot installed: {}", missing.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_tests_are_those_that_cargo_names() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/p/a/Cargo.toml","target":{"name":"a"},"profile":{"test":true},"executable":"/t/a-1"}
{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","target":{"name":"tool"},"profile":{"test":false},"executable":"/t/tool"}
{"reason":"compiler-artifact","manifest_path":"/p/a/Cargo.toml","target":{"name":"mlflow"},"profile":{"test":true},"executable":"/t/mlflow-1"}
{"reason":"compiler-artifact","manifest_path":"/r/x/Cargo.toml","target":{"name":"x"},"profile":{"test":false},"executable":null}
{"reason":"build-finished","success":true}"#;
        let found = longest_first(programs(Path::new("/p"), messages).unwrap());
        let names = found.iter().map(|program| (program.name.as_str(), program.folder.as_path()));
        let expected = [("a mlflow", Path::new("/p/a")), ("a a", Path::new("/p/a"))];
        assert_eq!(names.collect::<Vec<_>>(), expected, "no other program, and the long one first");
        assert!(programs(Path::new("/p"), "{").is_err(), "a message that is none");
    }

    #[test]
    fn a_program_that_fails_is_named_and_the_others_run() {
        let skipped = tempfile::NamedTempFile::new().unwrap();
        let program = |name: &str, path: &str| TestProgram {
            name: name.to_owned(),
            path: path.into(),
            folder: "/".into(),
            tests: Vec::new(),
        };
        let programs =
            vec![program("well", "true"), program("ill", "false"), program("gone", "/nonexistent")];
        let mut failed = run_all(programs, 2, skipped.path());
        failed.sort();
        assert_eq!(failed, ["gone", "ill"], "one that failed, one that could not be started");
        let mut both = Command::new("sh");
        let (status, text) = printed(both.args(["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert_eq!((status.code(), text.as_str()), (Some(3), "out\nerr\n"), "both outputs, in order");
    }

    #[test]
    fn what_is_left_out_is_listed() {
        assert_eq!(left_out("", &[]), ", and none was left out", "all there");
        let text = left_out("no root\nno nginx\nno root\n", &["nginx".to_owned()]);
        let expected = "; 3 were left out:\n  1 times: no nginx\n  2 times: no root\nnot installed: nginx";
        assert_eq!(text, expected, "each reason once");
    }
}
