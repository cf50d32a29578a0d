//! Datasets that users bring: one row a line, read as they come, each problem with its line.

use super::{Context, Conversation, Planned, Problem, When, session_name, single_turn};
use endpoint::Turn;
use rustc_hash::FxHashMap;
use std::io::{BufRead, BufReader, Read};

/// A way to write rows.
#[derive(Debug)]
pub struct Format {
    /// Its name in the plan.
    pub name: &'static str,
    pub(super) row: fn(&[u8]) -> Result<Row, String>,
}

/// What one row says.
pub(super) struct Row {
    /// Rows of one session are sent one after the other; without a name the row is a session of its own.
    pub(super) session: Option<String>,
    pub(super) turn: Turn,
    pub(super) when: When,
}

/// Every format, in the order of the documents.
pub const FORMATS: &[&Format] = &[&single_turn::FORMAT];

/// Reads all rows; those of one session come together, where its first one stands.
pub(super) fn conversations(
    format: &Format,
    dataset: impl Read,
) -> Result<(Vec<Conversation>, Vec<String>), Problem> {
    let mut sessions = Vec::<Conversation>::new();
    let mut by_name = FxHashMap::default();
    let mut unnamed = 0;
    let mut lines = BufReader::new(dataset);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(Problem::Read)? == 0 {
            break;
        }
        let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line).trim_ascii();
        if text.is_empty() {
            continue;
        }
        let row = (format.row)(text).map_err(|problem| Problem::Row { line: number, problem })?;
        let session = row.session.unwrap_or_else(|| {
            unnamed += 1;
            session_name(unnamed - 1)
        });
        let place = *by_name.entry(session.clone()).or_insert(sessions.len());
        if place == sessions.len() {
            sessions.push(Conversation { session, turns: Vec::new(), context: Context::Alone });
        }
        sessions[place].turns.push(Planned { turn: row.turn, when: row.when, answer: None });
    }
    if sessions.is_empty() {
        return Err(Problem::NoRows);
    }
    Ok((sessions, Vec::new()))
}
