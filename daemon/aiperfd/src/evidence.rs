//! Gathers what the verdict judges: counters, sums over requests, and how the processors' time was used.

use crate::gpus;
use crate::host::{self, CpuTimes};
use crate::pipeline::View;
use crate::verdict::{Evidence, Requests};
use common::clock::{DurationNs, MonoNs};
use common::ring::{COUNTERS, Counter};
use record::Phase;
use spec::{Plan, Timestamps, Tokenizer, Wait};
use std::collections::BTreeMap;
use std::path::Path;

/// How the processors' time is used while requests are sent.
#[derive(Debug)]
pub struct CpuUsage {
    hot_cpus: Vec<u32>,
    /// The core of each worker, of those that are pinned.
    worker_cpus: Vec<Option<u32>>,
    begin: CpuTimes,
    threads_begin: BTreeMap<String, u64>,
    end: CpuTimes,
    threads_end: BTreeMap<String, u64>,
    peak_loadgen_bytes: u64,
    cpu_seconds_begin: f64,
    stops: Stops,
}

/// How long the load generator was a stopped process (SIGSTOP, a debugger), as far as looks at it show.
#[derive(Debug, Default)]
struct Stops {
    since: Option<MonoNs>,
    longest: DurationNs,
}

impl Stops {
    /// How long it has been stopped.
    fn lasted(&self, now: MonoNs) -> DurationNs {
        self.since.map_or(DurationNs(0), |since| now - since)
    }

    fn look(&mut self, is_stopped: bool, now: MonoNs) {
        let since = is_stopped.then(|| self.since.unwrap_or(now));
        if let Some(since) = since.or(self.since) {
            self.longest = self.longest.max(now - since);
        }
        self.since = since;
    }
}

impl CpuUsage {
    /// Starts to watch these cores and this load generator.
    pub fn start(cpus: &[Option<u32>], pid: u32) -> Self {
        let begin = host::cpu_times();
        let threads_begin = host::thread_times(pid);
        Self {
            hot_cpus: cpus.iter().flatten().copied().collect(),
            worker_cpus: cpus.to_vec(),
            end: begin.clone(),
            threads_end: threads_begin.clone(),
            begin,
            threads_begin,
            peak_loadgen_bytes: 0,
            cpu_seconds_begin: own_cpu_seconds(),
            stops: Stops::default(),
        }
    }

    /// Reads the counters while the load generator lives: afterwards its threads have none.
    pub fn look(&mut self, pid: u32) {
        let threads = host::thread_times(pid);
        if threads.keys().any(|name| name.starts_with(HOT_THREAD)) {
            self.threads_end = threads;
            self.end = host::cpu_times();
        }
        self.stops.look(host::is_stopped(pid), clock::mono());
        self.peak_loadgen_bytes = host::peak_memory(pid).unwrap_or(0).max(self.peak_loadgen_bytes);
    }

    /// How long the load generator has been a stopped process, by the last look.
    pub fn stopped_for(&self, now: MonoNs) -> DurationNs {
        self.stops.lasted(now)
    }

    /// Ends the watch.
    pub fn end(&mut self, pid: u32) {
        self.look(pid);
    }

    /// The worst hot core's share of time that other threads than its hot thread used.
    fn foreign(&self) -> f64 {
        let shares = self.hot_cpus.iter().enumerate().map(|(worker, cpu)| {
            let (busy, elapsed) = self.ticks(*cpu);
            let name = format!("{HOT_THREAD}{worker}");
            let own = ticks_between(&self.threads_begin, &self.threads_end, &name);
            // Ticks are whole hundredths of a second on either side.
            share(busy.saturating_sub(own + 2), elapsed)
        });
        shares.fold(0.0, f64::max)
    }

    /// Each worker's core, and the share of it that its thread has used since the start; unknown of one that is not pinned.
    pub fn workers(&self) -> Vec<(Option<u32>, Option<f64>)> {
        let of = |(worker, cpu): (usize, &Option<u32>)| {
            let busy = cpu.and_then(|cpu| {
                let own =
                    ticks_between(&self.threads_begin, &self.threads_end, &format!("{HOT_THREAD}{worker}"));
                let (_, elapsed) = self.ticks(cpu);
                (elapsed > 0).then(|| share(own, elapsed))
            });
            (*cpu, busy)
        };
        self.worker_cpus.iter().enumerate().map(of).collect()
    }

    /// The busiest hot thread's share of its core, kernel time counted; `None` when the run was too short to measure it.
    fn hot_core_busy(&self) -> Option<f64> {
        let shares = self.hot_cpus.iter().enumerate().map(|(worker, cpu)| {
            let own = ticks_between(&self.threads_begin, &self.threads_end, &format!("{HOT_THREAD}{worker}"));
            share(own, self.ticks(*cpu).1)
        });
        shares.reduce(f64::max)
    }

    /// The worst busy share of the other hardware thread of a hot core.
    fn siblings(&self) -> f64 {
        let siblings = self.hot_cpus.iter().flat_map(|cpu| host::siblings(*cpu));
        let others = siblings.filter(|cpu| !self.hot_cpus.contains(cpu));
        let shares = others.map(|cpu| {
            let (busy, elapsed) = self.ticks(cpu);
            share(busy, elapsed)
        });
        shares.fold(0.0, f64::max)
    }

    fn steal(&self) -> f64 {
        share(self.end.steal - self.begin.steal, self.end.total - self.begin.total)
    }

    /// Ticks that a core spent in processes, and ticks that passed for each core.
    fn ticks(&self, cpu: u32) -> (u64, u64) {
        let of = |times: &CpuTimes| times.by_cpu.get(&cpu).map_or(0, |(busy, _)| *busy);
        let cores = u64::try_from(self.end.by_cpu.len().max(1)).unwrap_or(1);
        (of(&self.end).saturating_sub(of(&self.begin)), (self.end.total - self.begin.total) / cores)
    }
}

/// What is known of a run, for the verdict. Clock step, governor and early end are for the caller to add.
pub fn evidence(
    plan: &Plan,
    sums: &[u64; COUNTERS.len()],
    view: &View,
    usage: &CpuUsage,
    source: Timestamps,
) -> Evidence {
    let sum = |counter: Counter| sums[counter.index()];
    let of_records = Evidence::of_records(plan, view, source);
    Evidence {
        due: sum(Counter::Sent) + sum(Counter::Unsent),
        sent: sum(Counter::Sent),
        late: sum(Counter::Late),
        open_loop: plan.load.measured().any(|phase| phase.shape.is_open_loop()),
        concurrency_limit: plan.load.measured().filter_map(|phase| phase.concurrency).max(),
        client_ring_full: sum(Counter::RingFull),
        starved: sum(Counter::Starved),
        // A spinning core is busy by configuration.
        hot_core_busy: (plan.workers.wait == Wait::Block).then(|| usage.hot_core_busy()).flatten(),
        standstill_ms: of_records.standstill_ms.max(usage.stops.longest.as_millis()),
        steal: usage.steal(),
        foreign_on_hot_core: usage.foreign(),
        sibling_busy: usage.siblings(),
        ..of_records
    }
}

impl Evidence {
    /// Evidence from the recorded requests, as all that is known of a run that was cut off: what was sent is what is recorded.
    pub fn of_records(plan: &Plan, view: &View, source: Timestamps) -> Self {
        let kernel =
            |names: &[&str]| names.iter().filter_map(|name| view.loss.kernel.get(*name)).sum::<u64>();
        let ring_full = kernel(&["ring_full", "connection_ring_full"]);
        let mut tally = view.tally.clone();
        let requests = |is_warmup: bool| {
            let mut all = Requests::default();
            let phases = plan.load.phases.iter().filter(|phase| phase.is_warmup == is_warmup);
            let recorded = phases.filter_map(|phase| tally.phases.get(&phase.name));
            recorded.for_each(|phase| all.add(&phase.requests));
            if !plan.endpoint.streaming {
                (all.streams, all.not_streamed, all.buffered) = (0, 0, 0);
            }
            if plan.watch.is_some() {
                // What other clients requested is not known: only what arrived as a stream can be none.
                (all.streams, all.not_streamed) = (all.streams - all.not_streamed, 0);
            }
            all
        };
        Self {
            is_watch: plan.watch.is_some(),
            due: view.recorded,
            sent: view.recorded,
            requests: requests(false),
            warmup: requests(true),
            uses_server_tokens: plan.endpoint.use_server_token_count,
            tokenizer: match &plan.tokenizer {
                Tokenizer::None => None,
                Tokenizer::Builtin => Some("builtin".to_owned()),
                Tokenizer::File { name } => Some(name.clone()),
            },
            events: tally.events,
            unmatched_events: view.loss.unmatched_events.values().sum(),
            unmatched_requests: view.loss.unmatched_requests.values().sum(),
            kernel_stamps: source != Timestamps::User,
            kernel_ring_full: ring_full,
            kernel_unreported: view.loss.kernel.values().sum::<u64>() - ring_full,
            damaged: view.loss.damaged.values().sum(),
            retransmits: tally.retransmits,
            standstill_ms: tally.longest_unread.as_millis(),
            read_before_arrival: tally.read_before_arrival,
            kernel_ttft_p50_ms: percentile_ms(&mut tally.kernel_ttfts_ns, 50),
            client_overhead_p99_ms: percentile_ms(&mut tally.overheads_ns, 99),
            ..Self::default()
        }
    }

    /// How long the measured phases took.
    pub fn take_phases(&mut self, plan: &Plan, phases: &[Phase]) {
        let is_measured = |phase: &&Phase| plan.load.measured().any(|measured| measured.name == phase.name);
        let lengths = phases.iter().filter(is_measured).map(|phase| phase.ended_ns - phase.begun_ns);
        self.measured_ms = lengths.map(DurationNs::as_millis).sum();
    }

    /// What was read of the GPUs: why their clocks were low while the load was on, and what is missing of it.
    pub fn take_gpus(&mut self, read: &gpus::Read, plan: &Plan, phases: &[Phase]) {
        let dropped = read.sources.iter().map(|source| source.dropped).sum::<u64>();
        self.gpu_samples_lost = dropped + read.throttled.lost;
        self.gpu_hung = read.sources.iter().any(|source| source.did_hang);
        let missed = read
            .sources
            .iter()
            .map(|source| share(source.rounds_missed, source.rounds + source.rounds_missed));
        self.gpu_rounds_missed = missed.fold(0.0, f64::max);
        let is_measured = |phase: &&Phase| plan.load.measured().any(|measured| measured.name == phase.name);
        let measured = || phases.iter().filter(is_measured);
        let begin = measured().map(|phase| phase.begun_ns).min();
        if let Some((begin, end)) = begin.zip(measured().map(|phase| phase.ended_ns).max()) {
            self.gpu_throttled = read.throttled.shares(begin, end);
        }
    }

    /// In a run that only watched there is no schedule: what was seen is what was due.
    pub fn take_met(&mut self, recorded: u64, met: &BTreeMap<String, u64>) {
        (self.due, self.sent) = (recorded, recorded);
        let not_followed =
            met.iter().filter_map(|(name, count)| Some((name.strip_prefix(NOT_FOLLOWED)?, *count)));
        self.not_followed = not_followed.map(|(name, count)| (name.to_owned(), count)).collect();
    }
}

/// What the run cost, by name with the unit last.
pub fn figures(usage: &CpuUsage, cgroup: Option<&Path>) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::from([
        ("daemon_cpu_seconds".to_owned(), own_cpu_seconds() - usage.cpu_seconds_begin),
        ("steal_share".to_owned(), usage.steal()),
        ("foreign_on_hot_core_share".to_owned(), usage.foreign()),
        ("loadgen_peak_memory_bytes".to_owned(), float(usage.peak_loadgen_bytes)),
    ]);
    if let Some(seconds) = cgroup.and_then(host::cgroup_cpu_seconds) {
        figures.insert("loadgen_cpu_seconds".to_owned(), seconds);
    }
    if let Some(bytes) = host::peak_memory(std::process::id()) {
        figures.insert("daemon_peak_memory_bytes".to_owned(), float(bytes));
    }
    figures
}

/// CPU seconds of this process, all threads.
fn own_cpu_seconds() -> f64 {
    float(host::process_ticks(std::process::id())) / TICKS_PER_SECOND
}

fn ticks_between(begin: &BTreeMap<String, u64>, end: &BTreeMap<String, u64>, name: &str) -> u64 {
    let of = |times: &BTreeMap<String, u64>| times.get(name).copied().unwrap_or(0);
    of(end).saturating_sub(of(begin))
}

/// The value at a percentile, nearest rank.
fn percentile_ms(values_ns: &mut [u64], percent: usize) -> Option<f64> {
    let place = (values_ns.len() * percent / 100).min(values_ns.len().checked_sub(1)?);
    let (_, value, _) = values_ns.select_nth_unstable(place);
    Some(float(*value) / 1e6)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay far below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

/// The start of the names of the observer's counts of what it could not parse, before the reason.
const NOT_FOLLOWED: &str = "watched_not_followed_";
/// The start of hot threads' names, before their number.
pub const HOT_THREAD: &str = "hot-";
/// `USER_HZ`, which is 100 on every architecture that Linux runs eBPF on (include/asm-generic/param.h).
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_stop_counts() {
        let mut stops = Stops::default();
        for (at, is_stopped) in [(0, false), (10, true), (30, true), (40, false), (50, true), (60, false)] {
            stops.look(is_stopped, MonoNs(at));
        }
        assert_eq!(stops.lasted(MonoNs(90)), DurationNs(0), "it has not ended");
        stops.look(true, MonoNs(95));
        assert_eq!(stops.lasted(MonoNs(99)), DurationNs(4), "it is stopped again");
        assert_eq!(
            stops.longest,
            DurationNs(30),
            "from the first look that found it to the first that did not"
        );
    }
}
