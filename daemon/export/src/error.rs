//! The errors of writing exports.

use std::path::PathBuf;

/// An error of writing an export, or of reading what it is made from.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file cannot be written, or a stored one not be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The output cannot be written.
    #[error("failed to write an export")]
    Write(#[from] std::io::Error),
    /// JSON cannot be written.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// The file with the payloads cannot be parsed.
    #[error("failed to parse `{path}`")]
    Inputs {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
}
