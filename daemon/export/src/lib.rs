//! One file per exporter: console, CSV, JSON, JSONL, Parquet; and the reading of what was stored.
//!
//! ```text
//! registry.rs   EXPORTERS, the table of contents     artifacts.rs   what they get
//! json.rs csv.rs jsonl.rs raw.rs timeslices.rs console/ outputs.rs   one exporter each
//! phases.rs     the summary of each phase            payloads.rs texts.rs   what was sent and what was answered
//! server.rs      a server's own metrics, with server_json.rs server_csv.rs server_jsonl.rs server_parquet.rs
//! gpus.rs        what GPUs did, with gpu_jsonl.rs gpu_tables.rs
//! parquet.rs    rows to files and back               file.rs        files that are whole or not there
//! folder.rs     where files go, and nowhere else     escape.rs      text of others, made harmless
//! source.rs     files of others: regular, and bounded  bounded_parquet.rs  the same of Parquet
//! feed.rs       stored rows to an analysis
//! ```
//!
//! Adding an exporter is one new file and one line in `registry.rs`. No secret reaches a file: headers that the user
//! gave are told by name only.
#![forbid(unsafe_code)]

mod artifacts;
pub mod bounded_parquet;
pub mod console;
pub mod csv;
mod error;
mod escape;
mod feed;
mod file;
mod folder;
mod gpu_jsonl;
mod gpu_tables;
mod gpus;
mod json;
mod jsonl;
mod line;
mod names;
mod outputs;
pub mod parquet;
mod payloads;
mod phases;
mod raw;
mod registry;
mod server;
mod server_csv;
mod server_json;
mod server_jsonl;
mod server_parquet;
pub mod source;
mod summary;
mod table;
mod texts;
mod timeslices;
mod trace;

pub use artifacts::{Artifacts, Exchange, ExchangeIter, Exchanges, Stored, Told};
pub use console::Extent;
pub use error::ExportError;
pub use escape::{cell, visible, visible_lines, visible_within};
pub use feed::feed;
pub use file::{WholeFile, remove_unfinished};
pub use folder::Folder;
pub use gpus::gpus;
pub use names::{Names, check_name};
pub use payloads::Payloads;
pub use registry::{EXPORTERS, Exporter, write_wanted};
pub use server::ServerMetrics;
pub use table::Colour;
pub use texts::{Said, Texts};
