//! Requests and tokens as records: columns, units, clocks, schema; and the description of a run.
//!
//! ```text
//! requests.parquet   one [`Request`] a row      columns in request.rs
//! tokens.parquet     one [`Token`] a row        columns in token.rs
//! responses.parquet  one [`Response`] a row     columns in response.rs (raw export only)
//! payloads.parquet   one [`Payload`] a row      columns in payload.rs (only where they are kept)
//! server_metrics.parquet  one [`ServerSample`] a row, columns in server_sample.rs (only if the server has metrics)
//! gpu.parquet        one [`GpuSample`] a row      columns in gpu_sample.rs, names in gpu_metric.rs (only with GPUs)
//! run.json           one [`Run`]                fields in run.rs, the verdict in verdict.rs
//! ```
//!
//! A column is declared once, in its table; struct, Arrow schema, conversion both ways and `docs/DATA.md` follow.
#![forbid(unsafe_code)]

mod build;
mod column;
mod event;
mod finding;
pub mod gpu_metric;
mod gpu_sample;
mod payload;
mod request;
mod response;
mod run;
mod server_sample;
mod stage;
mod token;
mod verdict;

pub use build::Build;
pub use column::{Clock, ColumnInfo, Row, RowError, Source, Unit};
pub use event::Event;
pub use finding::{Finding, Level};
pub use gpu_metric::{GPU_METRICS, GPU_TEXTS, GpuKind, GpuMetric};
pub use gpu_sample::GpuSample;
pub use payload::Payload;
pub use request::Request;
pub use response::Response;
pub use run::{GpuSource, Host, Loss, Phase, Plugin, Run, SCHEMA_VERSION, Scaled, Steered, Streamed};
pub use server_sample::{SCRAPE, ServerSample};
pub use stage::{STAGES, Stage};
pub use token::Token;
pub use verdict::{Figure, Reason, Standing, Verdict};
