//! Reads the response parser's messages: fixed layouts, lengths checked, nothing parsed.

use common::reply_event::{
    ConnectionOpened, Event, InFlight, Kind, MESSAGE_BYTES_MAX, MessageHeader, Passed, RequestEnded,
    StretchStamped,
};
use std::fs::File;
use std::io::{self, BufReader, Read};
use zerocopy::{FromBytes, IntoBytes};

/// Reads messages from the response parser's pipe.
#[derive(Debug)]
pub struct Replies<R = File> {
    pipe: BufReader<R>,
    /// 64-bit words, not bytes, so that the layouts in it are aligned.
    message: Vec<u64>,
}

/// One message.
#[derive(Debug)]
pub enum Message<'a> {
    /// A connection was opened.
    Opened(ConnectionOpened),
    /// A connection was closed.
    Closed(ConnectionOpened),
    /// A stretch of a stream has a stamp.
    Stamped(StretchStamped),
    /// A request ended.
    Request(Reply<'a>),
    /// Bytes that belong to no request that will be reported.
    Passed(Passed),
    /// The message contradicts itself.
    Damaged,
    /// How many watched requests are open.
    InFlight(InFlight),
    /// No message follows.
    Finished,
}

/// A request that ended, as the response parser reports it.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The fixed part.
    pub ended: &'a RequestEnded,
    /// Its events.
    pub events: &'a [Event],
    /// The error's type, if it ended badly.
    pub error_type: &'a [u8],
    /// The error's message.
    pub error_message: &'a [u8],
    /// The model that a watched request names.
    pub model: &'a [u8],
    /// The `X-Request-ID` of a watched request.
    pub client_request_id: &'a [u8],
    /// Verifications by how many drafted tokens each accepted, with commas between.
    pub histogram: &'a [u8],
    /// The conversation's own name in the input, if it has one.
    pub conversation: &'a [u8],
    /// The body of a watched request, where payloads are kept.
    pub payload: &'a [u8],
    /// The response's head and its events' bytes, with the raw export.
    pub raw: &'a [u8],
}

impl<R: Read> Replies<R> {
    /// Reads from the pipe.
    pub fn new(pipe: R) -> Self {
        Self { pipe: BufReader::with_capacity(PIPE_BYTES, pipe), message: Vec::new() }
    }

    /// The next message; `None` when the response parser is gone.
    ///
    /// # Errors
    /// When the pipe breaks.
    pub fn receive(&mut self) -> io::Result<Option<Message<'_>>> {
        let mut header = [0; size_of::<MessageHeader>()];
        match self.pipe.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let header: MessageHeader = zerocopy::transmute!(header);
        let length = usize::try_from(header.length).unwrap_or(0).saturating_sub(size_of::<MessageHeader>());
        if header.length > MESSAGE_BYTES_MAX {
            return Err(io::Error::other("the load generator sent a message that is too long"));
        }
        if self.message.len() * size_of::<u64>() > MESSAGE_BYTES_KEPT {
            // One long message must not hold its memory for the rest of the run.
            self.message = Vec::new();
        }
        self.message.resize(length.div_ceil(size_of::<u64>()), 0);
        match self.pipe.read_exact(&mut self.message.as_mut_bytes()[..length]) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(read(header.kind, &self.message.as_bytes()[..length])))
    }
}

impl Reply<'_> {
    /// Bytes of the response's head among the raw ones.
    pub fn raw_head_length(&self) -> usize {
        usize::try_from(self.ended.raw_head_length).unwrap_or(0).min(self.raw.len())
    }
}

fn read(kind: u32, message: &[u8]) -> Message<'_> {
    let read = match Kind::from_number(kind) {
        Some(Kind::Opened) => ConnectionOpened::read_from_bytes(message).ok().map(Message::Opened),
        Some(Kind::Closed) => ConnectionOpened::read_from_bytes(message).ok().map(Message::Closed),
        Some(Kind::Stamped) => StretchStamped::read_from_bytes(message).ok().map(Message::Stamped),
        Some(Kind::Request) => reply(message).map(Message::Request),
        Some(Kind::Passed) => Passed::read_from_bytes(message).ok().map(Message::Passed),
        Some(Kind::InFlight) => InFlight::read_from_bytes(message).ok().map(Message::InFlight),
        Some(Kind::Finished) => Some(Message::Finished),
        None => None,
    };
    read.unwrap_or(Message::Damaged)
}

/// Splits a request's message by the lengths that it states.
fn reply(message: &[u8]) -> Option<Reply<'_>> {
    let (ended, rest) = RequestEnded::ref_from_prefix(message).ok()?;
    let count = usize::try_from(ended.events).ok()?;
    let (events, rest) = <[Event]>::ref_from_prefix_with_elems(rest, count).ok()?;
    let (error_type, rest) = rest.split_at_checked(usize::try_from(ended.error_type_length).ok()?)?;
    let (error_message, rest) = rest.split_at_checked(usize::try_from(ended.error_message_length).ok()?)?;
    let (model, rest) = rest.split_at_checked(usize::try_from(ended.model_length).ok()?)?;
    let (client_request_id, rest) =
        rest.split_at_checked(usize::try_from(ended.client_request_id_length).ok()?)?;
    let (histogram, rest) = rest.split_at_checked(usize::try_from(ended.histogram_length).ok()?)?;
    let (conversation, rest) = rest.split_at_checked(usize::try_from(ended.conversation_length).ok()?)?;
    let (payload, raw) = rest.split_at_checked(usize::try_from(ended.payload_length).ok()?)?;
    (raw.len() == usize::try_from(ended.raw_length).ok()?).then_some(Reply {
        ended,
        events,
        error_type,
        error_message,
        model,
        client_request_id,
        histogram,
        conversation,
        payload,
        raw,
    })
}

const PIPE_BYTES: usize = 256 << 10;
/// What is kept for the next message.
const MESSAGE_BYTES_KEPT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A message in aligned memory, as the reader keeps it.
    fn message(events: u32, type_length: u32, raw_length: u32, rest: &[u8]) -> (Vec<u64>, usize) {
        let ended =
            RequestEnded { events, error_type_length: type_length, raw_length, ..RequestEnded::default() };
        let bytes = [ended.as_bytes(), rest].concat();
        let mut words = vec![0_u64; bytes.len().div_ceil(8)];
        words.as_mut_bytes()[..bytes.len()].copy_from_slice(&bytes);
        (words, bytes.len())
    }

    #[test]
    fn lengths_must_agree() {
        let one_event = [Event::default().as_bytes(), b"typeraw".as_slice()].concat();
        let (words, length) = message(1, 4, 3, &one_event);
        let Message::Request(reply) = read(Kind::Request.number(), &words.as_bytes()[..length]) else {
            panic!("a request")
        };
        assert_eq!(
            (reply.events.len(), reply.error_type, reply.raw),
            (1, b"type".as_slice(), b"raw".as_slice()),
            "split"
        );
        for (events, type_length, raw_length) in [(2, 4, 3), (1, 9, 3), (1, 4, 4), (u32::MAX, 4, 3)] {
            let (words, length) = message(events, type_length, raw_length, &one_event);
            let read = read(Kind::Request.number(), &words.as_bytes()[..length]);
            assert!(matches!(read, Message::Damaged), "{events} {type_length} {raw_length}: {read:?}");
        }
        assert!(matches!(read(99, &[]), Message::Damaged), "an unknown kind");
    }
}
