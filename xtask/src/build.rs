//! `cargo xtask build`: the kernel programs first, then the workspace, which embeds them.

use crate::bpf::{self, Compiler};
use crate::process;
use crate::project::{Profile, Project};
use crate::say::say;
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

/// Builds the kernel programs, if there is a compiler for them, and the workspace.
pub(crate) fn build(project: &Project, profile: Profile) -> Result<()> {
    kernel_programs(project)?;
    process::run(project.cargo().args(["build", "--workspace"]).args(profile.flags()))
}

/// The same with every test. Built in one go with them, what the tests alone need is not built twice.
pub(crate) fn build_with_tests(project: &Project) -> Result<()> {
    kernel_programs(project)?;
    process::run(project.cargo().args(["build", "--workspace", "--all-targets"]))
}

fn kernel_programs(project: &Project) -> Result<()> {
    match Compiler::find() {
        Some(compiler) => compiler.build(project)?,
        None if bpf::object(project).is_file() => {
            say("no compiler for the kernel programs: taking the object that was built before");
        }
        None => {
            say("no compiler for the kernel programs (`cargo xtask setup` gets one): building without them")
        }
    }
    Ok(())
}
