//! Sources of clients' connections: a socket at a path, or a socket that the client of a private daemon passed on.
//!
//! ```text
//! shared:   client ── connect ──▶ /run/aiperfd/control.sock ──▶ accept
//! private:  client ── socketpair, one end sent over standard input ──▶ receive
//! ```
//!
//! A private daemon has no name that another process could use or connect to.

use anyhow::{Context, Result};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::fs;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net;
use std::path::Path;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{Receiver, channel};

/// Where connections come from, once a runtime is there to wait for them.
#[derive(Debug)]
pub enum Listener {
    /// A listening socket.
    Listening(UnixListener),
    /// The other end belongs to the one client, which sends one end of a connection with each message; a thread waits for them.
    Handed(Receiver<io::Result<net::UnixStream>>),
}

/// The same before there is a runtime.
#[derive(Debug)]
pub enum Source {
    /// A listening socket, not blocking.
    Listening(net::UnixListener),
    /// The socket that was passed on.
    Handed(OwnedFd),
}

impl Source {
    /// A listening socket at this path, for root and the members of a group.
    ///
    /// # Errors
    /// When another daemon listens there, or the path can't be used.
    pub fn listen(path: &Path, group: Option<u32>) -> Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("failed to create `{}`", directory.display()))?;
        }
        if net::UnixStream::connect(path).is_ok() {
            anyhow::bail!("another aiperfd listens on `{}`", path.display());
        }
        fs::remove_file(path).ok();
        let listener = net::UnixListener::bind(path)
            .with_context(|| format!("failed to listen on `{}`", path.display()))?;
        let given = group.map(|group| chown(path, None, Some(group)));
        // Without the privilege to change a file's owner (a user namespace, a container) the owner alone may connect.
        let mode = if let Some(Err(error)) = &given {
            tracing::warn!(
                "`{}` can't be given to its group, only its owner may connect: {error}",
                path.display()
            );
            0o600
        } else {
            0o660
        };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        listener.set_nonblocking(true)?;
        Ok(Self::Listening(listener))
    }

    /// Standard input as the socket that a client passed on.
    ///
    /// # Errors
    /// When it is no socket.
    pub fn handed_on() -> Result<Self> {
        let socket =
            io::stdin().as_fd().try_clone_to_owned().context("failed to take over standard input")?;
        rustix::net::sockopt::socket_type(&socket)
            .context("--private requires a socket as standard input, as aiperf-ctl makes it")?;
        Ok(Self::Handed(socket))
    }

    /// Ready to wait for connections. Must be called in a runtime.
    ///
    /// # Errors
    /// When the runtime can't watch the socket, or a thread can't be started.
    pub fn into_listener(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Listening(socket) => Listener::Listening(UnixListener::from_std(socket)?),
            Self::Handed(socket) => {
                let (to, connections) = channel(CONNECTIONS_WAITING);
                let wait = move || {
                    while let Some(connection) = receive(&socket).transpose() {
                        if to.blocking_send(connection.map(net::UnixStream::from)).is_err() {
                            return;
                        }
                    }
                };
                std::thread::Builder::new().name("connections".to_owned()).spawn(wait)?;
                Listener::Handed(connections)
            }
        })
    }
}

impl Listener {
    /// The next connection; `None` when no more can follow, because the one client is gone.
    ///
    /// # Errors
    /// When one connection can't be taken; the next one may be.
    pub async fn accept(&mut self) -> io::Result<Option<UnixStream>> {
        match self {
            Self::Listening(socket) => Ok(Some(socket.accept().await?.0)),
            Self::Handed(connections) => {
                let Some(connection) = connections.recv().await else { return Ok(None) };
                let connection = connection?;
                connection.set_nonblocking(true)?;
                Ok(Some(UnixStream::from_std(connection)?))
            }
        }
    }
}

/// The descriptor that the next message brings; `None` at the end.
fn receive(socket: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let bytes = &mut [IoSliceMut::new(&mut byte)];
    let received = loop {
        match recvmsg(socket, bytes, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            // A client that was killed is gone as well.
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            result => break result?,
        }
    };
    let descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let first = descriptors.flatten().next();
    match first {
        Some(descriptor) => Ok(Some(descriptor)),
        None if received.bytes == 0 => Ok(None),
        None => Err(io::Error::other("a message on the handed-on socket brought no connection")),
    }
}

/// Connections that wait to be served.
const CONNECTIONS_WAITING: usize = 16;
/// The kernel passes no more with one message (`SCM_MAX_FD`, include/net/scm.h); any others are closed.
const DESCRIPTORS_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
        sendmsg, socketpair,
    };
    use std::io::IoSlice;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn hand(over: &OwnedFd, connection: Option<&net::UnixStream>) {
        let descriptors = connection.map(AsFd::as_fd);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if let Some(descriptor) = &descriptors {
            assert!(
                ancillary.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(descriptor))),
                "room"
            );
        }
        sendmsg(over, &[IoSlice::new(b"c")], &mut ancillary, SendFlags::empty()).unwrap();
    }

    #[test]
    fn connections_arrive_over_the_socket_that_was_passed_on() {
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair.unwrap();
        let (mine, given) = net::UnixStream::pair().unwrap();
        hand(&ours, Some(&given));
        hand(&ours, None);
        drop((ours, given));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut listener = Source::Handed(theirs).into_listener().unwrap();
            let mut connection = listener.accept().await.unwrap().unwrap();
            assert_eq!(
                connection.peer_cred().unwrap().uid(),
                rustix::process::geteuid().as_raw(),
                "the kernel vouches for who made it"
            );
            mine.set_nonblocking(true).unwrap();
            let mut mine = UnixStream::from_std(mine).unwrap();
            mine.write_all(b"hello").await.unwrap();
            let mut bytes = [0; 5];
            connection.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"hello", "it is a connection");
            assert!(listener.accept().await.is_err(), "a message without a connection is passed over");
            assert!(listener.accept().await.unwrap().is_none(), "then the client is gone");
        });
    }
}
