//! `cargo xtask test-clients`: AIPerf and the `openai` package, audited in the end-to-end tests, AIPerf's own reading of our
//! artifacts and flags, and Chromium, if it is there, before the page of watched servers. Takes Python and the network.

use crate::clients::{AIPERF, GUIDELLM, OPENAI, environment};
use crate::process;
use crate::project::Project;
use crate::say::say;
use anyhow::Result;

/// Flags of `test-clients`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// GuideLLM too, which takes some gigabytes.
    #[arg(long)]
    guidellm: bool,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let guidellm = args.guidellm.then_some(GUIDELLM);
    let packages = [AIPERF, OPENAI].into_iter().chain(guidellm).collect::<Vec<_>>();
    let clients = environment(project, &packages)?;
    process::run(project.cargo().args(["test", "--workspace", "--no-run"]))?;
    let mut tests = project.cargo();
    tests.args(["test", "-p", "end-to-end", "--test", "clients", "--test", "aiperf", "--", "--nocapture"]);
    tests.envs(guidellm.map(|_| ("AIPERFD_GUIDELLM", "1")));
    process::run(tests.env("AIPERFD_CLIENTS", clients))?;
    let Some(browser) = process::find("chromium") else {
        say("chromium is not there: the page of watched servers is not looked at");
        return Ok(());
    };
    let mut tests = project.cargo();
    tests.args(["test", "-p", "end-to-end", "--test", "service"]);
    process::run(tests.env("AIPERFD_BROWSER", browser))
}
