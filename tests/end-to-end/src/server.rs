//! The scripted server, and its log of what it wrote when.

use crate::cgroup::Own;
use crate::programs;
use kernel_tests::network::Namespace;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A server, stopped on drop.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Its address.
    pub address: SocketAddr,
    /// Its TLS address, and the directory of its certificate.
    secure: Option<(SocketAddr, TempDir)>,
}

/// The server's log entry of one request.
#[derive(Clone, Debug)]
pub struct Served {
    /// The request's `X-Request-ID`.
    pub request_id: String,
    /// The connection of the request.
    pub connection: u64,
    /// When it had been read, on the monotonic clock.
    pub read_ns: u64,
    /// What was written, in order.
    pub written: Vec<Written>,
    /// The request's body, with `--log-bodies`.
    pub body: Option<String>,
}

/// One event that the server wrote.
#[derive(Clone, Debug)]
pub struct Written {
    /// `head`, `role`, `token`, `usage`, `done`, `body` or `error`.
    pub kind: String,
    /// The time right before the write of its last byte.
    pub before_ns: u64,
    /// The end offset in the connection's response stream.
    pub end: u64,
}

impl Server {
    /// Starts a server that is fast except for what the flags change.
    #[must_use]
    pub fn start(flags: &str) -> Self {
        Self::by(Command::new(programs::folder().join("mock-server")), flags, None)
    }

    /// Like [`Server::start`], within a cgroup, to which its listening socket belongs.
    #[must_use]
    pub fn start_in(group: &Own, flags: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(group.processes());
        command.arg(programs::folder().join("mock-server"));
        Self::by(command, flags, None)
    }

    /// Like [`Server::start`], in a network namespace, at this address.
    #[must_use]
    pub fn start_within(group: &Own, namespace: &Namespace, flags: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(group.processes());
        command.args(["ip", "netns", "exec", &namespace.name]).arg(programs::folder().join("mock-server"));
        Self::by(command, &format!("--host {} {flags}", namespace.address), None)
    }

    fn by(mut command: Command, flags: &str, certificate: Option<TempDir>) -> Self {
        let mut process = command
            .args(["--ttft-ms", "2", "--gap-ms", "1", "--tokens", "4", "--quit-on-stdin-eof"])
            .args(flags.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(process.stdout.take().unwrap());
        let address = announced(&mut words, "listening on ");
        let secure = certificate.map(|folder| (announced(&mut words, "listening with TLS on "), folder));
        Self { process, address, secure }
    }

    /// Starts a server that also listens with TLS, with a certificate of its own authority.
    #[must_use]
    pub fn start_secure(flags: &str) -> Self {
        let folder = crate::certificate::made();
        let mut command = Command::new(programs::folder().join("mock-server"));
        command.arg("--tls-certificate").arg(folder.path().join("certificate.pem"));
        command.arg("--tls-key").arg(folder.path().join("key.pem"));
        Self::by(command, flags, Some(folder))
    }

    /// Its base URL with TLS.
    #[must_use]
    pub fn secure_url(&self) -> String {
        let (address, _) = self.secure.as_ref().expect("a server that listens with TLS");
        format!("https://localhost:{}", address.port())
    }

    /// The file with the authority that signed its certificate.
    #[must_use]
    pub fn authority(&self) -> String {
        let (_, folder) = self.secure.as_ref().expect("a server that listens with TLS");
        folder.path().join("authority.pem").display().to_string()
    }

    /// A counter of the server's own metrics.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics");
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of the chat API.
    #[must_use]
    pub fn chat_url(&self) -> String {
        format!("{}/v1/chat/completions", self.url())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The log of each completed request.
    #[must_use]
    pub fn log(&self) -> Vec<Served> {
        self.get("/mock/log").lines().filter_map(served).collect()
    }

    /// The number of requests received so far, including those in progress.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.counter("mock_requests_total")
    }

    /// Waits until it has received this many requests.
    pub fn until_received(&self, count: u64) {
        crate::patience::until("requests to arrive", || (self.received() >= count).then_some(()));
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The address in the next line of the server's output.
fn announced(words: &mut impl BufRead, before: &str) -> SocketAddr {
    let mut line = String::new();
    words.read_line(&mut line).unwrap();
    line.strip_prefix(before).expect("the server listens").trim_end().parse().unwrap()
}

/// Parses a line of the log; `None` for the summary.
fn served(line: &str) -> Option<Served> {
    let line: Value = serde_json::from_str(line).unwrap();
    let events = line["events"].as_array()?;
    let written = events.iter().map(|event| Written {
        kind: event[0].as_str().unwrap().to_owned(),
        before_ns: event[1].as_u64().unwrap(),
        end: event[3].as_u64().unwrap(),
    });
    Some(Served {
        request_id: line["request_id"].as_str().unwrap().to_owned(),
        connection: line["connection"].as_u64().unwrap(),
        read_ns: line["read_ns"].as_u64().unwrap(),
        written: written.collect(),
        body: line["body"].as_str().map(str::to_owned),
    })
}
