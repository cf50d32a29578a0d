//! `cargo xtask demo`: from nothing to a report, against a scripted server on this machine.

use crate::mock_server::MockServer;
use crate::process;
use crate::project::{Profile, Project};
use crate::say::say;
use crate::{build, setup};
use anyhow::Result;
use std::process::Command;

/// Flags of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install nothing: take what is there.
    #[arg(long)]
    no_setup: bool,
    /// Build quickly instead of well: the numbers are those of an unoptimized client.
    #[arg(long)]
    debug: bool,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let profile = if args.debug { Profile::Dev } else { Profile::Release };
    if !args.no_setup {
        setup::install(project)?;
    }
    build::build(project, profile)?;
    let server = MockServer::start(&project.program(profile, "mock-server"), SERVER)?;
    say(&format!("mock-server {} listens on {}", SERVER.join(" "), server.address()));
    let mut command = Command::new(project.program(profile, "aiperf-ctl"));
    command.args(["profile", "--model", "demo-model", "--tokenizer", "builtin", "--url", server.address()]);
    command.args(LOAD).args(["--artifact-dir", ARTIFACTS]).current_dir(&project.root);
    process::run(&mut command)?;
    server.end()?;
    say(&format!(
        "The server waited 40 ms for the first token and 10 ms for each further one. Files: {ARTIFACTS}/"
    ));
    Ok(())
}

const SERVER: &[&str] = &["--ttft-ms", "40", "--gap-ms", "10", "--tokens", "32"];
const LOAD: &[&str] = &["--streaming", "--concurrency", "16", "--request-count", "200", "--isl", "128"];
const ARTIFACTS: &str = "artifacts/demo";
