//! `cargo xtask docs`: the documents, manual pages and completions that are made of the code that they describe.
//!
//! The texts are made in `xtask/tests/docs.rs`, a test, so that only it has to be built with the crates described.

use crate::process;
use crate::project::Project;
use crate::say::say;
use anyhow::Result;

/// Flags of `docs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing: fail if a file is not what it would be.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let mut command = project.cargo();
    // Of the whole workspace, so that nothing is compiled for this alone.
    command.args(["test", "-q", "--workspace", "--test", "docs"]);
    if !args.check {
        command.env("XTASK_DOCS", "write");
    }
    process::run(&mut command)?;
    say(if args.check {
        "the documents are what the code says"
    } else {
        "what is made of the code in docs/ is written: DATA.md, DOCTOR.md, FLAGS.md, METRICS.md, VERDICT.md, man/ and completions/"
    });
    Ok(())
}
