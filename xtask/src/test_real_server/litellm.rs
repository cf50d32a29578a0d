//! LiteLLM's proxy before the scripted server: it takes each event apart and makes its own of it.

use super::Rig;
use super::checks::Arrival;
use super::findings::Findings;
use super::proxy::{self, Coding, MODEL, Way};
use super::server::{Server, free_address};
use crate::python;
use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

/// Measures it.
pub(super) fn measure(rig: &Rig, findings: &mut Findings) -> Result<()> {
    let venv = rig.venv("litellm");
    python::environment(&venv, PACKAGES)?;
    let (_running, scripted) = proxy::scripted(rig)?;
    let work = rig.work(WAY.case)?;
    let path = work.join("config.yaml");
    fs::write(&path, configuration(scripted))
        .with_context(|| format!("failed to write `{}`", path.display()))?;
    let address = free_address()?;
    let mut command = Command::new(venv.join("bin/litellm"));
    command.arg("--config").arg(&path).args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
    // It does not start without a key, and would ask the network for prices.
    command.env("LITELLM_MASTER_KEY", KEY).env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    let mut litellm = Server::by("litellm", &mut command, address, work.join("litellm.log"))?;
    litellm.wait_until_it_answers("/health/liveliness")?;
    proxy::measure(rig, &WAY, &litellm, scripted, &["--api-key", KEY], findings)?;
    let asked = litellm.log()?.lines().filter(|line| line.contains(ASKED)).count();
    findings.equal("requests in its log", super::profile::REQUESTS, u64::try_from(asked)?);
    Ok(())
}

/// The client's headers are forwarded, so that the scripted server knows which request it answers.
fn configuration(scripted: SocketAddr) -> String {
    format!(
        "model_list:
  - model_name: {MODEL}
    litellm_params:
      model: openai/{MODEL}
      api_base: http://{scripted}/v1
      api_key: none
general_settings:
  forward_client_headers_to_llm_api: true
"
    )
}

const PACKAGES: &[&str] = &["litellm[proxy]==1.108.7"];
const WAY: Way = Way { case: "litellm", directives: "", arrival: Arrival::OneByOne, coding: Coding::Plain };
/// It refuses keys that are easily guessed.
const KEY: &str = "sk-of-this-test-alone-3f9c1b7e5a2d8046";
const ASKED: &str = "\"POST /v1/chat/completions HTTP/1.1\" 200";
