//! Who is meant: identifiers that cross process and kernel boundaries.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($int:ty);)*) => {$(
        $(#[$doc])*
        #[repr(transparent)]
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, Immutable,
            KnownLayout,
        )]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(pub $int);
    )*};
}

ids! {
    /// A request of one run: its place in the schedule, from 0, the same whatever the number of workers.
    RequestId(u64);
    /// A connection of one run; the worker that owns it is in the upper 8 bits.
    ConnectionId(u32);
    /// The kernel's name of a socket, unique while the machine is up (`getsockopt(SO_COOKIE)`).
    SocketCookie(u64);
}

/// Where a session stands in its tree: sessions may start others.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Lineage {
    /// The session that started it; its own number where none did.
    pub parent: u64,
    /// The session that started the tree; its own number where none did.
    pub root: u64,
    /// The turn of its parent after which it started.
    pub after: u32,
    /// How many turns it has; 0 of a session that no other started.
    pub turns: u32,
    /// How many sessions are above it.
    pub depth: u16,
    /// 1 when it continues the history of its parent, else 0.
    pub is_fork: u16,
    /// The turn of its parent that waits until it is over, or the number of its turns for its end; 0 where nobody waits.
    pub join_at: u32,
}

impl Lineage {
    /// That of a session which no other started.
    #[must_use]
    pub const fn root(session: u64) -> Self {
        Self { parent: session, root: session, after: 0, turns: 0, depth: 0, is_fork: 0, join_at: 0 }
    }

    /// That of a session which `parent`, whose own lineage this is, started after a turn.
    #[must_use]
    pub const fn child(self, parent: u64, after: u32) -> Self {
        Self { parent, after, depth: self.depth.saturating_add(1), turns: 0, is_fork: 0, join_at: 0, ..self }
    }
}

impl RequestId {
    /// The value of the `X-Request-ID` header: a UUID (version 8) made of the run's id and the request's number.
    ///
    /// Computed, not stored: the header of each request follows from the run.
    #[must_use]
    pub fn header(self, run: u64) -> [u8; 36] {
        uuid(run, self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5151_5151, self.0)
    }

    /// The value of the `X-Correlation-ID` header of the session that has this number.
    #[must_use]
    pub fn session_header(self, run: u64) -> [u8; 36] {
        uuid(run ^ 0xa5a5_a5a5_a5a5_a5a5, self.0.wrapping_mul(0xd1b5_4a32_d192_ed03), self.0)
    }
}

/// 36 characters of a version-8 UUID (RFC 9562 §5.8): 64 bits of `run` mixed with `salt`, then 62 bits of `number`.
fn uuid(run: u64, salt: u64, number: u64) -> [u8; 36] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let high = (run ^ (salt >> 16)) & 0xffff_ffff_ffff_0fff | 0x8000;
    let low = number & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    let mut text = [b'-'; 36];
    let mut place = 0;
    for (index, byte) in high.to_be_bytes().into_iter().chain(low.to_be_bytes()).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            place += 1;
        }
        text[place] = HEX[usize::from(byte >> 4)];
        text[place + 1] = HEX[usize::from(byte & 15)];
        place += 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_one_root() {
        let child = Lineage::root(7).child(7, 0);
        assert_eq!((child.parent, child.root, child.depth), (7, 7, 1), "of the root");
        let grandchild = child.child(9, 3);
        assert_eq!((grandchild.parent, grandchild.root, grandchild.depth), (9, 7, 2), "of the child");
        assert_eq!(grandchild.after, 3, "when");
    }

    #[test]
    fn request_headers_are_uuids_and_differ() {
        let text = RequestId(7).header(42);
        let text = core::str::from_utf8(&text).unwrap();
        assert_eq!(text.as_bytes()[14], b'8', "version nibble of {text}");
        for place in [8, 13, 18, 23] {
            assert_eq!(text.as_bytes()[place], b'-', "dash in {text}");
        }
        assert_ne!(RequestId(7).header(42), RequestId(8).header(42), "another request, another id");
        assert_ne!(RequestId(7).header(42), RequestId(7).header(43), "another run, another id");
    }
}
