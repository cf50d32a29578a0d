//! What the host says of itself: names, processors, and how their time went.

use common::ring::COUNTERS;
use record::Host;
use std::collections::BTreeMap;
use std::fs;

/// The host's description for `run.json`.
pub fn describe(hot_cpus: &[u32]) -> Host {
    let name = rustix::system::uname();
    let text = |bytes: &std::ffi::CStr| bytes.to_string_lossy().into_owned();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let governor = hot_cpus.first().and_then(|cpu| {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
        Some(fs::read_to_string(path).ok()?.trim().to_owned())
    });
    Host {
        kernel: format!("{} {}", text(name.release()), text(name.version())),
        hostname: text(name.nodename()),
        cpu_model: model.unwrap_or("unknown").to_owned(),
        cores: u32::try_from(all_cpus().len()).unwrap_or(0),
        governor,
        hot_cpus: hot_cpus.to_vec(),
    }
}

/// The cores that this process may run on.
pub fn all_cpus() -> Vec<u32> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else { return vec![0] };
    (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|cpu| set.is_set(*cpu))
        .filter_map(|cpu| u32::try_from(cpu).ok())
        .collect()
}

/// Keeps this thread, and those that it starts, off these cores, if that leaves any.
pub fn keep_off(cpus: &[u32]) {
    let Ok(mut set) = rustix::thread::sched_getaffinity(None) else { return };
    cpus.iter().for_each(|cpu| set.unset(*cpu as usize));
    if set.count() > 0 {
        // Where the kernel refuses, the verdict sees the sharing.
        rustix::thread::sched_setaffinity(None, &set).ok();
    }
}

/// The other hardware threads of a core.
pub fn siblings(cpu: u32) -> Vec<u32> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    let list = fs::read_to_string(path).unwrap_or_default();
    parse_list(list.trim()).into_iter().filter(|other| *other != cpu).collect()
}

/// `0-2,5` as numbers.
fn parse_list(list: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            numbers.extend(first..=last);
        }
    }
    numbers
}

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
pub fn cpu_times() -> CpuTimes {
    let mut times = CpuTimes::default();
    for line in fs::read_to_string("/proc/stat").unwrap_or_default().lines() {
        let Some(rest) = line.strip_prefix("cpu") else { continue };
        let mut fields = rest.split_ascii_whitespace();
        let numbered = rest.starts_with(|first: char| first.is_ascii_digit());
        let cpu = if numbered { fields.next().and_then(|number| number.parse().ok()) } else { None };
        let ticks = fields.filter_map(|field| field.parse::<u64>().ok()).collect::<Vec<_>>();
        let [user, nice, system, _, _, _, _, steal, ..] = ticks[..] else { continue };
        match cpu {
            Some(cpu) => drop(times.by_cpu.insert(cpu, (user + nice + system, steal))),
            None => (times.total, times.steal) = (ticks.iter().take(8).sum(), steal),
        }
    }
    times
}

/// Ticks that the threads of a process spent, by thread name.
pub fn thread_times(pid: u32) -> BTreeMap<String, u64> {
    let mut times = BTreeMap::new();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return times };
    for thread in threads.flatten() {
        let Ok(stat) = fs::read_to_string(thread.path().join("stat")) else { continue };
        let Some((before, after)) = stat.rsplit_once(") ") else { continue };
        let name = before.split_once('(').map_or("", |(_, name)| name).to_owned();
        let fields = after.split(' ').collect::<Vec<_>>();
        let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        *times.entry(name).or_default() += ticks(11) + ticks(12);
    }
    times
}

/// Threads of a process whose names begin so.
pub fn threads_named(pid: u32, prefix: &str) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let named = threads.flatten().filter(|thread| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.starts_with(prefix))
    });
    named.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect()
}

/// Ticks that a process spent, ended threads counted.
pub fn process_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    let fields = after.split(' ').collect::<Vec<_>>();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    ticks(11) + ticks(12)
}

/// The most memory that a process held, in bytes.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().split(' ').next()?.parse::<u64>().ok()? * 1024)
}

/// CPU seconds of this process and of the processes in a cgroup (`cpu.stat`, usage in µs).
pub fn cgroup_cpu_seconds(cgroup: &std::path::Path) -> Option<f64> {
    let stat = fs::read_to_string(cgroup.join("cpu.stat")).ok()?;
    let micros = stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    Some(micros.trim().parse::<f64>().ok()? / 1e6)
}

/// Counters summed over the workers, by name.
pub fn named(sums: &[u64; COUNTERS.len()]) -> BTreeMap<String, u64> {
    COUNTERS.iter().zip(sums).map(|((_, name), sum)| ((*name).to_owned(), *sum)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_kept_off_keeps_its_threads_off() {
        let all = all_cpus();
        let first = all[0];
        let allowed = std::thread::spawn(move || {
            keep_off(&[first]);
            std::thread::spawn(all_cpus).join().unwrap()
        });
        let allowed = allowed.join().unwrap();
        assert_eq!(
            allowed.contains(&first),
            all.len() == 1,
            "unless there is no other: {allowed:?} of {all:?}"
        );
        assert_eq!(all_cpus(), all, "nobody else");
    }

    #[test]
    fn lists_of_cores() {
        assert_eq!(parse_list("0-2,5"), [0, 1, 2, 5], "ranges and single numbers");
        assert_eq!(parse_list(""), [0_u32; 0], "nothing");
    }
}
