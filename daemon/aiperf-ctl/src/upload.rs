//! Uploads to the daemon: bytes in memory, or a user's file, read in chunks.

use crate::interrupt::ScratchFile;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use store::source;

/// The source of an upload.
#[derive(Clone, Debug)]
pub(crate) enum Upload {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file of the user.
    File(PathBuf),
    /// A temporary file, deleted with this value.
    Temporary(Arc<ScratchFile>),
}

impl Upload {
    /// The request's body.
    pub(crate) fn body(self) -> io::Result<Pieces> {
        match self {
            Self::Bytes(bytes) => Ok(Pieces { bytes: Some(bytes), file: None, kept: None }),
            Self::File(path) => {
                Ok(Pieces { bytes: None, file: Some(source::open(&path, FILE_BYTES_MAX)?), kept: None })
            }
            Self::Temporary(path) => Ok(Pieces {
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

/// A body that is produced in chunks.
#[derive(Debug)]
pub(crate) struct Pieces {
    bytes: Option<Bytes>,
    file: Option<File>,
    /// Keeps a temporary file until it has been read.
    #[expect(dead_code, reason = "held for its drop")]
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
        // Reads of a local disk are too short to be worth another thread.
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

/// Maximum size of an uploaded file.
pub(crate) const FILE_BYTES_MAX: u64 = 64 << 30;
const PIECE: usize = 256 << 10;
