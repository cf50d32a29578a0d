//! The errors of writing and reading files.

use std::path::{Path, PathBuf};

/// An error of writing or reading a file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("failed to {verb} `{path}`")]
    Disk {
        /// The attempted operation.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A name is not valid for a file.
    #[error("`{}` is not a valid file name: {why}", crate::visible(name))]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A prefix is not valid for file names.
    #[error("the export prefix `{}` is not valid for file names: {why}", crate::visible(prefix))]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A foreign file cannot be read, or is larger than the limit.
    #[error("failed to read `{path}`: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        why: String,
    },
    /// A stored file is not a Parquet file, or is damaged.
    #[error("failed to use Parquet file `{path}`")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: parquet::errors::ParquetError,
    },
    /// Arrow reported an error for a batch.
    #[error("failed to read Parquet file `{path}`")]
    Arrow {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: arrow_schema::ArrowError,
    },
    /// Stored rows do not match their type.
    #[error("failed to read the rows of `{path}`")]
    Rows {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: record::RowError,
    },
    /// Files to be joined have different columns.
    #[error("failed to join `{path}`: its columns differ from those of the first part")]
    Columns {
        /// The file that differs.
        path: PathBuf,
    },
}

impl StoreError {
    /// A failed operation on a file, of which the cause is still to come.
    pub fn disk(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
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
