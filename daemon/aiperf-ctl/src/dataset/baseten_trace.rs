//! Converts `baseten_trace`, a table of recorded completions with their times.

use super::Columns;
use crate::args::ProfileArgs;
use crate::plan::Refusal;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The recorded requests ordered by time, as `single_turn` rows.
pub(super) fn rows(table: &[Columns], args: &ProfileArgs, seed: u64) -> Result<Vec<Value>, Refusal> {
    let flags = &args.conversation;
    let mut taken = Vec::new();
    for (number, row) in (1..).zip(table) {
        let missing = |column: &str| Refusal(format!("--input-file: row {number} has no `{column}`"));
        let at = row.get(TIME).and_then(Value::as_f64).ok_or_else(|| missing(TIME))?;
        let session = SESSIONS.iter().find_map(|column| row.get(*column)).filter(|name| !name.is_null());
        let session = session.map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned));
        let sampled = args.input.trace_session_sample_ratio.zip(session.as_deref());
        if sampled.is_none_or(|(ratio, session)| drawn(session, seed) < ratio) {
            let prompt = row.get("prompt").and_then(Value::as_str).ok_or_else(|| missing("prompt"))?;
            let output =
                row.get("output_tokens").and_then(Value::as_u64).ok_or_else(|| missing("output_tokens"))?;
            taken.push((at, session, prompt, output, row));
        }
    }
    taken.sort_by(|one, other| one.0.total_cmp(&other.0));
    let longest_ms = flags.max_idle_gap_cap_seconds.map_or(f64::INFINITY, |seconds| seconds * 1000.0);
    let (mut last, mut now) = (None, 0.0);
    let mut ends = HashMap::<String, f64>::new();
    let mut rows = Vec::new();
    for (at, session, prompt, output, row) in taken {
        now += (at - last.unwrap_or(at)).min(longest_ms);
        last = Some(at);
        let mut extra = Map::new();
        if !flags.no_force_min_tokens {
            extra.insert("min_tokens".to_owned(), json!(output));
        }
        if !flags.omit_kv_hints {
            for (column, key) in [("total_hashes", "hash_ids"), ("block_size", "block_size")] {
                extra.extend(row.get(column).map(|value| (key.to_owned(), value.clone())));
            }
        }
        let mut made = json!({"text": prompt, "output_length": output, "timestamp": now, "extra": extra});
        if let Some(session) = session.filter(|_| !flags.open_loop_strict) {
            if flags.no_open_loop_replay
                && let Some(ended) = ends.get(&session)
                && let Some(fields) = made.as_object_mut()
            {
                // The recorded user took this long to think, however long the server takes now.
                fields.remove("timestamp");
                fields.insert("delay".to_owned(), json!((now - ended).max(0.0)));
            }
            let took = row.get("duration_e2e_ms").and_then(Value::as_f64).unwrap_or(0.0);
            ends.insert(session.clone(), now + took);
            made["session_id"] = json!(session);
        }
        rows.push(made);
    }
    Ok(rows)
}

/// A number in [0, 1) derived from a session's name and the seed.
fn drawn(session: &str, seed: u64) -> f64 {
    // FNV-1a, whose high bits mix well enough to sample by.
    let hash = session.bytes().chain(seed.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    f64::from(u32::try_from(hash >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

const TIME: &str = "timestamp_start_unix_ms";
/// Columns that may hold a session's name.
const SESSIONS: &[&str] = &["provided_session_id", "poor_man_session_id"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};
    use std::ffi::OsString;

    fn made(flags: &str) -> Result<Vec<Value>, Refusal> {
        let line = format!("aiperf-ctl profile --model m --input-file x {flags}");
        let words = line.split_ascii_whitespace().map(OsString::from).collect::<Vec<_>>();
        let Ok(Command::Profile(args)) = parse(&words).map(|args| args.command) else { panic!("{line}") };
        let row = |at: u64, session: &str| {
            json!({"timestamp_start_unix_ms": 1_000_000 + at, "prompt": format!("at {at}"), "output_tokens": 7,
                   "total_hashes": [1, 2], "block_size": 64, "duration_e2e_ms": 200, "provided_session_id": session})
        };
        let table = [row(9000, "b"), row(0, "a"), row(500, "a")];
        let table = table.iter().map(|row| row.as_object().unwrap().clone()).collect::<Vec<_>>();
        rows(&table, &args, 1)
    }

    #[test]
    fn rows_are_sent_as_they_were() {
        let rows = made("").unwrap();
        assert_eq!(
            rows[0],
            json!({"text": "at 0", "output_length": 7, "timestamp": 0.0, "session_id": "a",
                   "extra": {"min_tokens": 7, "hash_ids": [1, 2], "block_size": 64}}),
            "the first of all"
        );
        assert_eq!(rows[2]["timestamp"], 9000.0, "in order");
        let rows =
            made("--max-idle-gap-cap-seconds 1 --open-loop-strict --omit-kv-hints --no-force-min-tokens")
                .unwrap();
        assert_eq!(
            rows[2],
            json!({"text": "at 9000", "output_length": 7, "timestamp": 1500.0, "extra": {}}),
            "shorter"
        );
    }

    #[test]
    fn a_user_thinks_as_long_as_recorded() {
        let rows = made("--no-open-loop-replay").unwrap();
        let first = (&rows[0]["timestamp"], rows[0].get("delay"));
        assert_eq!(first, (&json!(0.0), None), "a session starts at its recorded time");
        let second = (rows[1].get("timestamp"), &rows[1]["delay"]);
        assert_eq!(
            second,
            (None, &json!(300.0)),
            "half a second after the first was sent, which took 200 ms"
        );
        assert_eq!(rows[2]["timestamp"], 9000.0, "another session");
    }

    #[test]
    fn whole_sessions_are_sampled() {
        let names = (0..1000).map(|number| format!("session-{number}"));
        let taken = names.filter(|name| drawn(name, 3) < 0.25).count();
        assert!((200..300).contains(&taken), "{taken} of 1000");
        assert_eq!(made("--trace-session-sample-ratio 1").unwrap().len(), 3, "all");
    }
}
