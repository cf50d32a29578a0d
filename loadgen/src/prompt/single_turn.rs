//! `single_turn`: each row is one request, with its text or texts and what is special about it.

use super::dataset::{Format, Reading, Row};
use super::{Context, Planned, When};
use endpoint::{Media, Text, Turn};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const FORMAT: Format = Format {
    name: "single_turn",
    read: Reading::Lines(row),
    context: Context::Alone,
    fits: |row| KEYS.iter().any(|key| row.get(key).is_some()),
    lengths: super::limits::NAMES,
};

/// A row as it is written. Fields that are not listed are ignored.
#[derive(Deserialize)]
pub(super) struct Fields {
    text: Option<String>,
    texts: Option<Vec<OneOrNamed>>,
    image: Option<String>,
    images: Option<Vec<OneOrNamed>>,
    image_uuids: Option<Vec<String>>,
    audio: Option<String>,
    audios: Option<Vec<OneOrNamed>>,
    video: Option<String>,
    videos: Option<Vec<OneOrNamed>>,
    role: Option<String>,
    session_id: Option<String>,
    output_length: Option<u32>,
    timestamp: Option<f64>,
    delay: Option<f64>,
    extra: Option<Map<String, Value>>,
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

pub(super) fn row(line: &[u8]) -> Result<Row, String> {
    let mut fields = serde_json::from_slice::<Fields>(line).map_err(|error| one_line(&error))?;
    let session = fields.session_id.take();
    Ok(Row { session, turns: vec![fields.planned()?], ..Row::default() })
}

impl Fields {
    /// The content of a row, or of a turn of a row.
    pub(super) fn planned(self) -> Result<Planned, String> {
        let texts = match (self.text, self.texts) {
            (Some(_), Some(_)) => return Err("`text` and `texts` exclude each other".to_owned()),
            (Some(text), None) => vec![Text { name: "text".to_owned(), contents: vec![text] }],
            (None, Some(texts)) => grouped(texts),
            (None, None) => Vec::new(),
        };
        let when = match (self.timestamp, self.delay) {
            (Some(_), Some(_)) => return Err("`timestamp` and `delay` exclude each other".to_owned()),
            (Some(timestamp_ms), None) => When::At { timestamp_ms },
            (None, Some(delay_ms)) => When::After { delay_ms },
            (None, None) => When::Unscheduled,
        };
        if self.output_length == Some(0) {
            return Err("`output_length` must be at least 1".to_owned());
        }
        let mut images = media("image", self.image, self.images)?;
        if let Some(uuids) = self.image_uuids {
            if uuids.len() != images.len() {
                return Err(format!("{} `image_uuids` for {} images", uuids.len(), images.len()));
            }
            images.iter_mut().zip(uuids).for_each(|(image, uuid)| image.uuid = Some(uuid));
        }
        let turn = Turn {
            role: self.role.unwrap_or_else(|| "user".to_owned()),
            texts,
            images,
            audios: media("audio", self.audio, self.audios)?,
            videos: media("video", self.video, self.videos)?,
            max_tokens: self.output_length,
            extra: self.extra.unwrap_or_default(),
            ..Turn::default()
        };
        let says_nothing = turn.contents().next().is_none()
            && turn.images.is_empty()
            && turn.audios.is_empty()
            && turn.videos.is_empty();
        if says_nothing {
            return Err("a row needs a `text`, `image`, `audio` or `video` that is not empty".to_owned());
        }
        Ok(Planned { turn, when, answer: None })
    }
}

/// URLs, data URIs and audio clips. A path is refused: only the client opens the user's files.
fn media(kind: &str, one: Option<String>, several: Option<Vec<OneOrNamed>>) -> Result<Vec<Media>, String> {
    let contents = match (one, several) {
        (Some(_), Some(_)) => return Err(format!("`{kind}` and `{kind}s` exclude each other")),
        (Some(one), None) => vec![one],
        (None, several) => several
            .unwrap_or_default()
            .into_iter()
            .flat_map(|item| match item {
                OneOrNamed::One(content) => vec![content],
                OneOrNamed::Named { contents, .. } => contents,
            })
            .collect(),
    };
    let is_known = |content: &String| {
        let is_sound =
            kind == "audio" && content.split_once(',').is_some_and(|(format, _)| SOUNDS.contains(&format));
        ["http://", "https://", "data:"].iter().any(|scheme| content.starts_with(scheme)) || is_sound
    };
    match contents.iter().find(|content| !is_known(content)) {
        Some(content) => {
            let shown = content.chars().take(60).collect::<String>();
            Err(format!(
                "`{kind}`: `{shown}` is neither a URL nor a data URI: write files as data URIs in Base64"
            ))
        }
        None => Ok(contents.iter().map(|content| Media::new(content)).collect()),
    }
}

/// Texts without a name belong together; each named one is separate.
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
pub(super) fn one_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((text, _)) if error.column() > 0 => format!("{text} (column {})", error.column()),
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

/// Formats of audio clips, which precede their bytes.
const SOUNDS: [&str; 4] = ["wav", "mp3", "flac", "ogg"];
/// One of which every row has.
const KEYS: [&str; 8] = ["text", "texts", "image", "images", "audio", "audios", "video", "videos"];

#[cfg(test)]
mod tests {
    use super::super::{Planned, dataset};
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn described(rows: &str) -> String {
        match dataset::tests::read(&FORMAT, rows) {
            Ok(conversations) => {
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
        if planned.when != When::Unscheduled {
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
            "s: user text[\"1\"]; s: user text[\"3\"] After { delay_ms: 5.0 }; session_000001: user text[\"2\"]; \
             session_000002: user text[\"4\"]",
        );
    }

    #[test]
    fn problems_carry_their_line() {
        let second = |row: &str| format!("{{\"text\":\"x\"}}\n{row}\n");
        check(&second("{"), "line 2: EOF while parsing an object (column 1)");
        check(&second("7"), "line 2: invalid type: integer `7`, expected struct Fields (column 1)");
        check(&second(r#"{"text":7}"#), "line 2: invalid type: integer `7`, expected a string (column 9)");
        check(
            &second(r#"{"text":""}"#),
            "line 2: a row needs a `text`, `image`, `audio` or `video` that is not empty",
        );
        check(&second("{}"), "line 2: a row needs a `text`, `image`, `audio` or `video` that is not empty");
        check(&second(r#"{"text":"a","texts":["b"]}"#), "line 2: `text` and `texts` exclude each other");
        check(
            &second(r#"{"text":"a","timestamp":1,"delay":1}"#),
            "line 2: `timestamp` and `delay` exclude each other",
        );
        check(&second(r#"{"text":"a","output_length":0}"#), "line 2: `output_length` must be at least 1");
        check(
            &second(r#"{"text":"a","image":"x.png"}"#),
            "line 2: `image`: `x.png` is neither a URL nor a data URI: write files as data URIs in Base64",
        );
        check(&second(r#"{"image":"http://x","image_uuids":[]}"#), "line 2: 0 `image_uuids` for 1 images");
    }

    proptest! {
        #[test]
        fn garbage_is_refused(line in prop::collection::vec(any::<u8>(), 0..80)) {
            row(&line).err();
        }
    }
}
