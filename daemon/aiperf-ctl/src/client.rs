//! The client side of the control API: HTTP/1.1 over a unix socket, one connection per call.
//!
//! ```text
//! a shared daemon    connect to its socket's path, then check which user listens there (SO_PEERCRED)
//! a private daemon   socketpair, one end passed (SCM_RIGHTS) over the socket that is its standard input
//! ```
//!
//! The socket of a private daemon has no name: no other process can impersonate it or connect to it.

use crate::upload::Upload;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use control::Problem;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Folder;
use tokio::net::UnixStream;

/// A reachable daemon.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// The daemon that listens at this path.
    Shared(PathBuf),
    /// The private daemon at the other end of this socket.
    Private(Arc<OwnedFd>),
}

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreached {
    /// No process listens, or this user may not connect.
    #[error("{0}")]
    Refused(#[from] io::Error),
    /// The listening process is not trusted to be the daemon.
    #[error("{0}")]
    Untrusted(String),
}

impl Client {
    /// The daemon behind a socket.
    pub(crate) fn at(socket: &Path) -> Self {
        Self::Shared(socket.to_owned())
    }

    /// Requests a value.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.value(Method::GET, path, Upload::Bytes(Bytes::new())).await
    }

    /// Sends a value and returns the response.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, value: &impl Serialize) -> Result<T> {
        self.value(Method::POST, path, Bytes::from(serde_json::to_vec(value)?).into()).await
    }

    /// Uploads data.
    pub(crate) async fn put(&self, path: &str, upload: Upload) -> Result<()> {
        self.call(Method::PUT, path, upload).await?;
        Ok(())
    }

    /// Deletes a resource.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.call(Method::DELETE, path, Bytes::new().into()).await?;
        Ok(())
    }

    /// Downloads into a file of a directory, completely or not at all.
    pub(crate) async fn fetch(&self, path: &str, to: &Folder, name: &str) -> Result<()> {
        let mut body = self.call(Method::GET, path, Bytes::new().into()).await?.into_body();
        let mut file = to.create(name)?;
        while let Some(frame) = body.frame().await {
            let frame =
                frame.with_context(|| format!("the daemon closed the connection while sending `{name}`"))?;
            if let Ok(data) = frame.into_data() {
                file.write_all(&data).with_context(|| format!("failed to write `{name}`"))?;
            }
        }
        file.finish()?;
        Ok(())
    }

    /// Opens a stream of JSON lines.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines> {
        let response = self.call(Method::GET, path, Bytes::new().into()).await?;
        Ok(Lines { body: response.into_body(), received: Vec::new() })
    }

    /// Opens a separate connection.
    pub(crate) async fn connect(&self) -> Result<UnixStream, Unreached> {
        match self {
            Self::Shared(path) => {
                let stream = UnixStream::connect(path).await?;
                let listener = stream.peer_cred()?.uid();
                trust(path, listener, rustix::process::geteuid().as_raw()).map_err(Unreached::Untrusted)?;
                Ok(stream)
            }
            Self::Private(control) => {
                let stream = std::os::unix::net::UnixStream::from(hand_on(control.as_fd())?);
                stream.set_nonblocking(true)?;
                Ok(UnixStream::from_std(stream)?)
            }
        }
    }

    /// The daemon's name in messages.
    fn shown(&self) -> String {
        match self {
            Self::Shared(path) => format!("the daemon at `{}`", path.display()),
            Self::Private(_) => "the private daemon".to_owned(),
        }
    }

    async fn value<T: DeserializeOwned>(&self, method: Method, path: &str, body: Upload) -> Result<T> {
        let response = self.call(method, path, body).await?;
        let bytes = whole(response).await?;
        serde_json::from_slice(&bytes)
            .context("the daemon's response has an unexpected format, perhaps of another version")
    }

    async fn call(&self, method: Method, path: &str, upload: Upload) -> Result<Response<Incoming>> {
        let reached = self.connect().await;
        let stream = reached.with_context(|| format!("failed to reach {}", self.shown()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .context("failed to connect to the daemon over HTTP")?;
        tokio::spawn(connection);
        let body = upload.body().context("failed to read the upload")?;
        let request = Request::builder().method(method).uri(path).header("host", "aiperfd").body(body)?;
        let response = sender.send_request(request).await.context("the daemon closed the connection")?;
        if response.status().is_success() {
            return Ok(response);
        }
        let bytes = whole(response).await?;
        let problem: Problem =
            serde_json::from_slice(&bytes).context("the daemon returned an error without a reason")?;
        Err(problem.into())
    }
}

/// Reads the body of a response, up to a limit.
async fn whole(response: Response<Incoming>) -> Result<Bytes> {
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error)).context("the daemon closed the connection")?;
    Ok(body.to_bytes())
}

/// A stream of JSON lines.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    received: Vec<u8>,
}

impl Lines {
    /// The next line, `None` when the stream has ended.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line = self.received.drain(..=end).collect::<Vec<_>>();
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            if self.received.len() > LINE_BYTES_MAX {
                bail!("the daemon sends a line that is longer than {LINE_BYTES_MAX} bytes");
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.context("the daemon closed the connection")?.into_data() {
                        self.received.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

/// Opens a connection to the private daemon at the other end of `control`, and returns this end of the connection.
pub(crate) fn hand_on(control: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    send_descriptors(control, &[theirs.as_fd()])?;
    Ok(ours)
}

/// Sends descriptors over a unix socket, with one byte.
pub(crate) fn send_descriptors(to: BorrowedFd<'_>, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(to, &[IoSlice::new(&[1])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Whether the user listening at a path may receive secrets: root, this user, or the owner of the socket's directory if root
/// assigned it. In `/tmp`, which is writable for all, any user could listen.
fn trust(socket: &Path, listener: u32, user: u32) -> Result<(), String> {
    if listener == 0 || listener == user || is_given_by_root(socket, listener) {
        return Ok(());
    }
    Err(format!(
        "user {listener} listens at `{}`, who is neither root nor you, in a directory that root has not assigned to that user: \
         nothing was sent there",
        socket.display()
    ))
}

/// Whether only `owner` can write to the socket's directory, and only root to the directories above it.
fn is_given_by_root(socket: &Path, owner: u32) -> bool {
    let directory =
        socket.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let Some(directory) = directory.and_then(|directory| directory.canonicalize().ok()) else { return false };
    let is_of = |directory: &Path, owner: u32| {
        directory.symlink_metadata().is_ok_and(|found| found.uid() == owner && found.mode() & 0o022 == 0)
    };
    is_of(&directory, owner) && directory.ancestors().skip(1).all(|above| is_of(above, 0))
}

/// Maximum number of descriptors in one message.
const DESCRIPTORS_MAX: usize = 2;
/// Maximum size of a response, the longest of which is a list of runs.
const BODY_BYTES_MAX: usize = 256 << 20;
/// Maximum size of a line, the longest of which are progress with live percentiles, and one request.
const LINE_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    use std::io::{IoSliceMut, Read};

    #[test]
    fn a_passed_connection_arrives() {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let mut connection = std::os::unix::net::UnixStream::from(hand_on(ours.as_fd()).unwrap());
        connection.write_all(b"request").unwrap();
        drop(connection);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let received =
            recvmsg(&theirs, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
                .unwrap();
        assert_eq!((received.bytes, byte), (1, [1]), "one byte");
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(sent) = message {
                descriptors.extend(sent);
            }
        }
        let [descriptor] = <[OwnedFd; 1]>::try_from(descriptors).unwrap();
        let mut text = String::new();
        std::os::unix::net::UnixStream::from(descriptor).read_to_string(&mut text).unwrap();
        assert_eq!(text, "request", "the same connection");
    }

    #[test]
    fn only_root_and_the_user_are_trusted_in_a_world_writable_directory() {
        let check = |socket: &str, listener: u32, user: u32, expected: bool| {
            assert_eq!(
                trust(Path::new(socket), listener, user).is_ok(),
                expected,
                "{socket} {listener} {user}"
            );
        };
        check("/tmp/x.sock", 0, 1000, true);
        check("/tmp/x.sock", 1000, 1000, true);
        check("/tmp/x.sock", 1001, 1000, false);
        check("/tmp/x.sock", 1001, 0, false);
        check("/run/x.sock", 1001, 0, false);
        check("/no/such/directory/x.sock", 1001, 1000, false);
        let folder = tempfile::tempdir().unwrap();
        let owner = folder.path().metadata().unwrap().uid();
        let inside = folder.path().join("x.sock");
        assert!(!is_given_by_root(&inside, owner), "/tmp above it is world-writable");
    }
}
