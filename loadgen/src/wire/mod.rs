//! Bytes in, events out: HTTP/1.1 responses and server-sent events, without a socket or a clock.
//!
//! ```text
//! bytes of one read ──▶ http: head, chunks, length ──▶ sse: blank lines ──▶ Sink: head, event, body
//! ```
//!
//! Offsets count from the first byte that the connection received.

pub mod coding;
pub mod content;
pub mod http;
pub mod sse;
pub mod tls;

/// Receives what was cut from a response stream.
pub trait Sink {
    /// The head of the response is whole; interim (1xx) heads are skipped.
    fn head(&mut self, status: u16, bytes: &[u8], end: u64);
    /// The body that follows the head is compressed: it arrives in pieces, whether or not it is declared a stream of events.
    fn coded(&mut self, _coding: coding::Coding, _is_event_stream: bool) {}
    /// A server-sent event is whole; the blank line that ends it is not among its bytes.
    fn event(&mut self, bytes: &[u8], end: u64);
    /// A piece of a body arrived that is no event stream.
    fn body(&mut self, bytes: &[u8], end: u64);
}
