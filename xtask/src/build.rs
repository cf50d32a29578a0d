//! `cargo xtask build`: the product's programs and the scripted server.

use crate::process;
use crate::project::{Profile, Project};
use anyhow::{Result, bail};

/// Flags of `build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build to measure with.
    #[arg(long)]
    release: bool,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    build(project, if args.release { Profile::Release } else { Profile::Dev })
}

/// Builds the product's programs, and the server that demonstrations and benchmarks measure.
pub(crate) fn build(project: &Project, profile: Profile) -> Result<()> {
    let programs = ["build", "--locked", "--package", "aiperfd-suite", "--package", "mock-server"];
    let Err(error) = process::run(project.cargo().args(programs).args(profile.flags())) else {
        return Ok(());
    };
    let missing = missing(project);
    if missing.is_empty() {
        return Err(error);
    }
    bail!("{error:#}; this host lacks: {}. {WITHOUT_A_BUILD}", missing.join("; "))
}

/// What a build needs and this host lacks, each with its cure.
fn missing(project: &Project) -> Vec<String> {
    let mut missing = Vec::new();
    let free = rustix::fs::statvfs(&project.target).map_or(u64::MAX, |disk| disk.f_bavail * disk.f_frsize);
    if free < BUILD_BYTES {
        missing.push(format!(
            "room where cargo builds ({} MB are free of {} needed): set CARGO_TARGET_DIR to another disk",
            free / 1_000_000,
            BUILD_BYTES / 1_000_000
        ));
    }
    if process::find("cc").is_none() {
        missing.push(
            "a C compiler (`cc`): install gcc and libc6-dev, or what your system calls them".to_owned(),
        );
    }
    // Of other systems no crate is needed, and none was downloaded.
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let fetched =
        process::output(project.cargo().args(["fetch", "--locked", "--offline", "--target"]).arg(host));
    if fetched.is_none() {
        missing.push("crates that cargo could not download: is there a network, and a registry?".to_owned());
    }
    missing
}

/// What the programs and what they are made of take, optimized.
const BUILD_BYTES: u64 = 2_500_000_000;
const WITHOUT_A_BUILD: &str = "A package needs none of that: docs/INSTALL.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_cure() {
        let project = Project::find().unwrap();
        // Where the tests run, everything is there; a folder that is none says nothing of its disk.
        let nowhere = Project { target: "/nonexistent".into(), ..project.clone() };
        assert!(missing(&nowhere).is_empty(), "{:?}", missing(&nowhere));
        let empty = tempfile::tempdir().unwrap();
        let elsewhere = Project { root: empty.path().to_owned(), ..project };
        let missing = missing(&elsewhere);
        assert!(missing.iter().any(|one| one.contains("network")), "a checkout without crates: {missing:?}");
    }
}
