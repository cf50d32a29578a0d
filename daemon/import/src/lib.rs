//! Reads a run of NVIDIA AIPerf as records, in the form that aiperfd's own load generator and response parser produce.
//!
//! ```text
//! files.rs    which files exist                config.rs   the run's configuration, from its own summary
//! raw.rs      a line of the raw export ──┐     window.rs   start and end of its phases
//! records.rs  a line of the record export┴──▶ Exchange     run.rs: the whole run
//! noticed.rs  when the tool noticed each event, for an audit
//! content.rs  parses responses                 prompt.rs   which text of a payload is counted
//! answers.rs  the texts of responses, line by line
//! ```
//!
//! The raw export has every timestamp; the record export has each request's metrics, from which its timestamps are computed.
#![forbid(unsafe_code)]

mod answers;
mod budget;
mod config;
mod content;
mod error;
mod files;
mod noticed;
mod prompt;
mod raw;
mod records;
mod run;
mod window;

pub use answers::{Answer, Answers, raw_files, raw_lines};
pub use error::ImportError;
pub use files::{copy_exchanges, document, is_foreign};
pub use noticed::{Noticed, noticed, summary};
pub use raw::RawLines;
pub use records::record_line;
pub use run::{Imported, read};
