//! `cargo xtask test-gpu`: GPU telemetry on a machine that has an NVIDIA GPU. Elsewhere it says so and is done.
//!
//! ```text
//! 1 the collector alone against the machine's NVML: its readings, its cost, energy counter against power
//! 2 xtask/real_server/make_model.py ──▶ transformers serve on the GPU ──▶ aiperf-ctl profile: joules by request and token
//! ```
//!
//! The second part takes Python with torch for CUDA and transformers: those that are there, or a virtual environment.

use crate::build;
use crate::process;
use crate::project::{Profile, Project};
use crate::say::say;
use crate::test_real_server::{Device, Server, install};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `test-gpu`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A directory with a Hugging Face tokenizer (tokenizer.json, tokenizer_config.json); the model is made for it.
    #[arg(long, default_value = "tests/golden/tokenizer")]
    tokenizer: PathBuf,
    /// NVML's library, if it is not where the system's linker finds it.
    #[arg(long, default_value = "libnvidia-ml.so.1")]
    library: PathBuf,
    /// Take the release programs that are there instead of building them.
    #[arg(long)]
    no_build: bool,
    /// Seconds for which the collector alone is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    if !Path::new("/dev/nvidiactl").exists() {
        say("this machine has no NVIDIA GPU (no /dev/nvidiactl): nothing is tested");
        return Ok(());
    }
    if !args.no_build {
        build::build(project, Profile::Release)?;
        process::run(project.cargo().args([
            "build",
            "--release",
            "--package",
            "fake-nvml",
            "--example",
            "sampling",
        ]))?;
    }
    say("\nThe collector alone, the GPU at rest:");
    let sampling = || {
        let mut command = Command::new(project.program(Profile::Release, "examples/sampling"));
        command.arg(&args.library).arg(args.seconds.to_string());
        command
    };
    process::run(&mut sampling())?;
    let Some(python) = python(project) else {
        say(
            "no Python with torch for CUDA and transformers, and none could be installed: no model is served",
        );
        return Ok(());
    };
    let tokenizer = args.tokenizer.canonicalize().context("failed to find the tokenizer's directory")?;
    let folder = project.target.join("gpu");
    std::fs::create_dir_all(&folder)?;
    let model = folder.join("model");
    let script = project.root.join("xtask/real_server/make_model.py");
    let mut make = Command::new(&python);
    make.arg(script).arg("--tokenizer").arg(&tokenizer).arg("--out").arg(&model).args(["--size", "large"]);
    process::run(&mut make)?;
    let mut server = Server::start(&python, &folder, Device::Gpu)?;
    server.wait_until_it_listens()?;
    profile(project, &model, &tokenizer, &server)?;
    say("\nThe collector alone, while the model is loaded:");
    process::run(&mut sampling())?;
    judge(&project.root.join(ARTIFACTS))
}

/// A Python that can serve a model on the GPU: the machine's own, or one in a virtual environment.
fn python(project: &Project) -> Option<PathBuf> {
    let can_serve = |python: &Path| {
        let code = "import torch, transformers, fastapi, uvicorn; assert torch.cuda.is_available()";
        process::output(Command::new(python).args(["-c", code])).is_some()
    };
    let own = PathBuf::from("python3");
    if can_serve(&own) {
        return Some(own);
    }
    let venv = project.target.join("gpu/venv");
    let made = install(&venv).map(|()| venv.join("bin/python"));
    made.ok().filter(|python| can_serve(python))
}

fn profile(project: &Project, model: &Path, tokenizer: &Path, server: &Server) -> Result<()> {
    let mut command = Command::new(project.program(Profile::Release, "aiperf-ctl"));
    command.arg("profile").arg("--model").arg(model).arg("--tokenizer").arg(tokenizer);
    command.args(["--url", &server.address.to_string(), "--endpoint-type", "chat", "--streaming"]);
    command.args(["--concurrency", "8", "--request-count", "200", "--warmup-request-count", "8"]);
    command.args(["--isl", "256", "--osl", "64", "--use-legacy-max-tokens", "--fail-on", "never"]);
    command.args(["--gpu-telemetry", "pynvml", "--artifact-dir", ARTIFACTS]);
    process::run(command.current_dir(&project.root))
}

/// What has to be there whatever the GPU is.
fn judge(artifacts: &Path) -> Result<()> {
    let path = artifacts.join("profile_export_aiperf.json");
    let text = std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let export: Value = serde_json::from_slice(&text)?;
    let mut missing = Vec::new();
    for (tag, what) in FIGURES {
        match export[*tag]["avg"].as_f64() {
            Some(value) => {
                say(&format!("{what}: {value:.4} {}", export[*tag]["unit"].as_str().unwrap_or_default()))
            }
            None => missing.push(*tag),
        }
    }
    if !missing.is_empty() {
        bail!("the report lacks {}", missing.join(", "));
    }
    Ok(())
}

const FIGURES: &[(&str, &str)] = &[
    ("nvidia_total_gpu_power", "mean power as AIPerf reads it"),
    ("nvidia_average_gpu_power", "mean power by the energy counter"),
    ("nvidia_total_gpu_energy", "energy by the counter"),
    ("gpu_energy_by_power", "energy by integrated power"),
    ("gpu_energy_deviation", "the one against the other"),
    ("nvidia_energy_per_output_token", "energy per output token"),
    ("gpu_energy_per_input_token", "energy per input token"),
    ("gpu_energy_share", "energy share of a request"),
    ("gpu_power_in_gap", "power between tokens"),
    ("gpu_call_duration", "a call to the driver"),
];
const ARTIFACTS: &str = "artifacts/gpu";
