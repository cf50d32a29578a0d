//! `cargo xtask dist --test`: the packages installed, used, upgraded and removed, by the commands of docs/INSTALL.md.
//!
//! ```text
//! unshare ─▶ this program again, with mounts of its own that end with it
//!              root.rs    a Debian made once by mmdebstrap, unpacked into memory for each trial
//!              fresh.rs: no package, but a clone and the README's commands
//!              deb.rs  tarball.rs  wheel.rs  image.rs ─▶ server.rs: the scripted server that they measure
//! ```

mod deb;
pub(crate) mod fresh;
mod image;
mod measured;
mod root;
mod server;
mod tarball;
mod wheel;

use crate::page;
use crate::process::{self, say};
use crate::project::Project;
use anyhow::{Context, Result, bail};
use server::Server;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Package {
    /// The Debian package.
    Deb,
    /// The tarball.
    Tarball,
    /// The wheel.
    Wheel,
    /// The container image.
    Image,
}

/// What the wheel is tried beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing.
    Nothing,
    /// NVIDIA AIPerf.
    Aiperf,
}

/// What every trial has.
struct Trial<'a> {
    project: &'a Project,
    /// The packages.
    out: &'a Path,
    /// Commands of docs/INSTALL.md by the name of their block.
    commands: BTreeMap<String, Vec<String>>,
    server: Server,
}

impl From<bool> for Beside {
    fn from(is_aiperf: bool) -> Self {
        if is_aiperf { Self::Aiperf } else { Self::Nothing }
    }
}

/// Runs every trial, or only one.
pub(crate) fn run(project: &Project, out: &Path, only: Option<Package>, beside: Beside) -> Result<()> {
    if std::env::var_os(INSIDE).is_none() {
        return with_mounts(project, out);
    }
    let page = project.root.join("docs/INSTALL.md");
    let page =
        std::fs::read_to_string(&page).with_context(|| format!("failed to read `{}`", page.display()))?;
    let commands = page::commands(&page)?;
    let unknown = commands.keys().find(|name| !BLOCKS.contains(&name.as_str()));
    if let Some(name) = unknown {
        bail!("docs/INSTALL.md has commands called `{name}` that no trial runs");
    }
    let trial = Trial { project, out, commands, server: Server::start(project)? };
    for package in [Package::Deb, Package::Tarball, Package::Wheel, Package::Image] {
        if only.is_some_and(|only| only != package) {
            continue;
        }
        let tried = match package {
            Package::Deb => deb::run(&trial),
            Package::Tarball => tarball::run(&trial),
            Package::Wheel => wheel::run(&trial, beside),
            Package::Image => image::run(&trial),
        };
        tried.with_context(|| format!("{package:?} failed its trial"))?;
    }
    say("passed");
    Ok(())
}

impl Trial<'_> {
    /// A package whose name begins and ends so.
    fn package(&self, start: &str, end: &str) -> Result<PathBuf> {
        let entries = std::fs::read_dir(self.out)
            .with_context(|| format!("failed to read `{}`", self.out.display()))?;
        let is_it = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with(start) && name.ends_with(end)
        };
        let found = entries.flatten().map(|entry| entry.path()).filter(is_it).max();
        found.with_context(|| {
            format!("no package `{start}*{end}` in {}: run `cargo xtask dist` first", self.out.display())
        })
    }

    /// A block's commands, with the address of the server that is measured here.
    fn block(&self, name: &str) -> Result<String> {
        let commands = self.commands.get(name).with_context(|| format!("docs/INSTALL.md has no `{name}`"))?;
        Ok(commands.join("\n").replace("localhost:8000", self.server.address()))
    }
}

/// Runs the README's commands in a clone on a system that has nothing but Rust.
pub(crate) fn run_fresh(
    project: &Project,
    wanted: &[fresh::Wanted],
    newcomers: &[fresh::Newcomer],
) -> Result<()> {
    if std::env::var_os(INSIDE).is_none() {
        return with_mounts(project, &project.target);
    }
    fresh::run(project, wanted, newcomers)?;
    say("passed");
    Ok(())
}

/// Starts this program again where mounts are its own, and end with it.
fn with_mounts(project: &Project, out: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("to try packages takes root: they are installed in a Debian of their own");
    }
    for (program, packages) in NEEDED {
        if process::find(program).is_none() {
            let mut install = Command::new("apt-get");
            install.args(["install", "-q", "-y", "--no-install-recommends"]).args(*packages);
            // What it could not do is reported with what is missing.
            process::run(install.env("DEBIAN_FRONTEND", "noninteractive")).ok();
        }
        if process::find(program).is_none() {
            bail!("the program `{program}` is not there: install {}", packages.join(" and "));
        }
    }
    root::make(project)?;
    let out = out.canonicalize().with_context(|| format!("no packages are in `{}`", out.display()))?;
    let this = std::env::current_exe().context("failed to find this program's own path")?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--"]).arg(this);
    // The last of two is taken.
    command.args(std::env::args_os().skip(1)).arg("--out").arg(out).env(INSIDE, "1");
    let status = command.status().context("failed to start `unshare`")?;
    anyhow::ensure!(status.success(), "the trial failed");
    Ok(())
}

const INSIDE: &str = "AIPERFD_DIST_TRIAL";
/// Programs that trials start, each with the packages that have it and what it needs.
const NEEDED: &[(&str, &[&str])] =
    &[("mmdebstrap", &["mmdebstrap", "arch-test"]), ("unshare", &["util-linux"]), ("chroot", &["coreutils"])];
/// The blocks of docs/INSTALL.md that trials run.
const BLOCKS: &[&str] = &["deb", "deb-profile", "deb-purge", "pip", "tarball", "tarball-service", "uv"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_gets_it_by_the_same_commands() {
        let text = |path: &str| {
            std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
        };
        let (readme, page) = (text("README.md"), text("docs/INSTALL.md"));
        let section = readme.split("\n## ").find(|section| section.starts_with("Get it")).unwrap();
        let commands = section.lines().filter_map(|line| line.strip_prefix("    "));
        let commands =
            commands.map(|line| line.split(" #").next().unwrap_or_default().trim_end()).collect::<Vec<_>>();
        assert!(
            commands.iter().any(|command| command.contains("apt install")),
            "a package first: {commands:?}"
        );
        assert!(
            commands.iter().all(|command| page.contains(command)),
            "each is in docs/INSTALL.md: {commands:?}"
        );
    }

    #[test]
    fn the_page_has_just_the_commands_that_are_tried() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/INSTALL.md");
        let commands = page::commands(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(
            commands.keys().map(String::as_str).collect::<Vec<_>>(),
            BLOCKS,
            "blocks of docs/INSTALL.md"
        );
        assert!(commands.values().all(|block| !block.is_empty()), "each has commands: {commands:?}");
    }
}
