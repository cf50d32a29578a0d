//! What the requests say: rows of the user's file, or text drawn by token length.
//!
//! ```text
//! plan, tokenizer, dataset ──▶ conversations ──▶ order ──▶ composer: bodies, turn by turn
//!                                    └────────▶ endpoint ──▶ inputs.json
//! ```

mod conversation;
mod dataset;
mod draw;
mod inputs;
mod order;
mod single_turn;
mod synthetic;

use common::plan::{Input, Length, Plan};
pub use conversation::{Context, Conversation, Conversations, Planned};
pub use dataset::FORMATS;
pub use inputs::inputs_json;
pub(crate) use order::mixed;
pub use order::{Order, Replay, replay};
use std::io::{self, Read};
use tokenizer::Tokenizer;

/// When the input wants a request sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// It does not say.
    Unsaid,
    /// At this moment of the schedule.
    At {
        /// Milliseconds.
        timestamp_ms: f64,
    },
    /// So long after the one before it in its session ended.
    After {
        /// Milliseconds.
        delay_ms: f64,
    },
}

/// Why there is nothing to say.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The dataset can't be read: the disk's fault.
    #[error("failed to read the dataset")]
    Read(#[source] io::Error),
    /// A row can't be used: the plan's fault, as all that follow.
    #[error("line {line}: {problem}")]
    Row {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// No row at all.
    #[error("failed to use the dataset: it has no rows")]
    NoRows,
    /// The plan wants a dataset and there is none.
    #[error("failed to find the dataset that the plan names")]
    NoDataset,
    /// No such format.
    #[error("failed to use the dataset: `{format}` is no format that is known")]
    Format {
        /// Its name.
        format: String,
    },
    /// No model.
    #[error("failed to make requests: the plan names no model")]
    NoModel,
}

/// The conversations of a plan, and notices that the user should see at once.
///
/// # Errors
/// When the dataset is missing, can't be read or has a row that can't be used.
pub fn conversations(
    plan: &Plan,
    tokenizer: Option<&Tokenizer>,
    dataset: Option<impl Read>,
) -> Result<(Vec<Conversation>, Vec<String>), Problem> {
    if plan.endpoint.models.is_empty() {
        return Err(Problem::NoModel);
    }
    let (mut conversations, notices) = match &plan.input {
        Input::Synthetic { entries, input_tokens, output_tokens } => {
            let lengths = synthetic::Drawn { input: *input_tokens, output: *output_tokens };
            synthetic::conversations(*entries, lengths, tokenizer, plan.random_seed)
        }
        Input::File { format, output_tokens, .. } => {
            let known = FORMATS.iter().find(|known| known.name == format);
            let known = known.ok_or_else(|| Problem::Format { format: format.clone() })?;
            let (mut conversations, notices) =
                dataset::conversations(known, dataset.ok_or(Problem::NoDataset)?)?;
            if let Some(length) = output_tokens {
                draw_output_lengths(&mut conversations, *length, plan.random_seed);
            }
            (conversations, notices)
        }
    };
    for (conversation, model) in conversations.iter_mut().zip(plan.endpoint.models.iter().cycle()) {
        for planned in &mut conversation.turns {
            planned.turn.model.clone_from(model);
        }
    }
    Ok((conversations, notices))
}

/// Rows that do not say how many output tokens they want get a drawn number.
fn draw_output_lengths(conversations: &mut [Conversation], length: Length, seed: u64) {
    let mut lengths = draw::Lengths::new(length, draw::generator(seed, draw::OUTPUT_LENGTH));
    for planned in conversations.iter_mut().flat_map(|conversation| &mut conversation.turns) {
        if planned.turn.max_tokens.is_none() {
            planned.turn.max_tokens = Some(lengths.draw());
        }
    }
}

/// The name of the session that has this number.
fn session_name(number: usize) -> String {
    format!("session_{number:06}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::plan::{self, ExportLevel, FailOn, Load, Output, Phase, Timestamps, Wait, Workers};

    fn plan(input: Input) -> Plan {
        Plan {
            endpoint: plan::Endpoint {
                kind: "chat".to_owned(),
                urls: Vec::new(),
                path: None,
                models: vec!["a".to_owned(), "b".to_owned()],
                streaming: false,
                request_timeout_seconds: 1.0,
                use_legacy_max_tokens: false,
                use_server_token_count: false,
                trust: plan::Trust::System,
                session_header: "X-Correlation-ID".to_owned(),
                header_names: Vec::new(),
                extra_inputs: serde_json::Map::new(),
            },
            tokenizer: plan::Tokenizer::None,
            input,
            load: Load::of(Phase::closed(1, 1)),
            workers: Workers { cpus: Vec::new(), workers: 1, wait: Wait::Block },
            timestamps: Timestamps::Auto,
            output: Output {
                artifact_dir: String::new(),
                export_prefix: None,
                export_level: ExportLevel::Records,
                goodput: std::collections::BTreeMap::new(),
                slice_duration_seconds: None,
                show_trace_timing: false,
                fail_on: FailOn::Invalid,
                other: std::collections::BTreeMap::new(),
            },
            random_seed: 7,
            command_line: String::new(),
        }
    }

    fn file(format: &str, output_tokens: Option<Length>) -> Plan {
        plan(Input::File { format: format.to_owned(), name: "rows.jsonl".to_owned(), output_tokens })
    }

    #[test]
    fn models_take_turns_and_lengths_are_filled_in() {
        let rows = "{\"text\":\"one two\",\"output_length\":3}\n{\"text\":\"x\"}\n{\"text\":\"y\"}\n";
        let plan = file("single_turn", Some(Length { mean: 9.0, stddev: 0.0 }));
        let (made, notices) = conversations(&plan, None, Some(rows.as_bytes())).unwrap();
        let turns = made.iter().flat_map(|conversation| &conversation.turns).map(|planned| &planned.turn);
        let made = turns.map(|turn| (turn.model.as_str(), turn.max_tokens)).collect::<Vec<_>>();
        assert_eq!(made, [("a", Some(3)), ("b", Some(9)), ("a", Some(9))], "models and lengths");
        assert!(notices.is_empty(), "nothing to tell: {notices:?}");
    }

    #[test]
    fn what_is_refused() {
        let check = |plan: &Plan, dataset: Option<&str>, expected: &str| {
            let problem = conversations(plan, None, dataset.map(str::as_bytes)).unwrap_err();
            assert_eq!(problem.to_string(), expected, "{dataset:?}");
        };
        check(&file("single_turn", None), None, "failed to find the dataset that the plan names");
        check(&file("single_turn", None), Some("\n \n"), "failed to use the dataset: it has no rows");
        check(&file("x", None), Some(""), "failed to use the dataset: `x` is no format that is known");
        let mut nobody = file("single_turn", None);
        nobody.endpoint.models.clear();
        check(&nobody, Some("{\"text\":\"x\"}"), "failed to make requests: the plan names no model");
    }
}
