//! One file per exporter: console, CSV, JSON, JSONL, Parquet; and the reading of what was stored.
//!
//! ```text
//! registry.rs   EXPORTERS, the table of contents     artifacts.rs   what they get
//! json.rs csv.rs jsonl.rs raw.rs timeslices.rs console.rs           one exporter each
//! server.rs      a server's own metrics, with server_json.rs server_csv.rs server_jsonl.rs
//! parquet.rs    rows to files and back               file.rs        files that are whole or not there
//! ```
//!
//! Adding an exporter is one new file and one line in `registry.rs`. No secret reaches a file: headers that the user
//! gave are told by name only.
#![forbid(unsafe_code)]

mod artifacts;
pub mod console;
mod csv;
mod error;
mod file;
mod json;
mod jsonl;
mod line;
mod names;
pub mod parquet;
mod raw;
mod registry;
mod server;
mod server_csv;
mod server_json;
mod server_jsonl;
mod summary;
mod table;
mod timeslices;

pub use artifacts::{Artifacts, Exchange, ExchangeIter, Exchanges, Stored, Told};
pub use error::ExportError;
pub use file::WholeFile;
pub use names::Names;
pub use registry::{EXPORTERS, Exporter, write_wanted};
pub use server::ServerMetrics;
pub use table::Colour;
