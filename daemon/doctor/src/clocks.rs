//! The host's clocks: how they are read, whether this process sees the kernel's own, and whether dates are kept right.

use crate::host::short;
use crate::{Check, Host, Look, Weight};

pub(crate) const CLOCK_SOURCE: Check = Check {
    name: "clock_source",
    group: "clocks",
    weight: Weight::Problem,
    looks_at: "the kernel's current clock source",
    why: "every stamp reads the clock; one that needs a system call or a device costs a microsecond instead of 20 ns, on \
          every event",
    cure: "`echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource` if it is among \
           available_clocksource; else look in `dmesg` for why the kernel does not trust it",
    look: clock_source,
};

pub(crate) const TIME_NAMESPACE: Check = Check {
    name: "time_namespace",
    group: "clocks",
    weight: Weight::Problem,
    looks_at: OFFSETS,
    why: "in a time namespace CLOCK_MONOTONIC is shifted for processes and not for kernel programs: their stamps would not \
          be on one clock",
    cure: "start the programs outside of it (without `unshare --time`, or the container's option for it)",
    look: time_namespace,
};

pub(crate) const TIME_SYNC: Check = Check {
    name: "time_sync",
    group: "clocks",
    weight: Weight::Problem,
    looks_at: "traces of chrony, ntpd, systemd-timesyncd or ptp4l below /run, and PTP devices",
    why: "latencies do not depend on it, but dates do, and so does every comparison with logs and metrics of other hosts",
    cure: "`sudo apt install chrony` (or the distribution's own), or nothing if one host is all that matters",
    look: time_sync,
};

fn clock_source(host: &Host) -> Option<Look> {
    let name = host.text(&format!("{SOURCES}/current_clocksource")).unwrap_or_default();
    Some(match name.as_str() {
        "" => Look::warning("unknown", format!("{SOURCES} does not name the clock")),
        name if FAST.contains(&name) => Look::ok(name),
        name => {
            let others = host.text(&format!("{SOURCES}/available_clocksource")).unwrap_or_default();
            let cause = format!("reading it needs a system call (available: {})", short(&others));
            Look::warning(short(name), cause)
        }
    })
}

fn time_namespace(host: &Host) -> Option<Look> {
    // Without the file the kernel has no time namespaces.
    Some(match shift(&host.text(OFFSETS).unwrap_or_default()) {
        Some((0, 0)) => Look::ok("the host's own"),
        Some((seconds, _)) => {
            Look::warning(format!("shifted by {seconds} s"), "this process is in a time namespace of its own")
        }
        None => Look::warning("unknown", format!("{OFFSETS} is not as expected")),
    })
}

/// By how many seconds and nanoseconds `CLOCK_MONOTONIC` differs from the kernel's, according to this file; `None` if the
/// file is not as expected.
#[must_use]
pub fn shift(offsets: &str) -> Option<(i64, i64)> {
    let line = offsets.lines().find_map(|line| line.trim_start().strip_prefix("monotonic")).unwrap_or("0 0");
    let mut numbers = line.split_whitespace().map(str::parse::<i64>);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(seconds)), Some(Ok(nanoseconds)), None) => Some((seconds, nanoseconds)),
        _ => None,
    }
}

/// The offsets of this process's clocks (man 7 time_namespaces).
pub const OFFSETS: &str = "/proc/self/timens_offsets";

fn time_sync(host: &Host) -> Option<Look> {
    let running = SERVICES.iter().find(|(_, marks)| marks.iter().any(|mark| host.is_there(mark)));
    let devices = host.names("/dev").iter().filter(|name| name.starts_with("ptp")).count();
    let devices = match devices {
        0 => String::new(),
        count => format!(", {count} PTP device{}", if count == 1 { "" } else { "s" }),
    };
    Some(match running {
        Some((name, _)) => Look::ok(format!("{name}{devices}")),
        None => Look::warning(
            format!("no time service found{devices}"),
            "nothing that keeps the date right has left a trace",
        ),
    })
}

const SOURCES: &str = "/sys/devices/system/clocksource/clocksource0";
/// Clock sources that are read without a system call.
const FAST: &[&str] =
    &["tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page", "timebase", "riscv_clocksource"];
/// Services that keep the date, with files that each leaves while it runs or once it is in step.
const SERVICES: &[(&str, &[&str])] = &[
    ("PTP (phc2sys, ptp4l)", &["/run/ptp4l", "/run/phc2sys.pid", "/run/timemaster"]),
    (
        "chrony",
        &[
            "/run/chrony/chronyd.pid",
            "/run/chronyd.pid",
            "/run/chrony/chronyd.sock",
            "/var/run/chrony/chronyd.pid",
        ],
    ),
    ("ntpd", &["/run/ntpd.pid", "/run/ntpsec/ntpd.pid", "/var/run/ntpd.pid"]),
    ("systemd-timesyncd, in step", &["/run/systemd/timesync/synchronized"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tree, check};
    use record::Level;

    #[test]
    fn slow_clocks_are_named() {
        check("clock_source", |_| {}, Level::Ok, "tsc");
        let put = |name: &'static [u8]| {
            move |tree: &Tree| tree.put(&format!("{SOURCES}/current_clocksource"), name)
        };
        check("clock_source", put(b"hpet\n"), Level::Warning, "available: tsc");
        check("clock_source", put(b""), Level::Warning, "unknown");
        check("clock_source", put(b"\xff\x00"), Level::Warning, "system call");
    }

    #[test]
    fn shifted_clocks_are_found() {
        check("time_namespace", |_| {}, Level::Ok, "own");
        let put = |text: &'static [u8]| move |tree: &Tree| tree.put("/proc/self/timens_offsets", text);
        check(
            "time_namespace",
            put(b"monotonic  -86400  5\nboottime 0 0\n"),
            Level::Warning,
            "shifted by -86400 s",
        );
        check("time_namespace", put(b"monotonic 99999999999999999999 0"), Level::Warning, "unknown");
        check("time_namespace", |tree| tree.remove("/proc/self/timens_offsets"), Level::Ok, "own");
    }

    #[test]
    fn who_keeps_the_date() {
        check("time_sync", |_| {}, Level::Ok, "chrony");
        check("time_sync", |tree| tree.remove("/run/chrony/chronyd.pid"), Level::Warning, "no time service");
        check("time_sync", |tree| tree.put("/dev/ptp0", b""), Level::Ok, "1 PTP device");
    }
}
