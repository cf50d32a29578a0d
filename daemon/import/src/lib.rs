//! Reads what NVIDIA AIPerf stored of a run, as the records that our own load generator and scribe would have made.
//!
//! ```text
//! files.rs    which files are there            config.rs   what the run was to do, as its own summary tells
//! raw.rs      a line of the raw export ──┐     window.rs   when its phases began and ended
//! records.rs  a line of the record export┴──▶ Exchange     run.rs: all of it together
//! noticed.rs  when the tool noticed each event, for an audit
//! answer.rs   what responses say               prompt.rs   which text of a payload is counted
//! ```
//!
//! The raw export holds every stamp; the record export holds each request's metrics, from which its stamps follow.
#![forbid(unsafe_code)]

mod answer;
mod budget;
mod config;
mod error;
mod files;
mod noticed;
mod prompt;
mod raw;
mod records;
mod run;
mod window;

pub use error::ImportError;
pub use files::{copy_exchanges, is_foreign};
pub use noticed::{Noticed, noticed, summary};
pub use raw::RawLines;
pub use records::record_line;
pub use run::{Imported, read};
