//! `transformers serve` of Hugging Face. It reports counts in its responses and logs a line per request.

use super::checks::{self, Arrival, Tokenizer};
use super::findings::Findings;
use super::profile::{Load, profile};
use super::server::{Server, free_address};
use super::{Rig, make_model};
use crate::python;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Measures it.
pub(super) fn measure(rig: &Rig, findings: &mut Findings) -> Result<()> {
    let venv = rig.venv("transformers");
    install(&venv)?;
    let work = rig.work("transformers")?;
    let (python, model) = (venv.join("bin/python"), work.join("model"));
    make_model(rig, &python, &model)?;
    let mut server = Server::start(&python, &work, Device::Cpu)?;
    server.wait_until_it_listens()?;
    let model = model.display().to_string();
    let load = Load {
        case: "transformers",
        address: server.address.to_string(),
        model: model.clone(),
        tokenizer: model,
        flags: &["--apply-chat-template", "--use-legacy-max-tokens"],
    };
    let outcome = profile(rig, &load, findings)?;
    checks::answers(&outcome, Tokenizer::OfTheModel, findings);
    let asked = server.log()?.lines().filter(|line| line.contains(ASKED)).count();
    findings.equal("requests", u64::try_from(outcome.answers.len())?, u64::try_from(asked)?);
    let tokens = |count: fn(&super::answer::Reported) -> Option<u64>| {
        outcome.answers.iter().filter_map(|answer| count(&answer.reported)).sum()
    };
    findings.equal("input tokens", tokens(|it| it.input_tokens), tokens(|it| it.usage_prompt));
    findings.equal("output tokens", tokens(|it| it.output_tokens), tokens(|it| it.usage_completion));
    checks::verdict(&outcome, Arrival::OneByOne, Tokenizer::OfTheModel, findings);
    Ok(())
}

/// Makes a virtual environment that can serve models, if it is not there.
pub(crate) fn install(venv: &Path) -> Result<()> {
    python::environment(venv, PACKAGES).map(drop)
}

/// What a model runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// Processors alone.
    Cpu,
    /// The machine's GPUs.
    Gpu,
}

impl Server {
    /// Starts `transformers serve` with this Python; its log goes to the folder.
    pub(crate) fn start(python: &Path, folder: &Path, device: Device) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(python);
        command.args(["-c", SERVE, "serve", "--host", "127.0.0.1", "--port", &address.port().to_string()]);
        command.env("HF_HUB_OFFLINE", "1");
        if device == Device::Cpu {
            command.env("CUDA_VISIBLE_DEVICES", "");
        }
        Self::by("transformers serve", &mut command, address, folder.join("server.log"))
    }
}

/// What the package's own program does, wherever that lies.
const SERVE: &str = "import sys; from importlib.metadata import entry_points; sys.argv[0] = 'transformers'; \
    sys.exit([it for it in entry_points(group='console_scripts') if it.name == 'transformers'][0].load()())";
const PACKAGES: &[&str] = &["transformers[serving]==5.24.0", "torch", "accelerate", "fastapi", "uvicorn"];
const ASKED: &str = "\"POST /v1/chat/completions HTTP/1.1\" 200";
