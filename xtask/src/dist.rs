//! `cargo xtask dist`: the packages. They are made by a program of their own, `xtask/dist`, whose libraries no other command
//! needs.

use crate::process;
use crate::project::Project;
use anyhow::Result;

/// Arguments of `dist`, which its program understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is passed on.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    dist(project, &[], args)
}

/// Runs `test-fresh`, whose root is made by the same program.
pub(crate) fn run_fresh(project: &Project, args: &Args) -> Result<()> {
    dist(project, &["--fresh"], args)
}

fn dist(project: &Project, first: &[&str], args: &Args) -> Result<()> {
    let mut command = project.cargo();
    command.args(["run", "-q", "--package", "dist", "--"]).args(first);
    process::run(command.args(&args.arguments))
}
