//! The host's own description: names, processors, and how their time was used.

use common::clock::DurationNs;
use common::ring::COUNTERS;
pub use doctor::processor::CpuTimes;
use doctor::{clocks, processor};
use record::Host;
use std::collections::BTreeMap;
use std::fs;

/// The host's description for `run.json`.
pub fn describe(hot_cpus: &[u32]) -> Host {
    let name = rustix::system::uname();
    let text = |bytes: &std::ffi::CStr| bytes.to_string_lossy().into_owned();
    let governor = hot_cpus.first().and_then(|cpu| processor::frequency_governor(&this(), *cpu));
    Host {
        kernel: format!("{} {}", text(name.release()), text(name.version())),
        hostname: text(name.nodename()),
        cpu_model: processor::model(&this()).unwrap_or_else(|| "unknown".to_owned()),
        cores: u32::try_from(all_cpus().len()).unwrap_or(0),
        governor,
        hot_cpus: hot_cpus.to_vec(),
    }
}

/// By how many seconds this process's `CLOCK_MONOTONIC` is off the kernel's, which stamps packets: in a time namespace (man
/// 7 time_namespaces) it may be.
#[must_use]
pub fn clock_shift_seconds() -> f64 {
    let offsets = fs::read_to_string(clocks::OFFSETS).unwrap_or_default();
    let (seconds, nanoseconds) = clocks::shift(&offsets).unwrap_or((0, 0));
    DurationNs(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)).as_seconds()
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
    processor::siblings(&this(), cpu)
}

/// How the processors' time went since the machine started.
pub fn cpu_times() -> CpuTimes {
    processor::cpu_times(&this())
}

/// This host, for readers that the checks of the host have too.
fn this() -> doctor::Host {
    doctor::Host::here(doctor::Wanted::default())
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

/// Threads of a process whose names start with a prefix.
pub fn threads_named(pid: u32, prefix: &str) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let named = threads.flatten().filter(|thread| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.starts_with(prefix))
    });
    named.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect()
}

/// Whether a process was stopped by a signal or a debugger (man 5 proc_pid_stat, field 3).
pub fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, after)| after.starts_with(['T', 't']))
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
        assert_eq!(all_cpus(), all, "no others");
    }
}
