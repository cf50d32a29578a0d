//! Why a run ended before its plan was done, and what kind of end that is.

use crate::run_dirs::is_full;

/// Why a run ended before its plan was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What kind of end it is.
    pub cause: Cause,
    /// The reason, for the user.
    pub why: String,
}

/// What kind of end a run that was not done has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Requested by the user, by the client's end or the daemon's end, or the plan requires it.
    Requested,
    /// A thread or process of the run died.
    Died,
    /// A thread or process of the run made no progress.
    Stalled,
    /// The daemon died under it.
    DaemonDied,
    /// The disk is full.
    DiskFull,
    /// The disk refused for another reason.
    DiskFailed,
}

impl Stopped {
    /// It was requested.
    pub fn requested(why: impl Into<String>) -> Self {
        Self { cause: Cause::Requested, why: why.into() }
    }

    /// A thread or process of the run died.
    pub fn died(why: impl Into<String>) -> Self {
        Self { cause: Cause::Died, why: why.into() }
    }

    /// A thread or process of the run made no progress.
    pub fn stalled(why: impl Into<String>) -> Self {
        Self { cause: Cause::Stalled, why: why.into() }
    }

    /// What a thread failed with.
    pub fn failed(what: &str, error: &anyhow::Error) -> Self {
        // What the kernel refused has a number; what one thread finds wrong with another has none.
        let is_disk = error.chain().any(|cause| {
            cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.raw_os_error().is_some())
        });
        let cause = match (is_full(error), is_disk) {
            (true, _) => Cause::DiskFull,
            (false, true) => Cause::DiskFailed,
            (false, false) => Cause::Died,
        };
        Self { cause, why: format!("{what}: {error:#}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_threads_error_decides_the_kind_of_end() {
        let check = |error: anyhow::Error, cause: Cause| {
            let stopped = Stopped::failed("x", &error.context("failed to spool records"));
            assert_eq!(stopped.cause, cause, "{}", stopped.why);
        };
        check(Error::from(ErrorKind::StorageFull).into(), Cause::DiskFull);
        check(Error::from_raw_os_error(READ_ONLY).into(), Cause::DiskFailed);
        check(Error::other("the load generator corrupted its ring").into(), Cause::Died);
        check(anyhow::anyhow!("a record of unknown kind"), Cause::Died);
    }

    /// `EROFS` (include/uapi/asm-generic/errno-base.h).
    const READ_ONLY: i32 = 30;
}
