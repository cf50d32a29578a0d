//! The client as a user runs it, and its results: an exit status, output, files.

use crate::daemon::Daemon;
use crate::{patience, programs};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A command of `aiperf-ctl` to run, in a separate working directory.
#[derive(Debug)]
pub struct Run {
    /// The command; arguments and environment may be added.
    pub command: Command,
    /// Its working directory.
    pub folder: TempDir,
    /// Where its private daemons store their runs.
    pub state: TempDir,
    /// The control socket that is passed to it.
    socket: Option<PathBuf>,
    /// The directory of the programs, if not where they were built.
    programs: Option<TempDir>,
}

/// A running command of `aiperf-ctl`.
#[derive(Debug)]
pub struct Running {
    process: Child,
    folder: TempDir,
    state: TempDir,
    /// Kept while it runs.
    _programs: Option<TempDir>,
}

/// A command of `aiperf-ctl` that has exited.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; `None` when it was killed.
    pub status: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
    folder: TempDir,
    /// Where its private daemons stored their runs.
    pub state: TempDir,
}

impl Run {
    /// A command of `aiperf-ctl`.
    #[must_use]
    pub fn of(subcommand: &str) -> Self {
        let mut command = Command::new(programs::folder().join("aiperf-ctl"));
        command.arg(subcommand);
        Self::by(command)
    }

    /// A command of `aiperf-ctl` run by another user, who may write to its working directory and execute the programs wherever
    /// they were built.
    #[must_use]
    pub fn of_user(user: u32, subcommand: &str) -> Self {
        let programs = programs::for_all_users();
        let mut command = Command::new(programs.path().join("aiperf-ctl"));
        command.arg(subcommand).uid(user).gid(user);
        let run = Self { programs: Some(programs), ..Self::by(command) };
        fs::set_permissions(run.folder.path(), Permissions::from_mode(0o777)).unwrap();
        run
    }

    /// Any other command.
    #[must_use]
    pub fn by(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = tempfile::tempdir().unwrap();
        command.current_dir(folder.path()).env_remove("AIPERF_API_KEY").stdin(Stdio::null());
        command.env("XDG_STATE_HOME", state.path());
        Self { command, folder, state, socket: None, programs: None }
    }

    /// `aiperf-ctl profile` against a server at this URL: streaming, few short prompts, a private daemon.
    #[must_use]
    pub fn profile(url: &str, flags: &str) -> Self {
        let mut run = Self::of("profile");
        run.command
            .args(["--model", "mock-model", "--url", url])
            .args(common(flags))
            .args(flags.split_whitespace());
        run.without_daemon()
    }

    /// Like [`Run::profile`], without `--streaming`.
    #[must_use]
    pub fn plain_profile(url: &str, flags: &str) -> Self {
        let mut run = Self::of("profile");
        let common = common(flags).filter(|flag| *flag != "--streaming");
        run.command.args(["--model", "mock-model", "--url", url]).args(common).args(flags.split_whitespace());
        run.without_daemon()
    }

    /// Uses a private daemon, even if a shared one is running on this machine.
    #[must_use]
    pub fn without_daemon(mut self) -> Self {
        self.socket = Some("private".into());
        self
    }

    /// Uses this daemon.
    #[must_use]
    pub fn with(mut self, daemon: &Daemon) -> Self {
        self.socket = Some(daemon.socket.clone());
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Running {
        if let Some(socket) = &self.socket {
            self.command.arg("--socket").arg(socket);
        }
        let output = |name: &str| File::create(self.folder.path().join(name)).unwrap();
        self.command.stdout(output(OUT)).stderr(output(ERR));
        let process = self.command.spawn().unwrap();
        Running { process, folder: self.folder, state: self.state, _programs: self.programs }
    }

    /// Runs it to its end.
    #[must_use]
    pub fn end(self) -> Ended {
        self.start().end()
    }
}

impl Running {
    /// Sends it a signal.
    pub fn signal(&self, to_send: Signal) {
        signal(&self.process, to_send);
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where its private daemons store their runs.
    #[must_use]
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// Its standard output so far.
    #[must_use]
    pub fn out(&self) -> String {
        fs::read_to_string(self.folder.path().join(OUT)).unwrap()
    }

    /// Its standard error so far.
    #[must_use]
    pub fn err(&self) -> String {
        fs::read_to_string(self.folder.path().join(ERR)).unwrap()
    }

    /// Waits for its end.
    #[must_use]
    pub fn end(mut self) -> Ended {
        let status = patience::end_of(&mut self.process).and_then(|status| status.code());
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap();
        let (out, err) = (read(OUT), read(ERR));
        let taken = |folder: &mut TempDir| std::mem::replace(folder, tempfile::tempdir().unwrap());
        let (folder, state) = (taken(&mut self.folder), taken(&mut self.state));
        Ended { status, out, err, folder, state }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Ended {
    /// The artifact directory.
    #[must_use]
    pub fn artifacts(&self) -> PathBuf {
        self.folder.path().join(ARTIFACTS)
    }

    /// Everything in the working directory except the two files with its output.
    #[must_use]
    pub fn left_behind(&self) -> Vec<String> {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let inner = names(&self.artifacts()).into_iter().map(|name| format!("{ARTIFACTS}/{name}"));
        let outer = names(self.folder.path()).into_iter();
        outer.filter(|name| ![OUT, ERR, ARTIFACTS].contains(&name.as_str())).chain(inner).collect()
    }

    /// What its private daemons left behind.
    #[must_use]
    pub fn kept(&self) -> Vec<String> {
        kept_in(self.state.path())
    }

    /// A JSON file of the artifact directory.
    #[must_use]
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A JSONL file of the artifact directory.
    #[must_use]
    pub fn lines(&self, name: &str) -> Vec<Value> {
        let text = self.read(name);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The record of each request.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.lines("profile_export.jsonl")
    }

    /// Checks its exit status; on failure, shows its output.
    ///
    /// # Panics
    /// When the status differs.
    #[track_caller]
    pub fn ended_with(&self, status: i32) -> &Self {
        assert_eq!(self.status, Some(status), "exit status\n--- out\n{}\n--- err\n{}", self.out, self.err);
        self
    }

    /// A file of the artifact directory.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        let path = self.artifacts().join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.err))
    }
}

/// What private daemons left in a state directory.
#[must_use]
pub fn kept_in(state: &Path) -> Vec<String> {
    let entries = fs::read_dir(state.join("aiperfd/private")).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

pub(crate) fn signal(process: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Flags of a profile together with these: for requests without text, its length is not set.
fn common(flags: &str) -> impl Iterator<Item = &'static str> {
    let is_text = !["image_retrieval", "audio_transcription"].iter().any(|endpoint| flags.contains(endpoint));
    PROFILE.into_iter().filter(move |flag| is_text || !["--isl", "16"].contains(flag))
}

/// Flags of every profile in these tests.
const PROFILE: [&str; 11] = [
    "--streaming",
    "--isl",
    "16",
    "--num-dataset-entries",
    "2",
    "--random-seed",
    "1",
    "--ui",
    "none",
    "--artifact-dir",
    ARTIFACTS,
];
const ARTIFACTS: &str = "artifacts";
const OUT: &str = "out.txt";
const ERR: &str = "err.txt";
