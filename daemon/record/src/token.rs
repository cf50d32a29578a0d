//! One event of a response: when the kernel had it whole, when the client saw it, and what it carries.

use crate::column::columns;
use common::clock::MonoNs;
use common::id::RequestId;
use common::reply_event::EventKind;

columns! {
    /// One event of a response, a row of `tokens.parquet`.
    Token {
        /// The request that it answers.
        request_id: RequestId, Identity, None, Schedule;
        /// The event's place in the response, from 0.
        index: u32, Identity, None, ResponseParser;
        /// What it is.
        kind: EventKind, Plain, None, ResponseParser;
        /// When the segment arrived that completed it: every byte up to its last one was there.
        kernel_received_ns: Option<MonoNs>, Nanoseconds, Monotonic, Kernel;
        /// When the read that completed it was reaped by the hot core.
        reaped_ns: MonoNs, Nanoseconds, Monotonic, HotCore;
        /// The offset after its last byte in the connection's received stream.
        end_offset: u64, Bytes, None, HotCore;
        /// Bytes of the event.
        bytes: u32, Bytes, None, HotCore;
        /// The number of the segment that completed it, from 0 on its connection.
        segment: Option<u64>, Identity, None, Join;
        /// Events that share its segment, itself counted: they share its stamp, and no one can separate them.
        events_in_segment: Option<u32>, Count, None, Join;
        /// Output tokens that end in it, by our tokenizer.
        tokens: Option<u32>, Tokens, None, ResponseParser;
        /// Why it has no kernel stamp, if it has none.
        unmatched: Option<String>, Plain, None, Join;
    }
}

impl Token {
    /// An event that was seen, of which no more is known.
    #[must_use]
    pub const fn noticed(request_id: RequestId, index: u32, kind: EventKind, reaped_ns: MonoNs) -> Self {
        Self {
            request_id,
            index,
            kind,
            kernel_received_ns: None,
            reaped_ns,
            end_offset: 0,
            bytes: 0,
            segment: None,
            events_in_segment: None,
            tokens: None,
            unmatched: None,
        }
    }
}
