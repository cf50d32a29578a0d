//! What a host can and can't do for a measurement: every check, with its cause and its cure.
//!
//! ```text
//! files of /proc, /sys and /dev below a root ──▶ Host ──▶ each check of CHECKS ──▶ Finding
//! ```
//!
//! A check reads, and changes nothing; it needs no privilege. `aiperf-ctl doctor` shows the findings, the daemon stores
//! them with every run. A new check is a function in the file of its group and an entry of [`CHECKS`].
#![forbid(unsafe_code)]

pub mod cgroup;
pub mod clocks;
mod docs;
pub mod gpu;
pub mod host;
pub mod memory;
pub mod network;
pub mod processor;
pub mod stamps;
pub mod system;
#[cfg(test)]
mod testing;

pub use docs::markdown;
pub use host::{Folder, Host, Offer, Probes, Space, Wanted};
use record::{Finding, Level};

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name: `io_uring`.
    pub name: &'static str,
    /// The checks that it belongs to: `network`.
    pub group: &'static str,
    /// What a bad result is.
    pub weight: Weight,
    /// What is looked at.
    pub looks_at: &'static str,
    /// Why it matters for a measurement.
    pub why: &'static str,
    /// What to do about a bad result, unless the finding knows better.
    pub cure: &'static str,
    look: fn(&Host) -> Option<Look>,
}

/// What a result other than `ok` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A problem of the host.
    Problem,
    /// A note: another check reports the problem that follows from it, or nothing depends on it unless it is required.
    Note,
}

/// What a check found, before its name and its cure are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    level: Level,
    found: String,
    cause: Option<String>,
    cure: Option<String>,
}

impl Look {
    pub(crate) fn ok(found: impl Into<String>) -> Self {
        Self { level: Level::Ok, found: found.into(), cause: None, cure: None }
    }

    pub(crate) fn warning(found: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { level: Level::Warning, cause: Some(cause.into()), ..Self::ok(found) }
    }

    pub(crate) fn missing(found: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { level: Level::Missing, cause: Some(cause.into()), ..Self::ok(found) }
    }

    /// The same with a cure for this finding alone.
    pub(crate) fn cured_by(self, cure: impl Into<String>) -> Self {
        Self { cure: Some(cure.into()), ..self }
    }
}

/// Makes every check that applies to the host, in the order of [`CHECKS`].
#[must_use]
pub fn examine(host: &Host) -> Vec<Finding> {
    CHECKS.iter().filter_map(|check| check.make(host)).collect()
}

/// The check of this name.
#[must_use]
pub fn check(name: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.name == name)
}

impl Check {
    fn make(&self, host: &Host) -> Option<Finding> {
        let look = (self.look)(host)?;
        let cure = (look.level != Level::Ok).then(|| look.cure.unwrap_or_else(|| self.cure.to_owned()));
        let (name, group) = (self.name.to_owned(), self.group.to_owned());
        Some(Finding { name, group, level: look.level, found: look.found, cause: look.cause, cure })
    }
}

/// Every check, in the order of the document.
pub const CHECKS: &[Check] = &[
    stamps::EBPF,
    stamps::SO_TIMESTAMPING,
    stamps::TIMESTAMPS,
    stamps::DAEMON,
    stamps::CAPABILITIES,
    stamps::CGROUP_V2,
    stamps::BTF,
    system::KERNEL,
    system::IO_URING,
    system::CONTAINER,
    processor::CORES,
    processor::CPU_QUOTA,
    processor::HOT_CORE,
    processor::LOAD,
    processor::GOVERNOR,
    processor::IDLE_STATES,
    processor::STEAL,
    clocks::CLOCK_SOURCE,
    clocks::TIME_NAMESPACE,
    clocks::TIME_SYNC,
    network::PORTS,
    network::DESCRIPTORS,
    network::CONNTRACK,
    network::LISTEN_QUEUE,
    network::PORT_REUSE,
    memory::MEMORY,
    memory::MEMLOCK,
    memory::DISK,
    memory::INODES,
    gpu::GPU,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Tree;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_texts_are_there() {
        let names = CHECKS.iter().map(|check| check.name).collect::<BTreeSet<_>>();
        assert_eq!(names.len(), CHECKS.len(), "each name once");
        for one in CHECKS {
            let texts = [one.group, one.looks_at, one.why, one.cure];
            assert!(texts.iter().all(|text| !text.is_empty()), "{} has all its texts", one.name);
            assert_eq!(check(one.name).map(|found| found.group), Some(one.group), "{} is found", one.name);
        }
    }

    #[test]
    fn an_empty_host_and_a_hostile_one_are_examined_to_the_end() {
        let empty = Tree::empty();
        for finding in examine(&empty.host()) {
            assert_eq!(finding.level == Level::Ok, finding.cause.is_none(), "a cause for each: {finding:?}");
            assert_eq!(finding.level == Level::Ok, finding.cure.is_none(), "a cure for each: {finding:?}");
        }
        let files = Tree::healthy().names();
        for content in [
            &b""[..],
            b"\xff\xfe\x00\x01 \xf0",
            b"99999999999999999999999999 -1 1e999 0xfffffffffff\n",
            b"\n\n:::\n",
        ] {
            let tree = Tree::healthy();
            files.iter().for_each(|name| tree.put(name, content));
            let found = examine(&tree.host());
            assert!(found.len() > 20, "with {content:?} in every file: {found:?}");
            let line = |text: &String| text.lines().count() <= 1 && text.len() < 500;
            assert!(found.iter().all(|one| line(&one.found)), "one line each: {found:?}");
        }
    }

    #[test]
    fn a_healthy_host_has_no_problem() {
        let found = examine(&Tree::healthy().host());
        let bad = found.iter().filter(|one| one.level != Level::Ok).collect::<Vec<_>>();
        assert!(bad.is_empty(), "{bad:?}");
        assert_eq!(found.len(), CHECKS.len(), "every check applies");
    }

    #[test]
    fn this_host_is_examined_at_once() {
        let found = examine(&Host::here(Wanted::default()));
        assert!(found.iter().any(|one| one.name == "io_uring"), "{found:?}");
    }
}
