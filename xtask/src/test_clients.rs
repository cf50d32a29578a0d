//! `cargo xtask test-clients`: AIPerf and the `openai` package, audited in the end-to-end tests, and Chromium, if it is there,
//! before the page of watched servers. Takes Python and the network.

use crate::clients::{AIPERF, OPENAI, environment};
use crate::project::Project;
use crate::say::say;
use crate::{build, process};
use anyhow::Result;

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    let clients = environment(project, &[AIPERF, OPENAI])?;
    build::build_with_tests(project)?;
    let mut tests = project.cargo();
    tests.args(["test", "-p", "end-to-end", "--test", "clients", "--", "--nocapture"]);
    process::run(tests.env("AIPERFD_CLIENTS", clients))?;
    let Some(browser) = process::find("chromium") else {
        say("chromium is not there: the page of watched servers is not looked at");
        return Ok(());
    };
    let mut tests = project.cargo();
    tests.args(["test", "-p", "end-to-end", "--test", "service"]);
    process::run(tests.env("AIPERFD_BROWSER", browser))
}
