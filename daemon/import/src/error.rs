//! Why a foreign run could not be read.

use std::path::{Path, PathBuf};

/// Why a foreign run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or directory refused.
    #[error("failed to read `{path}`")]
    Disk {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The directory holds no records.
    #[error(
        "failed to find records in `{0}`: it has neither profile_export_raw.jsonl[.gz] (--export-level raw) nor \
         profile_export.jsonl[.gz]"
    )]
    NoRecords(PathBuf),
    /// A file is no JSON.
    #[error("failed to understand `{path}` as JSON")]
    Json {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// A line is no JSON or lacks what every record has.
    #[error("failed to understand line {line} of `{path}`: {why}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The run spoke an API whose answers are not understood.
    #[error("failed to read the answers of endpoint type `{name}`: understood are {known}")]
    Endpoint {
        /// What the run calls it.
        name: String,
        /// What is understood.
        known: String,
    },
    /// The tokenizer by which the run counted is not to be had.
    #[error(
        "failed to find tokenizer `{0}`, by which the run counted its tokens: give --tokenizer DIR, with its tokenizer.json"
    )]
    Tokenizer(String),
    /// A copy could not be written.
    #[error(transparent)]
    Copy(#[from] export::ExportError),
    /// The tokenizer's file is not understood.
    #[error("failed to use tokenizer `{path}`")]
    TokenizerFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
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
