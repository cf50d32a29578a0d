//! The kernel itself: its version, whether io_uring may be used, and what confines this process.

use crate::host::short;
use crate::{Check, Host, Look, Weight};

/// The oldest kernel on which the load generator runs: DEFER_TASKRUN of io_uring is of 6.1.
pub(crate) const KERNEL_NEEDED: (u32, u32) = (6, 1);

pub(crate) const KERNEL: Check = Check {
    name: "kernel",
    group: "system",
    weight: Weight::Problem,
    looks_at: "the kernel's release",
    why: "the load generator uses io_uring with DEFER_TASKRUN and multishot receives, which Linux 6.1 has",
    cure: "run the client on a host with Linux 6.1 or newer",
    look: kernel,
};

pub(crate) const IO_URING: Check = Check {
    name: "io_uring",
    group: "system",
    weight: Weight::Problem,
    looks_at: "whether an io_uring can be set up as the load generator does it, and kernel.io_uring_disabled",
    why: "every request is sent and received through it; without it nothing can be sent",
    cure: "allow the system calls io_uring_setup, io_uring_enter and io_uring_register",
    look: io_uring,
};

pub(crate) const CONTAINER: Check = Check {
    name: "container",
    group: "system",
    weight: Weight::Note,
    looks_at: "whether this process runs in a container, and under a seccomp filter",
    why: "containers hide cgroups, limit capabilities and block io_uring; the other checks report what that costs here",
    cure: "run on the host, or see the checks `io_uring`, `cgroup_v2` and `capabilities`",
    look: container,
};

fn kernel(host: &Host) -> Option<Look> {
    let release = host.text("/proc/sys/kernel/osrelease").unwrap_or_default();
    let Some(version) = version(&release) else {
        return Some(Look::warning("unknown", "/proc/sys/kernel/osrelease does not start with a version"));
    };
    let found = format!("Linux {}", short(&release));
    Some(if version < KERNEL_NEEDED {
        let (major, minor) = KERNEL_NEEDED;
        Look::missing(found, format!("it is older than {major}.{minor}"))
    } else {
        Look::ok(found)
    })
}

/// The first two numbers of a release: `6.8.0-31-generic`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|one: char| !one.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn io_uring(host: &Host) -> Option<Look> {
    let disabled = host.number("/proc/sys/kernel/io_uring_disabled").unwrap_or(0);
    let Err(error) = (host.probes.io_uring)() else {
        if disabled == 1 {
            // Root passes, and the load generator is not root.
            let cause =
                "kernel.io_uring_disabled is 1, and the load generator runs as a user without privileges";
            return Some(Look::warning("for root and kernel.io_uring_group only", cause).cured_by(SYSCTL));
        }
        return Some(Look::ok("a ring can be set up"));
    };
    let refused = |cause: &str, cure: &str| Look::missing("no ring can be set up", cause).cured_by(cure);
    Some(match error {
        EPERM if disabled > 0 => refused(&format!("kernel.io_uring_disabled is {disabled}"), SYSCTL),
        EPERM | EACCES => refused(
            "a seccomp filter refuses it; the default ones of Docker and Podman do",
            "start the container with `--security-opt seccomp=unconfined`, or with a profile that allows io_uring_setup, \
             io_uring_enter and io_uring_register",
        ),
        ENOSYS => refused("this kernel has no io_uring", KERNEL.cure),
        EINVAL => refused("this kernel's io_uring lacks SINGLE_ISSUER or DEFER_TASKRUN", KERNEL.cure),
        ENOMEM => refused("the limit of locked memory is reached", "raise `ulimit -l`"),
        other => Look::missing("no ring can be set up", format!("the kernel refuses with error {other}")),
    })
}

fn container(host: &Host) -> Option<Look> {
    let kind = [
        ("/.dockerenv", "Docker"),
        ("/run/.containerenv", "Podman"),
        ("/var/run/secrets/kubernetes.io", "Kubernetes"),
    ];
    let kind = kind.iter().find(|(mark, _)| host.is_there(mark)).map(|(_, name)| *name);
    let filter = match host.status("Seccomp").as_deref() {
        Some("2") => "a seccomp filter is on",
        Some("1") => "seccomp is strict",
        _ => "no seccomp filter",
    };
    Some(Look::ok(format!("{}, {filter}", kind.unwrap_or("no container"))))
}

const SYSCTL: &str = "`sudo sysctl -w kernel.io_uring_disabled=0`, and the same in /etc/sysctl.d to keep it";
const EPERM: i32 = 1;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
const ENOSYS: i32 = 38;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tree, check, check_host};
    use record::Level;

    #[test]
    fn kernels_are_compared_by_number() {
        check("kernel", |_| {}, Level::Ok, "Linux 6.8");
        for (release, level) in [
            ("6.1.0\n", Level::Ok),
            ("10.0", Level::Ok),
            ("5.15.0-91-generic", Level::Missing),
            ("6.0.19", Level::Missing),
            ("", Level::Warning),
            ("six", Level::Warning),
            ("4294967296.1", Level::Warning),
        ] {
            check("kernel", |tree| tree.put("/proc/sys/kernel/osrelease", release.as_bytes()), level, "");
        }
    }

    #[test]
    fn io_uring_is_refused_for_many_reasons() {
        check("io_uring", |_| {}, Level::Ok, "can be set up");
        let refused = |error: fn() -> Result<(), i32>, disabled: &str, level, text| {
            let tree = Tree::healthy();
            tree.put("/proc/sys/kernel/io_uring_disabled", disabled.as_bytes());
            let mut host = tree.host();
            host.probes.io_uring = error;
            check_host(&host, "io_uring", level, text);
        };
        refused(|| Err(EPERM), "2", Level::Missing, "sysctl -w kernel.io_uring_disabled=0");
        refused(|| Err(EPERM), "0", Level::Missing, "seccomp=unconfined");
        refused(|| Err(ENOSYS), "", Level::Missing, "no io_uring");
        refused(|| Err(EINVAL), "0", Level::Missing, "DEFER_TASKRUN");
        refused(|| Err(ENOMEM), "0", Level::Missing, "ulimit -l");
        refused(|| Err(5), "0", Level::Missing, "error 5");
        refused(|| Ok(()), "1", Level::Warning, "io_uring_group");
        refused(|| Ok(()), "99999999999999999999", Level::Ok, "");
    }

    #[test]
    fn containers_are_known_by_their_marks() {
        check("container", |_| {}, Level::Ok, "no container, no seccomp filter");
        check("container", |tree| tree.put("/.dockerenv", b""), Level::Ok, "Docker");
        check("container", |tree| tree.status("Seccomp:\t2\n"), Level::Ok, "a seccomp filter is on");
    }
}
