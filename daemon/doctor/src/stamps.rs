//! Which timestamp source a run gets, and why not a better one.

use crate::cgroup::unified;
use crate::host::{is_writable, short};
use crate::{Check, Host, Look, Offer, Weight};

/// A capability of the kernel's: its name, and its bit in `/proc/PID/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its name: `CAP_BPF`.
    pub name: &'static str,
    /// Its number (`linux/capability.h`).
    pub bit: u32,
}

/// What the kernel programs, and the pinning of the collector, take.
pub const CAPABILITIES_NEEDED: &[Capability] = &[
    Capability { name: "CAP_BPF", bit: 39 },
    Capability { name: "CAP_NET_ADMIN", bit: 12 },
    Capability { name: "CAP_PERFMON", bit: 38 },
    Capability { name: "CAP_SYS_NICE", bit: 23 },
];

pub(crate) const EBPF: Check = Check {
    name: "ebpf",
    group: "timestamps",
    weight: Weight::Problem,
    looks_at: "whether a run gets stamps from kernel programs, from the daemon or by this user",
    why: "they stamp each segment as the kernel sends or receives it, which is the most precise source; without them \
          the sockets' software stamps are used",
    cure: "start the daemon as root (`sudo aiperfd`), or one run with `sudo aiperf-ctl profile`",
    look: ebpf,
};

pub(crate) const SO_TIMESTAMPING: Check = Check {
    name: "so_timestamping",
    group: "timestamps",
    weight: Weight::Problem,
    looks_at: "whether sockets support software timestamps",
    why: "it is what a run without privileges gets: the kernel's receive time of each read, and the send time",
    cure: "use a Linux kernel (no emulation of one), or --timestamps user",
    look: so_timestamping,
};

pub(crate) const TIMESTAMPS: Check = Check {
    name: "timestamps",
    group: "timestamps",
    weight: Weight::Note,
    looks_at: "the source that --timestamps auto chooses on this host",
    why: "it is written into every run, and runs of different sources should not be compared",
    cure: "see the check `ebpf`",
    look: timestamps,
};

pub(crate) const DAEMON: Check = Check {
    name: "daemon",
    group: "timestamps",
    weight: Weight::Problem,
    looks_at: "whether a daemon listens on the control socket, and answers this user",
    why: "a daemon that root started gives every user of the group `aiperf` kernel stamps; without one each run starts a \
          private daemon with the user's own rights",
    cure: "restart aiperfd, and read its log",
    look: daemon,
};

pub(crate) const CAPABILITIES: Check = Check {
    name: "capabilities",
    group: "timestamps",
    weight: Weight::Note,
    looks_at: "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_NICE of this process",
    why: "loading and attaching kernel programs requires them; only the process that starts the daemon needs them",
    cure: "start aiperfd as root; in a container add `--cap-add BPF --cap-add PERFMON --cap-add NET_ADMIN --cap-add \
           SYS_NICE`",
    look: capabilities,
};

pub(crate) const CGROUP_V2: Check = Check {
    name: "cgroup_v2",
    group: "timestamps",
    weight: Weight::Note,
    looks_at: "whether cgroup v2 is mounted, and cgroups can be made in it",
    why: "the kernel programs are attached to a cgroup of the run's own, so they cost other processes nothing",
    cure: "mount it (`mount -t cgroup2 none /sys/fs/cgroup/unified`); in a container use `--cgroupns=host` with \
           `/sys/fs/cgroup` mounted writable",
    look: cgroup_v2,
};

pub(crate) const BTF: Check = Check {
    name: "btf",
    group: "timestamps",
    weight: Weight::Note,
    looks_at: "/sys/kernel/btf/vmlinux",
    why: "none of our kernel programs needs it: they use stable interfaces only. Other tools do",
    cure: "a kernel that is built with CONFIG_DEBUG_INFO_BTF",
    look: btf,
};

fn ebpf(host: &Host) -> Option<Look> {
    let why = match &host.wanted.offer {
        Offer::Own { timestamps, .. } if timestamps == EBPF.name => {
            return Some(Look::ok("this daemon has it"));
        }
        Offer::Offered { timestamps, socket, .. } if timestamps == EBPF.name => {
            return Some(Look::ok(format!("the daemon at {} offers it", short(socket))));
        }
        Offer::Own { reason, .. } | Offer::Offered { reason, .. } => {
            reason.as_deref().map_or_else(|| "the daemon does not report why".to_owned(), short)
        }
        Offer::Private | Offer::Refused { .. } | Offer::Broken { .. } => lacking(host).join("; "),
    };
    if why.is_empty() {
        return Some(Look::ok("a private daemon of this user has it"));
    }
    Some(Look::missing("no kernel programs for a run of this user", why))
}

/// What a private daemon of this user lacks for kernel programs.
fn lacking(host: &Host) -> Vec<String> {
    let missing = capabilities_missing(host);
    let mut lacking = Vec::new();
    if !missing.is_empty() {
        lacking.push(format!("this user lacks {}", missing.join(", ")));
    }
    match mounted(host) {
        None => lacking.push("cgroup v2 is not mounted".to_owned()),
        Some(mount) if mount.is_read_only => lacking.push("cgroup v2 is mounted read-only".to_owned()),
        Some(_) => {}
    }
    lacking
}

fn so_timestamping(host: &Host) -> Option<Look> {
    let Some(release) = host.text("/proc/sys/kernel/osrelease").filter(|release| !release.is_empty()) else {
        return Some(Look::warning("unknown", "/proc/sys/kernel/osrelease can't be read: is this Linux?"));
    };
    if host.text("/proc/version").is_some_and(|version| version.contains("gVisor")) {
        return Some(Look::missing("not offered", "gVisor emulates the kernel and stamps nothing"));
    }
    Some(Look::ok(format!("offered by Linux {}", short(&release))))
}

fn timestamps(host: &Host) -> Option<Look> {
    let source = match &host.wanted.offer {
        Offer::Own { timestamps, .. } | Offer::Offered { timestamps, .. } => short(timestamps),
        _ if lacking(host).is_empty() => EBPF.name.to_owned(),
        _ => SO_TIMESTAMPING.name.to_owned(),
    };
    Some(Look::ok(source))
}

fn daemon(host: &Host) -> Option<Look> {
    Some(match &host.wanted.offer {
        Offer::Own { .. } => Look::ok("this is it"),
        Offer::Private => Look::ok("none listens: each run starts a private one"),
        Offer::Offered { socket, version, timestamps, .. } => {
            let found = format!("{} at {} offers {}", short(version), short(socket), short(timestamps));
            if version == env!("CARGO_PKG_VERSION") {
                Look::ok(found)
            } else {
                let cause = format!("this client is {}", env!("CARGO_PKG_VERSION"));
                Look::warning(found, cause).cured_by("install the same version of both, and restart aiperfd")
            }
        }
        Offer::Refused { socket } => {
            let found = format!("one listens at {}, closed to this user", short(socket));
            Look::missing(found, "its socket is for root and the group `aiperf`").cured_by(
                "`sudo usermod -aG aiperf $USER`, then log in again (`sudo groupadd -r aiperf` before, and restart \
                 aiperfd, if there is no such group)",
            )
        }
        Offer::Broken { socket, why } => {
            Look::warning(format!("one listens at {} and does not answer", short(socket)), short(why))
        }
    })
}

fn capabilities(host: &Host) -> Option<Look> {
    let missing = capabilities_missing(host);
    Some(if missing.is_empty() {
        Look::ok("all four")
    } else {
        Look::missing(format!("without {}", missing.join(", ")), "this process was not started with them")
    })
}

fn capabilities_missing(host: &Host) -> Vec<&'static str> {
    let effective = host.status("CapEff").and_then(|bits| u64::from_str_radix(&bits, 16).ok()).unwrap_or(0);
    let missing = CAPABILITIES_NEEDED.iter().filter(|needed| effective & (1 << needed.bit) == 0);
    missing.map(|needed| needed.name).collect()
}

fn mounted(host: &Host) -> Option<crate::cgroup::Mounted> {
    unified(&host.text("/proc/self/mountinfo")?)
}

fn cgroup_v2(host: &Host) -> Option<Look> {
    let Some(mount) = mounted(host) else {
        return Some(Look::missing("not mounted", "no mount of type cgroup2 in /proc/self/mountinfo"));
    };
    let path = short(&mount.path);
    if has_programs(host) {
        // The daemon made its cgroup before it gave up the right to make others.
        return Some(Look::ok(format!("the daemon has a cgroup below {path}")));
    }
    Some(if mount.is_read_only {
        Look::missing(format!("read-only at {path}"), "it is mounted without the right to make cgroups")
    } else if is_writable(&host.path(&mount.path)) {
        Look::ok(format!("writable at {path}"))
    } else {
        Look::missing(format!("at {path}, closed to this user"), "only root makes cgroups in its root")
            .cured_by("start aiperfd as root")
    })
}

/// Whether a daemon has reported that it has kernel programs.
fn has_programs(host: &Host) -> bool {
    match &host.wanted.offer {
        Offer::Own { timestamps, .. } | Offer::Offered { timestamps, .. } => timestamps == EBPF.name,
        Offer::Private | Offer::Refused { .. } | Offer::Broken { .. } => false,
    }
}

fn btf(host: &Host) -> Option<Look> {
    Some(if host.is_there("/sys/kernel/btf/vmlinux") {
        Look::ok("there, and not needed")
    } else {
        Look::missing("not there, and not needed", "the kernel is built without it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tree, check, level_of};
    use record::Level;

    fn offered(timestamps: &str, reason: Option<&str>) -> Offer {
        Offer::Offered {
            socket: "/run/aiperfd/control.sock".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            timestamps: timestamps.to_owned(),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn root_has_kernel_programs_of_its_own() {
        check("ebpf", |_| {}, Level::Ok, "a private daemon");
        check("timestamps", |_| {}, Level::Ok, "ebpf");
        check("capabilities", |_| {}, Level::Ok, "all four");
        check("cgroup_v2", |_| {}, Level::Ok, "/sys/fs/cgroup");
        check("btf", |_| {}, Level::Ok, "not needed");
        check("daemon", |_| {}, Level::Ok, "private");
    }

    #[test]
    fn a_plain_user_sees_what_is_missing() {
        let plain = |tree: &Tree| tree.status("CapEff:\t0000000000000000\nUid:\t7\t7\t7\t7\n");
        check("ebpf", plain, Level::Missing, "lacks CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_NICE");
        check("timestamps", plain, Level::Ok, "so_timestamping");
        check("capabilities", plain, Level::Missing, "CAP_BPF");
        let only_bpf = |tree: &Tree| tree.status("CapEff:\t0000008000000000\n");
        check("capabilities", only_bpf, Level::Missing, "without CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_NICE");
    }

    #[test]
    fn a_daemon_lends_what_the_user_lacks() {
        let tree = Tree::healthy();
        let mut host = tree.host_without_rights();
        host.wanted.offer = offered("ebpf", None);
        assert_eq!(level_of(&host, "ebpf"), Level::Ok, "the daemon's");
        assert_eq!(level_of(&host, "daemon"), Level::Ok, "the same version");
        assert_eq!(level_of(&host, "cgroup_v2"), Level::Ok, "the daemon's");
        host.wanted.offer = offered("so_timestamping", Some("no kernel probes: aiperfd lacks CAP_BPF"));
        let found = crate::examine(&host);
        let ebpf = found.iter().find(|one| one.name == "ebpf").unwrap();
        assert!(ebpf.cause.as_ref().unwrap().contains("aiperfd lacks CAP_BPF"), "{ebpf:?}");
        host.wanted.offer = Offer::Refused { socket: "/run/x".to_owned() };
        assert_eq!(level_of(&host, "daemon"), Level::Missing, "closed");
        host.wanted.offer =
            Offer::Broken { socket: "/run/x".to_owned(), why: "hung up\n\u{1b}[31m".to_owned() };
        assert_eq!(level_of(&host, "daemon"), Level::Warning, "does not answer");
        host.wanted.offer = Offer::Offered {
            socket: "x".to_owned(),
            version: "0.0.1".to_owned(),
            timestamps: "ebpf".to_owned(),
            reason: None,
        };
        assert_eq!(level_of(&host, "daemon"), Level::Warning, "another version");
        host.wanted.offer = Offer::Own { timestamps: "user".to_owned(), reason: None };
        assert_eq!(level_of(&host, "ebpf"), Level::Missing, "a daemon without");
    }

    #[test]
    fn cgroups_that_can_t_be_made() {
        check(
            "cgroup_v2",
            |tree| tree.put("/proc/self/mountinfo", b"1 2 0:1 / /x rw - tmpfs t rw"),
            Level::Missing,
            "not mounted",
        );
        let line = b"1 2 0:1 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw";
        check("cgroup_v2", |tree| tree.put("/proc/self/mountinfo", line), Level::Missing, "read-only");
        check("ebpf", |tree| tree.put("/proc/self/mountinfo", line), Level::Missing, "read-only");
    }

    #[test]
    fn emulated_kernels_stamp_nothing() {
        check("so_timestamping", |_| {}, Level::Ok, "offered by Linux 6.8");
        check(
            "so_timestamping",
            |tree| tree.put("/proc/version", b"Linux version 4.4.0 gVisor"),
            Level::Missing,
            "gVisor",
        );
        check("so_timestamping", |tree| tree.remove("/proc/sys/kernel/osrelease"), Level::Warning, "unknown");
        check("btf", |tree| tree.remove("/sys/kernel/btf/vmlinux"), Level::Missing, "built without");
    }
}
