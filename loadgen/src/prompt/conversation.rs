//! The content of one session, turn by turn.

use super::{Problem, When};
use endpoint::Turn;

/// The content of one session.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Its name in `inputs.json`.
    pub session: String,
    /// At least one.
    pub turns: Vec<Planned>,
    /// What each turn after the first is sent with.
    pub context: Context,
    /// The conversations that its turns start.
    pub branches: Vec<Branch>,
}

/// A conversation that a turn of another one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The turn after whose answer it starts, from 0.
    pub after: usize,
    /// Its place among the conversations.
    pub child: usize,
    /// The history that it starts with, and what waits for it.
    pub kind: BranchKind,
}

/// The history that a branch starts with, and what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BranchKind {
    /// With the whole history; nothing waits for it.
    Fork,
    /// With nothing.
    Spawn {
        /// The turn of the parent that waits until it is over; the number of turns if that is its end.
        join_at: usize,
    },
}

/// A turn, and what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The content.
    pub turn: Turn,
    /// When the input schedules it.
    pub when: When,
    /// The answer that the input has for it, for [`Context::Recorded`].
    pub answer: Option<Turn>,
}

/// What a turn is sent with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Context {
    /// All turns before it with the server's own answers: `deltas_without_responses`.
    #[default]
    Live,
    /// All turns before it with the answers of the input: `deltas_with_responses`.
    Recorded,
    /// Nothing: each turn is complete in itself: `message_array_with_responses`.
    Alone,
    /// The turn's own messages, and between them the server's answers where those before it ended:
    /// `message_array_without_responses`.
    Woven,
}

/// All conversations of an input, each made or read when it is needed.
pub trait Conversations: Send + Sync {
    /// How many start by themselves.
    fn count(&self) -> usize;

    /// How many are started by others; they follow those that start by themselves.
    fn children(&self) -> usize {
        0
    }

    /// One of them.
    ///
    /// # Errors
    /// When its row can't be read any more.
    fn conversation(&self, place: usize) -> Result<Conversation, Problem>;

    /// When the input schedules its first turn, in milliseconds of the input's own time.
    fn timestamp_ms(&self, place: usize) -> Option<f64>;

    /// The line on which the input has it, if it is of a file of lines.
    fn line(&self, _place: usize) -> Option<u64> {
        None
    }
}

impl Conversations for Vec<Conversation> {
    fn count(&self) -> usize {
        self.len()
    }

    fn conversation(&self, place: usize) -> Result<Conversation, Problem> {
        self.get(place).cloned().ok_or(Problem::NoRows)
    }

    fn timestamp_ms(&self, place: usize) -> Option<f64> {
        match self.get(place)?.turns.first()?.when {
            When::At { timestamp_ms } => Some(timestamp_ms),
            When::Unscheduled | When::After { .. } => None,
        }
    }
}

impl Conversation {
    /// A session of one turn.
    #[must_use]
    pub fn single(session: String, turn: Turn, when: When) -> Self {
        Self {
            session,
            turns: vec![Planned { turn, when, answer: None }],
            context: Context::default(),
            branches: Vec::new(),
        }
    }
}
