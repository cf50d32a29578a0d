//! `single_turn`: each row is one request, with its text or texts and what is special about it.

use super::When;
use super::dataset::{Format, Row};
use endpoint::{Text, Turn};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const FORMAT: Format = Format { name: "single_turn", row };

/// A row as it is written. Fields that are not listed are let pass.
#[derive(Deserialize)]
struct Fields {
    text: Option<String>,
    texts: Option<Vec<OneOrNamed>>,
    role: Option<String>,
    session_id: Option<String>,
    output_length: Option<u32>,
    timestamp: Option<f64>,
    delay: Option<f64>,
    extra: Option<Map<String, Value>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrNamed {
    One(String),
    Named {
        #[serde(default)]
        name: String,
        contents: Vec<String>,
    },
}

fn row(line: &[u8]) -> Result<Row, String> {
    let fields = serde_json::from_slice::<Fields>(line).map_err(|error| one_line(&error))?;
    if let Some(media) =
        MEDIA.iter().find(|media| fields.others.get(**media).is_some_and(|value| !value.is_null()))
    {
        return Err(format!("`{media}`: images, audio and video are not supported yet"));
    }
    let texts = match (fields.text, fields.texts) {
        (Some(_), Some(_)) => return Err("`text` and `texts` exclude each other".to_owned()),
        (Some(text), None) => vec![Text { name: "text".to_owned(), contents: vec![text] }],
        (None, Some(texts)) => grouped(texts),
        (None, None) => Vec::new(),
    };
    let when = match (fields.timestamp, fields.delay) {
        (Some(_), Some(_)) => return Err("`timestamp` and `delay` exclude each other".to_owned()),
        (Some(timestamp_ms), None) => When::At { timestamp_ms },
        (None, Some(delay_ms)) => When::After { delay_ms },
        (None, None) => When::Unsaid,
    };
    if fields.output_length == Some(0) {
        return Err("`output_length` must be at least 1".to_owned());
    }
    let turn = Turn {
        role: fields.role.unwrap_or_else(|| "user".to_owned()),
        texts,
        model: String::new(),
        max_tokens: fields.output_length,
        extra: fields.extra.unwrap_or_default(),
    };
    if turn.contents().next().is_none() {
        return Err("a row needs a `text` or `texts` that is not empty".to_owned());
    }
    Ok(Row { session: fields.session_id, turn, when })
}

/// Texts without a name belong together; each named one stands for itself.
fn grouped(texts: Vec<OneOrNamed>) -> Vec<Text> {
    let mut groups = Vec::<Text>::new();
    let mut unnamed = None;
    for text in texts {
        match text {
            OneOrNamed::Named { name, contents } => groups.push(Text { name, contents }),
            OneOrNamed::One(content) => {
                let place = *unnamed.get_or_insert_with(|| {
                    groups.push(Text { name: String::new(), contents: Vec::new() });
                    groups.len() - 1
                });
                groups[place].contents.push(content);
            }
        }
    }
    groups
}

/// The error without its own line number, which is always 1.
fn one_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((text, _)) if error.column() > 0 => format!("{text} (column {})", error.column()),
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

const MEDIA: &[&str] = &["image", "images", "image_uuids", "audio", "audios", "video", "videos"];

#[cfg(test)]
mod tests {
    use super::super::{Planned, dataset};
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn described(rows: &str) -> String {
        match dataset::conversations(&FORMAT, rows.as_bytes()) {
            Ok((conversations, _)) => {
                let turns = conversations.iter();
                let turns =
                    turns.flat_map(|one| one.turns.iter().map(|planned| (one.session.as_str(), planned)));
                turns.map(|(session, planned)| one(session, planned)).collect()
            }
            Err(problem) => problem.to_string(),
        }
    }

    fn one(session: &str, planned: &Planned) -> String {
        let turn = &planned.turn;
        let mut line = format!("{session}: {}", turn.role);
        for text in &turn.texts {
            write!(line, " {}{:?}", text.name, text.contents).unwrap();
        }
        if let Some(length) = turn.max_tokens {
            write!(line, " {length}").unwrap();
        }
        if !turn.extra.is_empty() {
            write!(line, " {}", serde_json::to_string(&turn.extra).unwrap()).unwrap();
        }
        if planned.when != When::Unsaid {
            write!(line, " {:?}", planned.when).unwrap();
        }
        line + "; "
    }

    fn check(rows: &str, expected: &str) {
        assert_eq!(described(rows).trim_end_matches("; "), expected, "{rows}");
    }

    #[test]
    fn rows() {
        check(
            r#"{"text":"What is a qubit?","output_length":64,"extra":{"temperature":0}}"#,
            r#"session_000000: user text["What is a qubit?"] 64 {"temperature":0}"#,
        );
        check(r#"{"texts":["a","b"],"role":"system"}"#, r#"session_000000: system ["a", "b"]"#);
        check(
            r#"{"texts":["a",{"name":"query","contents":["q"]},{"contents":["c"]}]}"#,
            r#"session_000000: user ["a"] query["q"] ["c"]"#,
        );
        check(
            r#"{"text":"x","timestamp":12.5,"image":null,"whatever":[1]}"#,
            r#"session_000000: user text["x"] At { timestamp_ms: 12.5 }"#,
        );
        check("\u{feff}{\"text\":\"x\"}\r\n", "session_000000: user text[\"x\"]");
    }

    #[test]
    fn rows_of_one_session_stay_together() {
        check(
            "{\"text\":\"1\",\"session_id\":\"s\"}\n\n{\"text\":\"2\"}\n{\"text\":\"3\",\"session_id\":\"s\",\"delay\":5}\n{\"text\":\"4\"}",
            "s: user text[\"1\"]; s: user text[\"3\"] After { delay_ms: 5.0 }; session_000000: user text[\"2\"]; \
             session_000001: user text[\"4\"]",
        );
    }

    #[test]
    fn problems_carry_their_line() {
        let second = |row: &str| format!("{{\"text\":\"x\"}}\n{row}\n");
        check(&second("{"), "line 2: EOF while parsing an object (column 1)");
        check(&second("7"), "line 2: invalid type: integer `7`, expected struct Fields (column 1)");
        check(&second(r#"{"text":7}"#), "line 2: invalid type: integer `7`, expected a string (column 9)");
        check(&second(r#"{"text":""}"#), "line 2: a row needs a `text` or `texts` that is not empty");
        check(&second("{}"), "line 2: a row needs a `text` or `texts` that is not empty");
        check(&second(r#"{"text":"a","texts":["b"]}"#), "line 2: `text` and `texts` exclude each other");
        check(
            &second(r#"{"text":"a","timestamp":1,"delay":1}"#),
            "line 2: `timestamp` and `delay` exclude each other",
        );
        check(&second(r#"{"text":"a","output_length":0}"#), "line 2: `output_length` must be at least 1");
        check(
            &second(r#"{"text":"a","image":"x.png"}"#),
            "line 2: `image`: images, audio and video are not supported yet",
        );
    }

    proptest! {
        #[test]
        fn garbage_is_refused(line in prop::collection::vec(any::<u8>(), 0..80)) {
            row(&line).err();
        }
    }
}
