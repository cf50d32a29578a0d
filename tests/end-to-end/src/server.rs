//! The scripted server, and its account of what it wrote when.

use crate::cgroup::Own;
use crate::programs;
use kernel_tests::network::Namespace;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

/// A server that ends with the test.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What the server says of one request.
#[derive(Clone, Debug)]
pub struct Served {
    /// The request's `X-Request-ID`.
    pub request_id: String,
    /// The connection that carried it.
    pub connection: u64,
    /// When it had been read, on the monotonic clock.
    pub read_ns: u64,
    /// What was written, in order.
    pub written: Vec<Written>,
}

/// One event that the server wrote.
#[derive(Clone, Debug)]
pub struct Written {
    /// `head`, `role`, `token`, `usage`, `done`, `body` or `error`.
    pub kind: String,
    /// Right before the write that carried its last byte.
    pub before_ns: u64,
    /// Where the connection's response stream stood after it.
    pub end: u64,
}

impl Server {
    /// Starts a server that is quick, save for what the flags say.
    #[must_use]
    pub fn start(flags: &str) -> Self {
        Self::by(Command::new(programs::folder().join("mock-server")), flags)
    }

    /// The same within a cgroup: what it listens on belongs to it.
    #[must_use]
    pub fn start_in(group: &Own, flags: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(group.processes());
        command.arg(programs::folder().join("mock-server"));
        Self::by(command, flags)
    }

    /// The same in a network namespace, at this address of it.
    #[must_use]
    pub fn start_within(group: &Own, namespace: &Namespace, flags: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(group.processes());
        command.args(["ip", "netns", "exec", &namespace.name]).arg(programs::folder().join("mock-server"));
        Self::by(command, &format!("--host {} {flags}", namespace.address))
    }

    fn by(mut command: Command, flags: &str) -> Self {
        let mut process = command
            .args(["--ttft-ms", "2", "--gap-ms", "1", "--tokens", "4", "--quit-on-stdin-eof"])
            .args(flags.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.strip_prefix("listening on ").expect("the server listens").trim_end().parse().unwrap();
        Self { process, address }
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it is asked to chat.
    #[must_use]
    pub fn chat_url(&self) -> String {
        format!("{}/v1/chat/completions", self.url())
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it did for each request that is over.
    #[must_use]
    pub fn log(&self) -> Vec<Served> {
        self.get("/mock/log").lines().filter_map(served).collect()
    }

    /// How many requests it has received so far, those that are not over among them.
    #[must_use]
    pub fn received(&self) -> u64 {
        let metrics = self.get("/metrics");
        metrics.lines().find_map(|line| line.strip_prefix("mock_requests_total ")).unwrap().parse().unwrap()
    }

    /// Waits until it has received so many requests.
    pub fn until_received(&self, count: u64) {
        crate::patience::until("requests to come", || (self.received() >= count).then_some(()));
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

/// A line of the log; `None` for the summary.
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
    })
}
