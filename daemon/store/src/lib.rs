//! Stores records in Parquet and reads them back, and guards the border between this program and files.
//!
//! ```text
//! parquet.rs          rows to files and back         exchange.rs   stored requests one by one, each with its events
//! feed.rs             stored rows for an analysis    names.rs      names of files: never a path
//! file.rs             files that are complete or absent   folder.rs   restricts where files go
//! source.rs           foreign files: regular, and bounded   bounded_parquet.rs   the same for Parquet
//! escape.rs           escapes foreign text
//! ```
//!
//! It presents nothing and computes nothing: the daemon, which has privileges, links it for its records' sake.
#![forbid(unsafe_code)]

pub mod bounded_parquet;
mod error;
mod escape;
mod exchange;
mod feed;
mod file;
mod folder;
mod names;
pub mod parquet;
pub mod source;

pub use error::StoreError;
pub use escape::{cell, visible, visible_lines, visible_within};
pub use exchange::{Exchange, ExchangeIter, Exchanges, ForeignRequest, RequestIter, Stored};
pub use feed::{Batch, feed};
pub use file::{WholeFile, remove_unfinished};
pub use folder::Folder;
pub use names::{Names, check_name};
