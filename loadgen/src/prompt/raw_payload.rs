//! `raw_payload`: each row is a whole body, sent as it is.

use super::dataset::{Format, Reading, Row};
use super::single_turn::one_line;
use super::{Context, Planned, When};
use endpoint::Turn;
use serde_json::{Map, Value};

pub(super) const FORMAT: Format = Format {
    name: "raw_payload",
    read: Reading::Lines(row),
    context: Context::Alone,
    fits: |row| row.get("model").is_some(),
    lengths: super::limits::NAMES,
};

fn row(line: &[u8]) -> Result<Row, String> {
    Ok(Row { turns: vec![payload(line)?], ..Row::default() })
}

/// A turn that is this body.
pub(super) fn payload(body: &[u8]) -> Result<Planned, String> {
    serde_json::from_slice::<Map<String, Value>>(body).map_err(|error| one_line(&error))?;
    let payload = String::from_utf8(body.to_vec()).map_err(|error| error.to_string())?;
    let turn = Turn { role: "user".to_owned(), payload: Some(payload), ..Turn::default() };
    Ok(Planned { turn, when: When::Unscheduled, answer: None })
}
