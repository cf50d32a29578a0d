//! `multi_turn`: each row is a conversation, its turns written as rows of `single_turn`.

use super::Context;
use super::dataset::{Format, Reading, Row};
use super::single_turn::{Fields, one_line};
use serde::Deserialize;
use serde_json::Value;

pub(super) const FORMAT: Format = Format {
    name: "multi_turn",
    read: Reading::Lines(row),
    context: Context::Live,
    fits: |row| row.get("turns").is_some_and(Value::is_array),
    lengths: super::limits::NAMES,
};

#[derive(Deserialize)]
struct Conversation {
    session_id: Option<String>,
    turns: Vec<Fields>,
}

fn row(line: &[u8]) -> Result<Row, String> {
    let conversation = serde_json::from_slice::<Conversation>(line).map_err(|error| one_line(&error))?;
    let numbered = (1..).zip(conversation.turns);
    let turns = numbered.map(|(number, fields): (u32, Fields)| {
        fields.planned().map_err(|problem| format!("turn {number}: {problem}"))
    });
    let turns = turns.collect::<Result<Vec<_>, _>>()?;
    if turns.is_empty() {
        return Err("a conversation needs at least one turn".to_owned());
    }
    Ok(Row { session: conversation.session_id, turns, ..Row::default() })
}
