//! `mooncake_trace`: requests of a trace: their texts, messages or bodies, or only lengths and what they share.

use super::dataset::{Format, Reading, Row, Written};
use super::single_turn::one_line;
use super::{Context, Planned, When, raw_payload};
use endpoint::Turn;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub(super) const FORMAT: Format = Format {
    name: "mooncake_trace",
    read: Reading::Lines(row),
    context: Context::Live,
    fits: |row| {
        ["input_length", "text_input", "messages", "payload"].iter().any(|key| row.get(key).is_some())
    },
    lengths: super::limits::NAMES,
};

#[derive(Deserialize)]
struct Fields<'a> {
    input_length: Option<u64>,
    text_input: Option<String>,
    messages: Option<Vec<Value>>,
    tools: Option<Value>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    output_length: Option<u32>,
    hash_ids: Option<Vec<u64>>,
    timestamp: Option<f64>,
    delay: Option<f64>,
    session_id: Option<String>,
    extra: Option<Map<String, Value>>,
}

fn row(line: &[u8]) -> Result<Row, String> {
    let fields = serde_json::from_slice::<Fields<'_>>(line).map_err(|error| one_line(&error))?;
    let given = [
        fields.input_length.is_some(),
        fields.text_input.is_some(),
        fields.messages.is_some(),
        fields.payload.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(
            "a row needs exactly one of `input_length`, `text_input`, `messages` and `payload`".to_owned()
        );
    }
    if fields.hash_ids.is_some() && fields.input_length.is_none() {
        return Err("`hash_ids` need `input_length`".to_owned());
    }
    if fields.input_length == Some(0) || fields.output_length == Some(0) {
        return Err("`input_length` and `output_length` must be at least 1".to_owned());
    }
    let when = match (fields.timestamp, fields.delay) {
        (Some(timestamp_ms), _) => When::At { timestamp_ms },
        (None, Some(delay_ms)) => When::After { delay_ms },
        (None, None) => When::Unscheduled,
    };
    let mut turn = match (fields.payload, fields.text_input) {
        (Some(payload), _) => raw_payload::payload(payload.get().as_bytes())?.turn,
        (None, Some(text)) => Turn::user(text, String::new()),
        (None, None) => Turn { role: "user".to_owned(), ..Turn::default() },
    };
    turn.messages = fields.messages;
    turn.tools = fields.tools;
    turn.max_tokens = fields.output_length;
    turn.extra = fields.extra.unwrap_or_default();
    let context = turn.messages.is_some().then_some(Context::Alone);
    let written = fields.input_length.map(|tokens| Written {
        tokens,
        hash_ids: fields.hash_ids.unwrap_or_default(),
        block_size: BLOCK_SIZE,
    });
    Ok(Row {
        session: fields.session_id,
        turns: vec![Planned { turn, when, answer: None }],
        context,
        written,
        ..Row::default()
    })
}

const BLOCK_SIZE: u32 = 512;
