//! Sends requests to the control socket as any user could, without the client.

use control::Create;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use serde_json::Value;
use spec::{Load, Phase, Plan, Workers};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status; 0 when the daemon closed the connection without a response.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Response {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs something as another user, on a separate thread, because only that thread changes its user.
pub fn as_user<T: Send + 'static>(uid: u32, what: impl FnOnce() -> T + Send + 'static) -> T {
    let body = move || {
        if uid != 0 {
            set_thread_groups(&[]).unwrap();
            set_thread_gid(Gid::from_raw(uid)).unwrap();
            set_thread_uid(Uid::from_raw(uid)).unwrap();
        }
        what()
    };
    std::thread::spawn(body).join().unwrap()
}

/// A connection to a socket as a user.
#[must_use]
pub fn connect(socket: &Path, uid: u32) -> UnixStream {
    let socket = socket.to_owned();
    let stream = as_user(uid, move || UnixStream::connect(socket)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request as a user, and waits for the response.
#[must_use]
pub fn send(socket: &Path, uid: u32, request: &str, body: &[u8]) -> Response {
    let mut stream = connect(socket, uid);
    let length = body.len();
    let head =
        format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    // A daemon that refuses a request early need not read all of it.
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
    receive(&mut stream)
}

/// Reads the response from a connection.
#[must_use]
pub fn receive(stream: &mut UnixStream) -> Response {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Response { status, body: body.to_owned() }
}

/// A request for a small run against a server.
#[must_use]
pub fn small_run(url: &str) -> Create {
    let mut plan = Plan::unknown();
    plan.endpoint.urls = vec![url.to_owned()];
    plan.endpoint.models = vec!["mock-model".to_owned()];
    plan.endpoint.streaming = true;
    plan.endpoint.request_timeout_seconds = 60.0;
    plan.workers = Workers { workers: 1, ..plan.workers };
    plan.load = Load::of(Phase::closed(1, 10));
    let address = url.strip_prefix("http://").unwrap_or(url).to_owned();
    Create { plan, secret_headers: BTreeMap::new(), addresses: vec![(url.to_owned(), address)] }
}

/// Creates a run as a user; returns its id.
#[must_use]
pub fn create(socket: &Path, uid: u32, create: &Create) -> String {
    let response = send(socket, uid, "POST /v1/runs", &serde_json::to_vec(create).unwrap());
    assert_eq!(response.status, 201, "{response:?}");
    response.json()["run_id"].as_str().unwrap().to_owned()
}

/// Everything below a folder, with its mode.
#[must_use]
pub fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let metadata = folder.symlink_metadata().unwrap();
        found.push((folder.clone(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            folders.extend(std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// A process and all of its descendants.
#[must_use]
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut place = 0;
    while let Some(parent) = found.get(place).copied() {
        place += 1;
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found
}

/// A timeout that no operation here reaches.
const PATIENCE: Duration = Duration::from_secs(30);
