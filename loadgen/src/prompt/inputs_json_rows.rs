//! `inputs_json`: the file of bodies that AIPerf and this program write, sent again.

use super::dataset::{Fault, Format, Reading, Row, Table};
use super::{Context, raw_payload};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub(super) const FORMAT: Format = Format {
    name: "inputs_json",
    read: Reading::Whole(rows),
    context: Context::Alone,
    fits: |row| row.get("data").and_then(Value::as_array).is_some_and(|data| !data.is_empty()),
    lengths: super::limits::NAMES,
};

#[derive(Deserialize)]
struct Inputs<'a> {
    #[serde(borrow)]
    data: Vec<Session<'a>>,
}

#[derive(Deserialize)]
struct Session<'a> {
    session_id: Option<String>,
    #[serde(borrow)]
    payloads: Vec<&'a RawValue>,
}

fn rows(file: &[u8]) -> Result<Table, Fault> {
    let inputs = serde_json::from_slice::<Inputs<'_>>(file)
        .map_err(|error| (u64::try_from(error.line()).unwrap_or(1), error.to_string()))?;
    let rows = inputs.data.into_iter().map(row).collect::<Result<_, _>>()?;
    Ok(Table { rows, left_out: 0 })
}

fn row(session: Session<'_>) -> Result<Row, Fault> {
    let name = session.session_id.unwrap_or_default();
    let payloads = session.payloads.iter();
    let turns = payloads.map(|payload| raw_payload::payload(payload.get().as_bytes()));
    let turns = turns
        .collect::<Result<Vec<_>, _>>()
        .map_err(|problem| (1, format!("session `{name}`: {problem}")))?;
    if turns.is_empty() {
        return Err((1, format!("session `{name}` has no payloads")));
    }
    Ok(Row { session: (!name.is_empty()).then_some(name), turns, ..Row::default() })
}
