//! What the kernel programs say: one file per probe, each with the layout of its record.
//!
//! Every record begins with a [`Head`], so one BPF ring buffer carries all of them.

pub mod capture;
pub mod connection;
pub mod read;
pub mod segment;

use crate::clock::MonoNs;
use crate::id::SocketCookie;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// What every record begins with.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, Immutable, KnownLayout)]
pub struct Head {
    /// The number of the record's [`Kind`].
    pub kind: u32,
    /// The probe's own: a direction, a stage.
    pub detail: u32,
    /// The socket.
    pub cookie: SocketCookie,
    /// When the probe ran, on the clock of `bpf_ktime_get_ns`.
    pub time: MonoNs,
}

const _: () = {
    assert!(core::mem::offset_of!(Head, time) == core::mem::offset_of!(segment::Stamp, time), "one head");
    assert!(core::mem::offset_of!(Head, time) == core::mem::offset_of!(connection::Step, time), "one head");
    assert!(core::mem::offset_of!(capture::Capture, stamp) == 0, "one head");
};

/// The first word of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`segment::Stamp`]
    Segment,
    /// [`connection::Step`]
    Connection,
    /// [`capture::Capture`]
    Capture,
    /// [`read::Read`]
    Read,
}

impl Kind {
    /// The kind's number in the first word of a record.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Segment => 1,
            Self::Connection => 2,
            Self::Capture => 3,
            Self::Read => 4,
        }
    }

    /// The kind that a first word names, if any.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Segment),
            2 => Some(Self::Connection),
            3 => Some(Self::Capture),
            4 => Some(Self::Read),
            _ => None,
        }
    }
}

/// Why a probe did not make a record: the index into the per-CPU array of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The ring buffer had no room: a segment went by without a stamp.
    RingFull,
    /// The packet's headers could not be read.
    HeaderUnreadable,
    /// The packet is neither IPv4 nor IPv6, or its extension headers are beyond what the parser follows.
    NotParsed,
    /// The packet belongs to no socket that has a cookie.
    NoSocket,
    /// A connection event found no room in the ring buffer.
    ConnectionRingFull,
    /// A segment's packet is an IP fragment, which carries no TCP header of its own.
    Fragment,
    /// The segment was stamped, but its payload could not be copied.
    PayloadUnreadable,
}

/// Every reason, in the order of the counters.
pub const DROPS: [(Drop, &str); 7] = [
    (Drop::RingFull, "ring_full"),
    (Drop::HeaderUnreadable, "header_unreadable"),
    (Drop::NotParsed, "not_parsed"),
    (Drop::NoSocket, "no_socket"),
    (Drop::ConnectionRingFull, "connection_ring_full"),
    (Drop::Fragment, "fragment"),
    (Drop::PayloadUnreadable, "payload_unreadable"),
];

impl Drop {
    /// The reason's place among the counters.
    #[must_use]
    pub const fn index(self) -> u32 {
        match self {
            Self::RingFull => 0,
            Self::HeaderUnreadable => 1,
            Self::NotParsed => 2,
            Self::NoSocket => 3,
            Self::ConnectionRingFull => 4,
            Self::Fragment => 5,
            Self::PayloadUnreadable => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_listed_in_the_order_of_their_counters() {
        for (place, (drop, name)) in DROPS.into_iter().enumerate() {
            assert_eq!(usize::try_from(drop.index()).unwrap(), place, "{name}");
        }
    }
}
