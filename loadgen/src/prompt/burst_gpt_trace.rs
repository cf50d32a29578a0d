//! `burst_gpt_trace`: CSV files of moments and lengths: BurstGPT's traces, and those of Azure.

use super::dataset::{Fault, Format, Reading, Row, Table, Written};
use super::{Context, Planned, When, limits};
use chrono::{DateTime, NaiveDateTime};
use csv::{Position, ReaderBuilder, StringRecord, Trim};
use endpoint::Turn;

pub(super) const FORMAT: Format = Format {
    name: "burst_gpt_trace",
    read: Reading::Whole(rows),
    context: Context::Alone,
    fits: |_| false,
    lengths: ["Request tokens", "Response tokens"],
};

/// Whether a line is the head of such a file.
pub(super) fn is_head(line: &[u8]) -> bool {
    let head = reader(line).records().next();
    head.is_some_and(|head| head.is_ok_and(|head| Columns::of(&head).is_ok()))
}

/// The indices of the columns.
struct Columns {
    at: usize,
    input: usize,
    output: usize,
}

impl Columns {
    /// The columns of a head, by BurstGPT's names or Azure's.
    fn of(head: &StringRecord) -> Result<Self, String> {
        let column = |names: &[&str]| {
            let place = head.iter().position(|column| names.contains(&column));
            place.ok_or_else(|| format!("the head has no column `{}`", names[0]))
        };
        Ok(Self {
            at: column(&["Timestamp", "TIMESTAMP"])?,
            input: column(&["Request tokens", "ContextTokens"])?,
            output: column(&["Response tokens", "GeneratedTokens"])?,
        })
    }
}

fn rows(file: &[u8]) -> Result<Table, Fault> {
    let mut reader = reader(file);
    let mut records = reader.records();
    let line = |error: &csv::Error| error.position().map_or(1, Position::line);
    let failed = |error: csv::Error| (line(&error), format!("it is no CSV: {error}"));
    let Some(head) = records.next() else { return Ok(Table::default()) };
    let columns = Columns::of(&head.map_err(failed)?).map_err(|problem| (1, problem))?;
    let mut table = Table::default();
    for record in records {
        let record = record.map_err(failed)?;
        let number = record.position().map_or(1, |place| line_of(file, place));
        match row(&record, &columns).map_err(|problem| (number, problem))? {
            Some(row) => table.rows.push(row),
            None => table.left_out += 1,
        }
    }
    Ok(table)
}

/// The line of a record: its place is that of the empty lines before it.
fn line_of(file: &[u8], place: &Position) -> u64 {
    let begin = usize::try_from(place.byte()).unwrap_or(usize::MAX);
    let before = file.get(begin..).unwrap_or_default().iter().take_while(|byte| b"\r\n".contains(byte));
    place.line() + before.filter(|byte| **byte == b'\n').count() as u64
}

fn reader(file: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(file)
}

/// A row; none of a request that failed, which has no input or no output.
fn row(record: &StringRecord, columns: &Columns) -> Result<Option<Row>, String> {
    let cell = |place: usize| record.get(place).unwrap_or_default();
    let whole = |place: usize| {
        let cell = cell(place);
        cell.parse::<u32>().map_err(|_malformed| format!("`{cell}` is not a whole number of tokens"))
    };
    let (tokens, output) = (whole(columns.input)?, whole(columns.output)?);
    if tokens == 0 || output == 0 {
        return Ok(None);
    }
    let turn = Turn { role: "user".to_owned(), max_tokens: Some(output), ..Turn::default() };
    let when = When::At { timestamp_ms: milliseconds(cell(columns.at))? };
    let row = Row {
        turns: vec![Planned { turn, when, answer: None }],
        written: Some(Written { tokens: u64::from(tokens), hash_ids: Vec::new(), block_size: 1 }),
        ..Row::default()
    };
    limits::of_row(&row, FORMAT.lengths).map(|()| Some(row))
}

/// Seconds since the trace started, or a date.
fn milliseconds(cell: &str) -> Result<f64, String> {
    if let Ok(seconds) = cell.parse::<f64>() {
        return if seconds >= 0.0 {
            Ok(seconds * 1000.0)
        } else {
            Err(format!("`{cell}` is no valid time: a trace starts at 0"))
        };
    }
    let zoned = DateTime::parse_from_str(cell, "%Y-%m-%d %H:%M:%S%.f%#z").map(|date| date.to_utc());
    let date = zoned.or_else(|_plain| {
        NaiveDateTime::parse_from_str(cell, "%Y-%m-%d %H:%M:%S%.f").map(|date| date.and_utc())
    });
    let date = date.map_err(|_malformed| format!("`{cell}` is not a number"))?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds of dates are exact in a float")]
    let microseconds = date.timestamp_micros() as f64;
    Ok(microseconds / 1000.0)
}
