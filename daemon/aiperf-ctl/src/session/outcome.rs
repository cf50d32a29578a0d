//! What a run means to the user beyond its report: warnings, and the exit status.

use crate::interrupt;
use crate::report::Reported;
use crate::terminal::print_warning;
use crate::{FAILED, VERDICT};
use record::Run;
use spec::{FailOn, Timestamps};

/// The exit status of a run on its own.
pub(super) fn status(reported: &Reported, fail_on: FailOn) -> u8 {
    let (failures, requests) = (reported.report.failed, reported.report.requests);
    let failed = failures == requests;
    let threshold = reported.run.plan.load.failed_request_threshold;
    let stopped = !reported.run.is_complete
        && threshold.is_some_and(|share| metric::float(failures) > share * metric::float(requests));
    if let Some(interrupted) = interrupt::received() {
        return interrupted.status();
    }
    match () {
        () if failed => {
            print_warning("every request failed; see the errors above");
            FAILED
        }
        () if stopped => {
            print_warning("the run was stopped: more requests failed than --failed-request-threshold allows");
            FAILED
        }
        () if reported.fails(fail_on) => VERDICT,
        () => 0,
    }
}

/// Warns if a less precise timestamp source was used than could be.
pub(super) fn warn_of_timestamp_source(run: &Run) {
    if run.plan.timestamps == Timestamps::Auto
        && let Some(why) = &run.timestamps_reason
    {
        print_warning(&format!("timestamp source `{}`: {why}", run.timestamps));
    }
}
