//! What is uploaded to the daemon: bytes in memory, or a file of the user's, read piece by piece.

use crate::interrupt::ScratchFile;
use bytes::Bytes;
use export::source;
use hyper::body::{Body, Frame, SizeHint};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What is uploaded.
#[derive(Clone, Debug)]
pub(crate) enum Upload {
    /// Bytes.
    Bytes(Bytes),
    /// A file of the user's.
    File(PathBuf),
    /// A file that was made for the run, and goes with it.
    Made(Arc<ScratchFile>),
}

impl Upload {
    /// The request's body.
    pub(crate) fn body(self) -> io::Result<Pieces> {
        match self {
            Self::Bytes(bytes) => Ok(Pieces { bytes: Some(bytes), file: None, kept: None }),
            Self::File(path) => {
                Ok(Pieces { bytes: None, file: Some(source::open(&path, FILE_BYTES_MAX)?), kept: None })
            }
            Self::Made(path) => Ok(Pieces {
                bytes: None,
                file: Some(source::open(path.path(), FILE_BYTES_MAX)?),
                kept: Some(path),
            }),
        }
    }
}

impl From<Bytes> for Upload {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// A body that comes piece by piece.
#[derive(Debug)]
pub(crate) struct Pieces {
    bytes: Option<Bytes>,
    file: Option<File>,
    /// Keeps a file that was made until it has been read.
    #[expect(dead_code, reason = "held for its end")]
    kept: Option<Arc<ScratchFile>>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let Some(file) = self.file.as_mut() else { return Poll::Ready(None) };
        // A disk is not waited for long enough to have it done elsewhere.
        let mut piece = Vec::with_capacity(PIECE);
        match file.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => Poll::Ready(None),
            Ok(_) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece))))),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.bytes, &self.file) {
            (Some(bytes), _) => SizeHint::with_exact(bytes.len() as u64),
            (None, None) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

/// The largest file that is uploaded.
pub(crate) const FILE_BYTES_MAX: u64 = 64 << 30;
const PIECE: usize = 256 << 10;
