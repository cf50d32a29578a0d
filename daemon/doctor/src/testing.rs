//! A host as a folder of files for tests, and one way to hold a check against it.

use crate::host::{Folder, Host, Probes, Space, Wanted};
use record::Level;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The files of a host.
#[derive(Debug)]
pub(crate) struct Tree(TempDir);

impl Tree {
    /// A host without a single file.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A host that has everything.
    pub(crate) fn healthy() -> Self {
        let tree = Self::empty();
        for (path, text) in HEALTHY {
            tree.put(path, text.as_bytes());
        }
        tree
    }

    /// Writes a file.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Puts lines before those of `/proc/self/status`, so that they count.
    pub(crate) fn status(&self, lines: &str) {
        let path = self.0.path().join("proc/self/status");
        let old = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{lines}{old}")).unwrap();
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.0.path().join(path.trim_start_matches('/'))).unwrap();
    }

    /// The paths of the healthy host's files.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        HEALTHY.iter().map(|(path, _)| *path).collect()
    }

    /// The host with these files, with room and io_uring.
    pub(crate) fn host(&self) -> Host {
        let folders = vec![Folder { name: "artifacts", path: "/var/a/b".into() }];
        let wanted = Wanted { folders, ..Wanted::default() };
        let space = |_: &Path| Some(Space { bytes: 1 << 40, inodes: Some(1 << 20) });
        Host::at(self.0.path(), wanted, Probes { io_uring: || Ok(()), space })
    }

    /// The same for a process without a capability.
    pub(crate) fn host_without_rights(&self) -> Host {
        self.status("CapEff:\t0000000000000000\nUid:\t1000\t1000\t1000\t1000\n");
        self.host()
    }
}

/// Changes a healthy host and holds what a check then finds against what is expected.
#[track_caller]
pub(crate) fn check(name: &str, change: impl Fn(&Tree), level: Level, text: &str) {
    let tree = Tree::healthy();
    change(&tree);
    check_host(&tree.host(), name, level, text);
}

/// Holds what a check finds of a host against what is expected: the level, and a part of its texts.
#[track_caller]
pub(crate) fn check_host(host: &Host, name: &str, level: Level, text: &str) {
    let found = crate::examine(host);
    let one = found.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no {name} in {found:?}"));
    assert_eq!(one.level, level, "{one:?}");
    let texts =
        format!("{} {} {}", one.found, one.cause.as_deref().unwrap_or(""), one.cure.as_deref().unwrap_or(""));
    assert!(texts.contains(text), "`{text}` in {one:?}");
}

/// The level of a check.
#[track_caller]
pub(crate) fn level_of(host: &Host, name: &str) -> Level {
    crate::examine(host).into_iter().find(|one| one.name == name).expect("the check applies").level
}

const HEALTHY: &[(&str, &str)] = &[
    (
        "/proc/self/status",
        "Name:\tx\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t0\nCpus_allowed_list:\t0-7\n",
    ),
    (
        "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max open files            1024                 524288               files     \n\
         Max locked memory         8388608              8388608              bytes     \n",
    ),
    ("/proc/self/mountinfo", "25 30 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"),
    ("/proc/self/cgroup", "0::/a/b\n"),
    ("/proc/self/timens_offsets", "monotonic           0         0\nboottime            0         0\n"),
    ("/proc/sys/kernel/osrelease", "6.8.0-31-generic\n"),
    ("/proc/sys/kernel/io_uring_disabled", "0\n"),
    ("/proc/version", "Linux version 6.8.0-31-generic\n"),
    ("/proc/stat", "cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 10 0 10 80 0 0 0 0 0 0\n"),
    ("/proc/loadavg", "0.10 0.20 0.30 1/234 5678\n"),
    ("/proc/cpuinfo", "model name\t: A\nflags\t\t: fpu sse\n"),
    ("/proc/meminfo", "MemTotal: 32000000 kB\nMemAvailable:   15625000 kB\n"),
    ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
    ("/proc/sys/net/ipv4/ip_local_reserved_ports", "\n"),
    ("/proc/sys/net/ipv4/tcp_tw_reuse", "2\n"),
    ("/proc/sys/net/core/somaxconn", "4096\n"),
    ("/sys/kernel/btf/vmlinux", "\x01"),
    ("/sys/fs/cgroup/cgroup.procs", "1\n"),
    ("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
    ("/sys/devices/system/cpu/cpu7/topology/thread_siblings_list", "7\n"),
    ("/sys/devices/system/cpu/cpu7/cpufreq/scaling_governor", "performance\n"),
    ("/sys/devices/system/cpu/cpu7/cpuidle/state0/name", "POLL\n"),
    ("/sys/devices/system/cpu/cpu7/cpuidle/state0/latency", "0\n"),
    ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
    ("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm\n"),
    ("/run/chrony/chronyd.pid", "7\n"),
    ("/dev/nvidia0", ""),
    ("/dev/nvidia1", ""),
    ("/dev/nvidiactl", ""),
    ("/usr/lib64/libnvidia-ml.so.1", ""),
    ("/var/.keep", ""),
];
