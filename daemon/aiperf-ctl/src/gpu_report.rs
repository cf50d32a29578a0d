//! Adds GPU telemetry of a stored run to its report, joined to its requests and events.

use crate::terminal::print_warning;
use anyhow::Result;
use metric::gpu::{Gpus, Join};
use metric::{Report, Settings};
use record::Request;
use spec::Plan;
use std::path::Path;
use store::parquet::{events, rows};

/// Adds GPU telemetry to a report; `None` for a run without any. Unreadable data costs only its own numbers.
pub(crate) fn add(directory: &Path, plan: &Plan, settings: &Settings, report: &mut Report) -> Option<Gpus> {
    let path = directory.join("gpu.parquet");
    let read = path.is_file().then(|| export::gpus(&path))?;
    let gpus =
        read.inspect_err(|error| print_warning(&format!("GPU telemetry is left out: {error}"))).ok()?;
    if let Err(error) = join(directory, plan, settings, &gpus, report) {
        print_warning(&format!("GPU telemetry is not joined to requests: {error:#}"));
    }
    Some(gpus)
}

fn join(directory: &Path, plan: &Plan, settings: &Settings, gpus: &Gpus, report: &mut Report) -> Result<()> {
    let Some(mut join) = Join::new(gpus, settings) else { return Ok(()) };
    for batch in rows::<Request>(&directory.join("requests.parquet"))? {
        batch?.iter().for_each(|request| join.request(request));
    }
    for batch in events(&directory.join("tokens.parquet"))? {
        batch?.into_iter().for_each(|event| join.event(event));
    }
    let concurrency = plan.load.profiling().and_then(|phase| phase.concurrency);
    report.add(join.finish(report, concurrency));
    Ok(())
}
