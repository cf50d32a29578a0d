//! What one request and one token are: columns, units, clocks, schema; and what a run says of itself.
//!
//! ```text
//! requests.parquet   one [`Request`] a row      columns in request.rs
//! tokens.parquet     one [`Token`] a row        columns in token.rs
//! responses.parquet  one [`Response`] a row     columns in response.rs (raw export only)
//! payloads.parquet   one [`Payload`] a row      columns in payload.rs (only where they are kept)
//! server_metrics.parquet  one [`ServerSample`] a row, columns in server_sample.rs (only if the server has metrics)
//! run.json           one [`Run`]                fields in run.rs, the verdict in verdict.rs
//! ```
//!
//! A column is declared once, in its table; struct, Arrow schema, conversion both ways and `docs/DATA.md` follow.
#![forbid(unsafe_code)]

mod column;
mod payload;
mod request;
mod response;
mod run;
mod server_sample;
mod token;
mod verdict;

pub use column::{Clock, ColumnInfo, Row, RowError, Source, Unit};
pub use payload::Payload;
pub use request::Request;
pub use response::Response;
pub use run::{Host, Loss, Phase, Run, SCHEMA_VERSION};
pub use server_sample::{SCRAPE, ServerSample};
pub use token::Token;
pub use verdict::{Figure, Reason, Standing, Verdict};
