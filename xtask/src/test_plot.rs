//! `cargo xtask test-plot`: NVIDIA AIPerf draws its pictures of a run of ours. Takes Python, the network and Chromium.
//!
//! ```text
//! mock server ──▶ aiperf-ctl profile ──▶ artifacts/plot ──▶ aiperf plot ──▶ artifacts/plot/plots/*.png
//! ```

use crate::build;
use crate::mock_server::MockServer;
use crate::process;
use crate::project::{Profile, Project};
use crate::python;
use crate::say::say;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `test-plot`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Draw this artifact directory instead of that of a new run.
    #[arg(long)]
    artifact_dir: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let venv = project.target.join("aiperf");
    python::environment(&venv, &[AIPERF])?;
    let browser = browser()?;
    let folder = match &args.artifact_dir {
        Some(folder) => folder.clone(),
        None => measure(project)?,
    };
    let plots = folder.join("plots");
    fs::remove_dir_all(&plots).ok();
    let mut command = Command::new(venv.join("bin/aiperf"));
    command.arg("plot").arg(&folder).env("BROWSER_PATH", browser);
    process::run(&mut command)?;
    let drawn = pictures(&plots)?;
    if drawn.is_empty() {
        bail!("`aiperf plot` drew nothing in `{}`", plots.display());
    }
    say(&format!("AIPerf drew {} pictures: {}", drawn.len(), drawn.join(", ")));
    Ok(())
}

/// A run with everything that AIPerf draws: requests and time slices.
fn measure(project: &Project) -> Result<PathBuf> {
    build::build(project, Profile::Release)?;
    let program = project.program(Profile::Release, "mock-server");
    let server = MockServer::start(&program, &["--ttft-ms", "20", "--gap-ms", "5"])?;
    let folder = project.root.join("artifacts/plot");
    let mut command = Command::new(project.program(Profile::Release, "aiperf-ctl"));
    command.args(["profile", "--model", "mock-model", "--url", server.address()]);
    command.args(["--endpoint-type", "chat", "--streaming", "--concurrency", "8", "--request-count", "400"]);
    command.args(["--isl", "32", "--osl", "16", "--slice-duration", "1", "--fail-on", "never"]);
    process::run(command.arg("--artifact-dir").arg(&folder))?;
    Ok(folder)
}

fn pictures(plots: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(plots).with_context(|| format!("failed to read `{}`", plots.display()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut drawn = names.filter(|name| name.ends_with(".png")).collect::<Vec<_>>();
    drawn.sort();
    Ok(drawn)
}

/// What draws for AIPerf's plotting library; installed as root on systems with apt-get.
fn browser() -> Result<PathBuf> {
    let find = || BROWSERS.iter().find_map(|name| process::find(name));
    if find().is_none() && process::is_root() && process::find("apt-get").is_some() {
        process::run(Command::new("apt-get").args([
            "install",
            "-q",
            "-y",
            "--no-install-recommends",
            "chromium",
        ]))?;
    }
    find().context("there is no Chromium or Chrome: install one, for AIPerf draws with it")
}

const AIPERF: &str = "aiperf==0.13.0";
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "chrome"];
