//! Starts load generators, each as a user of its own, for a daemon that may not change users any more.
//!
//! ```text
//! aiperfd (root) ── at start ──▶ guard ──▶ spawner    (root, with the rights to change users and to end processes)
//! aiperfd (few capabilities) ── 16 bytes and a socket ──▶ spawner ── starts ──▶ aiperf-loadgen run   (a uid per run)
//! ```
//!
//! The spawner reads messages of one fixed layout from the daemon and nothing else. Should it end, the guard starts another
//! one on the same socket.

use crate::privileges::{self, Identity};
use crate::threads::lock;
use anyhow::{Context, Result, bail};
use common::clock::DurationNs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The daemon's end of the socket to the spawner.
#[derive(Debug)]
pub struct Spawner {
    socket: Mutex<Asking>,
}

#[derive(Debug)]
struct Asking {
    socket: OwnedFd,
    /// The number of the last request: a response to an earlier one is too late.
    last_request: u32,
}

/// A request of the daemon.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Request {
    number: u32,
    /// [`START`] or [`END`].
    kind: u32,
    /// To start: the user's number, or [`OWN_USER`]. To end: the process.
    subject: u32,
    /// Always 0.
    reserved: u32,
}

/// The spawner's response.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
struct Answer {
    number: u32,
    /// The process that was started or ended; 0 when that failed.
    pid: u32,
}

impl Spawner {
    /// The daemon's end, and the end that the spawner gets as standard input.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn pair() -> Result<(Self, OwnedFd)> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let pair =
            socketpair(family, kind, SocketFlags::CLOEXEC, None).context("failed to make a socket pair")?;
        Ok((Self { socket: Mutex::new(Asking { socket: pair.0, last_request: 0 }) }, pair.1))
    }

    /// Starts a load generator that receives its orders from `orders`; returns its process number.
    ///
    /// # Errors
    /// When the spawner does not respond, or can't start it.
    pub fn start(&self, identity: Identity, orders: BorrowedFd<'_>) -> Result<u32> {
        match self.call(START, identity.uid().unwrap_or(OWN_USER), &[orders])? {
            0 => bail!("the spawner failed to start a load generator; its reason is in the daemon's log"),
            pid => Ok(pid),
        }
    }

    /// Lets the spawner end, and with it the guard.
    pub fn close(&self) {
        let asking = lock(&self.socket);
        rustix::net::shutdown(&asking.socket, Shutdown::Both).ok();
    }

    /// Whether no spawner is there and none will be: the guard is gone as well.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        // A call that is in progress at this moment is waited for there.
        let Ok(asking) = self.socket.try_lock() else { return false };
        let mut ends = [PollFd::new(&asking.socket, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut ends, Some(&now)).is_ok_and(|count| count > 0) && ends[0].revents().contains(PollFlags::HUP)
    }

    /// Ends a load generator that it started, if that still runs.
    pub fn end(&self, pid: u32) {
        if let Err(error) = self.call(END, pid, &[]) {
            tracing::debug!("load generator {pid} may still run: {error:#}");
        }
    }

    fn call(&self, kind: u32, subject: u32, descriptors: &[BorrowedFd<'_>]) -> Result<u32> {
        let mut asking = lock(&self.socket);
        asking.last_request = asking.last_request.wrapping_add(1);
        let request = Request { number: asking.last_request, kind, subject, reserved: 0 };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            bail!("too many descriptors for one message");
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sendmsg(&asking.socket, &[IoSlice::new(request.as_bytes())], &mut ancillary, flags)
            .context("the spawner of load generators is gone: restart aiperfd")?;
        loop {
            let mut readable = [PollFd::new(&asking.socket, PollFlags::IN)];
            let patience = Timespec { tv_sec: ANSWER_PATIENCE.0 / 1_000_000_000, tv_nsec: 0 };
            if poll(&mut readable, Some(&patience))? == 0 {
                bail!("the spawner of load generators did not answer");
            }
            let mut answer = Answer::default();
            let read = rustix::io::read(&asking.socket, answer.as_mut_bytes())?;
            if read == 0 {
                bail!("the spawner of load generators is gone: restart aiperfd");
            }
            if read == size_of::<Answer>() && answer.number == asking.last_request {
                return Ok(answer.pid);
            }
        }
    }
}

/// The spawner itself: serves on standard input until the daemon's end of it closes.
///
/// # Errors
/// When the load generator's program can't be opened, or privileges not be dropped.
pub fn run(loadgen: &Path) -> Result<()> {
    // Opened while privileges allow it: the program may be where other users can't walk.
    let program = File::open(loadgen).with_context(|| {
        format!(
            "failed to open the load generator `{}`; build it, or name it with --loadgen",
            loadgen.display()
        )
    })?;
    privileges::keep_only_for_spawning()?;
    let socket = io::stdin().as_fd().try_clone_to_owned().context("failed to take over standard input")?;
    let running = Arc::<Mutex<BTreeMap<u32, OwnedFd>>>::default();
    while let Some((request, descriptor)) = receive(&socket)? {
        let pid = match (request.kind, descriptor) {
            (START, Some(orders)) => {
                start(&program, request.subject, orders, &running).unwrap_or_else(|error| {
                    tracing::warn!("failed to start `{}`: {error:#}", loadgen.display());
                    0
                })
            }
            (END, None) => end(request.subject, &running),
            _ => 0,
        };
        let answer = Answer { number: request.number, pid };
        if rustix::io::write(&socket, answer.as_bytes()).is_err() {
            break;
        }
    }
    Ok(())
}

fn start(
    program: &File,
    uid: u32,
    orders: OwnedFd,
    running: &Arc<Mutex<BTreeMap<u32, OwnedFd>>>,
) -> Result<u32> {
    let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    command.arg0("aiperf-loadgen").arg("run").stdin(Stdio::from(orders)).stdout(Stdio::null());
    command.current_dir("/").process_group(0).env_clear();
    if uid != OWN_USER {
        command.uid(uid).gid(uid);
    }
    let mut child = command.spawn()?;
    let pid = child.id();
    if let Some(number) = Pid::from_raw(pid.cast_signed()) {
        // It is not waited for yet, so the number is still its own.
        let handle = pidfd_open(number, PidfdFlags::empty())?;
        lock(running).insert(pid, handle);
    }
    let running = Arc::clone(running);
    std::thread::spawn(move || {
        child.wait().ok();
        lock(&running).remove(&pid);
    });
    Ok(pid)
}

fn end(pid: u32, running: &Mutex<BTreeMap<u32, OwnedFd>>) -> u32 {
    let running = lock(running);
    let ended = running.get(&pid).map(|process| pidfd_send_signal(process, Signal::KILL));
    if matches!(ended, Some(Ok(()))) { pid } else { 0 }
}

/// The next request with its descriptor; `None` when the daemon is gone.
fn receive(socket: &OwnedFd) -> io::Result<Option<(Request, Option<OwnedFd>)>> {
    let mut request = Request::default();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let bytes = &mut [IoSliceMut::new(request.as_mut_bytes())];
    let received = loop {
        match recvmsg(socket, bytes, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            result => break result?,
        }
    };
    let rights = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let descriptor = rights.flatten().next();
    Ok((received.bytes > 0).then_some((request, descriptor)))
}

/// Sends bytes on a socket; the descriptors are sent with the first of them.
///
/// # Errors
/// When the other end is gone.
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

const START: u32 = 1;
const END: u32 = 2;
/// For a load generator of the daemon's own user.
const OWN_USER: u32 = u32::MAX;
/// A spawner that was killed in the middle of a request never responds to it; the next one serves the next request.
const ANSWER_PATIENCE: DurationNs = DurationNs::from_millis(5000);
