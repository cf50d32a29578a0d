//! Room: memory, and the disks that a run writes to.

use crate::host::{Folder, is_writable};
use crate::{Check, Host, Look, Space, Weight};

pub(crate) const MEMORY: Check = Check {
    name: "memory",
    group: "room",
    weight: Weight::Problem,
    looks_at: "MemAvailable against what a run with --concurrency needs",
    why: "when memory runs out the kernel ends a process of the run, or pages of the worker are read from disk again",
    cure: "free memory, or use fewer connections",
    look: memory,
};

pub(crate) const MEMLOCK: Check = Check {
    name: "memlock",
    group: "room",
    weight: Weight::Problem,
    looks_at: "the limit of locked memory (`ulimit -l`)",
    why: "some kernels count an io_uring against it",
    cure: "`ulimit -l 8192` in the shell that starts the run; of a service, LimitMEMLOCK=",
    look: memlock,
};

pub(crate) const DISK: Check = Check {
    name: "disk",
    group: "room",
    weight: Weight::Problem,
    looks_at: "free bytes where artifacts and the daemon's runs are written, and whether they can be",
    why: "records are spooled to disk during a run; when it is full the run ends early",
    cure: "free some space, or name another folder (--artifact-dir; aiperfd --state-dir)",
    look: disk,
};

pub(crate) const INODES: Check = Check {
    name: "inodes",
    group: "room",
    weight: Weight::Problem,
    looks_at: "how many files can still be made there",
    why: "a run is a folder of some fifty files; without inodes it can't be written although there is space",
    cure: "remove small files, or name another folder (--artifact-dir; aiperfd --state-dir)",
    look: inodes,
};

fn memory(host: &Host) -> Option<Look> {
    let info = host.text("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let Some(bytes) = kilobytes.map(|kilobytes| kilobytes.saturating_mul(1024)) else {
        return Some(Look::warning("unknown", "/proc/meminfo has no MemAvailable"));
    };
    let connections = u64::from(host.wanted.concurrency.unwrap_or(0));
    let needed = MEMORY_OF_RUN + connections.saturating_mul(MEMORY_OF_CONNECTION);
    let found = format!("{} available", size(bytes));
    Some(if bytes < needed {
        Look::warning(found, format!("a run needs about {}", size(needed)))
    } else {
        Look::ok(found)
    })
}

fn memlock(host: &Host) -> Option<Look> {
    let Some(limit) = host.limit("Max locked memory") else {
        return Some(Look::warning("unknown", "/proc/self/limits does not list this limit"));
    };
    Some(match limit.soft {
        u64::MAX => Look::ok("no limit"),
        soft if soft < MEMLOCK_NEEDED => Look::warning(size(soft), "a ring may need more"),
        soft => Look::ok(size(soft)),
    })
}

fn disk(host: &Host) -> Option<Look> {
    worst(host, |folder, path, space| {
        if !is_writable(path) {
            let found = format!("{} is closed to this user", path.display());
            return Look::missing(found, format!("{} can't be written there", folder.name));
        }
        let found = format!("{} free for {}", size(space.bytes), folder.name);
        match space.bytes {
            0..DISK_LEAST => Look::missing(found, "that is less than a short run needs"),
            DISK_LEAST..DISK_ENOUGH => Look::warning(found, "a long run may not fit"),
            _ => Look::ok(found),
        }
    })
}

fn inodes(host: &Host) -> Option<Look> {
    worst(host, |folder, _, space| {
        let Some(count) = space.inodes else { return Look::ok(format!("no limit for {}", folder.name)) };
        let found = format!("{count} for {}", folder.name);
        match count {
            0..INODES_LEAST => Look::missing(found, "that is less than one run needs"),
            INODES_LEAST..INODES_ENOUGH => Look::warning(found, "that is a few runs' worth"),
            _ => Look::ok(found),
        }
    })
}

/// The worst of what is found of each folder; the first of equals. `None` if no folder is required.
fn worst(host: &Host, judge: impl Fn(&Folder, &std::path::Path, Space) -> Look) -> Option<Look> {
    let looks = host.wanted.folders.iter().map(|folder| {
        let path = host.existing(&folder.path);
        match (host.probes.space)(&path) {
            Some(space) => judge(folder, &path, space),
            None => Look::warning(
                format!("unknown for {}", folder.name),
                "the file system does not report what is free",
            ),
        }
    });
    looks.reduce(|worst, one| if one.level > worst.level { one } else { worst })
}

/// Bytes for a reader.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut tenths = bytes / 100;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// The programs, their rings and their queues.
const MEMORY_OF_RUN: u64 = 512 << 20;
/// Buffers of a connection, in the kernel and here.
const MEMORY_OF_CONNECTION: u64 = 64 << 10;
/// What kernels that count it gave everyone before it was 8 MiB.
const MEMLOCK_NEEDED: u64 = 64 << 10;
const DISK_LEAST: u64 = 100 << 20;
const DISK_ENOUGH: u64 = 2 << 30;
const INODES_LEAST: u64 = 100;
const INODES_ENOUGH: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tree, check, check_host};
    use record::Level;

    #[test]
    fn memory_for_a_run() {
        check("memory", |_| {}, Level::Ok, "16.0 GB");
        check(
            "memory",
            |tree| tree.put("/proc/meminfo", b"MemAvailable:  100000 kB\n"),
            Level::Warning,
            "needs about",
        );
        check(
            "memory",
            |tree| tree.put("/proc/meminfo", b"MemAvailable: 18446744073709551615 kB"),
            Level::Ok,
            "",
        );
        check("memory", |tree| tree.put("/proc/meminfo", b"MemAvailable: lots"), Level::Warning, "unknown");
        let tree = Tree::healthy();
        let mut host = tree.host();
        host.wanted.concurrency = Some(u32::MAX);
        check_host(&host, "memory", Level::Warning, "needs about");
        check("memlock", |_| {}, Level::Ok, "8.3 MB");
        check(
            "memlock",
            |tree| tree.put("/proc/self/limits", b"Max locked memory 4096 4096 bytes"),
            Level::Warning,
            "4.0 kB",
        );
    }

    #[test]
    fn disks() {
        check("disk", |_| {}, Level::Ok, "artifacts");
        let space = |space: fn(&std::path::Path) -> Option<Space>, name, level, text| {
            let tree = Tree::healthy();
            let mut host = tree.host();
            host.probes.space = space;
            check_host(&host, name, level, text);
        };
        space(
            |_| Some(Space { bytes: 5, inodes: None }),
            "disk",
            Level::Missing,
            "0.0 kB free for artifacts",
        );
        space(|_| Some(Space { bytes: 1 << 30, inodes: None }), "disk", Level::Warning, "1.0 GB");
        space(|_| None, "disk", Level::Warning, "unknown");
        space(|_| Some(Space { bytes: u64::MAX, inodes: None }), "inodes", Level::Ok, "no limit");
        space(|_| Some(Space { bytes: 0, inodes: Some(3) }), "inodes", Level::Missing, "3 for");
        space(|_| Some(Space { bytes: 0, inodes: Some(300) }), "inodes", Level::Warning, "300 for");
    }

    #[test]
    fn sizes_are_for_readers() {
        assert_eq!(size(0), "0.0 kB", "nothing");
        assert_eq!(size(999_999), "999.9 kB", "kB");
        assert_eq!(size(1_000_000), "1.0 MB", "MB");
        assert_eq!(size(u64::MAX), "18446744.0 TB", "all there is");
    }
}
