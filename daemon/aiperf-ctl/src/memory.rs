//! A ceiling on this process's memory while it reads what other tools stored: the bounds on each format are below it, and what
//! they miss ends this process alone, not the host.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes no more than three quarters of the host's memory from here on.
pub(crate) fn limit() {
    let Some(total) = total() else { return };
    let ceiling = total / 4 * 3;
    let Rlimit { current, maximum } = getrlimit(Resource::Data);
    let current = Some(current.map_or(ceiling, |current| current.min(ceiling)));
    // Without the right to it things stay as they are.
    setrlimit(Resource::Data, Rlimit { current, maximum }).ok();
}

/// Bytes of memory that the host has.
#[expect(clippy::disallowed_methods, reason = "the path is the kernel's, and nobody's to choose")]
fn total() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use export::source;

    #[test]
    fn a_host_has_memory() {
        assert!(total().unwrap() > 1 << 26, "{:?}", total().map(source::size));
    }
}
