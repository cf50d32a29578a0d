//! Tests the dashboard in a real terminal, tmux's: what it shows, that Ctrl-C drains, and that the terminal is usable after every
//! kind of end.

#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::server::Server;
use end_to_end::{needs_programs, patience, programs};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A response takes 400 ms.
const STEADY: &str = "--tokens 20 --gap-ms 20";
/// A response takes minutes.
const SLOW: &str = "--tokens 20000 --gap-ms 20";

/// Skips a test with a message if the programs or tmux are missing.
macro_rules! needs_tmux {
    () => {
        needs_programs!();
        if let Err(error) = Command::new("tmux").arg("-V").output() {
            return kernel_tests::skip::skip(&format!(
                "tmux is not available ({error}): `cargo xtask setup` installs it"
            ));
        }
    };
}

/// A terminal of 80×24 with a shell.
struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// An empty one.
    fn new() -> Self {
        let terminal = Self { folder: tempfile::tempdir().unwrap() };
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh"]);
        terminal.keys(&["PS1='> '; clear", "Enter"]);
        terminal
    }

    /// One in which a profile with a dashboard has sent requests.
    fn measuring(server: &Server, flags: &str) -> Self {
        let terminal = Self::new();
        let program = programs::folder().join("aiperf-ctl");
        let line = format!(
            "{} profile -m mock-model --url {} --streaming --tokenizer none --socket private --artifact-dir out {flags}; \
             echo st''atus=$?",
            program.display(),
            server.url()
        );
        terminal.keys(&[&line, "Enter"]);
        server.until_received(4);
        terminal.until_shown("in flight");
        terminal
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.folder.path().join("tmux")).args(words).current_dir(self.folder.path());
        command.env("LC_ALL", "C.UTF-8").env("XDG_STATE_HOME", self.folder.path()).env_remove("TMUX");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types.
    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    #[track_caller]
    fn until_shown(&self, text: &str) {
        patience::until(text, || self.screen().contains(text).then_some(()));
    }

    /// The process of the command, and those that it has started, by name.
    fn processes(&self) -> (Pid, Vec<(String, Pid)>) {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().parse().unwrap();
        let client = children(shell).remove(0).1;
        (client, children(client.as_raw_nonzero().get()))
    }

    /// Whether a display has the screen.
    fn is_taken(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    /// The screen is the shell's again, with a cursor, and what is typed is shown and comes by lines.
    #[track_caller]
    fn until_sane(&self) {
        patience::until("the terminal to be given back", || (!self.is_taken()).then_some(()));
        assert_eq!(self.tmux(&["display-message", "-p", "#{cursor_flag}"]).trim(), "1", "a cursor");
        // A shell that edits lines has settings of its own while it waits for one.
        let settings = self.folder.path().join("settings");
        fs::remove_file(&settings).ok();
        self.keys(&["stty -a > unfinished; mv unfinished settings", "Enter"]);
        let settings = patience::until("the terminal's settings", || fs::read_to_string(&settings).ok());
        let has = |setting: &str| settings.split_whitespace().any(|word| word == setting);
        for setting in ["isig", "icanon", "echo", "ixon", "iexten", "-noflsh"] {
            assert!(has(setting), "{setting}: {settings}");
        }
    }

    fn results(&self) -> PathBuf {
        self.folder.path().join("out")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        Command::new("tmux").arg("-S").arg(self.folder.path().join("tmux")).arg("kill-server").status().ok();
    }
}

/// The children of a process, by name.
fn children(parent: i32) -> Vec<(String, Pid)> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let pids = list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    let named = pids.filter_map(|pid| {
        let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).ok()?;
        Some((name.trim().to_owned(), pid))
    });
    named.collect()
}

#[test]
fn it_shows_the_run_and_ctrl_c_drains() {
    needs_tmux!();
    let server = Server::start(STEADY);
    let terminal = Terminal::measuring(&server, "--concurrency 4 --benchmark-duration 60");
    terminal.until_shown("Request Latency");
    assert!(terminal.is_taken(), "{}", terminal.screen());
    terminal.keys(&["4"]);
    terminal.until_shown("healthy");
    terminal.keys(&["C-s"]);
    terminal.until_shown("the screen is saved as out/dashboard-");
    terminal.keys(&["Escape"]);
    // Ctrl-Z stops it and gives the terminal back; it goes on where it was.
    terminal.keys(&["C-z"]);
    terminal.until_sane();
    terminal.keys(&["fg; echo ended''=$?", "Enter"]);
    terminal.until_shown("in flight");
    terminal.keys(&["C-c"]);
    terminal.until_shown("ended=130");
    let screen = terminal.screen();
    assert!(screen.contains("Results: out"), "{screen}");
    terminal.until_sane();
    let run = fs::read_to_string(terminal.results().join("run.json")).unwrap();
    let run = serde_json::from_str::<serde_json::Value>(&run).unwrap();
    assert_eq!(run["was_cancelled"], true, "{run}");
    let records = fs::read_to_string(terminal.results().join("profile_export.jsonl")).unwrap();
    assert_eq!(records.lines().count(), server.log().len(), "what was sent is recorded");
}

#[test]
fn the_terminal_is_given_back_when_the_daemon_or_the_client_is_killed() {
    needs_tmux!();
    let server = Server::start(SLOW);
    let terminal = Terminal::measuring(&server, "--concurrency 4 --benchmark-duration 60");
    let (client, started) = terminal.processes();
    let daemon = started.iter().find(|(name, _)| name == "aiperfd").unwrap().1;
    assert_eq!(started.len(), 2, "the daemon and the guard: {started:?}");
    kill_process(daemon, Signal::KILL).unwrap();
    // Its messages are shown in the log, and not over the screen.
    terminal.until_shown("status=");
    terminal.until_sane();
    drop((terminal, client));
    let terminal = Terminal::measuring(&Server::start(SLOW), "--concurrency 4 --benchmark-duration 60");
    let (client, started) = terminal.processes();
    kill_process(client, Signal::KILL).unwrap();
    terminal.until_sane();
    patience::until("the guard's end", || {
        started
            .iter()
            .all(|(_, pid)| !PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero())).exists())
            .then_some(())
    });
}

#[test]
fn the_third_signal_gives_the_terminal_back_at_once() {
    needs_tmux!();
    let server = Server::start(SLOW);
    let terminal = Terminal::measuring(&server, "--concurrency 4 --benchmark-duration 60");
    let (_client, started) = terminal.processes();
    let daemon = started.iter().find(|(name, _)| name == "aiperfd").unwrap().1;
    // A daemon that does nothing any more: the client waits for it, and the display goes on.
    kill_process(daemon, Signal::STOP).unwrap();
    terminal.keys(&["C-c"]);
    terminal.until_shown("^C now");
    terminal.keys(&["C-c"]);
    terminal.until_shown("^C quit");
    terminal.keys(&["C-c"]);
    terminal.until_shown("status=130");
    terminal.until_sane();
    kill_process(daemon, Signal::KILL).unwrap();
}
