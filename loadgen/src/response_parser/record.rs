//! Cuts a spool's bytes into records.

use common::client_event::{HEADER_LENGTH, Kind, RecordHeader};
use std::io;
use zerocopy::FromBytes;

/// The next item of a spool.
pub(super) enum Next<'a> {
    /// A record: its header and what follows it.
    Record { header: RecordHeader, bytes: &'a [u8], stride: usize },
    /// Nothing, up to the next record. It may reach beyond the bytes that are there.
    Padding { stride: usize },
    /// The start of a record, of which this many bytes are needed.
    Partial { needed: usize },
}

/// Looks at the first record. After it the next one is `stride` bytes further.
///
/// # Errors
/// When there is no record: the process that wrote the spool is faulty.
pub(super) fn next(bytes: &[u8]) -> io::Result<Next<'_>> {
    let Ok(([length, kind], _)) = <[u32; 2]>::read_from_prefix(bytes) else {
        return Ok(Next::Partial { needed: LEAST });
    };
    let length = length as usize;
    let stride = length.next_multiple_of(8);
    // Of padding, only the length and the kind are written.
    if kind & 0xffff == u32::from(Kind::Padding.number()) {
        return if length < LEAST { Err(broken()) } else { Ok(Next::Padding { stride }) };
    }
    if length < HEADER_LENGTH as usize {
        return Err(broken());
    }
    let Some(record) = bytes.get(..stride) else { return Ok(Next::Partial { needed: stride }) };
    let (header, rest) = RecordHeader::read_from_prefix(&record[..length]).map_err(|_short| broken())?;
    Ok(Next::Record { header, bytes: rest, stride })
}

/// A fixed body, and the bytes after it.
pub(super) fn body<T: FromBytes>(bytes: &[u8]) -> io::Result<T> {
    T::read_from_prefix(bytes).map(|(body, _)| body).map_err(|_short| broken())
}

#[cold]
pub(super) fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a spooled record is malformed")
}

/// Bytes of the length and the kind.
const LEAST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::MonoNs;
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    fn check(bytes: &[u8], expected: &str) {
        let found = match next(bytes) {
            Ok(Next::Record { header, bytes, stride }) => format!("{} {bytes:?} {stride}", header.id),
            Ok(Next::Padding { stride }) => format!("padding {stride}"),
            Ok(Next::Partial { needed }) => format!("needs {needed}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{bytes:?}");
    }

    #[test]
    fn records_padding_and_parts() {
        let mut record = RecordHeader::new(Kind::Body, 9, MonoNs(1), 0, 3).as_bytes().to_vec();
        record.extend([1, 2, 3, 0, 0, 0, 0, 0]);
        check(&record, "9 [1, 2, 3] 40");
        check(&record[..39], "needs 40");
        check(&record[..7], "needs 8");
        check(&[], "needs 8");
        check(&[24, 0, 0, 0, 0, 0, 0, 0], "padding 24");
        check(&[7, 0, 0, 0, 0, 0, 0, 0], "a spooled record is malformed");
        check(&[31, 0, 0, 0, 4, 0, 0, 0], "a spooled record is malformed");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            next(&bytes).ok();
        }
    }
}
