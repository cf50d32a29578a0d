//! Warns about GPU telemetry that is missing.

use crate::terminal::print_warning;
use record::Run;

/// Warns after the run about sources that failed, and why.
pub(crate) fn warn_after(run: &Run) {
    let is_explicit = run.plan.gpu.as_ref().is_some_and(|gpu| gpu.is_explicit);
    let has_gpus = run.gpu.iter().any(|source| source.gpus > 0);
    for source in &run.gpu {
        let Some(problem) = &source.problem else { continue };
        // Without a request for GPU telemetry, a host without GPUs is not a problem.
        if source.gpus > 0 || source.did_hang || (is_explicit && !has_gpus) {
            print_warning(&format!("GPU telemetry by {}: {problem}", source.source));
        }
    }
}
