//! The errors of reading a foreign run.

use std::path::{Path, PathBuf};

/// An error of reading a foreign run.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or directory cannot be read.
    #[error("failed to read `{path}`")]
    Disk {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The directory contains no records.
    #[error(
        "failed to find records in `{0}`: it has neither profile_export_raw.jsonl[.gz] (--export-level raw) nor \
         profile_export.jsonl[.gz]"
    )]
    NoRecords(PathBuf),
    /// A raw export in more parts than are read.
    #[error("`{path}` has more than {most} files: put them together into profile_export_raw.jsonl")]
    TooManyParts {
        /// The directory.
        path: PathBuf,
        /// The most that are read.
        most: usize,
    },
    /// A file is not JSON.
    #[error("failed to parse `{path}` as JSON")]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// A line is not JSON, or lacks a required field.
    #[error("failed to parse line {line} of `{path}`: {why}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The run used an API whose responses cannot be parsed.
    #[error("failed to parse responses of endpoint type `{name}`: supported are {known}")]
    Endpoint {
        /// The endpoint type of the run.
        name: String,
        /// The supported endpoint types.
        known: String,
    },
    /// The tokenizer that the run used is not available.
    #[error(
        "failed to find tokenizer `{0}`, which the run used to count tokens: use --tokenizer DIR, with its tokenizer.json"
    )]
    Tokenizer(String),
    /// A copy could not be written.
    #[error(transparent)]
    Copy(#[from] store::StoreError),
    /// The tokenizer's file cannot be parsed.
    #[error("failed to use tokenizer `{path}`")]
    TokenizerFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: tokenizer::TokenizerError,
    },
}

impl ImportError {
    pub(crate) fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }

    pub(crate) fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Json { path, source }
    }
}
