//! The content of requests, and how it is counted.

use crate::Length;
use serde::{Deserialize, Serialize};

/// How tokens are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tokenizer {
    /// Not at all: only the server's own counts.
    None,
    /// With `o200k_base`, which is inside the program.
    Builtin,
    /// With a `tokenizer.json` that the client uploads as the input named `tokenizer`.
    File {
        /// What the user called it.
        name: String,
    },
}

/// The content of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// Rows of a file that the client uploads as the input named `dataset`.
    File {
        /// A name among the dataset formats: `single_turn`.
        format: String,
        /// What the user called it.
        name: String,
        /// Maximum output tokens of requests whose row does not set it.
        output_tokens: Option<Length>,
        /// What is changed of the rows.
        #[serde(default)]
        change: Change,
    },
    /// Text drawn by token length.
    Synthetic {
        /// Different prompts made; requests take them in turn.
        entries: u32,
        /// Input tokens.
        input_tokens: Length,
        /// Maximum output tokens of requests; without it the server decides.
        output_tokens: Option<Length>,
        /// What else is synthetic.
        #[serde(default)]
        made: Box<Made>,
    },
}

/// What is changed of the rows of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// A system prompt before the rows' own.
    pub system_prompt: Option<String>,
    /// Timestamps and delays are left out.
    pub ignores_delays: bool,
    /// Multiplies delays between turns.
    pub delay_ratio: Option<f64>,
    /// Longest delay between turns, in seconds.
    pub delay_cap_seconds: Option<f64>,
    /// Tokens of one hash id; without it the format's own number.
    pub block_size: Option<u32>,
    /// No more conversations are taken than these first ones.
    pub entries: Option<u32>,
    /// What the texts of traces are made of.
    pub corpus: TextSource,
    /// Conversations of a pool, from which they are drawn.
    pub pool_conversations: Option<u32>,
    /// How a request is made of a pool, if it is not one of its rows.
    pub pool_batch: Option<PoolBatch>,
    /// How a trace is changed.
    pub synthesis: Synthesis,
    /// Images that a conversation has shown before are sent as their uuid only.
    pub strips_seen_images: bool,
}

/// How much of each kind a request uses of a pool, each drawn by itself; 0 leaves a kind out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolBatch {
    /// Texts.
    pub texts: u32,
    /// Images.
    pub images: u32,
    /// Audio clips.
    pub audios: u32,
    /// Videos.
    pub videos: u32,
}

/// How the requests of a trace are changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Synthesis {
    /// Divides timestamps.
    pub speedup_ratio: f64,
    /// Multiplies the length of shared prefixes.
    pub prefix_len_multiplier: f64,
    /// Copies of the shared prefixes.
    pub prefix_root_multiplier: u32,
    /// Multiplies the length of what is each request's own.
    pub prompt_len_multiplier: f64,
    /// Multiplies output tokens.
    pub output_len_multiplier: f64,
    /// Requests with more input tokens are left out.
    pub max_isl: Option<u64>,
    /// An upper limit of the maximum output tokens.
    pub max_osl: Option<u64>,
}

impl Default for Synthesis {
    fn default() -> Self {
        Self {
            speedup_ratio: 1.0,
            prefix_len_multiplier: 1.0,
            prefix_root_multiplier: 1,
            prompt_len_multiplier: 1.0,
            output_len_multiplier: 1.0,
            max_isl: None,
            max_osl: None,
        }
    }
}

/// Synthetic content besides one text of a length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// Turns of a conversation.
    pub turns: Length,
    /// Milliseconds between an answer and the next turn.
    pub turn_delay_ms: Option<Length>,
    /// Multiplies those.
    pub turn_delay_ratio: f64,
    /// Pairs of lengths instead of independent ones.
    pub pairs: Vec<Pair>,
    /// Lengths from windows around the means instead of normal ones.
    pub range: Option<Range>,
    /// What texts are made of.
    pub corpus: TextSource,
    /// Texts of a turn.
    pub batch_size: u32,
    /// A system prompt.
    pub system_prompt: Option<String>,
    /// Tokens of a system prompt that all conversations share.
    pub shared_system_tokens: Option<u32>,
    /// Tokens of the context with which each conversation starts.
    pub user_context_tokens: Option<u32>,
    /// Different prefixes, of which each conversation's first turn starts with one.
    pub prefixes: u32,
    /// Tokens of a prefix.
    pub prefix_tokens: u32,
    /// Images of each turn.
    pub images: Option<Images>,
    /// Audio clips of each turn.
    pub audios: Option<Audios>,
    /// Videos of each turn, taken in turn from those that the client uploads as the input named `videos`.
    pub videos: u32,
    /// Queries with passages instead of prompts.
    pub rankings: Option<Rankings>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            turns: Length::fixed(1.0),
            turn_delay_ms: None,
            turn_delay_ratio: 1.0,
            pairs: Vec::new(),
            range: None,
            corpus: TextSource::Sonnet,
            batch_size: 1,
            system_prompt: None,
            shared_system_tokens: None,
            user_context_tokens: None,
            prefixes: 0,
            prefix_tokens: 0,
            images: None,
            audios: None,
            videos: 0,
            rankings: None,
        }
    }
}

/// What texts are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextSource {
    /// English verse.
    #[default]
    Sonnet,
    /// Source code.
    Coding,
    /// Tokens of the vocabulary, one after the other from a place that is drawn.
    Random,
}

/// Windows from which lengths are drawn, each as likely.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// What a ratio means.
    pub style: RangeStyle,
    /// The ratio of input tokens.
    pub input: f64,
    /// The ratio of output tokens.
    pub output: f64,
}

/// What a ratio `r` around a mean `m` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeStyle {
    /// From `m (1 - r)`, rounded down, to `m (1 + r)`, rounded up, as in vLLM's benchmark.
    Vllm,
    /// From `m r` to `m`, as in SGLang's.
    Sglang,
}

/// Lengths that belong together, and how often they are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Input tokens.
    pub input: Length,
    /// Output tokens.
    pub output: Length,
    /// Percent of all.
    pub percent: f64,
}

/// Synthetic images: noise, or the user's own in another size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Images {
    /// Images of a turn.
    pub batch_size: u32,
    /// Pixels.
    pub width: Length,
    /// Pixels.
    pub height: Length,
    /// `png`, `jpeg` or `random`.
    pub format: String,
    /// How they are taken from those that the client uploads as the input named `pictures`; without it they are noise.
    #[serde(default)]
    pub source: Option<Taking>,
}

/// How images are taken from a number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taking {
    /// Each is drawn from all.
    RandomWithReplacement,
    /// All once in an order that is drawn, then again in another.
    ShuffleCycle,
    /// One after the other, then again.
    SequentialCycle,
}

/// Synthetic audio: noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audios {
    /// Audio clips of a turn.
    pub batch_size: u32,
    /// Seconds.
    pub seconds: Length,
    /// How they are encoded.
    #[serde(default)]
    pub format: SoundFormat,
    /// Bits of a sample, one of which is drawn.
    pub depths: Vec<u16>,
    /// Samples per second, one of which is drawn.
    pub sample_rates_hz: Vec<u32>,
    /// 1 or 2.
    pub channels: u16,
}

/// How synthetic audio is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundFormat {
    /// As samples.
    #[default]
    Wav,
    /// By the client, which uploads them as the input named `sounds`; they are used in turn.
    Mp3,
}

/// Synthetic rankings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rankings {
    /// Passages of a query.
    pub passages: Length,
    /// Tokens of a passage.
    pub passage_tokens: Length,
    /// Tokens of the query.
    pub query_tokens: Length,
}

/// What the rows of a dataset file may be: the facts of a format that client and load generator share. How its rows are read is in
/// `loadgen/src/prompt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetFormat {
    /// Its name, for `--custom-dataset-type`.
    pub name: &'static str,
    /// Rows may have times, at which they are sent unless the user sets otherwise.
    pub is_replayed: bool,
    /// Rows have lengths, which can be scaled, not texts.
    pub has_lengths: bool,
    /// Rows may name the user's images, audio and videos, which the client puts in their place.
    pub names_media: bool,
}

impl DatasetFormat {
    /// A format of texts alone.
    const TEXTS: Self = Self { name: "", is_replayed: false, has_lengths: false, names_media: false };
    /// A trace of lengths and times.
    const TRACE: Self = Self { is_replayed: true, has_lengths: true, ..Self::TEXTS };
    /// Rows with media.
    const MEDIA: Self = Self { names_media: true, ..Self::TEXTS };

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        DATASET_FORMATS.iter().find(|format| format.name == name)
    }
}

/// Every format, in the order of the documents.
pub const DATASET_FORMATS: &[DatasetFormat] = &[
    // Detected by the first row.
    DatasetFormat { name: "auto", ..DatasetFormat::MEDIA },
    DatasetFormat { name: "single_turn", ..DatasetFormat::MEDIA },
    DatasetFormat { name: "multi_turn", ..DatasetFormat::MEDIA },
    DatasetFormat { name: "random_pool", ..DatasetFormat::MEDIA },
    DatasetFormat { name: "mooncake_trace", ..DatasetFormat::TRACE },
    DatasetFormat { name: "bailian_trace", ..DatasetFormat::TRACE },
    DatasetFormat { name: "burst_gpt_trace", ..DatasetFormat::TRACE },
    DatasetFormat { name: "raw_payload", ..DatasetFormat::TEXTS },
    DatasetFormat { name: "inputs_json", ..DatasetFormat::TEXTS },
    DatasetFormat { name: "sagemaker_data_capture", is_replayed: true, ..DatasetFormat::TEXTS },
    DatasetFormat { name: "baseten_trace", ..DatasetFormat::TRACE },
    DatasetFormat { name: "dag_jsonl", ..DatasetFormat::TEXTS },
];
