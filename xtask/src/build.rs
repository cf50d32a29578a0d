//! `cargo xtask build`: the product's programs and the scripted server, or the whole workspace with its tests.

use crate::process;
use crate::project::{Profile, Project};
use anyhow::Result;

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
    let programs = ["build", "--package", "aiperfd-suite", "--package", "mock-server"];
    process::run(project.cargo().args(programs).args(profile.flags()))
}
