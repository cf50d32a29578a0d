//! `bailian_trace`: Alibaba's traces: chats whose requests name the one that they continue.

use super::dataset::{Format, Reading, Row, Written};
use super::single_turn::one_line;
use super::{Context, Planned, When};
use endpoint::Turn;
use serde::Deserialize;

pub(super) const FORMAT: Format = Format {
    name: "bailian_trace",
    read: Reading::Lines(row),
    context: Context::Live,
    fits: |row| row.get("chat_id").is_some() && row.get("parent_chat_id").is_some(),
    lengths: super::limits::NAMES,
};

#[derive(Deserialize)]
struct Fields {
    chat_id: i64,
    parent_chat_id: i64,
    timestamp: f64,
    input_length: u64,
    output_length: u32,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

fn row(line: &[u8]) -> Result<Row, String> {
    let fields = serde_json::from_slice::<Fields>(line).map_err(|error| one_line(&error))?;
    if fields.input_length == 0 || fields.output_length == 0 {
        return Err("`input_length` and `output_length` must be at least 1".to_owned());
    }
    let turn = Turn { role: "user".to_owned(), max_tokens: Some(fields.output_length), ..Turn::default() };
    let when = When::At { timestamp_ms: fields.timestamp * 1000.0 };
    Ok(Row {
        session: Some(fields.chat_id.to_string()),
        parent: (fields.parent_chat_id != NO_PARENT).then(|| fields.parent_chat_id.to_string()),
        turns: vec![Planned { turn, when, answer: None }],
        context: None,
        branches: Vec::new(),
        written: Some(Written {
            tokens: fields.input_length,
            hash_ids: fields.hash_ids,
            block_size: BLOCK_SIZE,
        }),
    })
}

const NO_PARENT: i64 = -1;
const BLOCK_SIZE: u32 = 16;
