//! Reads what the hot cores recorded, understands it, counts tokens, and tells the daemon about each request.
//!
//! ```text
//! spool files ──record──▶ record: Read, not understood
//!                           │
//!                           ▼
//!                         ledger ──event──▶ endpoint::sse, endpoint::event ──▶ request: texts, events
//!                           │                                                     │ ended
//!                           └──message──▶ replies (pipe) ◀── tokens, outcome ◀────┘
//! ```
//!
//! Only this module's [`run`] touches files; the [`Ledger`] takes bytes and gives bytes, whatever they come from.

mod asked;
mod ledger;
mod outcome;
mod record;
mod request;
mod transcript;

use crate::branching::Inherited;
use crate::prompt::{Conversations, Markers};
use crate::ring::shared::Gauge;
pub use asked::{Asked, Facts};
use common::plan::Plan;
use endpoint::Endpoint;
pub use ledger::Ledger;
use record::Next;
pub use request::Names;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;
use tokenizer::{ChatTemplate, Tokenizer};

/// What a scribe needs.
pub struct Scribe {
    /// Each worker's spool file, and how far it may be read.
    pub spools: Vec<(File, Gauge)>,
    /// Where replies are written.
    pub replies: File,
    /// What the server's bytes mean.
    pub endpoint: &'static dyn Endpoint,
    /// What tokens are counted with, if at all.
    pub tokenizer: Option<Tokenizer>,
    /// What requests ask.
    pub conversations: Arc<dyn Conversations>,
    /// What forked sessions had heard when they began.
    pub inherited: Inherited,
    /// What the model is shown of messages, if that is what is counted.
    pub template: Option<ChatTemplate>,
    /// The markers of prompts, if there are any.
    pub markers: Option<Markers>,
    /// The plan of the run.
    pub plan: Plan,
    /// Whether the bytes of responses are passed on.
    pub keep_raw: bool,
}

/// Bytes that grow while they are read.
pub trait Source {
    /// How many bytes may be read.
    fn visible(&self) -> u64;

    /// Reads bytes from an offset, at least one if there is any.
    ///
    /// # Errors
    /// When they can't be read.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Says how many bytes are not needed any more.
    fn set_consumed(&self, bytes: u64);
}

impl Source for (File, Gauge) {
    fn visible(&self) -> u64 {
        self.1.visible()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(bytes, offset)
    }

    fn set_consumed(&self, bytes: u64) {
        self.1.set_consumed(bytes);
    }
}

/// Works until every worker has nothing more to say.
///
/// # Errors
/// When a spool can't be read, is malformed, or the replies can't be written.
pub fn run(scribe: Scribe) -> io::Result<()> {
    let spools = scribe.spools.into_iter();
    let mut spools = (0..).zip(spools).map(|(worker, source)| Spool::new(worker, source)).collect::<Vec<_>>();
    let replies = BufWriter::with_capacity(REPLY_BUFFER, scribe.replies);
    let asked = Asked::new(scribe.conversations, scribe.inherited);
    let asked = asked.with_template(scribe.template).with_markers(scribe.markers);
    let mut ledger = Ledger::new(replies, scribe.endpoint, scribe.tokenizer, asked, &scribe.plan);
    if scribe.keep_raw {
        ledger.keep_raw();
    }
    while ledger.finished() < spools.len() {
        let mut has_read = false;
        for spool in &mut spools {
            has_read |= spool.read(&mut ledger)?;
        }
        if !has_read {
            // Progress is shown live: what is understood is told before waiting for more.
            ledger.flush()?;
            std::thread::sleep(POLL);
        }
    }
    ledger.finish()
}

/// One worker's records, and how far they are read.
struct Spool<S> {
    worker: u32,
    source: S,
    offset: u64,
    buffer: Vec<u8>,
}

impl<S: Source> Spool<S> {
    fn new(worker: u32, source: S) -> Self {
        Self { worker, source, offset: 0, buffer: vec![0; READ_BYTES] }
    }

    /// Reads once; returns whether anything whole was there.
    fn read(&mut self, ledger: &mut Ledger<impl Write>) -> io::Result<bool> {
        let visible = self.source.visible();
        let room = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        let wanted = usize::try_from(visible.saturating_sub(self.offset).min(room)).unwrap_or(0);
        if wanted == 0 {
            return Ok(false);
        }
        let count = self.source.read_at(&mut self.buffer[..wanted], self.offset)?;
        let mut rest = &self.buffer[..count];
        let mut read = 0;
        let needed = loop {
            let stride = match record::next(rest)? {
                Next::Record { header, bytes, stride } => {
                    ledger.record(self.worker, &header, bytes)?;
                    stride
                }
                Next::Padding { stride } => stride,
                Next::Partial { needed } => break needed,
            };
            read += stride as u64;
            rest = rest.get(stride..).unwrap_or_default();
        };
        self.offset += read;
        self.source.set_consumed(self.offset);
        if needed > self.buffer.len() {
            self.buffer.resize(needed, 0);
        }
        Ok(read > 0)
    }
}

/// How long the scribe sleeps when there is nothing to read.
const POLL: Duration = Duration::from_millis(2);
const READ_BYTES: usize = 512 << 10;
const REPLY_BUFFER: usize = 256 << 10;

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{Records, ledger};
    use super::*;
    use std::cell::Cell;

    /// A spool in memory that shows a few more bytes each time.
    struct Slow {
        bytes: Vec<u8>,
        visible: Cell<u64>,
        step: u64,
        consumed: Cell<u64>,
    }

    impl Source for Slow {
        fn visible(&self) -> u64 {
            self.visible.set((self.visible.get() + self.step).min(self.bytes.len() as u64));
            self.visible.get()
        }

        fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = self.bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let count = rest.len().min(bytes.len());
            bytes[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }

        fn set_consumed(&self, bytes: u64) {
            self.consumed.set(bytes);
        }
    }

    /// Reads records that become visible in steps, and returns the messages.
    fn check(records: &Records, step: u64, buffer: usize) -> Vec<u8> {
        let bytes = records.bytes();
        let length = bytes.len() as u64;
        let source = Slow { bytes, visible: Cell::new(0), step, consumed: Cell::new(0) };
        let mut spool = Spool { worker: 3, source, offset: 0, buffer: vec![0; buffer] };
        let mut ledger = ledger("chat", None);
        for _ in 0..length {
            spool.read(&mut ledger).unwrap();
        }
        assert_eq!(spool.source.consumed.get(), length, "everything is consumed, {step} bytes at a time");
        assert_eq!(ledger.finished(), 1, "the worker has finished");
        ledger.finish().unwrap();
        ledger.into_replies()
    }

    #[test]
    fn it_does_not_matter_how_a_spool_grows() {
        let mut records = Records::default();
        records.opened(1).sent(7, 1).head(7, 200).padding(24);
        records.event(7, r#"data: {"choices":[{"delta":{"content":"hi"}}]}"#).padding(8);
        records
            .event(7, &format!(": {}", "x".repeat(2000)))
            .ended(7, "ok")
            .closed(1)
            .padding(4000)
            .finished();
        let whole = check(&records, u64::MAX >> 1, READ_BYTES);
        assert!(whole.len() > 232, "a message was written");
        for (step, buffer) in [(8, 64), (24, 64), (1000, 100), (1, 4096)] {
            assert_eq!(check(&records, step, buffer), whole, "steps of {step}, buffer of {buffer}");
        }
    }
}
