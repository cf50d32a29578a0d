//! Watches traffic of other clients: reads the kernel's captures and reports each request as the response parser does.
//!
//! ```text
//! kernel's spool ──▶ watch ──▶ stream: bytes in order, and holes
//!                               │
//!                               ▼
//!                              follower: requests ◀─pairs─▶ wire::http: responses, events
//!                               │
//!                               ▼
//!                              response_parser::RequestTable ──▶ replies (pipe)
//! ```
//!
//! Only [`run`] touches files; all else reads bytes and writes bytes. The client is another process, so a request has no
//! user-space stamps; when it was due and when it ended are the kernel's times.

mod counts;
mod follower;
mod question;
mod requests;
mod stream;
mod watch;

use crate::bounds::{Bound, Exceeded};
use crate::response_parser::{Source, freed};
use crate::ring::shared::Gauge;
use common::clock::DurationNs;
pub use counts::Counts;
pub(crate) use requests::BODY_BYTES_MAX;
pub use requests::{NotFollowed, Progress, Question, Requests};
use spec::{Plan, Side};
use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
pub use stream::{Content, Segment, Stream, Stretch};
use tokenizer::Tokenizer;
pub(crate) use watch::OPEN_MAX;
pub use watch::Watch;

/// What an observer needs.
pub struct Observer<'a> {
    /// The kernel's spool file, and how far it may be read.
    pub spool: (File, Gauge),
    /// Where replies are written.
    pub replies: File,
    /// Which end of the connections is watched.
    pub side: Side,
    /// What tokens are counted with, if at all.
    pub tokenizer: Option<Tokenizer>,
    /// The plan of the run.
    pub plan: &'a Plan,
    /// Not zero once the spool grows no more.
    pub over: &'a AtomicU8,
    /// Called at intervals with the counts so far.
    pub met: &'a mut dyn FnMut(&Counts),
    /// Whether the spool is that of a daemon that died: what is no record there is its end, and counted.
    pub is_replay: bool,
    /// What was left out.
    pub exceeded: Arc<Exceeded>,
}

/// Runs until the spool grows no more and is read; returns the counts.
///
/// # Errors
/// When the spool can't be read, is malformed, or the replies can't be written.
pub fn run(observer: Observer<'_>) -> io::Result<Counts> {
    let Observer { spool, replies, side, tokenizer, plan, over, met, is_replay, exceeded } = observer;
    let mut reported = clock::mono();
    let replies = BufWriter::with_capacity(REPLY_BUFFER, replies);
    let mut watch = Watch::new(replies, side, tokenizer, plan).counting(Arc::clone(&exceeded));
    let mut reader = Reader { offset: 0, buffer: vec![0; READ_BYTES], may_be_freed: is_replay };
    loop {
        // Loaded before the visible length: what arrives later is not waited for, and nothing is missed.
        let is_over = over.load(Ordering::Acquire) != 0;
        let has_read = match reader.read(&spool, &mut watch) {
            Err(error) if is_replay && error.kind() == io::ErrorKind::InvalidData => {
                exceeded.count(Bound::SpoolBytes, reader.give_up(&spool));
                false
            }
            read => read?,
        };
        let now = clock::mono();
        if now - reported >= REPORT_INTERVAL {
            reported = now;
            met(watch.counts());
        }
        if !has_read {
            watch.flush()?;
            if is_over {
                watch.finish()?;
                return Ok(watch.counts().clone());
            }
            std::thread::sleep(POLL);
        }
    }
}

/// How far the spool is read.
struct Reader {
    offset: u64,
    buffer: Vec<u8>,
    /// Whether its start may have been freed on disk: then it reads as zeroes, up to a record.
    may_be_freed: bool,
}

impl Reader {
    /// Reads once; returns whether a whole record was there.
    fn read(&mut self, source: &impl Source, watch: &mut Watch<impl io::Write>) -> io::Result<bool> {
        let there = source.visible().saturating_sub(self.offset);
        let wanted = usize::try_from(there).unwrap_or(usize::MAX).min(self.buffer.len());
        if wanted == 0 {
            return Ok(false);
        }
        let count = source.read_at(&mut self.buffer[..wanted], self.offset)?;
        let bytes = &self.buffer[..count];
        let mut taken = if self.may_be_freed { freed(bytes) } else { 0 };
        self.may_be_freed &= taken == bytes.len();
        let result = loop {
            match watch.record(bytes.get(taken..).unwrap_or_default()) {
                Ok(Some(length)) => taken += length,
                Ok(None) => break Ok(taken > 0),
                Err(error) => break Err(error),
            }
        };
        self.offset += taken as u64;
        source.set_consumed(self.offset);
        result
    }

    /// Reads no more of it; returns how many bytes are left.
    fn give_up(&mut self, source: &impl Source) -> u64 {
        let visible = source.visible();
        let left = visible.saturating_sub(self.offset);
        self.offset = visible;
        left
    }
}

/// Interval at which counts are reported.
const REPORT_INTERVAL: DurationNs = DurationNs::from_millis(1000);
/// How long it sleeps when there is nothing to read.
const POLL: Duration = Duration::from_millis(2);
/// Many times the longest record.
const READ_BYTES: usize = 512 << 10;
const REPLY_BUFFER: usize = 256 << 10;
