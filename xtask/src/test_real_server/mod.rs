//! `cargo xtask test-real-server`: profiles of real servers and proxies. Takes Python and the network.
//!
//! ```text
//! transformers, vllm, llama-cpp    a tiny model ──▶ server ◀──────── aiperf-ctl profile
//! litellm, nginx, haproxy          scripted server ◀── proxy ◀────── aiperf-ctl profile
//!
//! answers + verdict ──▶ checks ◀── metrics, log or answers of the server, log of the scripted server
//! ```
//!
//! What is held: every request is answered, counts are the server's own, no first token came before the server had it, and the
//! verdict says of buffers and counts what is so. How fast anything was is shown and not judged.

mod answer;
mod checks;
mod findings;
mod haproxy;
mod http;
mod litellm;
mod llama_cpp;
mod metrics;
mod nginx;
mod profile;
mod proxy;
mod scripted;
mod server;
mod transformers;
mod verdict;
mod vllm;

use crate::build;
use crate::process;
use crate::project::{Profile, Project};
use crate::say::say;
use crate::setup;
use anyhow::{Context, Result, bail};
use findings::Findings;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use server::Server;
pub(crate) use transformers::{Device, install};

/// Flags of `test-real-server`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is measured, one after the other.
    #[arg(value_enum, default_value = "transformers")]
    what: Vec<What>,
    /// A directory with a Hugging Face tokenizer (tokenizer.json, tokenizer_config.json), a byte-level BPE; models are made for it.
    #[arg(long, default_value = "tests/golden/tokenizer")]
    tokenizer: PathBuf,
    /// Take the release programs that are there instead of building them.
    #[arg(long)]
    no_build: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// `transformers serve` of Hugging Face, on the CPU. Its packages take 6 GB.
    Transformers,
    /// vLLM on the CPU: its counters and its own times to first token. Its packages take 6 GB.
    Vllm,
    /// llama.cpp's server: its counters and the times in its answers.
    LlamaCpp,
    /// LiteLLM's proxy before the scripted server.
    Litellm,
    /// nginx before the scripted server: buffering and not, gzip and not. Root installs it where apt-get does.
    Nginx,
    /// HAProxy before the scripted server, likewise.
    Haproxy,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let tokenizer = args.tokenizer.canonicalize().context("failed to find the tokenizer's directory")?;
    if !args.no_build {
        build::build(project, Profile::Release)?;
    }
    let rig = Rig { project: project.clone(), folder: project.target.join("real-server"), tokenizer };
    let mut results = Vec::new();
    for what in &args.what {
        results.push(measured(&rig, *what));
    }
    say("\nReal servers:");
    results.iter().for_each(|(line, _)| say(line));
    match results.iter().all(|(_, is_well)| *is_well) {
        true => Ok(()),
        false => bail!("not all is as it should be"),
    }
}

/// Where things are.
#[derive(Debug)]
struct Rig {
    project: Project,
    /// Environments of Python, models and logs.
    folder: PathBuf,
    tokenizer: PathBuf,
}

impl Rig {
    /// A program of ours.
    fn program(&self, name: &str) -> PathBuf {
        self.project.program(Profile::Release, name)
    }

    /// A script of `xtask/real_server`.
    fn script(&self, name: &str) -> PathBuf {
        self.project.root.join("xtask/real_server").join(name)
    }

    /// An environment of Python.
    fn venv(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An empty folder for the files of one server.
    fn work(&self, name: &str) -> Result<PathBuf> {
        let work = self.folder.join("work").join(name);
        fs::remove_dir_all(&work).ok();
        fs::create_dir_all(&work).with_context(|| format!("failed to create `{}`", work.display()))?;
        Ok(work)
    }
}

/// What came of one, in a line, and whether that is well.
fn measured(rig: &Rig, what: What) -> (String, bool) {
    let mut findings = Findings::default();
    let (name, outcome) = match what {
        What::Transformers => ("transformers", transformers::measure(rig, &mut findings)),
        What::Vllm => ("vllm", vllm::measure(rig, &mut findings)),
        What::LlamaCpp => ("llama-cpp", llama_cpp::measure(rig, &mut findings)),
        What::Litellm => ("litellm", litellm::measure(rig, &mut findings)),
        What::Nginx => ("nginx", nginx::measure(rig, &mut findings)),
        What::Haproxy => ("haproxy", haproxy::measure(rig, &mut findings)),
    };
    match outcome {
        Err(error) => (format!("{name}: could not be measured: {error:#}"), false),
        Ok(()) if findings.differences().is_empty() => (format!("{name}: as it should be"), true),
        Ok(()) => (format!("{name}: {}", findings.differences().join("; ")), false),
    }
}

/// A program of Debian's, installed if it is missing and that can be done here.
fn debian_program(program: &str, package: &str) -> Result<PathBuf> {
    if process::find(program).is_none() {
        setup::apt_install(&[package]).with_context(|| format!("{program} is missing"))?;
    }
    process::find(program).with_context(|| format!("{package} brought no {program}"))
}

/// Makes the tiny model for servers of Python.
fn make_model(rig: &Rig, python: &Path, model: &Path) -> Result<()> {
    let mut command = std::process::Command::new(python);
    command.arg(rig.script("make_model.py"));
    process::run(command.arg("--tokenizer").arg(&rig.tokenizer).arg("--out").arg(model))
}
