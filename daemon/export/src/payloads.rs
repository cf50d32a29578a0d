//! Reconstructs the payloads sent: those of `inputs.json`, and the server's responses between them in multi-turn sessions.
//!
//! `inputs.json` is written before the run, so the later turns of a session lack the responses received meanwhile:
//!
//! ```text
//! inputs.json   [user] [user, user]        Sent   [user] [user, assistant, user]
//! ```

use crate::error::ExportError;
use crate::texts::Texts;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use store::{Exchange, StoreError, source};

/// The payloads of a run by entry and turn, each JSON text.
#[derive(Clone, Debug, Default)]
pub struct Payloads {
    entries: Vec<Vec<String>>,
}

impl Payloads {
    /// Payloads by entry and turn.
    #[must_use]
    pub const fn new(entries: Vec<Vec<String>>) -> Self {
        Self { entries }
    }

    /// The payloads of an `inputs.json`; empty if there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a valid `inputs.json`.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        if !path.is_file() {
            return Ok(Self::default());
        }
        let text = source::read(path, INPUTS_BYTES_MAX).map_err(StoreError::disk("read", path))?;
        let inputs: Inputs = serde_json::from_slice(&text)
            .map_err(|source| ExportError::Inputs { path: path.to_owned(), source })?;
        let turns = |session: Session| session.payloads.iter().map(Value::to_string).collect();
        Ok(Self::new(inputs.data.into_iter().map(turns).collect()))
    }

    fn turns(&self, entry: u32) -> &[String] {
        usize::try_from(entry).ok().and_then(|entry| self.entries.get(entry)).map_or(&[], Vec::as_slice)
    }
}

#[derive(Deserialize)]
struct Inputs {
    data: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    payloads: Vec<Value>,
}

/// Follows sessions from turn to turn. Requests of a session are passed in order, after the requests of the parent that it
/// continues.
pub(crate) struct Sent<'a> {
    payloads: &'a Payloads,
    texts: Option<&'a dyn Texts>,
    /// The history of sessions that continue, or that others fork from.
    sessions: HashMap<u64, History>,
    /// Whether any session may be forked.
    has_forks: bool,
}

/// The history of a session.
struct History {
    entry: u32,
    /// The session and turn that this one was forked from.
    fork_of: Option<(u64, u32)>,
    /// By turn; `None` where a response was not stored.
    responses: Vec<Option<String>>,
}

impl<'a> Sent<'a> {
    pub(crate) fn new(payloads: &'a Payloads, texts: Option<&'a dyn Texts>, has_forks: bool) -> Self {
        Self { payloads, texts, sessions: HashMap::new(), has_forks }
    }

    /// The payload of the next request; `None` if it is unknown, such as when a response before it was not stored.
    pub(crate) fn next(&mut self, exchange: &Exchange) -> Option<Cow<'a, str>> {
        let request = &exchange.request;
        let turns = self.payloads.turns(request.entry);
        let turn = usize::try_from(request.turn).ok()?;
        let plain = turns.get(turn)?;
        let fork_of = request.parent_session.zip(request.parent_turn);
        let fork_of = fork_of.filter(|_| request.is_fork == Some(true));
        let before = self.sessions.remove(&request.session);
        let mut history = before.unwrap_or(History { entry: request.entry, fork_of, responses: Vec::new() });
        let payload = match (live_places(turns, turn), fork_of) {
            (None, None) => Some(Cow::Borrowed(plain.as_str())),
            _ => self
                .payload(&history, turn)
                .and_then(|payload| serde_json::to_string(&payload).ok())
                .map(Cow::Owned),
        };
        if turn + 1 < turns.len() || self.has_forks {
            let text = self.texts.and_then(|texts| texts.response_text(exchange));
            history.responses.push(text.map(|text| text.answer));
            self.sessions.insert(request.session, history);
        }
        payload
    }

    /// The payload of a session's turn: its history, with each response inserted in its place.
    fn payload(&self, history: &History, turn: usize) -> Option<Map<String, Value>> {
        let turns = self.payloads.turns(history.entry);
        let mut payload: Map<String, Value> = serde_json::from_str(turns.get(turn)?).ok()?;
        let places = live_places(turns, turn).unwrap_or_default();
        let responses = history.responses.get(..places.len())?;
        let key = list_key(&payload)?;
        let list = payload.get_mut(key).and_then(Value::as_array_mut)?;
        for (added, (place, response)) in places.iter().zip(responses).enumerate() {
            let message = self.texts?.message(response.as_deref()?)?;
            list.insert((place + added).min(list.len()), message);
        }
        if let Some((parent, turn)) = history.fork_of {
            list.splice(..0, self.messages_until(parent, usize::try_from(turn).ok()?)?);
        }
        Some(payload)
    }

    /// The messages of a session up to the response to a turn.
    fn messages_until(&self, session: u64, turn: usize) -> Option<Vec<Value>> {
        let history = self.sessions.get(&session)?;
        let mut payload = self.payload(history, turn)?;
        let Some(Value::Array(mut list)) = payload.remove(list_key(&payload)?) else { return None };
        list.push(self.texts?.message(history.responses.get(turn)?.as_deref()?)?);
        Some(list)
    }
}

/// The positions in a turn's messages at which the responses to earlier turns are missing; `None` if none is missing: for a
/// first turn, a turn that does not continue earlier ones, or input that contains the responses.
fn live_places(turns: &[String], turn: usize) -> Option<Vec<usize>> {
    let lists = turns.get(..=turn)?.iter().map(|payload| messages(payload)).collect::<Option<Vec<_>>>()?;
    let goes_on = |pair: &[Vec<Value>]| {
        let [before, after] = pair else { return false };
        let next = after.strip_prefix(before.as_slice()).and_then(<[Value]>::first);
        next.is_some_and(|next| next["role"] != "assistant")
    };
    let is_live = turn > 0 && lists.windows(2).all(goes_on);
    is_live.then(|| lists[..turn].iter().map(Vec::len).collect())
}

fn messages(payload: &str) -> Option<Vec<Value>> {
    let mut payload: Map<String, Value> = serde_json::from_str(payload).ok()?;
    match payload.remove(list_key(&payload)?) {
        Some(Value::Array(list)) => Some(list),
        _ => None,
    }
}

/// The key of a payload's messages.
fn list_key(payload: &Map<String, Value>) -> Option<&'static str> {
    ["messages", "input"].into_iter().find(|key| payload.get(*key).is_some_and(Value::is_array))
}

/// Maximum size of the file: a long trace has hundreds of megabytes.
const INPUTS_BYTES_MAX: u64 = 4 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ResponseText;
    use common::id::RequestId;
    use record::Request;
    use serde_json::json;

    struct Numbered;

    impl Texts for Numbered {
        fn response_text(&self, exchange: &Exchange) -> Option<ResponseText> {
            let answer = format!("answer {}", exchange.request.turn);
            Some(ResponseText { all: answer.clone(), answer })
        }

        fn message(&self, answer: &str) -> Option<Value> {
            Some(json!({"role": "assistant", "content": answer}))
        }
    }

    /// Has every response but the parent's first.
    struct FirstLost;

    impl Texts for FirstLost {
        fn response_text(&self, exchange: &Exchange) -> Option<ResponseText> {
            let is_lost = (exchange.request.session, exchange.request.turn) == (0, 0);
            if is_lost { None } else { Numbered.response_text(exchange) }
        }

        fn message(&self, answer: &str) -> Option<Value> {
            Numbered.message(answer)
        }
    }

    fn payload(texts: &[&str]) -> String {
        let role = |text: &&str| if text.starts_with('a') { "assistant" } else { "user" };
        let messages = texts.iter().map(|text| json!({"role": role(text), "content": text}));
        json!({"messages": messages.collect::<Vec<_>>(), "model": "m"}).to_string()
    }

    fn check(turns: &[&[&str]], texts: Option<&dyn Texts>, expected: &[Option<&[&str]>]) {
        let payloads = Payloads::new(vec![turns.iter().map(|texts| payload(texts)).collect()]);
        let mut sent = Sent::new(&payloads, texts, false);
        for (turn, expected) in (0..).zip(expected) {
            let request = Request { turn, session: 7, ..Request::blank(RequestId(0)) };
            let exchange = Exchange { request, tokens: Vec::new(), responses: Vec::new(), foreign: None };
            assert_eq!(
                sent.next(&exchange).as_deref(),
                expected.map(payload).as_deref(),
                "turn {turn} of {turns:?}"
            );
        }
    }

    #[test]
    fn each_turn_is_sent_with_the_responses_before_it() {
        let live: [&[&str]; 3] = [&["s", "u0"], &["s", "u0", "u1"], &["s", "u0", "u1", "u2"]];
        let sent: [Option<&[&str]>; 3] = [
            Some(&["s", "u0"]),
            Some(&["s", "u0", "answer 0", "u1"]),
            Some(&["s", "u0", "answer 0", "u1", "answer 1", "u2"]),
        ];
        check(&live, Some(&Numbered), &sent);
        check(&live, None, &[sent[0], None, None]);
    }

    #[test]
    fn a_fork_is_sent_with_its_parents_history() {
        let turns = |turns: &[&[&str]]| turns.iter().map(|texts| payload(texts)).collect::<Vec<_>>();
        let parent = turns(&[&["s", "u0"], &["s", "u0", "u1"], &["s", "u0", "u1", "u2"]]);
        let entries = [parent, turns(&[&["f0"], &["f0", "f1"]]), turns(&[&["g0"]])];
        let payloads = Payloads::new(entries.to_vec());
        let check = |texts: Option<&dyn Texts>, after: u32, expected: [Option<&[&str]>; 3]| {
            let mut sent = Sent::new(&payloads, texts, true);
            let mut next = |session: u64, turn: u32, parent: Option<(u64, u32)>| {
                let request = Request {
                    session,
                    turn,
                    entry: u32::try_from(session).unwrap(),
                    parent_session: parent.map(|(session, _)| session),
                    parent_turn: parent.map(|(_, turn)| turn),
                    is_fork: parent.map(|_| true),
                    ..Request::blank(RequestId(0))
                };
                let exchange = Exchange { request, tokens: Vec::new(), responses: Vec::new(), foreign: None };
                sent.next(&exchange).map(Cow::into_owned)
            };
            (0..3).for_each(|turn| drop(next(0, turn, None)));
            let parent = Some((0, after));
            let sent = [next(1, 0, parent), next(1, 1, parent), next(2, 0, Some((1, 1)))];
            assert_eq!(
                sent,
                expected.map(|texts| texts.map(payload)),
                "a child, its second turn, its own child"
            );
        };
        check(
            Some(&Numbered),
            0,
            [
                Some(&["s", "u0", "answer 0", "f0"]),
                Some(&["s", "u0", "answer 0", "f0", "answer 0", "f1"]),
                Some(&["s", "u0", "answer 0", "f0", "answer 0", "f1", "answer 1", "g0"]),
            ],
        );
        check(None, 0, [None; 3]);
        // If the parent's first response is unknown, so is every later payload.
        check(Some(&FirstLost), 1, [None; 3]);
    }

    #[test]
    fn complete_payloads_are_sent_unchanged() {
        let recorded: [&[&str]; 2] = [&["u0"], &["u0", "a recorded answer", "u1"]];
        check(&recorded, Some(&Numbered), &[Some(recorded[0]), Some(recorded[1])]);
        let alone: [&[&str]; 2] = [&["u0"], &["u1"]];
        check(&alone, None, &[Some(alone[0]), Some(alone[1])]);
        check(&alone, None, &[Some(alone[0]), Some(alone[1]), None]);
    }
}
