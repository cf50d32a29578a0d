//! Tests the command `aiperf` (scripts of AIPerf's users run unchanged, and an installed AIPerf is never shadowed silently) and
//! completions.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::server::Server;
use end_to_end::{needs_programs, programs};
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A home directory with a directory for programs.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.bin()).unwrap();
        home
    }

    fn bin(&self) -> PathBuf {
        self.0.path().join("bin")
    }

    /// Creates another program of this name in a separate directory; returns the directory.
    fn other(&self, name: &str) -> PathBuf {
        let folder = self.0.path().join("venv");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, "#!/bin/sh\necho AIPerf\n").unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        folder
    }

    /// Runs a program with these directories on PATH, before those of the system.
    fn run(&self, program: &Path, arguments: &str, path: &[&Path]) -> Ended {
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace());
        let folders =
            path.iter().map(|folder| folder.to_path_buf()).chain(["/usr/bin".into(), "/bin".into()]);
        command.env("PATH", env::join_paths(folders).unwrap()).env("HOME", self.0.path());
        for name in ["ZSH", "ZSH_CUSTOM", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "BASH_COMPLETION_USER_DIR"] {
            command.env_remove(name);
        }
        Run::by(command).end()
    }

    /// `aiperf-ctl install-alias --dir bin`.
    fn install(&self, flags: &str, path: &[&Path]) -> Ended {
        let bin = self.bin();
        self.run(&client(), &format!("install-alias --dir {} {flags}", bin.display()), path)
    }
}

fn client() -> PathBuf {
    programs::folder().join("aiperf-ctl")
}

#[test]
fn scripts_of_aiperf_run_unchanged() {
    needs_programs!();
    let home = Home::new();
    home.install("", &[&home.bin()]).ended_with(0);
    let again = home.install("", &[&home.bin()]);
    assert!(
        again.ended_with(0).out.contains("already exists"),
        "installing twice has no effect: {}",
        again.out
    );
    let server = Server::start("");
    let script = format!(
        "aiperf profile --model mock-model --url {} --streaming --request-count 4 --isl 16 --ui none",
        server.url()
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .env("PATH", env::join_paths([home.bin(), "/usr/bin".into(), "/bin".into()]).unwrap());
    let ended = Run::by(shell).end();
    ended.ended_with(0);
    assert_eq!(server.received(), 4, "the requests arrived");
    home.install("--remove", &[&home.bin()]).ended_with(0);
    assert!(!home.bin().join("aiperf").exists(), "it is gone");
    home.install("--remove", &[&home.bin()]).ended_with(0);
}

#[test]
fn messages_name_what_the_user_typed() {
    needs_programs!();
    let home = Home::new();
    home.install("", &[&home.bin()]).ended_with(0);
    let aiperf = home.bin().join("aiperf");
    let run = |arguments: &str| home.run(&aiperf, arguments, &[&home.bin()]);
    assert!(run("--version").out.starts_with("aiperf 0."), "the version");
    let help = run("profile --help").out;
    assert!(
        help.contains("Usage: aiperf profile") && help.contains("\n  aiperf profile --model m"),
        "{help}"
    );
    let unknown = run("runs show x");
    assert!(unknown.err.contains("`aiperf runs list`"), "{}", unknown.err);
    for (name, instead) in [("kube", "pod"), ("service", "aiperfd")] {
        let refused = run(&format!("{name} --flag x"));
        refused.ended_with(2);
        let expected = format!("`{name}` is a command of NVIDIA AIPerf that is not supported");
        assert!(refused.err.contains(&expected) && refused.err.contains(instead), "{name}: {}", refused.err);
    }
}

#[test]
fn an_installed_aiperf_is_never_shadowed_silently() {
    needs_programs!();
    let home = Home::new();
    let theirs = home.other("aiperf");
    for path in [[home.bin(), theirs.clone()], [theirs.clone(), home.bin()]] {
        let refused = home.install("", &[&path[0], &path[1]]);
        refused.ended_with(2);
        assert!(
            refused.err.contains(&format!("`{}`", theirs.join("aiperf").display())),
            "which: {}",
            refused.err
        );
        assert!(!home.bin().join("aiperf").exists(), "nothing was made");
        let forced = home.install("--force", &[&path[0], &path[1]]);
        forced.ended_with(0);
        let wins = format!("a shell starts `{}`", path[0].join("aiperf").display());
        assert!(forced.err.contains(&wins), "who wins, {wins}: {}", forced.err);
        home.install("--remove", &[&path[0], &path[1]]).ended_with(0);
    }
}

#[test]
fn foreign_files_are_never_replaced_or_removed() {
    needs_programs!();
    let home = Home::new();
    let file = home.bin().join("aiperf");
    fs::write(&file, "theirs").unwrap();
    for (flags, status) in [("", 2), ("--force", 2), ("--remove", 1)] {
        let ended = home.install(flags, &[]);
        assert!(ended.ended_with(status).err.contains("was not created by"), "{flags}: {}", ended.err);
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs", "untouched by {flags}");
    }
}

#[test]
fn a_directory_that_is_not_on_path_is_reported() {
    needs_programs!();
    let home = Home::new();
    let ended = home.install("", &[]);
    assert!(ended.ended_with(0).err.contains("is not on PATH"), "{}", ended.err);
}

#[test]
fn a_read_only_directory_is_skipped_for_the_users_own() {
    needs_programs!();
    let home = Home::new();
    let closed = home.0.path().join("closed");
    fs::create_dir(&closed).unwrap();
    let program = closed.join("aiperf-ctl");
    fs::hard_link(client(), &program).or_else(|_| fs::copy(client(), &program).map(|_| ())).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    if rustix::process::geteuid().is_root() {
        // Root can write to every directory.
        chown(home.0.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        let user = format!("--reuid {NOBODY} --regid {NOBODY} --clear-groups --inh-caps=-all");
        let line = format!("{user} {} install-alias", program.display());
        home.run(Path::new("setpriv"), &line, &[&closed]).ended_with(0);
    } else {
        home.run(&program, "install-alias", &[&closed]).ended_with(0);
    }
    assert!(home.0.path().join(".local/bin/aiperf").exists(), "in the user's own folder");
}

#[test]
fn completions_are_installed_where_shells_find_them() {
    needs_programs!();
    let home = Home::new();
    for (flags, file) in [
        ("bash", ".local/share/bash-completion/completions/aiperf-ctl"),
        ("--shell zsh", ".zsh/completions/_aiperf-ctl"),
        ("fish", ".config/fish/completions/aiperf-ctl.fish"),
    ] {
        let path = home.0.path().join(file);
        let ended = home.run(&client(), &format!("--install-completion {flags}"), &[]);
        assert!(ended.ended_with(0).out.contains(&path.display().to_string()), "where: {}", ended.out);
        let script = fs::read_to_string(&path).unwrap();
        let shown = home.run(&client(), &format!("--show-completion {flags}"), &[]);
        assert_eq!(shown.ended_with(0).out, script, "what is shown is what is installed");
        let again = home.run(&client(), &format!("--install-completion {flags}"), &[]);
        assert!(again.ended_with(0).out.contains("already"), "installing twice has no effect: {}", again.out);
    }
}

#[test]
fn bash_completes_flags_of_a_subcommand() {
    needs_programs!();
    let home = Home::new();
    let path = home.0.path().join("script");
    home.run(&client(), &format!("--install-completion bash --output {}", path.display()), &[]).ended_with(0);
    let script = fs::read_to_string(&path).unwrap();
    let function = script.split("complete -F ").nth(1).unwrap().split(' ').next().unwrap();
    let words = "COMP_WORDS=(aiperf-ctl profile --request-ra); COMP_CWORD=2";
    let call = format!("{function} aiperf-ctl --request-ra profile");
    let script = format!(". {} && {words} && {call} && echo \"${{COMPREPLY[*]}}\"", path.display());
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &script]);
    let ended = Run::by(bash).end();
    assert!(ended.ended_with(0).out.contains("--request-rate"), "{} {}", ended.out, ended.err);
}

const NOBODY: u32 = 65534;
