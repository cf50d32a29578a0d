//! `cargo xtask test`: every test there is, from nothing.
//!
//! Tests that need root, the kernel programs or a tool say `skipped: REASON` where these are missing; with `CI=true`
//! in the environment they fail instead.

use crate::process;
use crate::project::Project;
use crate::{build, setup};
use anyhow::Result;

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    setup::install(project)?;
    setup::install_of_python(project);
    build::build_with_tests(project)?;
    process::run(project.cargo().args(["test", "--workspace"]))
}
