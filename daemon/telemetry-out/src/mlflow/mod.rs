//! Logs runs to an MLflow tracking server over its REST API.
//!
//! ```text
//! tracking.rs    the API: experiments, runs, metrics, parameters, tags
//! artifacts.rs   uploads a run's files to the artifact store
//! live.rs        a strategy's values ──▶ `live.*` metrics during the run
//! ```
//!
//! <https://mlflow.org/docs/latest/api_reference/rest-api.html>

mod artifacts;
mod live;
mod tracking;

pub use live::LiveRun;
pub use tracking::{Credentials, LogError, Point, RunInfo, Status, Tracking};
