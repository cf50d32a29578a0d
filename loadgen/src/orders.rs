//! Orders on a socket, some of them with file descriptors.

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use spec::handshake::{Order, Report};
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use zeroize::Zeroize;

/// The load generator's end of the socket to the daemon.
#[derive(Debug)]
pub struct Orders {
    socket: UnixStream,
    received: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Orders {
    /// Receives orders on this socket.
    #[must_use]
    pub const fn new(socket: UnixStream) -> Self {
        Self { socket, received: Vec::new(), descriptors: Vec::new() }
    }

    /// The next order, with the descriptors received up to it; `None` when the daemon is gone.
    ///
    /// # Errors
    /// When the socket breaks, or when what arrives is no order.
    pub fn receive(&mut self) -> io::Result<Option<(Order, Vec<OwnedFd>)>> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.received, rest);
                let order = serde_json::from_slice(&line).map_err(io::Error::other);
                // It contains keys.
                line.zeroize();
                let order = order?;
                return Ok(Some((order, std::mem::take(&mut self.descriptors))));
            }
            let Some((mut bytes, descriptors)) = receive(self.socket.as_fd())? else { return Ok(None) };
            self.received.extend_from_slice(&bytes);
            bytes.zeroize();
            self.descriptors.extend(descriptors);
        }
    }

    /// A handle that can report while orders are awaited.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn reporter(&self) -> io::Result<Reporter> {
        Ok(Reporter { socket: self.socket.try_clone()? })
    }
}

/// Reports to the daemon.
#[derive(Debug)]
pub struct Reporter {
    socket: UnixStream,
}

impl Reporter {
    /// Sends the daemon a report. That the daemon is gone is found by [`Orders::receive`].
    pub fn send(&mut self, report: &Report) {
        if let Ok(mut line) = serde_json::to_vec(report) {
            line.push(b'\n');
            self.socket.write_all(&line).ok();
        }
    }
}

/// Bytes with the descriptors that arrived with them; `None` at the end of the stream.
///
/// # Errors
/// When the socket breaks.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; PIECE];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            result => break result?,
        }
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    bytes.truncate(received.bytes);
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok(Some((bytes, descriptors)))
}

const PIECE: usize = 64 << 10;
/// The kernel passes no more with one message (`SCM_MAX_FD`, include/net/scm.h).
const DESCRIPTORS_MAX: usize = 253;
