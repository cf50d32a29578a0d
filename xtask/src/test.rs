//! `cargo xtask test`: every test there is, from nothing.
//!
//! Tests that need root, the kernel programs or a tool say `skipped: REASON` where these are missing; with `CI=true`
//! in the environment they fail instead.

use crate::process;
use crate::project::{Profile, Project};
use crate::{build, setup};
use anyhow::Result;

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    setup::install(project)?;
    build::build(project, Profile::Dev)?;
    process::run(project.cargo().args(["test", "--workspace"]))?;
    if project.root.join(FUZZ).is_file() {
        process::run(project.cargo().args(["test", "--manifest-path", FUZZ]))?;
    }
    Ok(())
}

/// The fuzz targets are a workspace of their own; their tests run each target on its corpus.
const FUZZ: &str = "tests/fuzz/Cargo.toml";
