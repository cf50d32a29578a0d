//! What requests asked: their input tokens, history included, and the output tokens that they wanted.

use crate::prompt::{Context, Conversation, Conversations};
use common::reply_event::Measure;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tokenizer::Tokenizer;

/// Counts what requests asked, each conversation when it is first sent.
pub struct Asked {
    conversations: Arc<dyn Conversations>,
    /// Of turns that are sent without a history, by conversation and turn.
    alone: FxHashMap<(u32, u32), Facts>,
    /// What was said so far in sessions that go on.
    said: FxHashMap<u64, String>,
}

/// What a request asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Input tokens by our tokenizer.
    pub input_tokens: Option<u32>,
    /// Output tokens that it asks for.
    pub requested_tokens: Option<u32>,
    /// Seconds of its first sound.
    pub audio_seconds: Measure,
    /// Images, those of the turns before it counted where it is sent with them.
    pub images: u32,
}

impl Asked {
    /// What requests of these conversations ask.
    #[must_use]
    pub fn new(conversations: Arc<dyn Conversations>) -> Self {
        Self { conversations, alone: FxHashMap::default(), said: FxHashMap::default() }
    }

    /// What the turn of a session asked, which was answered with `answer`; no answer ends the session.
    pub(super) fn facts(
        &mut self,
        session: u64,
        (entry, turn): (u32, u32),
        answer: Option<&str>,
        tokenizer: Option<&Tokenizer>,
    ) -> Facts {
        if let Some(facts) = self.alone.get(&(entry, turn)) {
            return *facts;
        }
        let Ok(conversation) = self.conversations.conversation(entry as usize) else {
            return Facts::default();
        };
        let Some(planned) = conversation.turns.get(turn as usize) else { return Facts::default() };
        let requested_tokens = planned.turn.max_tokens;
        let audio_seconds = planned.turn.audio_seconds().map_or(Measure::UNKNOWN, Measure::new);
        let own = planned.turn.asked();
        let count = |text: &str| tokenizer.map(|tokenizer| tokenizer.count(text));
        if conversation.turns.len() == 1 || conversation.context == Context::Alone {
            let images = planned.turn.images_asked();
            let facts = Facts { input_tokens: count(&own), requested_tokens, audio_seconds, images };
            self.alone.insert((entry, turn), facts);
            return facts;
        }
        let mut text = self.said.remove(&session).unwrap_or_default();
        append(&mut text, &own);
        let before = conversation.turns.iter().take(turn as usize + 1);
        let images = before.map(|planned| planned.turn.images_asked()).sum();
        let facts = Facts { input_tokens: count(&text), requested_tokens, audio_seconds, images };
        if let Some(answer) = answer
            && (turn as usize) + 1 < conversation.turns.len()
        {
            append(&mut text, remembered(&conversation, turn, answer).as_ref());
            self.said.insert(session, text);
        }
        facts
    }
}

/// The answer that later turns are sent with.
fn remembered<'a>(conversation: &Conversation, turn: u32, answer: &'a str) -> std::borrow::Cow<'a, str> {
    match conversation.context {
        Context::Recorded => {
            let recorded = conversation.turns.get(turn as usize).and_then(|planned| planned.answer.as_ref());
            recorded.map(endpoint::Turn::joined).unwrap_or_default().into()
        }
        Context::Live | Context::Alone => answer.into(),
    }
}

/// As input tokens are counted: texts joined by a space.
fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

#[cfg(test)]
impl Asked {
    /// Knows one turn's facts, and nothing else.
    pub(super) fn knowing(entry: u32, turn: u32, facts: Facts) -> Self {
        let mut asked = Self::new(Arc::new(Vec::<Conversation>::new()));
        asked.alone.insert((entry, turn), facts);
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{Planned, When};
    use endpoint::Turn;

    fn counted(context: Context) -> Vec<Option<u32>> {
        let turn = |text: &str| Turn::user(text.to_owned(), "m".to_owned());
        let planned = |text: &str| Planned {
            turn: turn(text),
            when: When::Unsaid,
            answer: Some(turn("a recorded answer")),
        };
        let turns = ["one two", "three", "four"].map(planned).to_vec();
        let mut asked = Asked::new(Arc::new(vec![Conversation { session: "s".to_owned(), turns, context }]));
        let tokenizer = Tokenizer::builtin();
        let counts = (0..3)
            .map(|turn| asked.facts(9, (0, turn), Some("live answer"), Some(&tokenizer)).input_tokens)
            .collect();
        assert!(asked.said.is_empty(), "nothing is kept of a session that is over");
        counts
    }

    #[test]
    fn history_counts() {
        assert_eq!(counted(Context::Live), [Some(2), Some(5), Some(8)], "with live answers of two tokens");
        assert_eq!(counted(Context::Recorded), [Some(2), Some(6), Some(10)], "with recorded ones of three");
        assert_eq!(counted(Context::Alone), [Some(2), Some(1), Some(1)], "each for itself");
    }
}
