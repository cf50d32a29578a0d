//! Limits this process's memory while it reads files written by other tools: each format has lower limits of its own, and what
//! they miss ends only this process and not the host.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use store::source;

/// Limits this process to three quarters of the host's memory from here on.
pub(crate) fn limit() {
    let ceiling = source::host_memory() / 4 * 3;
    let Rlimit { current, maximum } = getrlimit(Resource::Data);
    let current = Some(current.map_or(ceiling, |current| current.min(ceiling)));
    // Without the right to set it, the limit stays unchanged.
    setrlimit(Resource::Data, Rlimit { current, maximum }).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_memory() {
        assert!(source::host_memory() > 1 << 26, "{}", source::host_memory());
    }
}
