//! What the server said, and what it means.

use crate::bounds::{ANSWER_BYTES_MAX, SAID_BYTES_MAX};
use crate::job::Told;
use common::clock::MonoNs;
use endpoint::{Endpoint, Reply, Turn, sse};

/// What became of a request whose session has more to say.
#[derive(Debug)]
pub struct Answer {
    /// The session.
    pub session: u64,
    /// When its next turn is due.
    pub due: MonoNs,
    /// What the server said; `None` ends the session.
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
    /// Whether it was too much to be kept: then the session can't go on.
    pub is_over: bool,
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

    /// The answer as a turn of the conversation; of one that only reasoned, the reasoning. None of an answer that is too
    /// long to be sent again.
    pub(crate) fn meaning(&self, endpoint: &dyn Endpoint) -> Option<Turn> {
        let mut content = String::new();
        let mut reasoning = String::new();
        let mut take = |reply: Reply<'_>| {
            content.push_str(&reply.content);
            reasoning.push_str(&reply.reasoning);
        };
        if self.is_stream {
            let finder = memchr::memmem::Finder::new(b"\n\n");
            let mut rest = self.bytes.as_slice();
            while let Some(end) = finder.find(rest) {
                let fields = sse::fields(&rest[..end]);
                if !fields.data.is_empty() {
                    take(endpoint.event(&fields.data));
                }
                rest = &rest[end + 2..];
            }
        } else {
            take(endpoint.whole(&self.bytes));
        }
        let text = if content.is_empty() { reasoning } else { content };
        if self.is_over || text.len() > ANSWER_BYTES_MAX {
            return None;
        }
        let mut turn = Turn::user(text, String::new());
        "assistant".clone_into(&mut turn.role);
        Some(turn)
    }
}
