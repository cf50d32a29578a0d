//! Reads the records of the hot cores, parses responses, counts tokens, and sends the daemon a message for each request.
//!
//! ```text
//! spool files ──record──▶ record: read, not parsed
//!                           │
//!                           ▼
//!                         request_table ──event──▶ endpoint::sse, endpoint::event ──▶ request: texts, events
//!                           │                                                            │ ended
//!                           └──message──▶ replies (pipe) ◀── tokens, outcome ◀───────────┘
//! ```
//!
//! Only this module's [`run`] touches files; the [`RequestTable`] reads bytes and writes bytes, whatever their source.

mod decoding;
mod facts;
mod outcome;
mod record;
mod request;
mod request_table;
mod room;
mod tokens;
mod transcript;

use crate::bounds::{self, Bound, Exceeded};
use crate::branching::Inherited;
use crate::prompt::{Conversations, Markers};
use crate::ring::shared::Gauge;
use crate::secrets::Secrets;
use crate::worker::STOP;
use endpoint::Endpoint;
pub use facts::{Facts, RequestFacts};
use record::Next;
pub use request::Names;
pub use request_table::RequestTable;
use spec::Plan;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokenizer::{ChatTemplate, Tokenizer};

/// What the response parser needs.
pub struct ResponseParser {
    /// Each worker's spool file, and how far it may be read.
    pub spools: Vec<(File, Gauge)>,
    /// Where replies are written.
    pub replies: File,
    /// What the server's bytes mean.
    pub endpoint: &'static dyn Endpoint,
    /// What tokens are counted with, if at all.
    pub tokenizer: Option<Tokenizer>,
    /// The content of requests.
    pub conversations: Arc<dyn Conversations>,
    /// The history that forked sessions started with.
    pub inherited: Inherited,
    /// What the model is shown of messages, if that is what is counted.
    pub template: Option<ChatTemplate>,
    /// The markers of prompts, if there are any.
    pub markers: Option<Markers>,
    /// The plan of the run.
    pub plan: Plan,
    /// Whether the bytes of responses are passed on.
    pub keep_raw: bool,
    /// What is never passed on.
    pub secrets: Secrets,
    /// Connections of all workers, by which what is held of their responses is bounded.
    pub connections: u64,
    /// What was left out.
    pub exceeded: Arc<Exceeded>,
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

    /// Reports how many bytes are not needed any more.
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

/// Runs until every worker has finished.
///
/// # Errors
/// When a spool can't be read, is malformed, or the replies can't be written.
pub fn run(parser: ResponseParser) -> io::Result<()> {
    let (mut spools, mut table) = open(parser);
    while table.finished() < spools.len() {
        let mut has_read = false;
        for spool in &mut spools {
            has_read |= spool.read(&mut table)?;
        }
        if !has_read {
            // Progress is shown live: messages are flushed before waiting for more.
            table.flush()?;
            std::thread::sleep(POLL);
        }
    }
    table.finish()
}

/// Reads all that a dead daemon spooled, or until the user stops it: requests that are open at its end were interrupted.
///
/// # Errors
/// When a spool can't be read, or the replies can't be written.
pub fn replay(parser: ResponseParser, stop_request: &AtomicU8) -> io::Result<()> {
    let exceeded = Arc::clone(&parser.exceeded);
    let (mut spools, mut table) = open(parser);
    for spool in &mut spools {
        spool.may_be_freed = true;
    }
    table.require_starts();
    replay_all(&mut spools, &mut table, &exceeded, stop_request)?;
    table.interrupt()?;
    table.finish()
}

/// The spools of all workers.
type Spools = Vec<Spool<(File, Gauge)>>;

fn open(parser: ResponseParser) -> (Spools, RequestTable<BufWriter<File>>) {
    let spools = parser.spools.into_iter();
    let spools = (0..).zip(spools).map(|(worker, source)| Spool::new(worker, source)).collect::<Vec<_>>();
    let replies = BufWriter::with_capacity(REPLY_BUFFER, parser.replies);
    let facts = RequestFacts::new(parser.conversations, parser.inherited);
    let facts = facts.with_template(parser.template).with_markers(parser.markers);
    let facts = facts.within(bounds::answer_bytes(parser.connections));
    let mut table = RequestTable::new(replies, parser.endpoint, parser.tokenizer, facts, &parser.plan)
        .within(bounds::open_bytes(parser.connections), parser.exceeded)
        .without_secrets(parser.secrets);
    if parser.keep_raw {
        table.keep_raw();
    }
    (spools, table)
}

/// Reads every spool to its end, in turns as when it was written. A part of a record is the end; so is what is no record,
/// which is counted.
fn replay_all<S: Source>(
    spools: &mut [Spool<S>],
    table: &mut RequestTable<impl Write>,
    exceeded: &Exceeded,
    stop_request: &AtomicU8,
) -> io::Result<()> {
    let mut has_read = true;
    while has_read && stop_request.load(Ordering::Relaxed) != STOP {
        has_read = false;
        for spool in spools.iter_mut() {
            match spool.read(table) {
                Ok(more) => has_read |= more,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    exceeded.count(Bound::SpoolBytes, spool.give_up());
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// One worker's records, and how far they are read.
struct Spool<S> {
    worker: u32,
    source: S,
    offset: u64,
    buffer: Vec<u8>,
    /// Whether its start may have been freed on disk: then it reads as zeroes, up to a record.
    may_be_freed: bool,
}

impl<S: Source> Spool<S> {
    fn new(worker: u32, source: S) -> Self {
        Self { worker, source, offset: 0, buffer: vec![0; READ_BYTES], may_be_freed: false }
    }

    /// Reads once; returns whether more may be there.
    fn read(&mut self, table: &mut RequestTable<impl Write>) -> io::Result<bool> {
        let visible = self.source.visible();
        let room = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        let wanted = usize::try_from(visible.saturating_sub(self.offset).min(room)).unwrap_or(0);
        if wanted == 0 {
            return Ok(false);
        }
        let count = self.source.read_at(&mut self.buffer[..wanted], self.offset)?;
        let bytes = &self.buffer[..count];
        let mut read = if self.may_be_freed { freed(bytes) } else { 0 };
        self.may_be_freed &= read == bytes.len();
        let needed = loop {
            let rest = bytes.get(read..).unwrap_or_default();
            let stride = match record::next(rest) {
                Ok(Next::Record { header, bytes, stride }) => {
                    match table.record(self.worker, &header, bytes) {
                        Ok(()) => stride,
                        Err(error) => break Err(error),
                    }
                }
                Ok(Next::Padding { stride }) => stride,
                Ok(Next::Partial { needed }) => break Ok(needed),
                Err(error) => break Err(error),
            };
            read += stride;
        };
        self.offset += read as u64;
        self.source.set_consumed(self.offset);
        let needed = needed?;
        if needed > RECORD_BYTES_MAX {
            return Err(record::broken());
        }
        if needed > self.buffer.len() {
            self.buffer.resize(needed, 0);
            return Ok(read > 0 || visible >= self.offset + needed as u64);
        }
        Ok(read > 0)
    }

    /// Reads no more of it; returns how many bytes are left.
    fn give_up(&mut self) -> u64 {
        let visible = self.source.visible();
        let left = visible.saturating_sub(self.offset);
        self.offset = visible;
        left
    }
}

/// Bytes of the leading run of zeroes, in whole 64-bit words.
pub(crate) fn freed(bytes: &[u8]) -> usize {
    let zeroes = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    zeroes / 8 * 8
}

/// How long the response parser sleeps when there is nothing to read.
const POLL: Duration = Duration::from_millis(2);
const READ_BYTES: usize = 512 << 10;
const REPLY_BUFFER: usize = 256 << 10;
/// No record is longer: events, heads and pieces of bodies have bounds where they are cut.
const RECORD_BYTES_MAX: usize = 8 << 20;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{Records, messages, request_ended, table};
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
        let mut spool = Spool { worker: 3, source, offset: 0, buffer: vec![0; buffer], may_be_freed: false };
        let mut table = table("chat", None);
        for _ in 0..length {
            spool.read(&mut table).unwrap();
        }
        assert_eq!(spool.source.consumed.get(), length, "everything is consumed, {step} bytes at a time");
        assert_eq!(table.finished(), 1, "the worker has finished");
        table.finish().unwrap();
        table.into_replies()
    }

    /// What is reported of the first `visible` bytes of a dead daemon's spool, and what was left out.
    fn replayed(bytes: &[u8], visible: usize) -> (Vec<String>, Vec<String>) {
        let bytes = bytes[..visible].to_vec();
        let step = bytes.len() as u64;
        let source = Slow { bytes, visible: Cell::new(0), step, consumed: Cell::new(0) };
        let mut spools = [Spool { worker: 3, source, offset: 0, buffer: vec![0; 64], may_be_freed: true }];
        let mut table = table("chat", None);
        table.require_starts();
        let exceeded = Exceeded::default();
        replay_all(&mut spools, &mut table, &exceeded, &AtomicU8::new(0)).unwrap();
        table.interrupt().unwrap();
        let left_out = [exceeded.named(), table.exceeded().named()];
        table.finish().unwrap();
        let lines = messages(&table.into_replies()).into_iter().map(|message| message.line().to_owned());
        let left_out = left_out.into_iter().flatten().map(|(name, count)| format!("{name} {count}"));
        (lines.collect(), left_out.collect())
    }

    fn two_requests() -> Records {
        let mut records = Records::default();
        let hi = r#"data: {"choices":[{"delta":{"content":"hi"}}]}"#;
        records
            .opened(1)
            .sent(7, 1)
            .head(7, 200)
            .event(7, hi)
            .event(7, "data: [DONE]")
            .padding(24)
            .opened(2)
            .sent(8, 2)
            .ended(7, "ok");
        records.closed(1).head(8, 200).event(8, hi).event(8, "data: [DONE]").ended(8, "ok").finished();
        records
    }

    /// Wherever a daemon died, the requests that had ended are reported as before, and the open ones as interrupted.
    #[test]
    fn a_replay_reports_ended_and_interrupted_requests() {
        let bytes = two_requests().bytes();
        let (whole, left_out) = replayed(&bytes, bytes.len());
        let ended = |line: &&String| line.contains("request 7: ok") || line.contains("request 8: ok");
        assert_eq!(whole.iter().filter(ended).count(), 2, "{whole:?}");
        assert_eq!(left_out, [""; 0], "nothing");
        let mut interrupted = 0;
        for visible in 0..bytes.len() {
            let (lines, left_out) = replayed(&bytes, visible);
            assert_eq!(left_out, [""; 0], "{visible} bytes");
            let requests = lines.iter().filter(|line| line.starts_with("request"));
            for line in requests {
                let is_interrupted = line.contains(": interrupted, ");
                interrupted += u32::from(is_interrupted);
                assert!(is_interrupted || whole.contains(line), "{visible} bytes: {line}");
            }
            let ids = |id| lines.iter().filter(|line| line.starts_with(id)).count();
            assert!(ids("request 7:") <= 1 && ids("request 8:") <= 1, "each once: {lines:?}");
            assert_eq!(lines.last().map(String::as_str), Some("finished"), "{visible} bytes");
        }
        assert!(interrupted > 100, "{interrupted} in all");
    }

    #[test]
    fn an_interrupted_request_ends_with_the_last_record() {
        let mut records = Records::default();
        let hi = r#"data: {"choices":[{"delta":{"content":"hi"}}]}"#;
        records.opened(1).sent(7, 1).head(7, 200).event(7, hi).opened(2);
        let mut table = table("chat", None);
        records.feed(&mut table);
        table.interrupt().unwrap();
        let report = request_ended(&messages(&table.into_replies()), 0);
        assert_eq!(
            (report.ended.0, report.response_end),
            (5, 1004),
            "time of the last record, end of the last event"
        );
        assert_eq!((report.worker, report.events), (3, 1), "all that is known");
    }

    #[test]
    fn what_was_freed_is_passed_over_and_what_is_broken_is_counted() {
        let whole = two_requests().bytes();
        // The first four records: what is left of request 7 is its end.
        let first = (0..4).fold(0, |place, _| match record::next(&whole[place..]).unwrap() {
            Next::Record { stride, .. } => place + stride,
            _ => panic!("a record"),
        });
        let mut bytes = whole.clone();
        bytes[..first].fill(0);
        let (lines, left_out) = replayed(&bytes, bytes.len());
        assert!(lines.iter().any(|line| line.starts_with("request 8: ok")), "{lines:?}");
        assert_eq!(left_out, ["requests_without_beginning 1"], "{lines:?}");
        let mut bytes = whole.clone();
        let end = bytes.len();
        bytes.extend([0xff; 64]);
        let (lines, left_out) = replayed(&bytes, bytes.len());
        assert!(lines.iter().any(|line| line.starts_with("request 8: ok")), "{lines:?}");
        assert_eq!(left_out, [format!("spool_bytes_unreadable {}", bytes.len() - end)], "{lines:?}");
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
