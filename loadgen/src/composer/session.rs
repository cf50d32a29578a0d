//! A session with further turns.

use crate::prompt::{Context, Planned};
use endpoint::Turn;
use std::collections::VecDeque;

/// A session with further turns.
pub(super) struct Session {
    pub(super) entry: u32,
    pub(super) turn: u32,
    pub(super) context: Context,
    pub(super) history: Vec<Turn>,
    pub(super) later: VecDeque<Planned>,
    /// Of [`Context::Woven`]: the answers, and the number of messages before each.
    pub(super) answers: Vec<(usize, Turn)>,
    /// Bytes of all answers in its history.
    pub(super) answer_bytes: usize,
}

impl Session {
    /// Keeps the answer to the turn that was sent last.
    pub(super) fn add_answer(&mut self, answer: Turn) {
        if self.context == Context::Woven {
            let messages = self.history.last().and_then(|turn| turn.messages.as_ref());
            self.answers.push((messages.map_or(0, Vec::len), answer));
        } else {
            self.history.push(answer);
        }
    }

    /// Keeps a turn that later ones are sent with.
    pub(super) fn remember(&mut self, planned: Planned) {
        match self.context {
            Context::Alone => {}
            Context::Live | Context::Woven => self.history.push(planned.turn),
            Context::Recorded => {
                self.history.push(planned.turn);
                self.history.extend(planned.answer);
            }
        }
    }
}

/// A turn's messages with the answers between them.
pub(super) fn woven(turn: &Turn, answers: &[(usize, Turn)]) -> Turn {
    let mut turn = turn.clone();
    for (after, answer) in answers.iter().rev() {
        let message = serde_json::json!({"role": answer.role, "content": answer.joined()});
        if let Some(messages) = &mut turn.messages {
            messages.insert((*after).min(messages.len()), message);
        }
    }
    turn
}
