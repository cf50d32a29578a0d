//! The processors: how many, who shares them, and whether their speed and sleep are steady. The readers are the daemon's too.

use crate::cgroup::unified;
use crate::host::short;
use crate::{Check, Host, Look, Weight};
use std::collections::BTreeMap;

pub(crate) const CORES: Check = Check {
    name: "cores",
    group: "processor",
    weight: Weight::Problem,
    looks_at: "the cores that this process may use",
    why: "a worker has a core to itself; the daemon, the token counting and a server on the same host need others",
    cure: "use a host with at least 4 cores, or keep the server on another host",
    look: cores,
};

pub(crate) const CPU_QUOTA: Check = Check {
    name: "cpu_quota",
    group: "processor",
    weight: Weight::Problem,
    looks_at: "cpu.max of this process's cgroup and those above it",
    why: "when a quota is used up, every thread stops for the rest of the period: tens of milliseconds in which nothing \
          is sent or read",
    cure: "remove the limit (Kubernetes: no `limits.cpu`, or whole cores with the static CPU manager; Docker: no `--cpus`)",
    look: cpu_quota,
};

pub(crate) const HOT_CORE: Check = Check {
    name: "hot_core",
    group: "processor",
    weight: Weight::Problem,
    looks_at: "the core that a worker would get (the last one, unless --cpus names another), and its SMT siblings",
    why: "a busy sibling takes a third of a core's speed, which shows as client overhead",
    cure: "choose --cpus whose siblings stay idle, or switch SMT off (`echo off | sudo tee \
           /sys/devices/system/cpu/smt/control`)",
    look: hot_core,
};

pub(crate) const LOAD: Check = Check {
    name: "load",
    group: "processor",
    weight: Weight::Problem,
    looks_at: "the load average of the last minute against the number of cores",
    why: "other processes take turns with the load generator, and delay what it sends and reads",
    cure: "end other work, or keep it off the worker's core (`taskset`, --cpus)",
    look: load,
};

pub(crate) const GOVERNOR: Check = Check {
    name: "governor",
    group: "processor",
    weight: Weight::Problem,
    looks_at: "the frequency governor of the worker's core",
    why: "a core that slows down between requests is slow when the next one is due",
    cure: "`sudo cpupower frequency-set -g performance`",
    look: governor,
};

pub(crate) const IDLE_STATES: Check = Check {
    name: "idle_states",
    group: "processor",
    weight: Weight::Problem,
    looks_at: "the idle states (C-states) of the worker's core that are enabled, and how long waking up takes",
    why: "the wake-up is part of every user-space timestamp, and of the delay before a packet is stamped",
    cure: "`sudo cpupower idle-set -D 10`, or --spin, which never lets the worker's core sleep",
    look: idle_states,
};

pub(crate) const STEAL: Check = Check {
    name: "steal",
    group: "processor",
    weight: Weight::Problem,
    looks_at: "whether this is a virtual machine, and the share of time that the hypervisor took since boot",
    why: "while the hypervisor runs another machine nothing here is sent, received or stamped",
    cure: "measure on bare metal, or on a machine with dedicated cores",
    look: steal,
};

/// How the processors' time went since the machine started, in clock ticks (1/100 s).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// For each core: ticks spent in processes, and ticks that the hypervisor took.
    pub by_cpu: BTreeMap<u32, (u64, u64)>,
    /// Ticks of all cores.
    pub total: u64,
    /// Ticks of all cores that the hypervisor took.
    pub steal: u64,
}

/// Reads `/proc/stat` (man 5 proc: user nice system idle iowait irq softirq steal).
#[must_use]
pub fn cpu_times(host: &Host) -> CpuTimes {
    let mut times = CpuTimes::default();
    for line in host.text("/proc/stat").unwrap_or_default().lines() {
        let Some(rest) = line.strip_prefix("cpu") else { continue };
        let mut fields = rest.split_ascii_whitespace();
        let numbered = rest.starts_with(|first: char| first.is_ascii_digit());
        let cpu = if numbered { fields.next().and_then(|number| number.parse().ok()) } else { None };
        let ticks = fields.filter_map(|field| field.parse::<u64>().ok()).collect::<Vec<_>>();
        let [user, nice, system, _, _, _, _, steal, ..] = ticks[..] else { continue };
        let busy = user.saturating_add(nice).saturating_add(system);
        match cpu {
            Some(cpu) => drop(times.by_cpu.insert(cpu, (busy, steal))),
            None => {
                let total = ticks.iter().take(8).fold(0_u64, |sum, one| sum.saturating_add(*one));
                (times.total, times.steal) = (total, steal);
            }
        }
    }
    times
}

/// The other hardware threads of a core.
#[must_use]
pub fn siblings(host: &Host, cpu: u32) -> Vec<u32> {
    let list = host.text(&format!("{CPUS}/cpu{cpu}/topology/thread_siblings_list"));
    parse_list(&list.unwrap_or_default()).into_iter().filter(|other| *other != cpu).collect()
}

/// A core's frequency governor, if the host has one.
#[must_use]
pub fn frequency_governor(host: &Host, cpu: u32) -> Option<String> {
    host.text(&format!("{CPUS}/cpu{cpu}/cpufreq/scaling_governor")).filter(|name| !name.is_empty())
}

/// The processor's model name.
#[must_use]
pub fn model(host: &Host) -> Option<String> {
    let cpuinfo = host.text("/proc/cpuinfo")?;
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    name.map(str::to_owned)
}

/// `0-2,5` as numbers, no more than [`CPUS_MAX`] of them.
#[must_use]
pub fn parse_list(list: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            numbers.extend((first..=last).take(CPUS_MAX - numbers.len().min(CPUS_MAX)));
        }
    }
    numbers
}

/// The cores that this process may use.
pub(crate) fn allowed(host: &Host) -> Vec<u32> {
    parse_list(&host.status("Cpus_allowed_list").unwrap_or_default())
}

/// The core that the daemon assigns to the first worker: the last one, unless the user names one.
fn hot_cpu(host: &Host) -> Option<u32> {
    host.wanted.hot_cpus.first().copied().or_else(|| allowed(host).last().copied())
}

fn cores(host: &Host) -> Option<Look> {
    let count = allowed(host).len();
    let found = format!("{count} cores");
    Some(match count {
        0 => Look::warning("unknown", "/proc/self/status does not list the cores"),
        1..CORES_WANTED => {
            Look::warning(found, "worker, token counting, daemon and a local server share them")
        }
        _ => Look::ok(found),
    })
}

fn cpu_quota(host: &Host) -> Option<Look> {
    let mount = unified(&host.text("/proc/self/mountinfo")?)?;
    let groups = host.text("/proc/self/cgroup")?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    let mut folder = own.trim_end_matches('/').to_owned();
    let mut least: Option<f64> = None;
    loop {
        let limit = host.text(&format!("{}{folder}/cpu.max", mount.path)).and_then(|text| quota(&text));
        least = match (least, limit) {
            (Some(least), Some(limit)) => Some(least.min(limit)),
            (one, other) => one.or(other),
        };
        let Some(above) = folder.rfind('/') else { break };
        folder.truncate(above);
    }
    Some(match least {
        None => Look::ok("no limit"),
        Some(cores) => Look::warning(
            format!("{cores:.1} cores' worth of time"),
            "the cgroup of this process has a limit in cpu.max",
        ),
    })
}

/// Cores' worth of time by the text of a `cpu.max`: `150000 100000`, or `max 100000` for no limit.
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.split_once(' ')?;
    let (quota, period) = (quota.parse::<u32>().ok()?, period.trim().parse::<u32>().ok()?);
    (period > 0).then(|| f64::from(quota) / f64::from(period))
}

fn hot_core(host: &Host) -> Option<Look> {
    let cpu = hot_cpu(host)?;
    let siblings = siblings(host, cpu);
    Some(if siblings.is_empty() {
        Look::ok(format!("core {cpu}, without an SMT sibling"))
    } else {
        let names = siblings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Look::warning(format!("core {cpu} with sibling {}", short(&names)), "the two share one core's units")
    })
}

fn load(host: &Host) -> Option<Look> {
    let text = host.text("/proc/loadavg")?;
    let average = text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
    let Some(average) = average.filter(|average| average.is_finite()) else {
        return Some(Look::warning("unknown", "/proc/loadavg is not as expected"));
    };
    let cores = u32::try_from(allowed(host).len().max(1)).unwrap_or(1);
    let found = format!("{average:.1} threads busy on {cores} cores");
    Some(if average > f64::from(cores) * LOAD_SHARE {
        Look::warning(found, "other work uses the processors")
    } else {
        Look::ok(found)
    })
}

fn governor(host: &Host) -> Option<Look> {
    let cpu = hot_cpu(host)?;
    Some(match frequency_governor(host, cpu) {
        None => Look::ok("none: the frequency is not this kernel's to set"),
        Some(name) if name == "performance" => Look::ok(name),
        Some(name) => Look::warning(short(&name), "the frequency follows the load, with delay"),
    })
}

fn idle_states(host: &Host) -> Option<Look> {
    let folder = format!("{CPUS}/cpu{}/cpuidle", hot_cpu(host)?);
    let enabled = host.names(&folder).into_iter().filter_map(|state| {
        let read = |file: &str| host.text(&format!("{folder}/{state}/{file}"));
        let is_enabled = read("disable").is_none_or(|disabled| disabled == "0");
        let latency = read("latency")?.parse::<u64>().ok()?;
        is_enabled.then(|| (latency, short(&read("name").unwrap_or_default())))
    });
    Some(match enabled.max() {
        None => Look::ok("none to be seen"),
        Some((latency, name)) if latency > IDLE_LATENCY_MAX_US => {
            let cause = "a core that sleeps so deep wakes up late";
            Look::warning(format!("{name} takes {latency} µs to wake up"), cause)
        }
        Some((latency, name)) => Look::ok(format!("{name} takes {latency} µs to wake up")),
    })
}

fn steal(host: &Host) -> Option<Look> {
    let times = cpu_times(host);
    let product = host.text("/sys/class/dmi/id/sys_vendor").filter(|name| !name.is_empty());
    let cpuinfo = host.text("/proc/cpuinfo").unwrap_or_default();
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    let is_virtual = flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"))
        || host.is_there("/sys/hypervisor/type");
    let machine = match (is_virtual, product) {
        (false, _) => "no hypervisor".to_owned(),
        (true, Some(product)) => format!("a virtual machine ({})", short(&product)),
        (true, None) => "a virtual machine".to_owned(),
    };
    let stolen = if times.total == 0 { 0.0 } else { float(times.steal) / float(times.total) };
    let found = format!("{machine}, {:.2} % of time taken since boot", stolen * 100.0);
    Some(if stolen > STEAL_MAX {
        Look::warning(found, "the hypervisor runs other machines on these cores")
    } else {
        Look::ok(found)
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
const fn float(count: u64) -> f64 {
    count as f64
}

const CPUS: &str = "/sys/devices/system/cpu";
/// A list of cores from a file is cut here.
const CPUS_MAX: usize = 65_536;
/// One for a worker, one for its other threads, one for the daemon, one for others.
const CORES_WANTED: usize = 4;
/// The share of busy cores that is not reported.
const LOAD_SHARE: f64 = 0.25;
/// Waking up takes a tenth of this from the states of most servers that are not the deepest.
const IDLE_LATENCY_MAX_US: u64 = 50;
const STEAL_MAX: f64 = 0.005;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Tree, check};
    use record::Level;

    #[test]
    fn lists_of_cores() {
        assert_eq!(parse_list("0-2,5"), [0, 1, 2, 5], "ranges and single numbers");
        assert_eq!(parse_list(""), [0_u32; 0], "nothing");
        assert_eq!(parse_list("0-4294967295,7").len(), CPUS_MAX, "no more than there can be");
        assert_eq!(parse_list("5-2,x,-,3"), [3], "what is no range is nothing");
    }

    #[test]
    fn cores_and_their_siblings() {
        check("cores", |_| {}, Level::Ok, "8 cores");
        check("cores", |tree| tree.status("Cpus_allowed_list:\t0-1\n"), Level::Warning, "2 cores");
        check("cores", |tree| tree.status("Cpus_allowed_list:\tall\n"), Level::Warning, "unknown");
        check("hot_core", |_| {}, Level::Ok, "core 7");
        let smt = |tree: &Tree| tree.put(&format!("{CPUS}/cpu7/topology/thread_siblings_list"), b"3,7\n");
        check("hot_core", smt, Level::Warning, "core 7 with sibling 3");
    }

    #[test]
    fn quotas_of_every_cgroup_above_count() {
        let put = |text: &'static [u8]| move |tree: &Tree| tree.put("/sys/fs/cgroup/a/cpu.max", text);
        check("cpu_quota", |_| {}, Level::Ok, "no limit");
        check("cpu_quota", put(b"max 100000"), Level::Ok, "no limit");
        check("cpu_quota", put(b"150000 100000"), Level::Warning, "1.5 cores");
        check("cpu_quota", put(b"1 0"), Level::Ok, "no limit");
    }

    #[test]
    fn other_work() {
        check("load", |_| {}, Level::Ok, "on 8 cores");
        check(
            "load",
            |tree| tree.put("/proc/loadavg", b"9.50 1 1 1/2 3"),
            Level::Warning,
            "9.5 threads busy",
        );
        check("load", |tree| tree.put("/proc/loadavg", b"inf"), Level::Warning, "unknown");
    }

    #[test]
    fn speed_and_sleep() {
        check("governor", |_| {}, Level::Ok, "performance");
        let governor = format!("{CPUS}/cpu7/cpufreq/scaling_governor");
        check("governor", |tree| tree.put(&governor, b"powersave\n"), Level::Warning, "powersave");
        check("governor", |tree| tree.remove(&governor), Level::Ok, "none");
        check("idle_states", |_| {}, Level::Ok, "POLL");
        let deep = |tree: &Tree| {
            tree.put(&format!("{CPUS}/cpu7/cpuidle/state3/name"), b"C6\n");
            tree.put(&format!("{CPUS}/cpu7/cpuidle/state3/latency"), b"133\n");
            tree.put(&format!("{CPUS}/cpu7/cpuidle/state3/disable"), b"0\n");
        };
        check("idle_states", deep, Level::Warning, "C6 takes 133 µs");
        let disabled = |tree: &Tree| {
            deep(tree);
            tree.put(&format!("{CPUS}/cpu7/cpuidle/state3/disable"), b"1\n");
        };
        check("idle_states", disabled, Level::Ok, "POLL");
    }

    #[test]
    fn stolen_time() {
        check("steal", |_| {}, Level::Ok, "no hypervisor, 0.00 %");
        let stolen =
            |tree: &Tree| tree.put("/proc/stat", b"cpu 10 0 10 70 0 0 0 10 0 0\ncpu0 1 1 1 1 1 1 1 1\n");
        check("steal", stolen, Level::Warning, "10.00 %");
        let machine = |tree: &Tree| {
            tree.put("/proc/cpuinfo", b"model name\t: X\nflags\t\t: fpu hypervisor sse\n");
            tree.put("/sys/class/dmi/id/sys_vendor", b"QEMU\n");
        };
        check("steal", machine, Level::Ok, "a virtual machine (QEMU)");
    }

    #[test]
    fn times_of_each_core() {
        let tree = Tree::healthy();
        tree.put("/proc/stat", b"cpu  4 0 4 8 0 0 0 2 0 0\ncpu0 1 1 1 4 0 0 0 1 0 0\ncpu1 x\nintr 5\n");
        let times = cpu_times(&tree.host());
        assert_eq!(times.by_cpu, BTreeMap::from([(0, (3, 1))]), "in processes, and taken");
        assert_eq!((times.total, times.steal), (18, 2), "of all cores");
    }
}
