//! `cargo xtask test-fresh`: the README's two commands where nothing is but Rust's stable toolchain.
//!
//! ```text
//! Debian 12, gcc, libc6-dev ─┐
//! this host's stable Rust ───┼─▶ a clone in a home that nobody else can enter ─▶ cargo xtask demo, cargo xtask test
//! root, or a plain user ─────┘
//! ```
//!
//! The clone is of what is committed. Everything else that the commands need they get themselves, or say that they go on without.

use super::root::{PLAIN, Root, User};
use crate::process::{self, say};
use crate::project::Project;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A command of the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wanted {
    /// `cargo xtask demo`.
    Demo,
    /// `cargo xtask test`.
    Test,
    /// `cargo install --path .`.
    Install,
}

/// Who is new to the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Newcomer {
    /// User 0.
    Root,
    /// A person without privilege.
    Plain,
}

/// Runs the commands, each as each user in a root of its own.
pub(super) fn run(project: &Project, wanted: &[Wanted], newcomers: &[Newcomer]) -> Result<()> {
    for newcomer in newcomers {
        let fresh = Fresh::make(project, *newcomer)?;
        for wanted in wanted {
            fresh.run(*wanted).with_context(|| format!("{wanted:?} as {newcomer:?}"))?;
        }
    }
    Ok(())
}

/// A system with a clone in it.
struct Fresh {
    root: Root,
    user: User,
}

impl Fresh {
    fn make(project: &Project, newcomer: Newcomer) -> Result<Self> {
        let root = Root::debian(project)?;
        share(&root, &["/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs"])?;
        root.sh(
            User::Root,
            "apt-get update -q && apt-get install -q -y --no-install-recommends gcc libc6-dev",
        )?;
        let sysroot = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
        bind(&root, Path::new(sysroot.trim()), "usr/local/rust")?;
        // What is built takes more room than memory has.
        let home = project.packages().join("fresh");
        fs::remove_dir_all(&home).ok();
        fs::create_dir_all(&home).with_context(|| format!("failed to create `{}`", home.display()))?;
        let mut clone = Command::new("git");
        process::run(
            clone.args(["clone", "-q", "--no-hardlinks"]).arg(&project.root).arg(home.join("aiperfd")),
        )?;
        bind(&root, &home, HOME)?;
        let (user, number) = match newcomer {
            Newcomer::Root => (User::Root, 0),
            Newcomer::Plain => (User::Plain(""), PLAIN),
        };
        root.sh(User::Root, &format!("chown -R {number}:{number} /{HOME} && chmod 700 /{HOME}"))?;
        Ok(Self { root, user })
    }

    fn run(&self, wanted: Wanted) -> Result<()> {
        let words = match wanted {
            Wanted::Demo => "cargo xtask demo",
            Wanted::Test => "cargo xtask test",
            Wanted::Install => "cargo install --locked --path . && aiperf-ctl --version",
        };
        say(&format!("$ {words}"));
        let mut command = self.root.command(self.user, "/bin/sh");
        let cargo = "export PATH=/usr/local/rust/bin:$HOME/.cargo/bin:$PATH; cd aiperfd";
        let timed = format!(
            "begin=$(date +%s); {words}; status=$?; echo \"took $(($(date +%s) - begin)) s\"; exit $status"
        );
        command.args(["-c", &format!("cd; {cargo}; {timed}")]).env("HOME", format!("/{HOME}"));
        command
            .envs(std::env::vars().filter(|(name, _)| NETWORK.iter().any(|start| name.starts_with(start))));
        let status = command.status().context("failed to start chroot")?;
        ensure!(status.success(), "`{words}` ended with {status}");
        Ok(())
    }
}

/// Shows files of this host that tell how the network is reached.
fn share(root: &Root, paths: &[&str]) -> Result<()> {
    paths
        .iter()
        .filter(|path| Path::new(path).exists())
        .try_for_each(|path| bind(root, Path::new(path), &path[1..]))
}

/// Mounts a file or a folder of this host.
fn bind(root: &Root, from: &Path, to: &str) -> Result<()> {
    let to = root.path().join(to);
    if from.is_dir() {
        fs::create_dir_all(&to).with_context(|| format!("failed to create `{}`", to.display()))?;
    } else if !to.exists() {
        fs::write(&to, "").with_context(|| format!("failed to create `{}`", to.display()))?;
    }
    process::output(Command::new("mount").arg("--bind").arg(from).arg(&to)).map(drop)
}

/// The newcomer's home, below the root.
const HOME: &str = "home/tester";
/// Variables that say how this host reaches package registries.
const NETWORK: &[&str] =
    &["http_proxy", "https_proxy", "no_proxy", "SSL_CERT", "PIP_", "CARGO_HTTP", "CARGO_NET"];
