//! `cargo xtask test-clients`: AIPerf and the `openai` package, audited in the end-to-end tests, and AIPerf's own reading of our
//! artifacts and flags. Takes Python and the network.

use crate::clients::{AIPERF, GUIDELLM, OPENAI, environment};
use crate::process;
use crate::project::Project;
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
    tests.args(["test", "-p", "end-to-end", "--", "--nocapture", "clients::", "aiperf::"]);
    tests.envs(guidellm.map(|_| ("AIPERFD_GUIDELLM", "1")));
    process::run(tests.env("AIPERFD_CLIENTS", clients))
}
