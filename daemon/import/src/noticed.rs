//! When another tool noticed each event, request by request, identified by the id that it sent.

use crate::budget::Budget;
use crate::error::ImportError;
use crate::files::{Files, lines};
use crate::run::parse;
use common::clock::MonoNs;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Another tool's account of one of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// The `X-Request-ID` that it sent.
    pub client_request_id: String,
    /// Whether the request is measured, not part of a warmup.
    pub is_profiling: bool,
    /// When it noticed each event, by `time.perf_counter_ns`, which on Linux is the monotonic clock. Empty if the run stored no
    /// raw records.
    pub events: Vec<MonoNs>,
}

/// The requests of an AIPerf run, from its raw records or else its records; those without an id are skipped.
///
/// # Errors
/// When there are no records, or one is not JSON.
pub fn noticed(directory: &Path) -> Result<Vec<Noticed>, ImportError> {
    let files = Files::find(directory)?;
    let path = files.raw.as_deref().or(files.records.as_deref());
    let path = path.ok_or_else(|| ImportError::NoRecords(directory.to_owned()))?;
    let (mut found, mut budget) = (Vec::new(), Budget::new());
    for line in lines(path)? {
        let (number, text) = line?;
        if let Some(noticed) = of_line(&parse(path, &(number, text))?) {
            let bytes = size_of::<Noticed>()
                + noticed.client_request_id.len()
                + noticed.events.len() * size_of::<MonoNs>();
            budget.take(bytes).map_err(|why| ImportError::Line {
                path: path.to_owned(),
                line: number,
                why,
            })?;
            found.push(noticed);
        }
    }
    Ok(found)
}

/// The path of an AIPerf run's summary, if it has one.
///
/// # Errors
/// When the directory cannot be read.
pub fn summary(directory: &Path) -> Result<Option<PathBuf>, ImportError> {
    Ok(Files::find(directory)?.summary)
}

fn of_line(line: &Value) -> Option<Noticed> {
    let metadata = &line["metadata"];
    let client_request_id = metadata["x_request_id"].as_str()?.to_owned();
    let is_profiling = metadata["benchmark_phase"].as_str().is_none_or(|phase| phase == metric::PROFILING);
    let responses = line["responses"].as_array().into_iter().flatten();
    let events = responses.filter_map(|response| response["perf_ns"].as_u64().map(MonoNs)).collect();
    Some(Noticed { client_request_id, is_profiling, events })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_has_the_times_of_its_events() {
        let line = json!({
            "metadata": {"x_request_id": "a", "benchmark_phase": "warmup"},
            "responses": [{"perf_ns": 5}, {"perf_ns": 9}, {}],
        });
        let events = vec![MonoNs(5), MonoNs(9)];
        let expected = Noticed { client_request_id: "a".to_owned(), is_profiling: false, events };
        assert_eq!(of_line(&line), Some(expected), "a raw record");
        assert_eq!(of_line(&json!({"metadata": {}})), None, "it cannot be matched to a request");
    }
}
