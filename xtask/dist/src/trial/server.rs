//! The scripted server of `tests/mock-server`, for as long as a value lives.

use crate::process;
use crate::project::Project;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running server. It ends with this value, and with this process.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    address: String,
    /// Kept open: the server may say more.
    _output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts one on a port of the kernel's choice.
    pub(super) fn start(project: &Project) -> Result<Self> {
        let built = ["release", "debug"].map(|profile| project.target.join(profile).join("mock-server"));
        let program = match built.iter().find(|path| path.is_file()) {
            Some(path) => path.clone(),
            None => {
                process::run(project.cargo().args(["build", "-q", "--package", "mock-server"]))?;
                project.target.join("debug/mock-server")
            }
        };
        let mut process = Command::new(&program)
            .args(["--port", "0", "--quit-on-stdin-eof", "--ttft-ms", "5", "--gap-ms", "1", "--tokens", "8"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let mut output = BufReader::new(process.stdout.take().context("the mock server has no output")?);
        let mut line = String::new();
        output.read_line(&mut line).context("failed to read what the mock server says")?;
        let address = line.trim().strip_prefix("listening on ");
        let address = address.context("the mock server did not say where it listens")?.to_owned();
        Ok(Self { process, address, _output: output })
    }

    /// `HOST:PORT`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
