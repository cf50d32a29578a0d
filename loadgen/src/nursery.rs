//! Starts load generators for a daemon that may not change users: this process already is the right one.

use crate::orders;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// Serves until the daemon's end of the socket, which is standard input, closes.
#[must_use]
pub fn run() -> ExitCode {
    if rustix::thread::set_no_new_privs(true).is_err() {
        return ExitCode::FAILURE;
    }
    let Ok(socket) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let mut socket = UnixStream::from(socket);
    while let Ok(Some((_, descriptors))) = orders::receive(socket.as_fd()) {
        let pid = descriptors.into_iter().next().and_then(bear).unwrap_or(0);
        if socket.write_all(&pid.to_le_bytes()).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Starts a load generator with this socket as its standard input; a thread waits for its end.
fn bear(orders: OwnedFd) -> Option<u32> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("aiperf-loadgen").arg("run").stdin(Stdio::from(orders)).stdout(Stdio::null());
    let mut child = command.spawn().ok()?;
    let pid = child.id();
    std::thread::spawn(move || child.wait());
    Some(pid)
}
