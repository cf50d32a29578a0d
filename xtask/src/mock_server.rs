//! The scripted server of `tests/mock-server`, for as long as a value lives.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A running server. It ends with this value, and with this process.
#[derive(Debug)]
pub(crate) struct MockServer {
    process: Child,
    address: String,
    /// Where it listens with TLS, as a URL.
    secure: Option<String>,
    /// Kept open: the server may say more.
    output: BufReader<ChildStdout>,
}

impl MockServer {
    /// Starts the server on a port of the kernel's choice.
    pub(crate) fn start<S: AsRef<str>>(program: &Path, flags: &[S]) -> Result<Self> {
        let mut process = Command::new(program)
            .args(["--port", "0", "--quit-on-stdin-eof"])
            .args(flags.iter().map(AsRef::as_ref))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let output = process.stdout.take().context("the mock server has no output")?;
        let mut server =
            Self { process, address: String::new(), secure: None, output: BufReader::new(output) };
        server.address = server.announced("listening on ")?;
        if flags.iter().any(|flag| flag.as_ref() == "--tls-certificate") {
            let address = server.announced("listening with TLS on ")?;
            let port = address.rsplit(':').next().unwrap_or_default();
            server.secure = Some(format!("https://localhost:{port}"));
        }
        Ok(server)
    }

    fn announced(&mut self, before: &str) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("failed to read what the mock server says")?;
        match line.trim().strip_prefix(before) {
            Some(address) => Ok(address.to_owned()),
            None => bail!("the mock server did not say where it listens"),
        }
    }

    /// Its URL with TLS.
    pub(crate) fn secure_address(&self) -> Result<&str> {
        self.secure.as_deref().context("the mock server has no certificate")
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks it to end and waits until it has, so that its log is whole.
    pub(crate) fn end(mut self) -> Result<()> {
        drop(self.process.stdin.take());
        for _ in 0..END_PATIENCE_TENTHS {
            if let Some(status) = self.process.try_wait().context("failed to wait for the mock server")? {
                anyhow::ensure!(status.success(), "the mock server ended with {status}");
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the mock server did not end")
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A long log takes its time to be written.
const END_PATIENCE_TENTHS: u32 = 600;
