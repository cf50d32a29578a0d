//! The fields of one server-sent event.

use crate::Endpoint;
use crate::openai::INVALID_JSON;
use crate::reply::Reply;
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// The fields of an event that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// The event's type; empty is a plain message.
    pub event: &'a [u8],
    /// The data; of several lines, joined by line feeds.
    pub data: Cow<'a, [u8]>,
    /// The first comment.
    pub comment: &'a [u8],
}

/// Reads the fields of an event: its lines, without the blank line that ends it.
#[inline]
#[must_use]
pub fn fields(event: &[u8]) -> Fields<'_> {
    if let Some(data) = event.strip_prefix(b"data: ")
        && memchr2(b'\n', b'\r', data).is_none()
    {
        return Fields { data: Cow::Borrowed(data), ..Fields::default() };
    }
    fields_of_lines(event)
}

/// An event that is not just one line of data.
fn fields_of_lines(event: &[u8]) -> Fields<'_> {
    let mut fields = Fields::default();
    let mut has_data = false;
    for line in event.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty()) {
        let (name, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" if has_data => {
                let data = fields.data.to_mut();
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            b"data" => {
                has_data = true;
                fields.data = Cow::Borrowed(value);
            }
            b"event" => fields.event = value.trim_ascii(),
            b"" if fields.comment.is_empty() => fields.comment = value.trim_ascii(),
            _ => {}
        }
    }
    fields
}

impl Fields<'_> {
    /// The error that the event is by its type (`event: error`), whatever the endpoint.
    #[inline]
    #[must_use]
    pub fn error(&self) -> Option<Reply<'static>> {
        if self.event.eq_ignore_ascii_case(b"error") { Some(self.reported()) } else { None }
    }

    /// The event's reply, as the endpoint parses it. An event of another type whose data is no JSON, such as a keep-alive, is
    /// not part of the answer: `None`.
    #[inline]
    #[must_use]
    pub fn meaning<'d>(&'d self, endpoint: &dyn Endpoint) -> Option<Reply<'d>> {
        let reply = endpoint.event(&self.data);
        if reply.error.is_some() && self.is_foreign(&reply) { None } else { Some(reply) }
    }

    #[cold]
    fn is_foreign(&self, reply: &Reply<'_>) -> bool {
        let is_odd = reply.error.as_ref().is_some_and(|error| error.kind == INVALID_JSON);
        is_odd && !matches!(self.event, b"" | b"message")
    }

    #[cold]
    fn reported(&self) -> Reply<'static> {
        let text = if self.comment.is_empty() { &*self.data } else { self.comment };
        let text = String::from_utf8_lossy(text);
        Reply::failed(ERROR_KIND, format!("Error occurred in SSE response: {text}"))
    }
}

/// What `event: error` is called in results; its code there is 502. Both are AIPerf's.
pub const ERROR_KIND: &str = "SSEResponseError";

#[cfg(test)]
mod tests {
    use super::*;
    use common::reply_event::EventKind;
    use proptest::prelude::*;

    fn check(event: &str, expected: [&str; 3]) {
        let found = fields(event.as_bytes());
        let found = [found.event, &found.data, found.comment]
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!(found, expected, "{event:?}");
    }

    #[test]
    fn fields_of_events() {
        check("data: {}", ["", "{}", ""]);
        check("data:{}", ["", "{}", ""]);
        check("data:  x ", ["", " x ", ""]);
        check("event: message\r\nid: 7\r\nretry: 1\r\ndata: a:b\r\n: note", ["message", "a:b", "note"]);
        check("data: a\ndata\ndata: b", ["", "a\n\nb", ""]);
        check("data\ndata: b", ["", "\nb", ""]);
        check(": one\n: two", ["", "", "one"]);
        check("database: x", ["", "", ""]);
        check("", ["", "", ""]);
    }

    #[test]
    fn errors_by_type() {
        let message =
            |event: &str| fields(event.as_bytes()).error().map(|reply| reply.error.unwrap().message);
        let expected = |text: &str| Some(format!("Error occurred in SSE response: {text}"));
        assert_eq!(
            message("event: error\n: rate limit\ndata: {}"),
            expected("rate limit"),
            "the comment holds the message"
        );
        assert_eq!(
            message("event: error\ndata: busy"),
            expected("busy"),
            "no comment, so the data holds the message"
        );
        assert_eq!(
            message("event: ERROR\ndata: busy"),
            expected("busy"),
            "in letters of either case, as AIPerf"
        );
        assert_eq!(message("data: error"), None, "data is no type");
    }

    #[test]
    fn events_of_a_foreign_type_are_not_of_the_answer() {
        let kind = |event: &str| fields(event.as_bytes()).meaning(&crate::chat::Chat).map(|reply| reply.kind);
        assert_eq!(kind("event: ping\ndata: 2026-01-01 00:00"), None, "a keep-alive");
        assert_eq!(kind("event: message\ndata: x"), Some(EventKind::Error), "a message that is broken");
        assert_eq!(kind("data: x"), Some(EventKind::Error), "so is this");
        let chunk = r#"{"choices":[{"delta":{"content":"x"}}]}"#;
        assert_eq!(kind(&format!("event: delta\ndata: {chunk}")), Some(EventKind::Content), "JSON is parsed");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(event in prop::collection::vec(prop::sample::select(b"data: event\n\r\xff".to_vec()), 0..60)) {
            drop(fields(&event).error());
        }
    }
}
