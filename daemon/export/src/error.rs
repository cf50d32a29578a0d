//! Why something could not be exported or read back.

use std::path::{Path, PathBuf};

/// Why something could not be exported or read back.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A disk or directory refused.
    #[error("failed to {verb} `{path}`")]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A name that would be a file's is none.
    #[error("`{}` can't be the name of a file: {why}", crate::visible(name))]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A prefix that would begin files' names is none.
    #[error("the export prefix `{}` can't begin the names of files: {why}", crate::visible(prefix))]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file of others is none that can be read, or larger than it may be.
    #[error("failed to read `{path}`: {why}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The place to write to refused.
    #[error("failed to write an export")]
    Write(#[from] std::io::Error),
    /// A text could not be made.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// The file of what was sent is none.
    #[error("failed to understand `{path}`")]
    Inputs {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// A stored file is no Parquet file, or damaged.
    #[error("failed to use Parquet file `{path}`")]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: parquet::errors::ParquetError,
    },
    /// Arrow refused a batch.
    #[error("failed to read Parquet file `{path}`")]
    Arrow {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: arrow_schema::ArrowError,
    },
    /// Stored rows are not what their type needs.
    #[error("failed to read the rows of `{path}`")]
    Rows {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: record::RowError,
    },
    /// Files that should be joined have different columns.
    #[error("failed to join `{path}`: its columns differ from those of the first part")]
    Columns {
        /// The odd one out.
        path: PathBuf,
    },
}

impl ExportError {
    pub(crate) fn disk(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { verb, path, source }
    }

    pub(crate) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.to_owned();
        move |source| Self::Parquet { path, source }
    }

    pub(crate) fn rows(path: &Path) -> impl FnOnce(record::RowError) -> Self {
        let path = path.to_owned();
        move |source| Self::Rows { path, source }
    }
}
