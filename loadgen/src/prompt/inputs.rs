//! `inputs.json`: every request that the run may send, in the layout that AIPerf writes and reads.

use super::Entry;
use serde::ser::{Serialize, SerializeSeq, SerializeStruct, Serializer};
use serde_json::{Map, Value};
use std::io::{self, Write};

/// Writes the file: the body of each entry, by session.
///
/// # Errors
/// When `out` can't be written.
pub fn inputs_json(mut out: impl Write, entries: &[Entry], bodies: &[Map<String, Value>]) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &Inputs { entries, bodies })?;
    out.flush()
}

struct Inputs<'a> {
    entries: &'a [Entry],
    bodies: &'a [Map<String, Value>],
}

struct Sessions<'a>(&'a Inputs<'a>);

struct Session<'a> {
    name: &'a str,
    bodies: &'a [Map<String, Value>],
}

impl Serialize for Inputs<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Inputs", 1)?;
        object.serialize_field("data", &Sessions(self))?;
        object.end()
    }
}

impl Serialize for Sessions<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(None)?;
        let mut bodies = self.0.bodies;
        for entries in self.0.entries.chunk_by(|one, next| one.session == next.session) {
            let (these, rest) = bodies.split_at(entries.len().min(bodies.len()));
            list.serialize_element(&Session { name: &entries[0].session, bodies: these })?;
            bodies = rest;
        }
        list.end()
    }
}

impl Serialize for Session<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Session", 2)?;
        object.serialize_field("session_id", self.name)?;
        object.serialize_field("payloads", self.bodies)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::When;
    use super::*;
    use common::plan;
    use endpoint::Turn;

    /// Takes the texts out of a golden file, and expects that very file from them.
    fn check(golden: &str, streaming: bool) {
        let path = format!(
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/golden/aiperf-0.13.0/{}/inputs.json"),
            golden
        );
        let expected = std::fs::read_to_string(path).unwrap();
        let value = serde_json::from_str::<Value>(&expected).unwrap();
        let sessions = value["data"].as_array().unwrap().iter();
        let entries = sessions.map(|session| {
            let payload = &session["payloads"][0];
            let text = payload["messages"][0]["content"].as_str().unwrap().to_owned();
            let mut turn = Turn::user(text, "mock".to_owned());
            turn.max_tokens =
                payload["max_completion_tokens"].as_u64().map(|count| u32::try_from(count).unwrap());
            let session = session["session_id"].as_str().unwrap().to_owned();
            Entry { session, turns: vec![turn], when: When::Unsaid }
        });
        let plan = plan::Endpoint {
            kind: "chat".to_owned(),
            urls: Vec::new(),
            path: None,
            models: vec!["mock".to_owned()],
            streaming,
            request_timeout_seconds: 1.0,
            use_legacy_max_tokens: false,
            use_server_token_count: false,
            header_names: Vec::new(),
            extra_inputs: Map::new(),
        };
        let mut written = Vec::new();
        let chat = endpoint::by_name("chat").unwrap();
        let entries = entries.collect::<Vec<_>>();
        let bodies = entries.iter().map(|entry| chat.body(&entry.turns, &plan)).collect::<Vec<_>>();
        inputs_json(&mut written, &entries, &bodies).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), expected, "{golden}");
    }

    #[test]
    fn entries_of_a_session_share_it() {
        let entry =
            |session: &str| Entry { session: session.to_owned(), turns: Vec::new(), when: When::Unsaid };
        let body = |text: &str| serde_json::from_str::<Map<_, _>>(text).unwrap();
        let mut written = Vec::new();
        let bodies = [body("{}"), body(r#"{"a":1}"#), body("{}")];
        inputs_json(&mut written, &[entry("s"), entry("s"), entry("t")], &bodies).unwrap();
        let value = serde_json::from_slice::<Value>(&written).unwrap();
        let expected = serde_json::json!({"data": [
            {"session_id": "s", "payloads": [{}, {"a": 1}]},
            {"session_id": "t", "payloads": [{}]},
        ]});
        assert_eq!(value, expected, "two sessions of three entries");
    }

    #[test]
    fn it_equals_aiperfs_byte_for_byte() {
        check("chat-streaming", true);
        check("chat-nonstreaming", false);
        check("chat-goodput-slices", true);
    }
}
