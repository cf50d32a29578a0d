//! What telemetry in and out costs a run at a high rate.

use super::Row;
use super::rig::{PRIVATE, Rig};
use super::spread::{float, spread};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Open loop: with nothing, and with each telemetry for itself.
pub(super) fn telemetry(rig: &Rig) -> Result<Vec<Row>> {
    let (answering, silent) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let [alive, dead] = [answering.local_addr()?, silent.local_addr()?].map(|address| address.to_string());
    // It ends with the program.
    std::thread::spawn(move || answering.incoming().flatten().for_each(|stream| drop(answer(stream))));
    let mlflow = Mlflow::start(rig)?;
    let published = Published::start(rig, "0", "")?;
    let private = Path::new(PRIVATE);
    let to_mlflow = [UNSCRAPED, "--mlflow-tracking-uri", &mlflow.url];
    let to_dead = [UNSCRAPED, "--otel-url", &dead];
    let mut measured = vec![
        Telemetry::new("nothing", private, &[UNSCRAPED]),
        Telemetry::new("the server's own metrics scraped", private, &[]),
        Telemetry::new("each request over OTLP", private, &[UNSCRAPED, "--otel-url", &alive]),
        Telemetry::new("each request over OTLP to a collector that never answers", private, &to_dead),
        Telemetry::new("published, and scraped every second", &published.socket, &[UNSCRAPED]),
        Telemetry::new("live to an MLflow server on the server's core", private, &to_mlflow),
    ];
    for _ in 0..rig.runs {
        for telemetry in &mut measured {
            telemetry.measure(rig)?;
        }
    }
    let (nothing, others) = measured.split_first().context("there is a first one")?;
    let row = |telemetry: &Telemetry| Row {
        what: format!("requests/s; due → last byte sent, p99, µs; kernel TTFT, p50, µs: {}", telemetry.what),
        peer: format!("nothing: {}", nothing.shown()),
        ours: telemetry.shown(),
        how: format!("{RATE}/s at even distances asked, {SECONDS} s"),
    };
    Ok(others.iter().map(row).collect())
}

/// A telemetry, and what was measured with it.
struct Telemetry {
    what: &'static str,
    socket: PathBuf,
    flags: Vec<String>,
    rate: Vec<f64>,
    overhead: Vec<f64>,
    first_token: Vec<f64>,
}

impl Telemetry {
    fn new(what: &'static str, socket: &Path, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let none = Vec::new;
        Self { what, socket: socket.to_owned(), flags, rate: none(), overhead: none(), first_token: none() }
    }

    fn measure(&mut self, rig: &Rig) -> Result<()> {
        let server = ["--ttft-ms", "1", "--gap-ms", "0", "--tokens", "1", "--ignore-max-tokens"];
        let server = rig.server(&server)?;
        let (rate, seconds) = (RATE.to_string(), SECONDS.to_string());
        let load =
            ["--request-rate", &rate, "--arrival-pattern", "constant", "--benchmark-duration", &seconds];
        let rest = ["--concurrency", "4096", "--isl", "32", "--osl", "1", "--export-level", "summary"];
        let own = self.flags.iter().map(String::as_str).collect::<Vec<_>>();
        let flags = [&load[..], &rest, &["--no-gpu-telemetry"], &own].concat();
        let outcome = rig.profile_by(&self.socket, "0", server.address(), &flags)?;
        self.rate.push(outcome.count("requests_sent") / float(SECONDS));
        self.overhead.push(outcome.statistic("client_send_overhead", "p99")? * 1e3);
        self.first_token.push(outcome.statistic("kernel_time_to_first_token", "p50")? * 1e3);
        Ok(())
    }

    fn shown(&self) -> String {
        [&self.rate, &self.overhead, &self.first_token].map(|values| spread(values, 0)).join("; ")
    }
}

/// Reads a request and responds 200.
pub(super) fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 << 10];
    let mut seen = Vec::new();
    loop {
        let read = stream.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        seen.extend_from_slice(&bytes[..read]);
        let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if seen.len() >= head + 4 + length.unwrap_or(0_usize) {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
            return Ok(());
        }
    }
}

/// A daemon on the client's core that publishes; something scrapes it as Prometheus would.
pub(super) struct Published {
    process: Child,
    pub(super) socket: PathBuf,
    /// Where it answers Prometheus.
    pub(super) address: SocketAddr,
}

impl Published {
    /// Starts one, with more in its configuration.
    pub(super) fn start(rig: &Rig, cores: &str, more: &str) -> Result<Self> {
        let (socket, config) = (rig.folder.join("published.sock"), rig.folder.join("published.toml"));
        let address = free()?;
        fs::write(&config, format!("{more}[publish]\nlisten = \"{address}\"\n"))
            .context("failed to write a file")?;
        let mut command = rig.daemon(cores);
        command.arg("--config").arg(&config).arg("--socket").arg(&socket);
        command.arg("--state-dir").arg(rig.folder.join("published")).arg("--quit-on-stdin-eof");
        command.env("AIPERFD_LOG", "warn");
        let process = command.stdin(Stdio::piped()).spawn().context("failed to start aiperfd")?;
        let published = Self { process, socket, address };
        until("aiperfd", || get(address, "/metrics").is_ok() && published.socket.exists())?;
        std::thread::spawn(move || {
            while get(address, "/metrics").is_ok() {
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        Ok(published)
    }
}

impl Published {
    /// The daemon's process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

pub(super) fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map(|_length| answer)
}

/// A real MLflow server on the server's core.
struct Mlflow {
    process: Child,
    url: String,
}

impl Mlflow {
    fn start(rig: &Rig) -> Result<Self> {
        let program =
            rig.of_python("mlflow", "mlflow").context("mlflow is missing: run `cargo xtask setup`")?;
        let (address, folder) = (free()?, rig.folder.join("mlflow"));
        fs::create_dir_all(&folder).context("failed to create a folder")?;
        let mut command = Command::new("taskset");
        command.args(["-c", "1"]).arg(program).args([
            "server",
            "--workers",
            "1",
            "--host",
            "127.0.0.1",
            "--port",
        ]);
        command.arg(address.port().to_string()).current_dir(&folder);
        command.arg("--backend-store-uri").arg(format!("sqlite:///{}/runs.db", folder.display()));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.context("failed to start mlflow")?;
        let mlflow = Self { process, url: format!("http://{address}") };
        // Its port is open long before its workers are through with starting.
        until("mlflow", || get(address, "/health").is_ok_and(|answer| answer.contains(" 200 ")))?;
        Ok(mlflow)
    }
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        // It passes the signal on to its workers.
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        self.process.wait().ok();
    }
}

fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(super) fn until(what: &str, is_there: impl Fn() -> bool) -> Result<()> {
    for _ in 0..600 {
        if is_there() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{what} does not answer")
}

const UNSCRAPED: &str = "--no-server-metrics";
const RATE: u64 = 20_000;
const SECONDS: u64 = 4;
