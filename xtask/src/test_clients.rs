//! `cargo xtask test-clients`: AIPerf and the `openai` package, audited in the end-to-end tests. Takes Python and the network.

use crate::clients::{AIPERF, OPENAI, environment};
use crate::project::Project;
use crate::{build, process};
use anyhow::Result;

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    let clients = environment(project, &[AIPERF, OPENAI])?;
    build::build_with_tests(project)?;
    let mut tests = project.cargo();
    tests.args(["test", "-p", "end-to-end", "--test", "clients", "--", "--nocapture"]);
    process::run(tests.env("AIPERFD_CLIENTS", clients))
}
