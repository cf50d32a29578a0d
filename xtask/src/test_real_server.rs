//! `cargo xtask test-real-server`: a profile of a server that nobody wrote for us. Takes Python and the network.
//!
//! ```text
//! venv ──▶ xtask/real_server/make_model.py ──▶ tiny Llama ──▶ transformers serve ──▶ aiperf-ctl profile
//! ```

use crate::build;
use crate::process;
use crate::project::{Profile, Project};
use crate::say::say;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Flags of `test-real-server`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A directory with a Hugging Face tokenizer (tokenizer.json, tokenizer_config.json); the model is made for it.
    #[arg(long, default_value = "tests/golden/tokenizer")]
    tokenizer: PathBuf,
}

/// Runs the command.
pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    let tokenizer = args.tokenizer.canonicalize().context("failed to find the tokenizer's directory")?;
    build::build(project, Profile::Release)?;
    let folder = project.target.join("real-server");
    let venv = folder.join("venv");
    install(&venv)?;
    let model = folder.join("model");
    let script = project.root.join("xtask/real_server/make_model.py");
    process::run(
        Command::new(venv.join("bin/python"))
            .arg(script)
            .arg("--tokenizer")
            .arg(&tokenizer)
            .arg("--out")
            .arg(&model),
    )?;
    let mut server = Server::start(&venv.join("bin/python"), &folder, Device::Cpu)?;
    server.wait_until_it_listens()?;
    let mut command = Command::new(project.program(Profile::Release, "aiperf-ctl"));
    command.arg("profile").arg("--model").arg(&model).arg("--tokenizer").arg(&tokenizer);
    command.args([
        "--url",
        &server.address.to_string(),
        "--endpoint-type",
        "chat",
        "--streaming",
        "--concurrency",
        "4",
    ]);
    command.args([
        "--request-count",
        "40",
        "--isl",
        "32",
        "--osl",
        "16",
        "--use-legacy-max-tokens",
        "--fail-on",
        "never",
    ]);
    process::run(command.args(["--artifact-dir", "artifacts/real-server"]).current_dir(&project.root))
}

/// Makes a virtual environment that can serve models, if it is not there.
pub(crate) fn install(venv: &Path) -> Result<()> {
    if venv.join("bin/transformers").is_file() {
        return Ok(());
    }
    process::run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    let packages = ["transformers[serving]", "torch", "accelerate", "fastapi", "uvicorn"];
    process::run(Command::new(venv.join("bin/pip")).args(["install", "-q"]).args(packages))
}

/// What a model runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// Processors alone.
    Cpu,
    /// The machine's GPUs.
    Gpu,
}

/// `transformers serve`, for as long as the value lives.
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts it with this Python; its log goes to the folder.
    pub(crate) fn start(python: &Path, folder: &Path, device: Device) -> Result<Self> {
        // The port is free now and, most likely, still is when the server takes it.
        let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr())?;
        let log = folder.join("server.log");
        let mut command = Command::new(python);
        command.args(["-c", SERVE, "serve", "--host", "127.0.0.1", "--port", &address.port().to_string()]);
        command.env("HF_HUB_OFFLINE", "1");
        if device == Device::Cpu {
            command.env("CUDA_VISIBLE_DEVICES", "");
        }
        let (out, err) = (File::create(&log)?, File::options().append(true).open(&log)?);
        say(&format!("transformers serve listens on {address}; its log is {}", log.display()));
        let process = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .context("failed to start the server")?;
        Ok(Self { process, address, log })
    }

    /// Waits until somebody could be answered.
    pub(crate) fn wait_until_it_listens(&mut self) -> Result<()> {
        for _ in 0..PATIENCE_TENTHS {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended with {status}: see {}", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the server does not listen: see {}", self.log.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What the package's own program does, wherever that lies.
const SERVE: &str = "import sys; from importlib.metadata import entry_points; sys.argv[0] = 'transformers'; \
    sys.exit([it for it in entry_points(group='console_scripts') if it.name == 'transformers'][0].load()())";
/// Python imports for long.
const PATIENCE_TENTHS: u32 = 1200;
