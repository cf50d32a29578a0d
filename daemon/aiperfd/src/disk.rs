//! How much of the disk stays free for the end of runs.

use crate::limits::Limits;
use crate::run_dirs::RunDirs;

/// Why the disk of the state directory counts as full, if it does: what is left is for the end of runs.
pub(crate) fn is_full(run_dirs: &RunDirs, limits: &Limits) -> Option<String> {
    let (free, all) = run_dirs.disk();
    let kept = kept_free(limits, all);
    (free < kept).then(|| {
        format!(
            "{} MiB are free on the disk of the daemon's state directory, and {} stay free (`disk_free_mib` in [limits] of the \
             daemon's configuration)",
            free >> 20,
            kept >> 20
        )
    })
}

/// Whether the disk runs short: records that are in complete parts are freed from then on.
pub(crate) fn runs_short(run_dirs: &RunDirs, limits: &Limits) -> bool {
    let (free, all) = run_dirs.disk();
    free < kept_free(limits, all) * EARLIER
}

/// Bytes that stay free on a disk of so many.
fn kept_free(limits: &Limits, all: u64) -> u64 {
    (u64::from(limits.disk_free_mib) << 20).min(all / SHARE_FREE)
}

/// At this multiple of the room that stays free the disk runs short.
const EARLIER: u64 = 4;
/// Of a small disk a twentieth is left for the end of runs.
const SHARE_FREE: u64 = 20;
