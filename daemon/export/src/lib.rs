//! Exports results, one file per exporter (console, CSV, JSON, JSONL, Parquet), and reads stored records.
//!
//! ```text
//! registry.rs   EXPORTERS, the list of exporters     artifacts.rs   their input
//! json.rs csv.rs jsonl.rs raw.rs timeslices.rs console/ outputs.rs   one exporter each
//! phases.rs     the summary of each phase            payloads.rs texts.rs   texts of requests and responses
//! server.rs      a server's own metrics, with server_json.rs server_csv.rs server_jsonl.rs server_parquet.rs
//! gpus.rs        GPU telemetry, with gpu_jsonl.rs gpu_tables.rs
//! parquet.rs    rows to files and back               file.rs        files that are complete or absent
//! folder.rs     restricts where files go            escape.rs      escapes foreign text
//! source.rs     foreign files: regular, and bounded   bounded_parquet.rs  the same for Parquet
//! feed.rs       stored rows to an analysis
//! ```
//!
//! Adding an exporter is one new file and one line in `registry.rs`. No secret reaches a file: of the headers that the user
//! gave, only the names are written.
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

pub use artifacts::{Artifacts, Exchange, ExchangeIter, Exchanges, ForeignRequest, Stored};
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
pub use texts::{ResponseText, Texts};
