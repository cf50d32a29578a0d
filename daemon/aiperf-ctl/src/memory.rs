//! A ceiling on this process's memory while it reads what other tools stored: the bounds on each format are below it, and what
//! they miss ends this process alone, not the host.

use export::source;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes no more than three quarters of the host's memory from here on.
pub(crate) fn limit() {
    let ceiling = source::host_memory() / 4 * 3;
    let Rlimit { current, maximum } = getrlimit(Resource::Data);
    let current = Some(current.map_or(ceiling, |current| current.min(ceiling)));
    // Without the right to it things stay as they are.
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
