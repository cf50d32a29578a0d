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

/// Takes what was cut from a response stream.
pub trait Sink {
    /// The head of the response came whole; interim (1xx) heads are passed over.
    fn head(&mut self, status: u16, bytes: &[u8], end: u64);
    /// The body that follows the head is coded: it comes in pieces, whether or not it is called a stream of events.
    fn coded(&mut self, _coding: coding::Coding, _is_event_stream: bool) {}
    /// A server-sent event came whole; the blank line that ends it is not among its bytes.
    fn event(&mut self, bytes: &[u8], end: u64);
    /// A piece of a body that is no event stream came.
    fn body(&mut self, bytes: &[u8], end: u64);
}
