//! `cargo xtask demo`: from nothing but cargo to a report, against a scripted server on this machine.

use crate::build;
use crate::mock_server::MockServer;
use crate::process;
use crate::project::{Profile, Project};
use crate::say::say;
use anyhow::Result;
use std::process::Command;

/// Flags of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build what users install instead of what is quick to compile. Takes twice as long.
    #[arg(long)]
    release: bool,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let profile = if args.release { Profile::Release } else { Profile::Dev };
    say("Building the programs; on two cores the first time takes a few minutes.");
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
    say(if process::is_root() { LEFT_OUT } else { LEFT_OUT_AS_USER });
    Ok(())
}

const SERVER: &[&str] = &["--ttft-ms", "40", "--gap-ms", "10", "--tokens", "32"];
const LOAD: &[&str] = &["--streaming", "--concurrency", "16", "--request-count", "200", "--isl", "128"];
const LEFT_OUT: &str = "Left out: the optimizer, but where requests are sent and stamped (`cargo xtask demo --release`), and the tests \
    (`cargo xtask test`).";
const LEFT_OUT_AS_USER: &str = "Left out: kernel timestamps, which take root (run the command again with sudo); the optimizer, but \
    where requests are sent and stamped (`cargo xtask demo --release`); the tests (`cargo xtask test`).";
const ARTIFACTS: &str = "artifacts/demo";
