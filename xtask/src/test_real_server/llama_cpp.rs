//! llama.cpp's server. Its counters report tokens, each response how long its prompt took.

use super::answer::Answer;
use super::checks::{self, Arrival, Tokenizer};
use super::findings::Findings;
use super::profile::{Load, profile};
use super::server::{Server, free_address};
use super::{Rig, http, metrics};
use crate::process;
use crate::python;
use anyhow::{Context, Result};
use std::process::Command;
use std::time::Duration;

/// Measures it.
pub(super) fn measure(rig: &Rig, findings: &mut Findings) -> Result<()> {
    let python = python::environment(&rig.venv("llama-cpp"), PACKAGES)?;
    let work = rig.work("llama-cpp")?;
    let model = work.join("model");
    let mut command = Command::new(&python);
    command.arg(rig.script("make_gguf.py")).arg("--tokenizer").arg(&rig.tokenizer);
    process::run(command.arg("--out").arg(&model))?;
    let address = free_address()?;
    let mut command = Command::new(&python);
    command.arg(rig.script("serve_llama_cpp.py")).arg("--model").arg(model.join("model.gguf"));
    command.args(["--port", &address.port().to_string()]);
    let mut server = Server::by("llama.cpp", &mut command, address, work.join("server.log"))?;
    server.wait_until_it_answers("/health")?;
    let before = Counters::of(&server)?;
    let load = Load {
        case: "llama-cpp",
        address: address.to_string(),
        model: "tiny".to_owned(),
        tokenizer: model.display().to_string(),
        flags: &["--apply-chat-template"],
    };
    let outcome = profile(rig, &load, findings)?;
    checks::answers(&outcome, Tokenizer::OfTheModel, findings);
    let after = Counters::of(&server)?;
    let reported = || outcome.answers.iter().map(|answer| &answer.reported);
    let output = reported().filter_map(|it| it.output_tokens).sum();
    let counted = after.output_tokens - before.output_tokens;
    findings.equal("output tokens", output, counted);
    let risen = outcome.risen("llamacpp:tokens_predicted");
    findings.equal("output tokens of its metrics in the report", risen, counted);
    let input = reported().filter_map(|it| it.input_tokens).sum();
    findings.equal("input tokens", input, after.prompt_tokens - before.prompt_tokens);
    let launched = server.log()?.lines().filter(|line| line.contains(LAUNCHED)).count();
    findings.equal("requests", u64::try_from(outcome.answers.len())?, u64::try_from(launched)?);
    let ttft =
        outcome.answers.iter().filter_map(|answer| Some((answer.reported.ttft?, prompt_time(answer)?)));
    findings.not_less("kernel TTFT", &ttft.collect::<Vec<_>>(), RESOLUTION);
    checks::verdict(&outcome, Arrival::OneByOne, Tokenizer::OfTheModel, findings);
    Ok(())
}

/// What it has counted.
#[derive(Debug)]
struct Counters {
    prompt_tokens: u64,
    output_tokens: u64,
}

impl Counters {
    fn of(server: &Server) -> Result<Self> {
        let text = http::get(server.address, "/metrics")?;
        let count =
            |name: &str| metrics::count(&text, name).with_context(|| format!("/metrics has no {name}"));
        // What it found in its cache it did not compute, and counts apart.
        let cached = metrics::count(&text, "llamacpp:prompt_tokens_cached_total").unwrap_or(0);
        Ok(Self {
            prompt_tokens: count("llamacpp:prompt_tokens_total")? + cached,
            output_tokens: count("llamacpp:tokens_predicted_total")?,
        })
    }
}

/// From when it took up a request until it had the first token.
fn prompt_time(answer: &Answer) -> Option<Duration> {
    let prompt_ms = answer.events.iter().find_map(|event| event.data["timings"]["prompt_ms"].as_f64())?;
    Duration::try_from_secs_f64(prompt_ms / 1000.0).ok()
}

const PACKAGES: &[&str] = &["xllamacpp==2026.10.11549", "gguf==0.19.0"];
const LAUNCHED: &str = "processing task, is_child = 0";
/// It reports microseconds.
const RESOLUTION: Duration = Duration::from_micros(1);
