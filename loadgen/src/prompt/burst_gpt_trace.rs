//! `burst_gpt_trace`: BurstGPT's traces: a CSV file of moments and lengths.

use super::dataset::{Fault, Format, Reading, Row, Written};
use super::{Context, Planned, When, limits};
use endpoint::Turn;

pub(super) const FORMAT: Format = Format {
    name: "burst_gpt_trace",
    read: Reading::Whole(rows),
    context: Context::Alone,
    fits: |_| false,
    lengths: ["Request tokens", "Response tokens"],
};

fn rows(file: &[u8]) -> Result<Vec<Row>, Fault> {
    let text = std::str::from_utf8(file).map_err(|error| (1, error.to_string()))?;
    let mut lines = (1_u64..).zip(text.trim_start_matches('\u{feff}').lines());
    let Some((_, head)) = lines.next() else { return Ok(Vec::new()) };
    let column = |name: &str| {
        let place = head.split(',').position(|column| column.trim() == name);
        place.ok_or_else(|| (1, format!("the head has no column `{name}`")))
    };
    let (at, input, output) = (column("Timestamp")?, column("Request tokens")?, column("Response tokens")?);
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let row = |(number, line): (u64, &str)| {
        let cells = line.split(',').map(str::trim).collect::<Vec<_>>();
        row(&cells, at, input, output).map_err(|problem| (number, problem))
    };
    // Rows without input or output are requests that failed.
    lines.map(row).filter_map(Result::transpose).collect()
}

fn row(cells: &[&str], at: usize, input: usize, output: usize) -> Result<Option<Row>, String> {
    let number = |place: usize| {
        let cell = cells.get(place).copied().unwrap_or_default();
        cell.parse::<f64>()
            .ok()
            .filter(|number| *number >= 0.0)
            .ok_or_else(|| format!("`{cell}` is not a number"))
    };
    let whole = |place: usize| {
        let cell = cells.get(place).copied().unwrap_or_default();
        cell.parse::<u32>().map_err(|_malformed| format!("`{cell}` is not a whole number"))
    };
    let (tokens, output) = (whole(input)?, whole(output)?);
    if tokens == 0 || output == 0 {
        return Ok(None);
    }
    let turn = Turn { role: "user".to_owned(), max_tokens: Some(output), ..Turn::default() };
    let when = When::At { timestamp_ms: number(at)? * 1000.0 };
    let row = Row {
        turns: vec![Planned { turn, when, answer: None }],
        written: Some(Written { tokens: u64::from(tokens), hash_ids: Vec::new(), block_size: 1 }),
        ..Row::default()
    };
    limits::of_row(&row, FORMAT.lengths).map(|()| Some(row))
}
