//! The content of the requests: rows of the user's file, or text drawn by token length.
//!
//! ```text
//! plan, tokenizer, dataset ──▶ conversations ──▶ order ──▶ composer: bodies, turn by turn
//!                                    └────────▶ endpoint ──▶ inputs.json
//! ```

mod bailian_trace;
mod burst_gpt_trace;
mod conversation;
mod corpus;
mod dag_jsonl;
mod dataset;
mod draw;
mod inputs;
mod inputs_json_rows;
mod limits;
mod marker;
mod models;
mod mooncake_trace;
mod multi_turn;
mod noise;
mod order;
mod pictures;
mod pool;
mod random_pool;
mod raw_payload;
mod sagemaker_data_capture;
mod single_turn;
mod synthetic;
mod trace;
mod tree;

pub use conversation::{Branch, BranchKind, Context, Conversation, Conversations, Planned};
use corpus::Corpus;
pub use dataset::{FORMATS, Store};
pub use inputs::inputs_json;
pub use marker::Markers;
use models::Models;
pub(crate) use order::mixed;
pub use order::{Order, Replay, replay};
use spec::{Change, FixedSchedule, Input, Plan, Synthesis, TextSource};
use std::io;
use std::sync::Arc;
use tokenizer::{ChatTemplate, Tokenizer};

/// When the input schedules a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// The input has no time for it.
    Unscheduled,
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

/// Why there is no content.
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
    /// The plan requires a dataset and there is none.
    #[error("failed to find the dataset that the plan names")]
    NoDataset,
    /// No such format.
    #[error("failed to use the dataset: `{format}` is no format that is known")]
    Format {
        /// Its name.
        format: String,
    },
    /// Rows, and none that can be sent.
    #[error("failed to use the dataset: none of its {left_out} rows can be sent")]
    NoneUsable {
        /// How many there are.
        left_out: u64,
    },
    /// Rows, and none of them in the schedule's window.
    #[error("no row of the trace lies between the schedule's offsets")]
    OutsideWindow,
    /// Requests that would hold nothing.
    #[error("failed to make requests: {0}")]
    TooLittle(String),
    /// Rows of no known format.
    #[error("cannot detect the dataset's format ({fields}); use --custom-dataset-type")]
    Undetected {
        /// What its first row has.
        fields: String,
    },
    /// Neither JSON nor a table.
    #[error(
        "line {line} is neither JSON nor the head of a CSV trace (Timestamp, Request tokens, Response tokens, with commas)"
    )]
    NoJson {
        /// The line, from 1.
        line: u64,
    },
    /// Images or audio clips that can't be made: the plan's fault.
    #[error("failed to make up media: {0}")]
    Media(String),
    /// More than can be generated: the plan's fault.
    #[error("failed to make up prompts: {0}")]
    TooMuch(String),
    /// Tokens of no vocabulary.
    #[error("failed to make up prompts: --prompt-corpus random needs a tokenizer")]
    NoVocabulary,
    /// No model.
    #[error("failed to make requests: the plan names no model")]
    NoModel,
}

/// What conversations are made of, besides the plan.
#[derive(Default)]
pub struct Materials {
    /// What tokens are counted with.
    pub tokenizer: Option<Tokenizer>,
    /// What the model is shown of messages, if input lengths count that.
    pub template: Option<ChatTemplate>,
    /// Rows of the user's file.
    pub dataset: Option<Store>,
    /// The user's own images, a data URI a line.
    pub pictures: String,
    /// Audio clips that were made for the run, a format and bytes in Base64 a line.
    pub sounds: String,
    /// Videos that were made for the run, a data URI a line.
    pub videos: String,
}

/// The conversations of a plan, and notices that the user should see at once. The plan learns the dataset's format.
///
/// # Errors
/// When the dataset is missing, can't be read or has a row that can't be used.
pub fn conversations(
    plan: &mut Plan,
    materials: Materials,
) -> Result<(Arc<dyn Conversations>, Vec<String>), Problem> {
    if plan.endpoint.models.is_empty() {
        return Err(Problem::NoModel);
    }
    let Materials { tokenizer, template, dataset, pictures, sounds, videos } = materials;
    let schedule = plan.load.fixed_schedule;
    let consumes_system = endpoint::by_name(&plan.endpoint.kind)
        .is_some_and(|endpoint| endpoint.metadata().consumes_system_message);
    let mut notices = Vec::new();
    let source = match &plan.input {
        Input::Synthetic { made, .. } => made.corpus,
        Input::File { change, .. } => change.corpus,
    };
    let wrapper = tokenizer
        .as_ref()
        .zip(template.as_ref())
        .map_or(0, |(tokenizer, template)| wrapper(tokenizer, template));
    let corpus = Arc::new(Corpus::new(tokenizer, source).ok_or(Problem::NoVocabulary)?);
    let models = Models::new(&plan.endpoint, plan.random_seed);
    let conversations: Arc<dyn Conversations> = match &mut plan.input {
        Input::Synthetic { entries, input_tokens, output_tokens, made } => {
            limits::of_made(*entries, input_tokens, output_tokens.as_ref(), made)
                .map_err(Problem::TooMuch)?;
            let wanted = synthetic::Wanted {
                entries: *entries,
                input: input_tokens.less(f64::from(wrapper)),
                output: output_tokens.clone(),
                made,
                models: &models,
                seed: plan.random_seed,
                pictures: &pictures,
                sounds: &sounds,
                videos: &videos,
            };
            Arc::new(synthetic::conversations(&wanted, &corpus)?)
        }
        Input::File { format, output_tokens, change, .. } => {
            let store = dataset.ok_or(Problem::NoDataset)?;
            let known = known(format, &store)?;
            known.name.clone_into(format);
            let treatment = dataset::Treatment {
                change: change.clone(),
                window: window(&schedule).filter(|_| !change.ignores_delays),
                hoists_system: consumes_system && known.name == multi_turn::FORMAT.name,
                output: output_tokens.clone(),
                models,
                seed: plan.random_seed,
                writer: trace::Writer::new(Arc::clone(&corpus)),
                reuse: trace::Reuse::default(),
            };
            let dataset = dataset::Dataset::index(known, store, treatment)?;
            notices.extend(notices_of(&dataset, change, known.name));
            Arc::new(dataset)
        }
    };
    let makes_texts = matches!(plan.input, Input::Synthetic { .. });
    if makes_texts && corpus.counts_words() {
        notices.push("without a tokenizer, one word of synthetic text is taken for one token".to_owned());
    }
    if corpus.inexact() > 0 {
        notices.push(format!("{} synthetic texts miss their token count by a few tokens", corpus.inexact()));
    }
    Ok((conversations, notices))
}

/// What the user should know of a dataset: flags without effect on rows with texts of their own, and rows left out.
fn notices_of(dataset: &dataset::Dataset, change: &Change, name: &str) -> Vec<String> {
    let mut notices = Vec::new();
    if !dataset.makes_texts() && changes_texts(change) {
        notices.push(format!(
            "--synthesis-prefix-*, --synthesis-prompt-len-multiplier, --synthesis-max-isl, --isl-block-size and \
             --prompt-corpus have no effect: rows of {name} have texts of their own"
        ));
    }
    if dataset.left_out() > 0 {
        notices.push(format!(
            "{} rows of the dataset are left out: they have no input or no output tokens, or more input than \
             --synthesis-max-isl",
            dataset.left_out()
        ));
    }
    notices
}

/// Whether a plan changes texts that are synthesized for rows.
fn changes_texts(change: &Change) -> bool {
    let (wanted, usual) = (change.synthesis, Synthesis::default());
    let usual = Synthesis {
        speedup_ratio: wanted.speedup_ratio,
        output_len_multiplier: wanted.output_len_multiplier,
        max_osl: wanted.max_osl,
        ..usual
    };
    wanted != usual || change.block_size.is_some() || change.corpus != TextSource::default()
}

/// The format that the plan names, or that is seen from the rows.
fn known(format: &str, store: &Store) -> Result<&'static dataset::Format, Problem> {
    if format == AUTO {
        return dataset::detected(store);
    }
    let known = FORMATS.iter().find(|known| known.name == format).copied();
    known.ok_or_else(|| Problem::Format { format: format.to_owned() })
}

/// The window of the input's time, in milliseconds, from which a schedule uses rows, if it does not use all.
fn window(schedule: &FixedSchedule) -> Option<(f64, f64)> {
    let (begin, end) = (schedule.start_offset_ms, schedule.end_offset_ms);
    let is_given = begin.is_some() || end.is_some();
    is_given.then(|| (begin.unwrap_or(f64::NEG_INFINITY), end.unwrap_or(f64::INFINITY)))
}

/// Tokens that a chat template puts around a text.
fn wrapper(tokenizer: &Tokenizer, template: &ChatTemplate) -> u32 {
    let around = |text: &&str| {
        let shown = template.rendered(&[serde_json::json!({"role": "user", "content": text})], None).ok()?;
        Some(tokenizer.count(&shown).saturating_sub(tokenizer.count(text)))
    };
    SAMPLES.iter().filter_map(around).min().unwrap_or(0)
}

/// Sentences of which it is seen what a template puts around them.
const SAMPLES: &[&str] =
    &["How are you today?", "The quick brown fox jumps over the lazy dog.", "Count from one to ten."];
/// The format that is seen from the first row.
const AUTO: &str = "auto";

/// The name of the session that has this number.
pub(crate) fn session_name(number: usize) -> String {
    format!("session_{number:06}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::Length;

    fn plan(input: Input) -> Plan {
        let mut plan = Plan { input, random_seed: 7, ..Plan::unknown() };
        plan.endpoint.models = vec!["a".to_owned(), "b".to_owned()];
        plan
    }

    fn of(dataset: Option<Store>) -> Materials {
        Materials { dataset, ..Materials::default() }
    }

    fn file(format: &str, output_tokens: Option<Length>) -> Plan {
        plan(Input::File {
            format: format.to_owned(),
            name: "rows.jsonl".to_owned(),
            output_tokens,
            change: Change::default(),
        })
    }

    #[test]
    fn models_take_turns_and_lengths_are_filled_in() {
        let rows = "{\"text\":\"one two\",\"output_length\":3}\n{\"text\":\"x\"}\n{\"text\":\"y\"}\n";
        let mut plan = file("auto", Some(Length::fixed(9.0)));
        let (made, notices) = conversations(&mut plan, of(Some(Store::Memory(rows.into())))).unwrap();
        let turns = (0..made.count()).map(|place| made.conversation(place).unwrap().turns.remove(0).turn);
        let made = turns.map(|turn| (turn.model, turn.max_tokens)).collect::<Vec<_>>();
        let expected = [("a", Some(3)), ("b", Some(9)), ("a", Some(9))];
        assert_eq!(made, expected.map(|(model, tokens)| (model.to_owned(), tokens)), "models and lengths");
        assert!(notices.is_empty(), "nothing to report: {notices:?}");
        let Input::File { change, .. } = &mut plan.input else { panic!("a file") };
        change.synthesis.max_isl = Some(5);
        let (_, notices) = conversations(&mut plan, of(Some(Store::Memory(rows.into())))).unwrap();
        assert!(notices[0].contains("rows of single_turn have texts of their own"), "{notices:?}");
    }

    #[test]
    fn what_is_refused() {
        let check = |plan: &Plan, dataset: Option<&str>, expected: &str| {
            let store = dataset.map(|rows| Store::Memory(rows.into()));
            let problem = conversations(&mut plan.clone(), of(store)).err().unwrap();
            assert_eq!(problem.to_string(), expected, "{dataset:?}");
        };
        check(&file("single_turn", None), None, "failed to find the dataset that the plan names");
        check(&file("single_turn", None), Some("\n \n"), "failed to use the dataset: it has no rows");
        check(&file("x", None), Some(""), "failed to use the dataset: `x` is no format that is known");
        let mut no_model = file("single_turn", None);
        no_model.endpoint.models.clear();
        check(&no_model, Some("{\"text\":\"x\"}"), "failed to make requests: the plan names no model");
    }
}
