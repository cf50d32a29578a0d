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
        index: u32, Identity, None, Scribe;
        /// What it is.
        kind: EventKind, Plain, None, Scribe;
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
        tokens: Option<u32>, Tokens, None, Scribe;
        /// Why it has no kernel stamp, if it has none.
        unmatched: Option<String>, Plain, None, Join;
    }
}
