//! Facts of requests: their input tokens, history included, and the output tokens that they request.

use super::transcript::Transcript;
use crate::bounds;
use crate::branching::Inherited;
use crate::prompt::{Context, Conversation, Conversations, Markers, session_name};
use common::reply_event::Measure;
use endpoint::Turn;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::sync::Arc;
use tokenizer::{ChatTemplate, Tokenizer};

/// Determines the facts of requests, those of a conversation without history only once.
pub struct RequestFacts {
    conversations: Arc<dyn Conversations>,
    /// Facts of turns that are sent without a history, by conversation and turn.
    alone: FxHashMap<(u32, u32), Facts>,
    /// Transcripts of sessions with further turns; `None` for one whose transcript is too long.
    transcripts: FxHashMap<u64, Option<Transcript>>,
    /// Bytes of all transcripts, and how many there may be.
    transcript_bytes: usize,
    transcript_bytes_max: usize,
    /// The history that forked sessions started with.
    inherited: Inherited,
    template: Option<ChatTemplate>,
    markers: Option<Markers>,
}

/// Facts of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The conversation's name in the input, if it has one of its own.
    pub conversation: Option<Arc<str>>,
    /// Input tokens by our tokenizer.
    pub input_tokens: Option<u32>,
    /// Output tokens that it requests.
    pub requested_tokens: Option<u32>,
    /// Seconds of its first audio clip.
    pub audio_seconds: Measure,
    /// Images, those of the turns before it counted where it is sent with them.
    pub images: u32,
}

impl RequestFacts {
    /// The facts of these conversations' requests.
    #[must_use]
    pub fn new(conversations: Arc<dyn Conversations>, inherited: Inherited) -> Self {
        Self {
            conversations,
            alone: FxHashMap::default(),
            transcripts: FxHashMap::default(),
            transcript_bytes: 0,
            transcript_bytes_max: usize::try_from(bounds::answer_bytes(0)).unwrap_or(usize::MAX),
            inherited,
            template: None,
            markers: None,
        }
    }

    /// Counts the markers of sessions too. That of a warm-up is not counted: sessions may outlive it.
    #[must_use]
    pub fn with_markers(self, markers: Option<Markers>) -> Self {
        Self { markers: markers.filter(Markers::are_of_sessions), ..self }
    }

    /// Keeps no more than `bytes` of transcripts of sessions that go on: of others the input tokens are unknown.
    #[must_use]
    pub fn within(self, bytes: u64) -> Self {
        Self { transcript_bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX), ..self }
    }

    /// Counts what a chat template makes of messages.
    #[must_use]
    pub fn with_template(self, template: Option<ChatTemplate>) -> Self {
        Self { template, ..self }
    }

    /// Facts of a session's turn, which the server answered with `answer`, or which failed: its session goes on in either case.
    pub(super) fn facts(
        &mut self,
        session: u64,
        (entry, turn): (u32, u32),
        answer: Option<&str>,
        tokenizer: Option<&Tokenizer>,
    ) -> Facts {
        if let Some(facts) = self.alone.get(&(entry, turn)) {
            return facts.clone();
        }
        let Ok(mut conversation) = self.conversations.conversation(entry as usize) else {
            return Facts::default();
        };
        let (is_only, context) = (conversation.turns.len() == 1, conversation.context);
        let has_history =
            self.inherited.has(session) || (turn > 0 && matches!(context, Context::Live | Context::Recorded));
        let name = own_name(&conversation.session, entry);
        let Some(planned) = conversation.turns.get_mut(turn as usize) else { return Facts::default() };
        if let Some(markers) = self.markers.filter(|_| !has_history) {
            // What can't be marked was never sent.
            markers.mark_session(&mut planned.turn, session).ok();
        }
        let planned = &*planned;
        let requested_tokens = planned.turn.max_tokens;
        let audio_seconds = planned.turn.audio_seconds().map_or(Measure::UNKNOWN, Measure::new);
        let is_alone = is_only || context == Context::Alone;
        if is_alone && !self.inherited.has(session) {
            let mut transcript = self.transcript();
            transcript.add(&planned.turn);
            let input_tokens = transcript.tokens(tokenizer, self.template.as_ref());
            let images = planned.turn.image_count();
            let facts = Facts { conversation: name, input_tokens, requested_tokens, audio_seconds, images };
            if self.markers.is_none() {
                self.alone.insert((entry, turn), facts.clone());
            }
            return facts;
        }
        let known = self.take_transcript(session).unwrap_or_else(|| {
            let mut transcript = self.transcript();
            self.inherited.take(session).iter().flatten().for_each(|turn| transcript.add(turn));
            Some(transcript)
        });
        let before = conversation.turns.iter().take(turn as usize + 1);
        let images = before.map(|planned| planned.turn.image_count()).sum();
        let goes_on = (turn as usize) + 1 < conversation.turns.len();
        let Some(mut transcript) = known else {
            if goes_on {
                self.transcripts.insert(session, None);
            }
            return Facts { conversation: name, input_tokens: None, requested_tokens, audio_seconds, images };
        };
        // Where messages are complete in themselves but for the answers, only those are kept for later turns.
        let answers = (context == Context::Woven && goes_on).then(|| transcript.clone());
        if let Some(planned) = conversation.turns.get(turn as usize) {
            transcript.add(&planned.turn);
        }
        let input_tokens = transcript.tokens(tokenizer, self.template.as_ref());
        if goes_on {
            let mut goes_on = answers.unwrap_or(transcript);
            if let Some(answer) = remembered(&conversation, turn, answer) {
                goes_on.add(&answer);
            }
            self.keep_transcript(session, goes_on);
        }
        Facts { conversation: name, input_tokens, requested_tokens, audio_seconds, images }
    }

    fn take_transcript(&mut self, session: u64) -> Option<Option<Transcript>> {
        let transcript = self.transcripts.remove(&session)?;
        self.transcript_bytes -= transcript.as_ref().map_or(0, Transcript::bytes);
        Some(transcript)
    }

    fn keep_transcript(&mut self, session: u64, transcript: Transcript) {
        let bytes = transcript.bytes();
        let fits = self.transcript_bytes + bytes <= self.transcript_bytes_max;
        self.transcript_bytes += if fits { bytes } else { 0 };
        self.transcripts.insert(session, fits.then_some(transcript));
    }

    fn transcript(&self) -> Transcript {
        if self.template.is_some() { Transcript::of_messages() } else { Transcript::of_texts() }
    }
}

/// The conversation's name, unless it is the one that follows from its place.
fn own_name(name: &str, entry: u32) -> Option<Arc<str>> {
    let is_own = !name.is_empty() && name != session_name(entry as usize);
    is_own.then(|| name[..name.floor_char_boundary(NAME_BYTES_MAX)].into())
}

/// The answer that later turns contain, if there is one.
fn remembered<'a>(conversation: &'a Conversation, turn: u32, answer: Option<&str>) -> Option<Cow<'a, Turn>> {
    if conversation.context == Context::Recorded {
        return conversation.turns.get(turn as usize)?.answer.as_ref().map(Cow::Borrowed);
    }
    let mut live = Turn::user(answer?.to_owned(), String::new());
    "assistant".clone_into(&mut live.role);
    Some(Cow::Owned(live))
}

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 1024;

#[cfg(test)]
impl RequestFacts {
    /// Knows one turn's facts, and nothing else.
    pub(super) fn knowing(entry: u32, turn: u32, facts: Facts) -> Self {
        let mut request_facts = Self::new(Arc::new(Vec::<Conversation>::new()), Inherited::default());
        request_facts.alone.insert((entry, turn), facts);
        request_facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{Planned, When};
    use spec::CacheBust;

    fn counted(context: Context, template: Option<ChatTemplate>) -> Vec<Option<u32>> {
        let turn = |text: &str| Turn::user(text.to_owned(), "m".to_owned());
        let planned = |text: &str| Planned {
            turn: turn(text),
            when: When::Unscheduled,
            answer: Some(turn("a recorded answer")),
        };
        let turns = ["one two", "three", "four"].map(planned).to_vec();
        let conversation = Conversation { session: "s".to_owned(), turns, context, branches: Vec::new() };
        let mut facts =
            RequestFacts::new(Arc::new(vec![conversation]), Inherited::default()).with_template(template);
        let tokenizer = Tokenizer::builtin();
        let counts = (0..3)
            .map(|turn| facts.facts(9, (0, turn), Some("live answer"), Some(&tokenizer)).input_tokens)
            .collect();
        assert!(facts.transcripts.is_empty(), "nothing is kept of a session that is over");
        counts
    }

    #[test]
    fn history_counts() {
        let counted = |context| counted(context, None);
        assert_eq!(counted(Context::Live), [Some(2), Some(5), Some(8)], "with live answers of two tokens");
        assert_eq!(counted(Context::Recorded), [Some(2), Some(6), Some(10)], "with recorded ones of three");
        assert_eq!(counted(Context::Alone), [Some(2), Some(1), Some(1)], "each for itself");
        assert_eq!(counted(Context::Woven), [Some(2), Some(3), Some(5)], "each with the answers before it");
    }

    #[test]
    fn markers_of_sessions_count() {
        let turn = Turn::user("hi".to_owned(), "m".to_owned());
        let conversation = Conversation::single("s".to_owned(), turn, When::Unscheduled);
        let metadata = endpoint::by_name("chat").unwrap().metadata();
        let tokenizer = Tokenizer::builtin();
        let counted = |place, session| {
            let markers = Some(Markers::new(place, metadata, 9));
            let facts = RequestFacts::new(Arc::new(vec![conversation.clone()]), Inherited::default());
            let mut facts = facts.with_markers(markers);
            facts.facts(session, (0, 0), None, Some(&tokenizer)).input_tokens
        };
        let sent = |session| {
            let mut turn = conversation.turns[0].turn.clone();
            Markers::new(CacheBust::FirstTurnPrefix, metadata, 9).mark_session(&mut turn, session).unwrap();
            Some(tokenizer.count(&turn.joined()))
        };
        for session in [1, 2, 3] {
            assert_eq!(counted(CacheBust::FirstTurnPrefix, session), sent(session), "as it was sent");
        }
        assert_eq!(counted(CacheBust::WarmupIsolationFirstTurn, 1), Some(1), "what is measured has none");
    }

    #[test]
    fn a_template_counts() {
        let text = r#"{"template":"{% for message in messages %}x {{ message.role }}: {{ message.content }} {% endfor %}"}"#;
        let template = ChatTemplate::from_json(text.as_bytes()).unwrap();
        let tokenizer = Tokenizer::builtin();
        let shown = "x user: one two x assistant: live answer x user: three ";
        let counts = counted(Context::Live, Some(template));
        assert_eq!(counts[1], Some(tokenizer.count(shown)), "messages as the model is shown them");
    }
}
