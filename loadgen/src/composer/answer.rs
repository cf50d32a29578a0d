//! A server's response, and the answer in it.

use crate::bounds::{ANSWER_BYTES_MAX, SESSION_RESPONSE_BYTES_MAX};
use crate::coding::decoded;
use crate::job::Polled;
use crate::wire::http::{Coding, is_stream_start};
use crate::wire::sse::Cutter;
use common::clock::MonoNs;
use endpoint::{Endpoint, Reply, Turn, sse};

/// The result of a request whose session has further turns.
#[derive(Debug)]
pub struct Answer {
    /// The session.
    pub session: u64,
    /// When its next turn is due.
    pub due: MonoNs,
    /// The response, which may be empty; `None` ends the session.
    pub response: Option<Response>,
    /// The response for a job that may not be over; then the session goes on whatever `response` is.
    pub job: Option<Polled>,
    /// Whether its session is one of a tree; `due` is then when it ended, and the composer decides what follows.
    pub is_branch: bool,
}

/// A response as it arrived.
#[derive(Debug, Default)]
pub struct Response {
    /// The body; of a stream its events, each followed by a blank line.
    pub bytes: Vec<u8>,
    /// Whether it is a stream.
    pub is_stream: bool,
    /// How its bytes are coded.
    pub coding: Coding,
    /// Whether it was too much to be kept: then the session can't go on.
    pub is_over: bool,
    /// Whether the request failed: the session goes on without an answer, as AIPerf's do.
    pub is_lost: bool,
}

/// The answer of a response, for the session's later turns.
#[derive(Debug, PartialEq)]
pub(crate) enum ParsedAnswer {
    /// The answer, as a turn of the conversation.
    Answer(Box<Turn>),
    /// No answer for later turns: the request failed, or the server's answer is an error or empty.
    Nothing,
    /// An answer that is too long for later turns.
    TooMuch,
}

impl Answer {
    /// A session goes on with what its last request got, or with nothing after one that failed.
    #[must_use]
    pub const fn of(session: u64, due: MonoNs, response: Option<Response>) -> Self {
        Self { session, due, response, job: None, is_branch: false }
    }

    /// A session is over.
    #[must_use]
    pub const fn over(session: u64) -> Self {
        Self::of(session, MonoNs(0), None)
    }
}

impl Response {
    /// Adds more of it, as long as it is not too much.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        if self.is_over || self.bytes.len() + bytes.len() > SESSION_RESPONSE_BYTES_MAX {
            return self.give_up();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Keeps nothing of it.
    #[cold]
    pub fn give_up(&mut self) {
        self.is_over = true;
        self.bytes = Vec::new();
    }

    /// Nothing: the request failed.
    #[must_use]
    pub fn lost() -> Self {
        Self { is_lost: true, ..Self::default() }
    }

    /// The answer in it; of a response with reasoning only, the reasoning.
    pub(crate) fn meaning(&self, endpoint: &dyn Endpoint) -> ParsedAnswer {
        if self.is_over {
            return ParsedAnswer::TooMuch;
        }
        let mut meaning = Meaning::default();
        match (self.is_lost, self.coding) {
            (true, _) => return ParsedAnswer::Nothing,
            (false, Coding::Identity) if self.is_stream => {
                // Each event is followed by a blank line.
                let finder = memchr::memmem::Finder::new(b"\n\n");
                let mut rest = self.bytes.as_slice();
                while let Some(end) = finder.find(rest) {
                    meaning.event(&rest[..end], endpoint);
                    rest = &rest[end + 2..];
                }
            }
            (false, Coding::Identity) => meaning.take(endpoint.whole(&self.bytes)),
            (false, coding) => match decoded(coding, &self.bytes, SESSION_RESPONSE_BYTES_MAX) {
                Ok(bytes) if self.is_stream || is_stream_start(&bytes) == Some(true) => {
                    let mut cutter = Cutter::default();
                    let cut = cutter.feed(&bytes, 0, |event, _| meaning.event(event, endpoint));
                    cutter.finish(0, |event, _| meaning.event(event, endpoint));
                    meaning.is_error |= cut.is_err();
                }
                Ok(bytes) => meaning.take(endpoint.whole(&bytes)),
                Err(_) => return ParsedAnswer::Nothing,
            },
        }
        meaning.parsed()
    }
}

/// What the parts of an answer mean together.
#[derive(Default)]
struct Meaning {
    content: String,
    reasoning: String,
    response_id: Option<String>,
    has_call: bool,
    is_error: bool,
}

impl Meaning {
    fn event(&mut self, event: &[u8], endpoint: &dyn Endpoint) {
        let fields = sse::fields(event);
        self.is_error |= fields.error().is_some();
        if !fields.data.is_empty() {
            fields.meaning(endpoint).into_iter().for_each(|reply| self.take(reply));
        }
    }

    fn take(&mut self, reply: Reply<'_>) {
        self.content.push_str(&reply.content);
        self.reasoning.push_str(&reply.reasoning);
        self.has_call |= !reply.tool_call.is_empty();
        self.is_error |= reply.error.is_some();
        self.response_id =
            reply.extras.and_then(|extras| extras.response_id).or_else(|| self.response_id.take());
    }

    fn parsed(self) -> ParsedAnswer {
        let text = if self.content.is_empty() { self.reasoning } else { self.content };
        if self.is_error || (text.is_empty() && !self.has_call) {
            return ParsedAnswer::Nothing;
        }
        if text.len() > ANSWER_BYTES_MAX {
            return ParsedAnswer::TooMuch;
        }
        let mut turn = Turn { response_id: self.response_id, ..Turn::user(text, String::new()) };
        "assistant".clone_into(&mut turn.role);
        ParsedAnswer::Answer(Box::new(turn))
    }
}
