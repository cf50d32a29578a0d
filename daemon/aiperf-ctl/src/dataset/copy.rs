//! Reads the user's copy of a public dataset: selects the rows that are sent, and converts each to a row of a known format.

use super::public::{self, PublicDataset, Rows};
use super::{Columns, exgentic, media, table};
use crate::args::ProfileArgs;
use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use crate::terminal::print_note;
use crate::tokenizer_file;
use crate::upload::Upload;
use anyhow::{Context, Result};
use serde_json::Value;
use spec::{Input, Phase, Plan, Sampling, Shape, Tokenizer};
use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads the rows that are sent, and sets their format in the plan.
pub(super) fn read(name: &str, args: &ProfileArgs, plan: &mut Plan) -> Result<Upload> {
    let known = public::find(name)?;
    let filters = filters(known, &args.input.dataset_filters)?;
    let path = path(args, known)?;
    let made = ScratchFile::new().context("failed to write the dataset's rows")?;
    let copying = Copying {
        known,
        filters,
        tokenizer: tokenizer(plan, args)?,
        base: if path.is_dir() { &path } else { path.parent().unwrap_or_else(|| Path::new(".")) },
        replays: plan.load.phases.iter().any(is_replayed),
        most: most(known, args, plan),
    };
    copying.copy(&path, made.as_file())?;
    settle(known, plan);
    Ok(Upload::Temporary(Arc::new(made)))
}

/// How rows are selected and converted.
struct Copying<'a> {
    known: &'a PublicDataset,
    filters: Vec<(&'a str, &'a str)>,
    tokenizer: tokenizer::Tokenizer,
    /// Directory of the files that rows refer to.
    base: &'a Path,
    replays: bool,
    most: u64,
}

/// Counts of what was taken and left out.
#[derive(Default)]
struct Taken {
    taken: u64,
    unusable: u64,
    /// For sessions: the number of recorded spans, and of those that are sent as calls.
    spans: usize,
    calls: usize,
    /// Descriptions of rows that did not pass the filters, which are shown when nothing passes.
    others: BTreeSet<String>,
}

impl Copying<'_> {
    fn copy(&self, path: &Path, out: impl Write) -> Result<(), Refusal> {
        let mut out = BufWriter::new(out);
        let mut so_far = Taken::default();
        let failed = |error: std::io::Error| {
            Refusal(format!("{}: failed to write its rows: {error}", self.known.name))
        };
        table::each(path, "--dataset-path", &mut |row| {
            for row in self.rows(&row, &mut so_far)? {
                writeln!(out, "{row}").map_err(failed)?;
            }
            Ok(so_far.taken < self.most)
        })?;
        out.flush().map_err(failed)?;
        so_far.report(self.known.name)
    }

    /// The rows that are sent for one row of the dataset.
    fn rows(&self, row: &Columns, so_far: &mut Taken) -> Result<Vec<Value>, Refusal> {
        let passes = match self.known.rows {
            Rows::Single(_) => self.filters.iter().all(|(field, wanted)| has(row, field, wanted)),
            Rows::Sessions(_) => {
                self.filters.iter().all(|(field, wanted)| exgentic::passes(row, field, wanted))
            }
        };
        if !passes {
            if let Rows::Sessions(_) = self.known.rows {
                so_far.others.insert(exgentic::described(row));
            }
            return Ok(Vec::new());
        }
        let rows = match self.known.rows {
            Rows::Single(made) => {
                let mut made = made(row, &self.tokenizer);
                if let Some(made) = &mut made {
                    media::inline(made, self.base)
                        .map_err(|why| Refusal(format!("--dataset-path: {why}")))?;
                }
                made.into_iter().collect::<Vec<_>>()
            }
            Rows::Sessions(_) => {
                let calls = exgentic::rows(row, self.replays)?;
                so_far.spans += row.get("spans").and_then(Value::as_array).map_or(0, Vec::len);
                so_far.calls += calls.len();
                calls
            }
        };
        if rows.is_empty() {
            so_far.unusable += 1;
        } else {
            so_far.taken += 1;
        }
        Ok(rows)
    }
}

impl Taken {
    /// Reports what was left out.
    fn report(&self, name: &str) -> Result<(), Refusal> {
        let Self { taken, unusable, spans, calls, others } = self;
        if *taken == 0 {
            return Err(Refusal(if others.is_empty() {
                format!(
                    "{name}: no usable row: check that --dataset-path contains this dataset, and that \
                     some rows pass --dataset-filter"
                )
            } else {
                let others = others.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
                format!("{name}: no session passes --dataset-filter; available: {others}")
            }));
        }
        if *unusable > 0 {
            print_note(&format!("{name}: {unusable} rows contain no usable prompt and are left out"));
        }
        if calls < spans {
            print_note(&format!(
                "{name}: {calls} of {spans} recorded spans are model calls with a response; the others are left out"
            ));
        }
        Ok(())
    }
}

/// Parses the filters to fields and the values that they must have.
fn filters<'a>(known: &PublicDataset, given: &'a [String]) -> Result<Vec<(&'a str, &'a str)>, Refusal> {
    let mut filters = Vec::new();
    for filter in given {
        let Some((field, wanted)) = filter.split_once('=') else {
            return Err(Refusal(format!("--dataset-filter `{filter}` is not of the form field=value")));
        };
        match known.rows {
            Rows::Sessions(fields) if !fields.contains(&field) => {
                return Err(Refusal(format!(
                    "--dataset-filter `{filter}`: {} can be filtered by {}",
                    known.name,
                    fields.join(", ")
                )));
            }
            _ => filters.push((field, wanted)),
        }
    }
    Ok(filters)
}

/// Whether a row's field has this value.
fn has(row: &Columns, field: &str, wanted: &str) -> bool {
    match row.get(field) {
        Some(Value::String(text)) => text == wanted,
        Some(other) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| *other == wanted),
        None => false,
    }
}

/// The path of the copy.
fn path(args: &ProfileArgs, known: &PublicDataset) -> Result<PathBuf, Refusal> {
    if let Some(path) = &args.input.dataset_path {
        return Ok(path.clone());
    }
    let name = known.name;
    let places = ["", ".jsonl", ".json", ".parquet"].map(|ending| PathBuf::from(format!("{name}{ending}")));
    places.into_iter().find(|path| path.exists()).ok_or_else(|| {
        Refusal(format!(
            "--public-dataset {name}: nothing is downloaded. {}, and give its path by --dataset-path unless it is `{name}` in \
             the working directory (a .parquet, .arrow, .jsonl or .json file, or a directory of such)",
            known.how_to_get()
        ))
    })
}

/// The maximum number of rows that can be sent; further rows are not even read.
fn most(known: &PublicDataset, args: &ProfileArgs, plan: &Plan) -> u64 {
    let sessions = match known.rows {
        Rows::Sessions(_) => args.conversation.conversation_num,
        Rows::Single(_) => None,
    };
    let entries = args.conversation.num_dataset_entries.map(u64::from).or(sessions);
    entries.unwrap_or_else(|| {
        let sent = plan.load.phases.iter().map(|phase| phase.request_count.or(phase.session_count));
        let sent = sent.sum::<Option<u64>>().filter(|_| plan.load.sampling == Sampling::Sequential);
        sent.filter(|_| !plan.load.phases.iter().any(is_replayed)).unwrap_or(u64::MAX)
    })
}

fn is_replayed(phase: &Phase) -> bool {
    phase.shape == Shape::FixedSchedule
}

/// Sets the rows' format in the plan. The count of sessions limited which ones were taken; replayed sessions send each call as
/// a session of its own, so the count no longer applies.
fn settle(known: &PublicDataset, plan: &mut Plan) {
    if let Input::File { format, .. } = &mut plan.input {
        known.format.clone_into(format);
    }
    if let Rows::Sessions(_) = known.rows {
        plan.load
            .phases
            .iter_mut()
            .filter(|phase| is_replayed(phase))
            .for_each(|phase| phase.session_count = None);
    }
}

/// The tokenizer that counts the tokens of a public dataset's responses.
fn tokenizer(plan: &Plan, args: &ProfileArgs) -> Result<tokenizer::Tokenizer> {
    let Tokenizer::File { name } = &plan.tokenizer else { return Ok(tokenizer::Tokenizer::builtin()) };
    let bytes = tokenizer_file::read(Path::new(name), args.tokenizer.tokenizer_revision.as_deref())?;
    tokenizer::Tokenizer::from_json(&bytes).with_context(|| format!("failed to use `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};
    use serde_json::json;
    use std::ffi::OsString;
    use std::fs;
    use store::source;

    /// What is sent of a copy, and the plan of the run.
    fn sent(flags: &str, copy: &[Value]) -> Result<(Vec<Value>, Plan), String> {
        let directory = tempfile::tempdir().unwrap();
        let rows = copy.iter().map(|row| format!("{row}\n")).collect::<String>();
        fs::write(directory.path().join("rows.jsonl"), rows).unwrap();
        fs::write(directory.path().join("clip.mp4"), b"\0\0\0\x18ftypmp42").unwrap();
        let line = format!(
            "aiperf-ctl profile --model m --tokenizer builtin --dataset-path {} --public-dataset {flags}",
            directory.path().display()
        );
        let words = line.split_ascii_whitespace().map(OsString::from).collect::<Vec<_>>();
        let Ok(Command::Profile(args)) = parse(&words).map(|args| args.command) else { panic!("{line}") };
        let mut plan =
            crate::plan::plan(&args, &[]).map_err(|refusal| refusal.to_string())?.profile.plan.clone();
        let name = args.input.public_dataset.clone().unwrap();
        let Upload::Temporary(made) = read(&name, &args, &mut plan).map_err(|error| error.to_string())?
        else {
            panic!("rows are written to a file")
        };
        let text = source::read_text(made.path(), 1 << 20).unwrap();
        Ok((text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), plan))
    }

    fn problems(count: usize) -> Vec<Value> {
        (0..count).map(|number| json!({ "problem": number.to_string(), "level": number % 2 })).collect()
    }

    #[test]
    fn no_more_rows_are_read_than_can_be_sent() {
        let check = |flags: &str, expected: usize| {
            assert_eq!(sent(&format!("aimo {flags}"), &problems(9)).unwrap().0.len(), expected, "{flags}");
        };
        check("", 9);
        check("--num-dataset-entries 2", 2);
        check("--request-count 3 --warmup-request-count 1", 4);
        check("--request-count 3 --dataset-sampling-strategy random", 9);
        check("--benchmark-duration 3", 9);
        check("--dataset-filter level=1", 4);
    }

    #[test]
    fn files_next_to_the_copy_are_sent_with_the_rows() {
        let rows = [json!({"question": "what?", "video": "clip.mp4"}), json!({"question": ""})];
        let (sent, _) = sent("mmvu", &rows).unwrap();
        assert_eq!(
            sent,
            [json!({"text": "what?", "video": "data:video/mp4;base64,AAAAGGZ0eXBtcDQy"})],
            "usable rows"
        );
    }

    fn session(name: &str, harness: &str, calls: usize) -> Value {
        let span = |second: usize| {
            json!({
                "type": "llm_call",
                "start_time": format!("2026-01-01T00:00:{second:02}Z"),
                "end_time": format!("2026-01-01T00:00:{second:02}Z"),
                "attributes": {
                    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
                    "gen_ai.usage.input_tokens": 1,
                    "gen_ai.usage.output_tokens": 1,
                },
            })
        };
        let spans = (0..calls).map(span).collect::<Vec<_>>();
        json!({ "session_id": name, "harness": harness, "models": ["azure/gpt-4.1"], "benchmark": "swebench", "spans": spans })
    }

    #[test]
    fn sessions_are_chosen_and_counted_whole() {
        let rows =
            [session("a", "tool_calling", 2), session("b", "openai_solo", 3), session("c", "openai_solo", 1)];
        let flags = "exgentic_v2 --dataset-filter harness=openai_solo --dataset-filter source_model=gpt-4.1 --num-conversations 1";
        let (calls, plan) = sent(flags, &rows).unwrap();
        assert_eq!(calls.len(), 3, "all of the first session that passes");
        assert_eq!(plan.load.phases[0].session_count, Some(1), "one session is sent, turn by turn");
        let (calls, plan) = sent(&format!("{flags} --fixed-schedule"), &rows).unwrap();
        assert_eq!(calls[2]["timestamp"], 2000.0, "at its time");
        assert_eq!(plan.load.phases[0].session_count, None, "each of its calls is sent");
        let refused = |flags: &str| sent(flags, &rows).unwrap_err();
        let none = refused("exgentic_v2 --dataset-filter harness=claude_code");
        assert!(
            none.contains("available: benchmark=swebench harness=openai_solo source_model=gpt-4.1; "),
            "{none}"
        );
        let field = refused("exgentic --dataset-filter benchmark=swebench");
        assert!(field.ends_with("exgentic can be filtered by harness, source_model"), "{field}");
        assert!(
            refused("exgentic --dataset-filter x").contains("is not of the form field=value"),
            "not a filter"
        );
    }

    #[test]
    fn rows_are_filtered_by_their_values() {
        let row = json!({"a": "x", "n": 3});
        let check = |field: &str, wanted: &str, expected: bool| {
            assert_eq!(has(row.as_object().unwrap(), field, wanted), expected, "{field}={wanted}");
        };
        check("a", "x", true);
        check("n", "3", true);
        check("n", "4", false);
        check("b", "x", false);
    }
}
