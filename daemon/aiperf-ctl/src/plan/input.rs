//! What requests say, and how it is counted.

use super::{Checked, refuse};
use crate::args::ProfileArgs;
use common::plan::{DATASET_FORMATS, Input, Length, Tokenizer};
use std::path::PathBuf;

pub(super) fn input(args: &ProfileArgs) -> Checked<Input> {
    let prompt = &args.prompt;
    let entries = args.conversation.num_dataset_entries;
    let args = &args.input;
    if prompt.output_tokens_stddev.is_some() && prompt.output_tokens_mean.is_none() {
        return refuse("--output-tokens-stddev needs --output-tokens-mean");
    }
    let output_tokens = prompt
        .output_tokens_mean
        .map(|mean| Length { mean, stddev: prompt.output_tokens_stddev.unwrap_or(0.0) });
    let Some(file) = &args.input_file else {
        if let Some(kind) = &args.custom_dataset_type {
            return refuse(format!("--custom-dataset-type {kind} needs --input-file"));
        }
        return Ok(Input::Synthetic {
            entries: entries.unwrap_or(100),
            input_tokens: Length {
                mean: prompt.input_tokens_mean.unwrap_or(550.0),
                stddev: prompt.input_tokens_stddev.unwrap_or(0.0),
            },
            output_tokens,
        });
    };
    let made_up = [
        ("--synthetic-input-tokens-mean", prompt.input_tokens_mean.is_some()),
        ("--synthetic-input-tokens-stddev", prompt.input_tokens_stddev.is_some()),
        ("--num-dataset-entries", entries.is_some()),
    ];
    if let Some((flag, _)) = made_up.iter().find(|(_, given)| *given) {
        return refuse(format!(
            "{flag} is for made-up prompts and contradicts --input-file: leave one of them out"
        ));
    }
    let format = args.custom_dataset_type.as_deref().unwrap_or("single_turn");
    if !DATASET_FORMATS.contains(&format) {
        return refuse(format!(
            "--custom-dataset-type `{format}` is not known; there are: {}",
            DATASET_FORMATS.join(", ")
        ));
    }
    Ok(Input::File { format: format.to_owned(), name: file.display().to_string(), output_tokens })
}

/// Which tokenizer, and its directory if it has one.
pub(super) fn tokenizer(args: &ProfileArgs) -> (Tokenizer, Option<PathBuf>) {
    match args.tokenizer.tokenizer.as_deref() {
        Some("none") => (Tokenizer::None, None),
        Some("builtin") | None => (Tokenizer::Builtin, None),
        Some(directory) => (Tokenizer::File { name: directory.to_owned() }, Some(PathBuf::from(directory))),
    }
}
