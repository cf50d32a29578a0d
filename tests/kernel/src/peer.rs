//! A process that exchanges bytes over TCP by a script, and reports afterwards its socket and the bytes transferred.

use crate::network::Namespace;
use crate::stage::TestCgroup;
use common::id::SocketCookie;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running `kernel-peer`. It ends when this value does.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    output: BufReader<ChildStdout>,
}

/// A peer's report when its script is done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The kernel's name of its socket.
    pub cookie: SocketCookie,
    /// Bytes that it sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
    /// Segments with payload that its socket sent, by the kernel's own count.
    pub segments_sent: u32,
    /// Segments with payload that its socket received, by the kernel's own count.
    pub segments_received: u32,
}

impl Peer {
    /// Starts the program; it waits for [`Peer::begin`].
    #[must_use]
    pub fn start(program: &Path, within: Option<&Namespace>, script: &str) -> Self {
        let mut command = match within {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &namespace.name]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let command = command.args(script.split(' ')).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut peer = Self { process, output };
        assert_eq!(peer.line(), "ready", "the first word of {script}");
        peer
    }

    /// Moves it into a cgroup.
    pub fn join(&self, cgroup: &TestCgroup) {
        cgroup.cgroup.take(self.process.id()).unwrap();
    }

    /// Lets it continue to the next step that waits for an order: make its socket, or end.
    pub fn begin(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    /// Where it listens, once it does.
    pub fn address(&mut self) -> SocketAddr {
        self.line().strip_prefix("listening on ").unwrap().parse().unwrap()
    }

    /// Its report when its script is done.
    pub fn account(&mut self) -> Account {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("`{line}` is no account: {error}"))
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end.
    pub fn wait(&mut self) {
        self.process.wait().unwrap();
    }

    /// The next line of its output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
