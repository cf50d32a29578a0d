//! Presents results, one file per exporter: console, CSV, HTML, JSON, JSONL, Parquet.
//!
//! ```text
//! registry.rs   EXPORTERS, the list of exporters     artifacts.rs   their input
//! json.rs csv.rs jsonl.rs raw.rs timeslices.rs slices.rs console/ html/ outputs.rs   one exporter each
//! phases.rs     the summary of each phase            payloads.rs texts.rs   texts of requests and responses
//! server.rs      a server's own metrics, with server_json.rs server_csv.rs server_jsonl.rs server_parquet.rs
//! gpus.rs        GPU telemetry, with gpu_jsonl.rs
//! timeline/      a run for Perfetto and Chrome
//! view/          a report as a document, which renderers show: console/ html/
//! ```
//!
//! Adding an exporter is one new file and one line in `registry.rs`. No secret reaches a file: of the headers that the user
//! gave, only the names are written.
#![forbid(unsafe_code)]

mod artifacts;
pub mod console;
pub mod csv;
mod error;
mod gpu_jsonl;
mod gpus;
mod html;
mod json;
mod jsonl;
mod line;
mod outputs;
mod payloads;
mod phases;
mod raw;
mod registry;
mod series;
mod server;
mod server_csv;
mod server_json;
mod server_jsonl;
mod server_parquet;
mod slices;
mod steady;
mod summary;
mod texts;
mod timeline;
mod timeslices;
mod trace;
pub mod view;

pub use artifacts::Artifacts;
pub use console::{Colour, Extent};
pub use error::ExportError;
pub use gpus::gpus;
pub use html::{
    Conversation, LivePage, Message, Paper as HtmlPaper, Part as HtmlPart, RunVerdict as HtmlVerdict, Turn,
    part as html_part,
};
pub use json::write as write_summary;
pub use jsonl::rows;
pub use payloads::Payloads;
pub use registry::{EXPORTERS, Exporter, write_wanted};
pub use server::ServerMetrics;
pub use texts::{ResponseText, Texts};
pub use timeline::{TimelineFormat, timeline};
