//! Runs to an MLflow tracking server over its REST API.
//!
//! ```text
//! tracking.rs    the API: experiments, runs, metrics, parameters, tags
//! artifacts.rs   files of a run to wherever the server keeps them
//! live.rs        a strategy's numbers ──▶ `live.*` metrics while the run goes on
//! ```
//!
//! <https://mlflow.org/docs/latest/api_reference/rest-api.html>

mod artifacts;
mod live;
mod tracking;

pub(crate) use live::Live;
pub use tracking::{Credentials, LogError, Point, RunInfo, Status, Tracking};
