//! What requests say, and how it is counted.

use alloc::string::String;
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

/// What the requests say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// Rows of a file that the client uploads as the input named `dataset`.
    File {
        /// A name among the dataset formats: `single_turn`.
        format: String,
        /// What the user called it.
        name: String,
        /// Output tokens to ask for where a row does not say.
        output_tokens: Option<Length>,
    },
    /// Text drawn by token length.
    Synthetic {
        /// Different prompts made; requests take them in turn.
        entries: u32,
        /// Input tokens.
        input_tokens: Length,
        /// Output tokens to ask for; without it the server decides.
        output_tokens: Option<Length>,
    },
}

/// A normal distribution of token counts, drawn at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Length {
    /// Mean, in tokens.
    pub mean: f64,
    /// Standard deviation, in tokens.
    pub stddev: f64,
}

/// What the rows of a dataset file may be, in the order in which they are looked for.
pub const DATASET_FORMATS: &[&str] = &[
    "single_turn",
    "multi_turn",
    "random_pool",
    "mooncake_trace",
    "bailian_trace",
    "burst_gpt_trace",
    "raw_payload",
    "inputs_json",
    "sagemaker_data_capture",
    "baseten_trace",
    "dag_jsonl",
];
