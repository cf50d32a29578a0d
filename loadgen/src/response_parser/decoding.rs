//! A response whose body is compressed: decoded as its bytes arrive, and cut into events if it is a stream of them.
//!
//! ```text
//! piece of the body ──▶ coding::Decoder ──▶ a stream? ──▶ wire::sse ──▶ events, each with the end of the compressed
//!                                             └─────────▶ the body          bytes from which its last byte was decoded
//! ```

use super::room::Room;
use crate::coding::{Decoder, Undecoded};
use crate::wire::coding::{Coding, is_event_stream, is_stream_start};
use crate::wire::sse::Cutter;

/// The body of one response.
#[derive(Debug)]
pub(super) struct Decoding {
    coding: Coding,
    /// `None` before the first byte has arrived, and after a failure.
    decoder: Option<Decoder>,
    has_started: bool,
    stream: Stream,
    /// Bytes that it uses of the room for decoders, and how many of them are for an event that is not whole.
    memory: usize,
    held: usize,
    failure: Option<Failure>,
}

/// Whether a body is a stream of events.
#[derive(Debug)]
enum Stream {
    Is(Cutter),
    IsNot,
    /// It is not known yet; what is there of it.
    Unknown(Vec<u8>),
}

/// Why the rest of a response is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It can't be decoded.
    Coding(Undecoded),
    /// Too many responses are decoded at once.
    NoRoom,
    /// An event is too large.
    EventTooLarge,
}

/// What was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoded<'a> {
    /// An event.
    Event(&'a [u8]),
    /// A piece of a body that is no stream of events.
    Piece(&'a [u8]),
}

impl Decoding {
    /// Of the response with this head, if it is compressed; a stream is looked for in what succeeded only.
    pub(super) fn of(head: &[u8], is_success: bool) -> Option<Self> {
        let (coding, _) = Coding::of_head(head);
        let stream = match (is_event_stream(head), is_success) {
            (true, _) => Stream::Is(Cutter::default()),
            (false, true) => Stream::Unknown(Vec::new()),
            (false, false) => Stream::IsNot,
        };
        (coding != Coding::Identity).then_some(Self {
            coding,
            decoder: None,
            has_started: false,
            stream,
            memory: 0,
            held: 0,
            failure: None,
        })
    }

    /// Decodes a piece of the body; calls `out` with each part and the number of the piece's bytes that follow it.
    pub(super) fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(Decoded<'_>, usize)) {
        let mut rest = bytes;
        while !rest.is_empty() && self.failure.is_none() {
            // A stream is decoded byte by byte, to find which byte completes which event: they arrived in different segments.
            let step = if matches!(self.stream, Stream::IsNot) { rest.len() } else { 1 };
            let (piece, behind) = rest.split_at(step);
            rest = behind;
            self.step(piece, &mut |decoded| out(decoded, behind.len()));
        }
    }

    /// The body has ended, whole or not: delivers what is left of it.
    pub(super) fn finish(&mut self, mut out: impl FnMut(Decoded<'_>)) {
        match &mut self.stream {
            Stream::Is(cutter) => cutter.finish(0, |event, _| out(Decoded::Event(event))),
            Stream::Unknown(lead) if !lead.is_empty() => out(Decoded::Piece(lead)),
            Stream::Unknown(_) | Stream::IsNot => {}
        }
        if self.failure.is_none() && self.decoder.as_ref().is_some_and(|decoder| !decoder.is_whole()) {
            self.failure = Some(Failure::Coding(Undecoded::Broken));
        }
    }

    /// Why the rest of it is not known, if it is not.
    pub(super) const fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Bytes that it uses of the room for decoders.
    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    /// Makes ready for a piece of the body.
    pub(super) fn prepare(&mut self, bytes: &[u8], room: &mut Room) {
        if let (false, Some(first)) = (self.has_started, bytes.first()) {
            self.start(*first, room);
        }
    }

    /// Takes room for an event that is not whole, after a piece.
    pub(super) fn account(&mut self, room: &mut Room) {
        let Stream::Is(cutter) = &self.stream else { return };
        let more = cutter.held().saturating_sub(self.held);
        if more > 0 && !room.take_decoder(more) {
            self.failure = Some(Failure::NoRoom);
            self.stream = Stream::IsNot;
            return;
        }
        self.held += more;
        self.memory += more;
    }

    #[cold]
    fn start(&mut self, first: u8, room: &mut Room) {
        self.has_started = true;
        let memory = Decoder::memory(self.coding, first);
        if !room.take_decoder(memory) {
            self.failure = Some(Failure::NoRoom);
            return;
        }
        self.memory += memory;
        match Decoder::new(self.coding) {
            Ok(decoder) => self.decoder = Some(decoder),
            Err(why) => self.failure = Some(Failure::Coding(why)),
        }
    }

    fn step(&mut self, piece: &[u8], out: &mut dyn FnMut(Decoded<'_>)) {
        let Some(decoder) = self.decoder.as_mut() else { return };
        let (stream, mut is_cut) = (&mut self.stream, true);
        let fed = decoder.feed(piece, |more| is_cut &= stream.take(more, out));
        self.failure = match (fed, is_cut) {
            (Err(why), _) => Some(Failure::Coding(why)),
            (Ok(()), false) => Some(Failure::EventTooLarge),
            (Ok(()), true) => None,
        };
    }
}

impl Stream {
    /// Processes decoded bytes; returns whether no event is too large.
    fn take(&mut self, bytes: &[u8], out: &mut dyn FnMut(Decoded<'_>)) -> bool {
        match self {
            Self::Is(cutter) => cutter.feed(bytes, 0, |event, _| out(Decoded::Event(event))).is_ok(),
            Self::IsNot => {
                out(Decoded::Piece(bytes));
                true
            }
            Self::Unknown(lead) => {
                lead.extend_from_slice(bytes);
                let lead = std::mem::take(lead);
                *self = match is_stream_start(&lead) {
                    None => {
                        *self = Self::Unknown(lead);
                        return true;
                    }
                    Some(true) => Self::Is(Cutter::default()),
                    Some(false) => Self::IsNot,
                };
                self.take(&lead, out)
            }
        }
    }
}

impl Failure {
    /// What is wrong, as text; `coding` is the response's own name of it.
    pub(super) fn message(self, coding: &str) -> String {
        match self {
            Self::Coding(why) => format!("content-encoding `{coding}`: {why}"),
            Self::NoRoom => {
                format!("content-encoding `{coding}`: too many responses are being decoded at once")
            }
            Self::EventTooLarge => crate::wire::http::Malformed::EventTooLarge.to_string(),
        }
    }
}
