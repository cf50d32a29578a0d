//! `inputs.json`: every request that the run may send, in the layout that AIPerf writes and reads.

use super::{Context, Conversation, Conversations, Problem};
use endpoint::{Endpoint, Turn};
use serde::ser::{Error, Serialize, SerializeSeq, SerializeStruct, Serializer};
use std::io::{self, Write};

/// Writes the file: the body of each turn, by session; answers that are not known yet are left out, and so are sessions
/// from when the file `is_wanted` no more.
///
/// # Errors
/// When `out` can't be written, or a conversation can't be read.
pub fn inputs_json(
    mut out: impl Write,
    conversations: &dyn Conversations,
    endpoint: &dyn Endpoint,
    plan: &spec::Endpoint,
    is_wanted: &dyn Fn() -> bool,
) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &Inputs { conversations, endpoint, plan, is_wanted })?;
    out.flush()
}

#[derive(Clone, Copy)]
struct Inputs<'a> {
    conversations: &'a dyn Conversations,
    endpoint: &'a dyn Endpoint,
    plan: &'a spec::Endpoint,
    is_wanted: &'a dyn Fn() -> bool,
}

struct Sessions<'a>(Inputs<'a>);

struct Session<'a> {
    conversation: Conversation,
    inputs: Inputs<'a>,
}

struct Payloads<'a>(&'a Session<'a>);

impl Serialize for Inputs<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Inputs", 1)?;
        object.serialize_field("data", &Sessions(*self))?;
        object.end()
    }
}

impl Serialize for Sessions<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let inputs = self.0;
        let mut list = to.serialize_seq(None)?;
        let count = inputs.conversations.count() + inputs.conversations.children();
        for place in (0..count).take_while(|_| (inputs.is_wanted)()) {
            let conversation = inputs.conversations.conversation(place);
            let conversation = conversation.map_err(|problem: Problem| S::Error::custom(problem))?;
            list.serialize_element(&Session { conversation, inputs })?;
        }
        list.end()
    }
}

impl Serialize for Session<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Session", 2)?;
        object.serialize_field("session_id", &self.conversation.session)?;
        object.serialize_field("payloads", &Payloads(self))?;
        object.end()
    }
}

impl Serialize for Payloads<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Session { conversation, inputs } = self.0;
        let mut list = to.serialize_seq(Some(conversation.turns.len()))?;
        let mut turns = Vec::<Turn>::new();
        for planned in &conversation.turns {
            if matches!(conversation.context, Context::Alone | Context::Woven) {
                turns.clear();
            }
            turns.push(planned.turn.clone());
            list.serialize_element(&endpoint::fields(inputs.endpoint, &turns, inputs.plan))?;
            if conversation.context == Context::Recorded {
                turns.extend(planned.answer.clone());
            }
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Planned, When};
    use super::*;
    use serde_json::Value;

    fn plan(streaming: bool) -> spec::Endpoint {
        spec::Endpoint { streaming, models: vec!["mock".to_owned()], ..spec::Plan::unknown().endpoint }
    }

    /// Reads the texts of a golden file, and expects that very file from them.
    fn check(golden: &str, streaming: bool) {
        let path = format!(
            concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/aiperf-0.13.0/{}/inputs.json"),
            golden
        );
        let expected = std::fs::read_to_string(path).unwrap();
        let value = serde_json::from_str::<Value>(&expected).unwrap();
        let sessions = value["data"].as_array().unwrap().iter();
        let conversations = sessions.map(|session| {
            let payload = &session["payloads"][0];
            let text = payload["messages"][0]["content"].as_str().unwrap().to_owned();
            let mut turn = Turn::user(text, "mock".to_owned());
            turn.max_tokens =
                payload["max_completion_tokens"].as_u64().map(|count| u32::try_from(count).unwrap());
            Conversation::single(session["session_id"].as_str().unwrap().to_owned(), turn, When::Unscheduled)
        });
        let mut written = Vec::new();
        let chat = endpoint::by_name("chat").unwrap();
        inputs_json(&mut written, &conversations.collect::<Vec<_>>(), chat, &plan(streaming), &|| true)
            .unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), expected, "{golden}");
    }

    /// The texts of each payload of a session of two turns.
    fn texts(context: Context) -> Vec<Vec<String>> {
        let turn = |text: &str| Turn::user(text.to_owned(), "m".to_owned());
        let planned =
            |text: &str| Planned { turn: turn(text), when: When::Unscheduled, answer: Some(turn("answer")) };
        let turns = vec![planned("one"), planned("two")];
        let conversation = Conversation { session: "s".to_owned(), turns, context, branches: Vec::new() };
        let mut written = Vec::new();
        let chat = endpoint::by_name("chat").unwrap();
        inputs_json(&mut written, &vec![conversation], chat, &plan(true), &|| true).unwrap();
        let value = serde_json::from_slice::<Value>(&written).unwrap();
        let payloads = value["data"][0]["payloads"].as_array().unwrap().iter();
        let texts = payloads.map(|payload| payload["messages"].as_array().unwrap().iter());
        let text = |message: &Value| message["content"].as_str().unwrap().to_owned();
        texts.map(|messages| messages.map(text).collect()).collect()
    }

    #[test]
    fn later_turns_have_the_history_before_them() {
        assert_eq!(texts(Context::Live), [vec!["one"], vec!["one", "two"]], "answers are not known");
        assert_eq!(
            texts(Context::Recorded),
            [vec!["one"], vec!["one", "answer", "two"]],
            "the input's answer"
        );
        assert_eq!(texts(Context::Alone), [["one"], ["two"]], "each for itself");
    }

    #[test]
    fn it_equals_aiperfs_byte_for_byte() {
        check("chat-streaming", true);
        check("chat-nonstreaming", false);
        check("chat-goodput-slices", true);
    }
}
