//! What a hot core says: records in the shared ring, stamped, cut, and not yet understood.
//!
//! Each record is a [`RecordHeader`], a fixed body for its [`Kind`], then bytes from the wire where the kind has
//! them; records begin on multiples of 8. Byte offsets count from the first payload byte of their direction of
//! their connection.

use crate::clock::MonoNs;
use crate::id::{ConnectionId, Lineage, RequestId, SocketCookie};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The head of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct RecordHeader {
    /// Bytes of the record with this header; the next record begins at the next multiple of 8.
    pub length: u32,
    /// A number of [`Kind`].
    pub kind: u16,
    /// [`Kind::Head`]: the HTTP status. [`Kind::Ended`]: a number of [`Outcome`]. [`Kind::Body`]: 1 when its bytes came
    /// encrypted, so that all of them were there at `end` and none before. Else 0.
    pub detail: u16,
    /// The request; for [`Kind::Opened`], [`Kind::Closed`] and [`Kind::Stamped`] the connection.
    pub id: u64,
    /// When: submitted, reaped or ended.
    pub time: MonoNs,
    /// The offset right after the last byte that the record speaks of, in the direction it speaks of.
    pub end: u64,
}

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $int:ty { $($(#[$case_doc:meta])* $case:ident = $number:literal $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {$($(#[$case_doc])* $case,)*}

        impl $name {
            /// Every case, with its name where types end.
            pub const ALL: &[(Self, &str)] = &[$((Self::$case, $text)),*];

            /// The number that stands for the case in a record.
            #[must_use]
            pub const fn number(self) -> $int {
                match self {$(Self::$case => $number,)*}
            }

            /// The case that a number stands for, if any.
            #[must_use]
            pub const fn from_number(number: $int) -> Option<Self> {
                match number {$($number => Some(Self::$case),)* _ => None}
            }

            /// The case's name where types end: Parquet, JSON, console.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {$(Self::$case => $text,)*}
            }

            /// The case that has this name, if any.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {$($text => Some(Self::$case),)* _ => None}
            }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// What a record says.
    Kind: u16 {
        /// Nothing: the rest of the ring up to its end, where the next record did not fit.
        Padding = 0 "padding";
        /// A connection was opened: [`Opened`].
        Opened = 1 "opened";
        /// A request was handed to the kernel: [`Sent`]. A second one of the same request replaces the first: its connection
        /// ended before a byte of the response, and it was sent again on a new one.
        Sent = 2 "sent";
        /// The response's head came: its bytes follow.
        Head = 3 "head";
        /// A server-sent event came: its bytes follow, the blank line that ends it not among them.
        Event = 4 "event";
        /// A piece of a body that is no event stream came: its bytes follow.
        Body = 5 "body";
        /// The request ended: [`Ended`].
        Ended = 6 "ended";
        /// A connection was closed.
        Closed = 7 "closed";
        /// A stretch of a stream has a kernel stamp (`so_timestamping`): [`Stamped`].
        Stamped = 8 "stamped";
        /// The worker has nothing more to say.
        Finished = 9 "finished";
        /// The response to a request arrives on another connection than the request was sent on: [`Moved`].
        Moved = 10 "moved";
    }
}

numbered! {
    /// How a request ended.
    #[derive(Default)]
    Outcome: u16 {
        /// The response came whole with a 2xx status.
        #[default]
        Ok = 0 "ok";
        /// The response came whole with another status.
        HttpStatus = 1 "http_status";
        /// The server sent a redirect, which a benchmark does not follow.
        Redirect = 2 "redirect";
        /// The connection could not be opened.
        ConnectFailed = 3 "connect_failed";
        /// The connection was reset.
        Reset = 4 "connection_reset";
        /// The server closed the connection before the response was whole.
        Truncated = 5 "response_truncated";
        /// The server closed the connection before the response began.
        ClosedEarly = 6 "connection_closed";
        /// What came is no HTTP/1.1 response, or its head is too large.
        Malformed = 7 "malformed_response";
        /// The request took longer than `--request-timeout-seconds`.
        Timeout = 8 "timeout";
        /// The request was given up: on purpose (`--request-cancellation-rate`), or because the run's grace period
        /// ended or the user stopped the run.
        Cancelled = 9 "cancelled";
        /// Sending failed.
        SendFailed = 10 "send_failed";
        /// The 200 stream carried an error: found by the response parser, never by a hot core.
        StreamError = 11 "stream_error";
        /// The response came whole but held no content that the endpoint knows.
        Empty = 12 "invalid_response";
        /// The server's certificate was refused, or it broke the rules of TLS.
        TlsFailed = 13 "tls_failed";
        /// The daemon died before the response was whole: found when its spool is parsed again, never by a hot core.
        Interrupted = 14 "interrupted";
    }
}

/// The body of [`Kind::Opened`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Opened {
    /// The kernel's name of the socket.
    pub cookie: SocketCookie,
    /// When the connect was handed to the kernel; the header's time is when it was reaped.
    pub connect_begun: MonoNs,
    /// The local port, host byte order.
    pub local_port: u32,
    /// The remote port, host byte order.
    pub remote_port: u32,
}

/// The body of [`Kind::Sent`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Sent {
    /// When the schedule wanted it sent.
    pub due: MonoNs,
    /// The offset of the request's first byte in the sent stream; the header's `end` is after its last.
    pub begin: u64,
    /// The offset in the received stream at which the response will begin.
    pub response_begin: u64,
    /// The session (conversation) that it belongs to.
    pub session: u64,
    /// Where that session stands in its tree.
    pub lineage: Lineage,
    /// The connection.
    pub connection: ConnectionId,
    /// 1 when the connection had carried a request before, else 0.
    pub reused: u32,
    /// Which conversation of the input it is from: its place in `inputs.json`.
    pub entry: u32,
    /// The turn within the session, from 0.
    pub turn: u32,
    /// The phase's place in the plan.
    pub phase: u32,
    /// Always 0.
    pub reserved: u32,
}

/// The body of [`Kind::Moved`]: of a job, which is asked after on a new connection when its own was closed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Moved {
    /// The connection on which the response will arrive.
    pub connection: ConnectionId,
    /// Always 0.
    pub reserved: u32,
    /// The offset in its received stream at which the response will begin.
    pub response_begin: u64,
}

/// The body of [`Kind::Ended`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Ended {
    /// The error number of the system call that failed, or 0; [`ON_PURPOSE`] of a request that the plan gave up; of
    /// [`Outcome::Malformed`] what was malformed, by its number in the load generator.
    pub errno: u32,
    /// Reads in which the response came.
    pub reads: u32,
    /// Comments of one line in the response's stream, of which there is no record.
    pub comments: u32,
    /// Always 0.
    pub reserved: u32,
}

/// The body of [`Kind::Stamped`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Stamped {
    /// [`crate::kernel_event::segment::RECEIVED`] or [`crate::kernel_event::segment::SENT`].
    pub direction: u32,
    /// Always 0.
    pub reserved: u32,
    /// The offset of the first byte that the stamp holds for; the header's `end` is after the last.
    pub begin: u64,
}

impl RecordHeader {
    /// A header for a record of `kind` whose body and bytes are `rest` bytes long.
    #[must_use]
    pub const fn new(kind: Kind, id: u64, time: MonoNs, end: u64, rest: u32) -> Self {
        Self { length: HEADER_LENGTH + rest, kind: kind.number(), detail: 0, id, time, end }
    }

    /// The request that the record speaks of.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        RequestId(self.id)
    }
}

/// What [`Ended::errno`] is for a request that was cancelled because the plan says so (`ECANCELED`).
pub const ON_PURPOSE: u32 = 125;

/// Bytes of a [`RecordHeader`].
pub const HEADER_LENGTH: u32 = 32;

const _: () = assert!(size_of::<RecordHeader>() == 32, "the layout that load generator and tools agree on");
