//! What the server said, and what it means.

use crate::bounds::{ANSWER_BYTES_MAX, SAID_BYTES_MAX};
use crate::coding::decoded;
use crate::job::Told;
use crate::wire::http::{Coding, begins_stream};
use crate::wire::sse::Cutter;
use common::clock::MonoNs;
use endpoint::{Endpoint, Reply, Turn, sse};

/// What became of a request whose session has more to say.
#[derive(Debug)]
pub struct Answer {
    /// The session.
    pub session: u64,
    /// When its next turn is due.
    pub due: MonoNs,
    /// What the server said, be it nothing; `None` ends the session.
    pub said: Option<Said>,
    /// Of a job that may not be over, what the server said of it; then the session goes on whatever was said.
    pub job: Option<Told>,
    /// Whether its session is one of a tree; `due` is then when it ended, and the composer says what follows.
    pub is_branch: bool,
}

/// A response as it came.
#[derive(Debug, Default)]
pub struct Said {
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

/// What a session heard.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// The answer, as a turn of the conversation.
    Answer(Box<Turn>),
    /// Nothing that can be said again: the request failed, or the server's answer is an error or says nothing.
    Nothing,
    /// An answer that is too long to be sent again.
    TooMuch,
}

impl Said {
    /// Takes in more of it, as long as it is not too much.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        if self.is_over || self.bytes.len() + bytes.len() > SAID_BYTES_MAX {
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

    /// What was heard; of an answer that only reasoned, the reasoning.
    pub(crate) fn meaning(&self, endpoint: &dyn Endpoint) -> Heard {
        if self.is_over {
            return Heard::TooMuch;
        }
        let mut meaning = Meaning::default();
        match (self.is_lost, self.coding) {
            (true, _) => return Heard::Nothing,
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
            (false, coding) => match decoded(coding, &self.bytes, SAID_BYTES_MAX) {
                Ok(bytes) if self.is_stream || begins_stream(&bytes) == Some(true) => {
                    let mut cutter = Cutter::default();
                    let cut = cutter.feed(&bytes, 0, |event, _| meaning.event(event, endpoint));
                    cutter.finish(0, |event, _| meaning.event(event, endpoint));
                    meaning.is_error |= cut.is_err();
                }
                Ok(bytes) => meaning.take(endpoint.whole(&bytes)),
                Err(_) => return Heard::Nothing,
            },
        }
        meaning.heard()
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

    fn heard(self) -> Heard {
        let text = if self.content.is_empty() { self.reasoning } else { self.content };
        if self.is_error || (text.is_empty() && !self.has_call) {
            return Heard::Nothing;
        }
        if text.len() > ANSWER_BYTES_MAX {
            return Heard::TooMuch;
        }
        let mut turn = Turn { response_id: self.response_id, ..Turn::user(text, String::new()) };
        "assistant".clone_into(&mut turn.role);
        Heard::Answer(Box::new(turn))
    }
}
