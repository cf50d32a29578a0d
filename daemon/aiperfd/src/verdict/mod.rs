//! Whether a run may be trusted: evidence in, reasons out; pure.

use crate::gpus::POWER_CAP;
use crate::supervise::{Cause, Stopped};
use record::{Figure, Reason, Standing, Verdict};
use std::collections::BTreeMap;

/// What is known of a run when it ends. Shares are between 0 and 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Requests that the schedule wanted.
    pub due: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests submitted more than a millisecond late.
    pub late: u64,
    /// Requests that ended well.
    pub completed: u64,
    /// Whether the shape promises a rate, so that a late request is a broken promise.
    pub open_loop: bool,
    /// Events with content.
    pub events: u64,
    /// Events without a kernel stamp, although the rung gives stamps.
    pub unmatched_events: u64,
    /// Requests whose own bytes have no kernel stamp, although the rung gives stamps.
    pub unmatched_requests: u64,
    /// Whether the rung gives kernel stamps at all.
    pub kernel_stamps: bool,
    /// Records that found no room in the kernel's ring.
    pub kernel_ring_full: u64,
    /// Other packets that the probes could not report.
    pub kernel_unreported: u64,
    /// Times that a hot core had to wait for the collector.
    pub client_ring_full: u64,
    /// Times that no prepared request was there.
    pub starved: u64,
    /// Messages that arrived damaged.
    pub damaged: u64,
    /// Segments retransmitted.
    pub retransmits: u64,
    /// Median of the latency that the client view would pollute: kernel time to first token, in ms.
    pub kernel_ttft_p50_ms: Option<f64>,
    /// 99th percentile of what the client added to the first token's time, in ms.
    pub client_overhead_p99_ms: Option<f64>,
    /// Share of the time in which a hot core had work, the busiest one's.
    pub hot_core_busy: Option<f64>,
    /// How far the real-time clock moved against the monotonic one, in ms.
    pub clock_step_ms: f64,
    /// Share of processor time that the hypervisor took.
    pub steal: f64,
    /// Share of a hot core's time that other processes took, the worst core's.
    pub foreign_on_hot_core: f64,
    /// Share of the time in which a hot core's sibling thread was busy, the worst one's.
    pub sibling_busy: f64,
    /// The frequency governor of the hot cores.
    pub governor: Option<String>,
    /// Why the run ended before its plan was done.
    pub stopped: Option<Stopped>,
    /// Bounds that responses or inputs exceeded, and how much was left out, by name.
    pub exceeded: BTreeMap<String, u64>,
    /// Whether others were watched and no request of theirs was seen.
    pub nothing_seen: bool,
    /// What was met of others' traffic and not understood, with how often.
    pub not_followed: Vec<(String, u64)>,
    /// Why clocks of a GPU were low, with the share of the time.
    pub gpu_throttled: Vec<(&'static str, f64)>,
    /// Numbers of GPUs that found no room.
    pub gpu_samples_lost: u64,
    /// Share of the times at which GPUs could not be read because the time before took too long.
    pub gpu_rounds_missed: f64,
    /// Whether a call to a GPU's driver did not come back.
    pub gpu_hung: bool,
}

/// The verdict that the evidence gives.
pub fn judge(evidence: &Evidence) -> Verdict {
    let reasons = CHECKS.iter().filter_map(|check| check(evidence)).collect();
    Verdict::from_reasons(reasons)
}

type Check = fn(&Evidence) -> Option<Reason>;

/// Every check, in the order of the documents.
const CHECKS: &[Check] = &[
    incomplete,
    exceeded,
    kernel_ring,
    unreported,
    unmatched,
    nothing_seen,
    not_followed,
    damaged,
    client_ring,
    client_overhead,
    late,
    unsent,
    starved,
    hot_core,
    foreign_work,
    sibling,
    retransmits,
    clock_step,
    steal,
    governor,
    gpu_throttled,
    gpu_power_capped,
    gpu_lost,
    gpu_slow,
    gpu_hung,
    few_samples,
];

fn incomplete(evidence: &Evidence) -> Option<Reason> {
    let Stopped { cause, why } = evidence.stopped.as_ref()?;
    let (name, standing) = match cause {
        Cause::Asked => ("incomplete", Standing::Degraded),
        Cause::Died => ("loadgen_died", Standing::Invalid),
        Cause::Stalled => ("stalled", Standing::Invalid),
        Cause::DaemonDied => ("daemon_died", Standing::Invalid),
        Cause::DiskFull => ("disk_full", Standing::Invalid),
        Cause::DiskFailed => ("disk_failed", Standing::Invalid),
    };
    Some(reason(name, standing, format!("the run ended before its plan was done: {why}"), &[]))
}

fn exceeded(evidence: &Evidence) -> Option<Reason> {
    let figures = evidence.exceeded.iter().map(|(name, count)| (name.as_str(), number(*count), "left out"));
    let figures = figures.collect::<Vec<_>>();
    let text = "responses were larger than what is kept of one; what was left out is counted, not measured";
    (!figures.is_empty()).then(|| reason("limits_exceeded", Standing::Degraded, text, &figures))
}

fn kernel_ring(evidence: &Evidence) -> Option<Reason> {
    let lost = evidence.kernel_ring_full;
    let standing =
        if share(lost, evidence.events) > INVALID_LOSS { Standing::Invalid } else { Standing::Degraded };
    let text =
        "the kernel's ring was full and stamps were lost; start aiperfd with a larger --kernel-ring-bytes";
    (lost > 0)
        .then(|| reason("kernel_ring_full", standing, text, &[("stamps lost", number(lost), "records")]))
}

fn unreported(evidence: &Evidence) -> Option<Reason> {
    let count = evidence.kernel_unreported;
    let text = "the probes met packets that they could not read; see loss in run.json";
    (count > 0).then(|| {
        reason("packets_unreported", Standing::Degraded, text, &[("packets", number(count), "packets")])
    })
}

fn unmatched(evidence: &Evidence) -> Option<Reason> {
    let count = evidence.unmatched_events + evidence.unmatched_requests;
    if !evidence.kernel_stamps || count == 0 {
        return None;
    }
    let lost = share(count, evidence.events + evidence.sent);
    let standing = if lost > INVALID_LOSS { Standing::Invalid } else { Standing::Degraded };
    let figures = [("unmatched", number(count), "events and requests"), ("share", lost * 100.0, "%")];
    Some(reason(
        "unmatched",
        standing,
        "some events have no kernel stamp; see loss in run.json for the reasons",
        &figures,
    ))
}

fn nothing_seen(evidence: &Evidence) -> Option<Reason> {
    let text = "no request was seen: what was watched asked no model in HTTP/1.1, asked on other ports, or opened its \
                sockets in another cgroup";
    evidence.nothing_seen.then(|| reason("nothing_seen", Standing::Degraded, text, &[]))
}

fn not_followed(evidence: &Evidence) -> Option<Reason> {
    let (first, rest) = evidence.not_followed.split_first()?;
    let names = rest.iter().fold(first.0.clone(), |names, (name, _)| format!("{names}, {name}"));
    let figures = evidence.not_followed.iter().map(|(name, count)| (name.as_str(), number(*count), "times"));
    Some(reason(
        "traffic_not_followed",
        Standing::Degraded,
        format!("some of the traffic was not understood and is not in the numbers: {names}"),
        &figures.collect::<Vec<_>>(),
    ))
}

fn damaged(evidence: &Evidence) -> Option<Reason> {
    let count = evidence.damaged;
    let text = "messages of the load generator arrived damaged: this is a bug, please report it";
    (count > 0).then(|| {
        reason("damaged_messages", Standing::Invalid, text, &[("messages", number(count), "messages")])
    })
}

fn client_ring(evidence: &Evidence) -> Option<Reason> {
    let count = evidence.client_ring_full;
    let text =
        "a hot core had to wait for the collector; give aiperfd another core or a larger --client-ring-bytes";
    (count > 0)
        .then(|| reason("client_ring_full", Standing::Degraded, text, &[("waits", number(count), "times")]))
}

fn client_overhead(evidence: &Evidence) -> Option<Reason> {
    let (overhead, latency) = (evidence.client_overhead_p99_ms?, evidence.kernel_ttft_p50_ms?);
    if overhead <= latency * CLIENT_OVERHEAD_SHARE || overhead < CLIENT_OVERHEAD_FLOOR_MS {
        return None;
    }
    let text =
        "the client added noticeably to the first token's time; use the kernel columns, not the client's";
    let figures = [("client overhead p99", overhead, "ms"), ("kernel TTFT p50", latency, "ms")];
    Some(reason("client_overhead", Standing::Degraded, text, &figures))
}

fn late(evidence: &Evidence) -> Option<Reason> {
    let late = share(evidence.late, evidence.sent);
    if !evidence.open_loop || late <= DELIVERY_GAP {
        return None;
    }
    let text =
        "requests were sent more than 1 ms after they were due; raise --concurrency or lower --request-rate";
    let figures = [("late", number(evidence.late), "requests"), ("share", late * 100.0, "%")];
    Some(reason("late_requests", Standing::Degraded, text, &figures))
}

fn unsent(evidence: &Evidence) -> Option<Reason> {
    let unsent = evidence.due.saturating_sub(evidence.sent);
    let gap = share(unsent, evidence.due);
    let text = "requests of the schedule were never sent: the server, or --concurrency, held them back";
    let figures = [("unsent", number(unsent), "requests"), ("share", gap * 100.0, "%")];
    (evidence.open_loop && gap > DELIVERY_GAP)
        .then(|| reason("unsent_requests", Standing::Degraded, text, &figures))
}

fn starved(evidence: &Evidence) -> Option<Reason> {
    let times = evidence.starved;
    let text = "requests were due before they were prepared; give the load generator another core";
    (share(times, evidence.sent) > DELIVERY_GAP).then(|| {
        reason("prepared_requests_missing", Standing::Degraded, text, &[("times", number(times), "times")])
    })
}

fn hot_core(evidence: &Evidence) -> Option<Reason> {
    let busy = evidence.hot_core_busy?;
    let text = "a hot core was saturated, so user-space times include waiting; add cores with --cpus";
    (busy > SATURATED)
        .then(|| reason("hot_core_saturated", Standing::Degraded, text, &[("busy", busy * 100.0, "%")]))
}

fn foreign_work(evidence: &Evidence) -> Option<Reason> {
    let taken = evidence.foreign_on_hot_core;
    let text = "other processes ran on a hot core, perhaps the server; keep them apart with --cpus";
    (taken > FOREIGN_SHARE)
        .then(|| reason("hot_core_shared", Standing::Degraded, text, &[("taken", taken * 100.0, "%")]))
}

fn sibling(evidence: &Evidence) -> Option<Reason> {
    let busy = evidence.sibling_busy;
    let text = "the hardware thread beside a hot core was busy; choose --cpus whose siblings are idle";
    (busy > SIBLING_SHARE)
        .then(|| reason("sibling_busy", Standing::Degraded, text, &[("busy", busy * 100.0, "%")]))
}

fn retransmits(evidence: &Evidence) -> Option<Reason> {
    let count = evidence.retransmits;
    let standing =
        if share(count, evidence.sent) > DELIVERY_GAP { Standing::Degraded } else { Standing::Valid };
    let text = "segments of requests were sent again: the network lost packets";
    (count > 0).then(|| reason("retransmits", standing, text, &[("segments", number(count), "segments")]))
}

fn clock_step(evidence: &Evidence) -> Option<Reason> {
    let step = evidence.clock_step_ms.abs();
    let text =
        "the real-time clock was set or slewed during the run; dates in the exports are off by as much";
    (step > CLOCK_STEP_MS).then(|| reason("clock_step", Standing::Degraded, text, &[("moved", step, "ms")]))
}

fn steal(evidence: &Evidence) -> Option<Reason> {
    let stolen = evidence.steal;
    let text = "the hypervisor took processor time from this machine";
    (stolen > STEAL_SHARE)
        .then(|| reason("steal_time", Standing::Degraded, text, &[("stolen", stolen * 100.0, "%")]))
}

fn governor(evidence: &Evidence) -> Option<Reason> {
    let governor = evidence.governor.as_deref()?;
    let text =
        format!("the hot cores' frequency governor is `{governor}`; `performance` gives steadier times");
    (governor != "performance").then(|| reason("governor", Standing::Valid, text, &[]))
}

fn gpu_throttled(evidence: &Evidence) -> Option<Reason> {
    let slowed = |(name, share): &&(&str, f64)| *name != POWER_CAP && *share > THROTTLED_SHARE;
    let slowed = evidence.gpu_throttled.iter().filter(slowed);
    let figures = slowed.map(|(name, share)| (*name, share * 100.0, "%")).collect::<Vec<_>>();
    let text = "a GPU's clocks were held down by heat or its power supply: another run may well be faster; see to its \
                cooling and supply";
    (!figures.is_empty()).then(|| reason("gpu_throttled", Standing::Degraded, text, &figures))
}

fn gpu_power_capped(evidence: &Evidence) -> Option<Reason> {
    let capped = |(name, share): &&(&str, f64)| *name == POWER_CAP && *share > THROTTLED_SHARE;
    let (name, share) = evidence.gpu_throttled.iter().find(capped)?;
    let text = "a GPU's clocks were held down by its power limit, which is usual at full load";
    Some(reason("gpu_power_capped", Standing::Valid, text, &[(name, share * 100.0, "%")]))
}

fn gpu_lost(evidence: &Evidence) -> Option<Reason> {
    let count = evidence.gpu_samples_lost;
    let text = "numbers of GPUs found no room on their way to the disk; raise --gpu-sample-interval";
    let figures = [("numbers lost", number(count), "numbers")];
    (count > 0).then(|| reason("gpu_samples_lost", Standing::Degraded, text, &figures))
}

fn gpu_slow(evidence: &Evidence) -> Option<Reason> {
    let missed = evidence.gpu_rounds_missed;
    let text = "the GPUs' driver answers more slowly than it is asked; raise --gpu-sample-interval";
    (missed > GPU_MISSED).then(|| {
        reason("gpu_driver_slow", Standing::Valid, text, &[("readings left out", missed * 100.0, "%")])
    })
}

fn gpu_hung(evidence: &Evidence) -> Option<Reason> {
    let text =
        "a call to a GPU's driver did not come back, so the GPUs' numbers end early; see gpu in run.json";
    evidence.gpu_hung.then(|| reason("gpu_driver_hung", Standing::Degraded, text, &[]))
}

fn few_samples(evidence: &Evidence) -> Option<Reason> {
    let text =
        "a 99th percentile with less than 662 samples is not certain at 99 % confidence; send more requests";
    let figures = [("requests completed", number(evidence.completed), "requests")];
    (evidence.completed < P99_SAMPLES).then(|| reason("few_samples", Standing::Valid, text, &figures))
}

fn reason(name: &str, standing: Standing, text: impl Into<String>, figures: &[(&str, f64, &str)]) -> Reason {
    let figures = figures
        .iter()
        .filter(|(_, value, _)| value.is_finite())
        .map(|(name, value, unit)| Figure {
            name: (*name).to_owned(),
            value: *value,
            unit: (*unit).to_owned(),
        })
        .collect();
    Reason { name: name.to_owned(), standing, text: text.into(), figures }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return if part == 0 { 0.0 } else { 1.0 };
    }
    number(part) / number(whole)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay far below 2^53")]
const fn number(count: u64) -> f64 {
    count as f64
}

/// More lost than this, and the run is invalid.
const INVALID_LOSS: f64 = 0.01;
/// More late or unsent than this, and the load was not the one asked for.
const DELIVERY_GAP: f64 = 0.01;
/// The client may add this share of the latency that it measures.
const CLIENT_OVERHEAD_SHARE: f64 = 0.10;
/// What the client adds is never worth a word below this.
const CLIENT_OVERHEAD_FLOOR_MS: f64 = 0.2;
const SATURATED: f64 = 0.95;
const FOREIGN_SHARE: f64 = 0.10;
const SIBLING_SHARE: f64 = 0.25;
const STEAL_SHARE: f64 = 0.02;
const CLOCK_STEP_MS: f64 = 1.0;
/// Clocks may be held down for this share of the time.
const THROTTLED_SHARE: f64 = 0.01;
/// So many readings of GPUs may be left out.
const GPU_MISSED: f64 = 0.2;
/// MLPerf LoadGen's bound for a 99th percentile at 99 % confidence.
const P99_SAMPLES: u64 = 662;

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Evidence {
        Evidence {
            due: 1000,
            sent: 1000,
            completed: 1000,
            events: 16_000,
            kernel_stamps: true,
            open_loop: true,
            kernel_ttft_p50_ms: Some(20.0),
            client_overhead_p99_ms: Some(0.3),
            hot_core_busy: Some(0.4),
            ..Evidence::default()
        }
    }

    fn check(change: impl FnOnce(&mut Evidence), standing: Standing, names: &[&str]) {
        let mut evidence = good();
        change(&mut evidence);
        let verdict = judge(&evidence);
        let found = verdict.reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
        assert_eq!((verdict.standing, found.as_slice()), (standing, names), "{evidence:?}");
    }

    #[test]
    fn each_reason() {
        check(|_| {}, Standing::Valid, &[]);
        let stopped = |cause| {
            move |evidence: &mut Evidence| {
                evidence.stopped = Some(Stopped { cause, why: "x".to_owned() });
            }
        };
        check(stopped(Cause::Asked), Standing::Degraded, &["incomplete"]);
        check(stopped(Cause::Died), Standing::Invalid, &["loadgen_died"]);
        check(stopped(Cause::Stalled), Standing::Invalid, &["stalled"]);
        check(stopped(Cause::DaemonDied), Standing::Invalid, &["daemon_died"]);
        check(stopped(Cause::DiskFull), Standing::Invalid, &["disk_full"]);
        check(stopped(Cause::DiskFailed), Standing::Invalid, &["disk_failed"]);
        check(
            |evidence| evidence.exceeded = BTreeMap::from([("bytes".to_owned(), 7)]),
            Standing::Degraded,
            &["limits_exceeded"],
        );
        check(|evidence| evidence.kernel_ring_full = 1, Standing::Degraded, &["kernel_ring_full"]);
        check(|evidence| evidence.kernel_ring_full = 400, Standing::Invalid, &["kernel_ring_full"]);
        check(|evidence| evidence.unmatched_events = 1, Standing::Degraded, &["unmatched"]);
        check(|evidence| evidence.unmatched_events = 4000, Standing::Invalid, &["unmatched"]);
        check(
            |evidence| evidence.client_overhead_p99_ms = Some(3.0),
            Standing::Degraded,
            &["client_overhead"],
        );
        check(|evidence| evidence.late = 11, Standing::Degraded, &["late_requests"]);
        check(|evidence| evidence.late = 10, Standing::Valid, &[]);
        check(|evidence| evidence.sent = 980, Standing::Degraded, &["unsent_requests"]);
        check(|evidence| evidence.hot_core_busy = Some(0.99), Standing::Degraded, &["hot_core_saturated"]);
        check(|evidence| evidence.retransmits = 2, Standing::Valid, &["retransmits"]);
        check(|evidence| evidence.steal = 0.1, Standing::Degraded, &["steal_time"]);
        check(|evidence| evidence.clock_step_ms = -5.0, Standing::Degraded, &["clock_step"]);
        check(|evidence| evidence.governor = Some("powersave".to_owned()), Standing::Valid, &["governor"]);
        check(|evidence| evidence.completed = 100, Standing::Valid, &["few_samples"]);
        check(
            |evidence| evidence.gpu_throttled = vec![("power cap", 0.9), ("hardware thermal slowdown", 0.02)],
            Standing::Degraded,
            &["gpu_throttled", "gpu_power_capped"],
        );
        check(|evidence| evidence.gpu_throttled = vec![("power brake", 0.01)], Standing::Valid, &[]);
        check(|evidence| evidence.gpu_samples_lost = 1, Standing::Degraded, &["gpu_samples_lost"]);
        check(|evidence| evidence.gpu_rounds_missed = 0.3, Standing::Valid, &["gpu_driver_slow"]);
        check(|evidence| evidence.gpu_hung = true, Standing::Degraded, &["gpu_driver_hung"]);
        check(|evidence| evidence.damaged = 1, Standing::Invalid, &["damaged_messages"]);
    }
}
