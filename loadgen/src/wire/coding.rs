//! HOT: the content coding of a response, by its head, and whether its body starts as a stream of events does. Budget:
//! docs/BUDGET.md, "one-token streaming requests"; called once a response.

/// A content coding (RFC 9110 §8.4.1). A body that has one is not cut into events here, but where it is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// None.
    #[default]
    Identity,
    /// `gzip`, RFC 1952.
    Gzip,
    /// `deflate`, RFC 1950, or as some servers send it, RFC 1951.
    Deflate,
    /// `br`, RFC 7932.
    Brotli,
    /// `zstd`, RFC 8878.
    Zstd,
    /// Another one, or several, one over the other.
    Other,
}

impl Coding {
    /// The coding that the value of a `Content-Encoding` names.
    #[must_use]
    pub fn named(value: &[u8]) -> Self {
        let mut coding = Self::Identity;
        for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
            coding = match (coding, known.map_or(Self::Other, |(_, known)| *known)) {
                (one, Self::Identity) | (Self::Identity, one) => one,
                _ => Self::Other,
            };
        }
        coding
    }

    /// The coding of the body that follows this head, and the value of its `Content-Encoding`; several fields are one list.
    #[must_use]
    pub fn of_head(head: &[u8]) -> (Self, &[u8]) {
        let mut found = (Self::Identity, &b""[..]);
        for value in values(head, b"content-encoding") {
            found = match (found.0, Self::named(value)) {
                (_, Self::Identity) => found,
                (Self::Identity, one) => (one, value),
                _ => (Self::Other, value),
            };
        }
        found
    }
}

/// Whether the body that follows this head is declared a stream of events.
#[must_use]
pub fn is_event_stream(head: &[u8]) -> bool {
    values(head, b"content-type").last().is_some_and(is_event_stream_type)
}

/// Whether this is the type of a stream of events.
#[inline]
#[must_use]
pub(super) fn is_event_stream_type(value: &[u8]) -> bool {
    value.trim_ascii().get(..EVENT_STREAM.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(EVENT_STREAM))
}

/// The values of the header fields of one name.
fn values<'a>(head: &'a [u8], name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    head.split(|byte| *byte == b'\n').filter_map(move |line| {
        let (begin, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":")?;
        begin.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

/// Whether a body starts as a stream of events does, whatever its type is; `None` while too little of it is there.
#[must_use]
pub fn is_stream_start(bytes: &[u8]) -> Option<bool> {
    let rest = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest,
        None if BYTE_ORDER_MARK.starts_with(bytes) => return None,
        None => bytes,
    };
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let rest = &rest[blank..];
    if rest.is_empty() {
        return None;
    }
    if FIELDS.iter().any(|field| rest.starts_with(field)) {
        return Some(true);
    }
    if FIELDS.iter().any(|field| field.starts_with(rest)) { None } else { Some(false) }
}

/// May precede a stream of events, and means nothing (WHATWG HTML §9.2.5).
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How the first line of a stream of events starts.
const FIELDS: &[&[u8]] = &[b"data:", b"event:", b"id:", b"retry:", b":"];
const EVENT_STREAM: &[u8] = b"text/event-stream";
const NAMES: &[(&[u8], Coding)] = &[
    (b"identity", Coding::Identity),
    (b"", Coding::Identity),
    (b"gzip", Coding::Gzip),
    (b"x-gzip", Coding::Gzip),
    (b"deflate", Coding::Deflate),
    (b"br", Coding::Brotli),
    (b"zstd", Coding::Zstd),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_known_by_name() {
        for (value, expected) in [
            ("gzip", Coding::Gzip),
            (" X-GZIP ", Coding::Gzip),
            ("identity", Coding::Identity),
            ("", Coding::Identity),
            ("identity, br", Coding::Brotli),
            ("gzip, br", Coding::Other),
            ("compress", Coding::Other),
        ] {
            assert_eq!(Coding::named(value.as_bytes()), expected, "{value:?}");
        }
        let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nX-Content-Encoding: br\r\ncontent-type: Text/Event-Stream; x\r\n\r\n";
        assert_eq!(Coding::of_head(head), (Coding::Zstd, &b"zstd"[..]), "by the field's whole name");
        assert!(is_event_stream(head), "in any case, with parameters");
        assert_eq!(Coding::of_head(b"HTTP/1.1 200 OK\r\n\r\n").0, Coding::Identity, "none");
    }

    #[test]
    fn streams_are_recognized_by_how_they_start() {
        for (bytes, expected) in [
            ("data: x", Some(true)),
            ("\u{feff}data:", Some(true)),
            ("\r\n\nevent: x", Some(true)),
            (": ping", Some(true)),
            ("dat", None),
            ("", None),
            ("\r\n", None),
            ("{\"data:\":1}", Some(false)),
            ("database: x", Some(false)),
            ("<html>", Some(false)),
        ] {
            assert_eq!(is_stream_start(bytes.as_bytes()), expected, "{bytes:?}");
        }
        assert_eq!(is_stream_start(b"\xef\xbb"), None, "half a mark");
        assert_eq!(is_stream_start(b"\xef\xbbx"), Some(false), "no mark");
    }
}
