//! The memory that a hot core and the collector share: one page of counters, then a ring of bytes.
//!
//! ```text
//! hot core ──append──▶ [ ring ] ──copy, unread──▶ spool file ──▶ response parser
//!              written ▲        ▲ drained                ▲ visible      ▲ consumed
//! ```
//!
//! The hot core is the only writer of `written`, the collector of `drained` and `visible`, the response parser of
//! `consumed`. All four count bytes since the run began and only grow.

use core::sync::atomic::AtomicU64;

/// The first page of the shared memory.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct SharedHeader {
    /// Bytes that the hot core has appended.
    pub written: CacheLine,
    /// Bytes that the collector has copied to the spool file; their place in the ring may be written again.
    pub drained: CacheLine,
    /// Bytes of the spool file that the response parser may read: every kernel stamp older than them is spooled too.
    pub visible: CacheLine,
    /// Bytes of the spool file that the response parser has read; their disk space may be freed.
    pub consumed: CacheLine,
    /// What the hot core counts, by [`Counter::index`].
    pub counters: [AtomicU64; COUNTERS.len()],
}

/// A counter alone on its cache lines, so that two cores do not fight over them.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct CacheLine(pub AtomicU64);

/// Where the ring's bytes begin, in bytes from the header.
pub const RING_OFFSET: usize = 4096;

const _: () = assert!(size_of::<SharedHeader>() <= RING_OFFSET, "the header fits its page");

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a hot core counts while it runs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter {$($(#[$doc])* $name,)*}

        /// Every counter with its name in `run.json`, in the order of their places.
        pub const COUNTERS: &[(Counter, &str)] = &[$((Counter::$name, $text)),*];

        impl Counter {
            /// The counter's place in [`SharedHeader::counters`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

counters! {
    /// Requests handed to the kernel.
    Sent = "requests_sent";
    /// Requests whose response ended well.
    Completed = "requests_completed";
    /// Requests that ended in any other way.
    Failed = "requests_failed";
    /// Requests in flight at this moment.
    InFlight = "requests_in_flight";
    /// Requests submitted more than a millisecond after they were due.
    Late = "requests_late";
    /// Requests that were due but not sent when the phase ended.
    Unsent = "requests_unsent";
    /// Events cut from response streams.
    Events = "events";
    /// Bytes received.
    ReceivedBytes = "received_bytes";
    /// Bytes sent.
    SentBytes = "sent_bytes";
    /// Connections opened.
    Connections = "connections_opened";
    /// Times that the hot core found its ring full and had to wait.
    RingFull = "client_ring_full";
    /// Nanoseconds that the hot core waited for room in its ring.
    RingFullNs = "client_ring_full_ns";
    /// Times that a request was due and no prepared request was there.
    Starved = "prepared_requests_missing";
    /// Times that the kernel found no receive buffer and a receive had to be armed again.
    BuffersExhausted = "receive_buffers_exhausted";
    /// Requests that were sent again on a new connection: the server ended the kept one as they were sent, before a byte of
    /// an answer.
    KeepAliveRaces = "keep_alive_races";
    /// Requests that reached no server; in a closed loop their places stayed empty for a while.
    BackedOff = "requests_backed_off";
    /// 1 once the worker has ended.
    Ended = "worker_ended";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_listed_in_the_order_of_their_places() {
        for (place, (counter, name)) in COUNTERS.iter().enumerate() {
            assert_eq!(counter.index(), place, "{name}");
        }
    }
}
