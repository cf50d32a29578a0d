//! Starts load generators without privilege to change users: a process of the load generator's user does it.
//!
//! ```text
//! aiperfd (root) ── at start ──▶ aiperf-loadgen nursery   (own user, no capabilities, no_new_privs)
//! aiperfd (few capabilities) ── a socket ──▶ nursery ── starts ──▶ aiperf-loadgen run
//! ```

use crate::privileges::LoadgenUser;
use anyhow::{Context, Result, bail};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::fs::File;
use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// The nursery's process and the socket to it.
#[derive(Debug)]
pub struct Nursery {
    socket: Mutex<UnixStream>,
    process: Child,
}

impl Nursery {
    /// Starts the nursery as `user` from the program at `loadgen`.
    pub fn start(loadgen: &Path, user: &LoadgenUser) -> Result<Self> {
        // Opened here, as the user may not be allowed to walk the path.
        let program = File::open(loadgen).with_context(|| {
            format!(
                "failed to open the load generator `{}`; build it, or name it with --loadgen",
                loadgen.display()
            )
        })?;
        let (ours, theirs) = UnixStream::pair().context("failed to make a socket pair")?;
        let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
        command.arg0("aiperf-loadgen").arg("nursery").stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        command.stdout(Stdio::null()).current_dir("/").process_group(0).env_clear();
        if let Some((uid, gid)) = user.ids {
            command.uid(uid).gid(gid);
        }
        let process = command.spawn().with_context(|| {
            format!("failed to start the load generator `{}` as {}", loadgen.display(), user.name)
        })?;
        Ok(Self { socket: Mutex::new(ours), process })
    }

    /// The nursery's process number.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Starts a load generator that takes its orders from `orders`; gives its process number.
    pub fn bear(&self, orders: BorrowedFd<'_>) -> Result<u32> {
        let Ok(mut socket) = self.socket.lock() else { bail!("the nursery's socket is broken") };
        send_with_descriptors(socket.as_fd(), b"b", &[orders])
            .context("failed to ask for a load generator")?;
        let mut pid = [0; 4];
        socket.read_exact(&mut pid).context("the load generator's nursery has ended")?;
        match u32::from_le_bytes(pid) {
            0 => bail!("the nursery failed to start a load generator"),
            pid => Ok(pid),
        }
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        if let Ok(socket) = self.socket.get_mut() {
            socket.shutdown(std::net::Shutdown::Both).ok();
        }
        self.process.wait().ok();
    }
}

/// Sends bytes on a socket; the descriptors come with the first of them.
pub fn send_with_descriptors(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> Result<()> {
    let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(descriptors).size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        bail!("too many descriptors for one message");
    }
    let mut sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    while sent < bytes.len() {
        sent += rustix::net::send(socket, &bytes[sent..], SendFlags::NOSIGNAL)?;
    }
    Ok(())
}
