//! The client's effect on the numbers: what it added to times, standstills, and other processes on its core.
//!
//! A core that others share, or a busy sibling, is no reason by itself: it is one where the times or the load show it.

use super::{Evidence, Found, Rule, degraded, found, percent};
use record::Standing;

/// The rules.
pub(super) const RULES: &[&Rule] =
    &[&CLIENT_OVERHEAD, &STANDSTILL, &HOT_CORE_SATURATED, &HOT_CORE_SHARED, &SIBLING_BUSY];

impl Evidence {
    /// Whether the client may have changed what is measured: it did, or it is not known.
    pub(super) fn client_shows(&self) -> bool {
        let is_late = self.open_loop && super::share(self.late, self.sent) > LATE_SHOWS;
        !self.kernel_stamps || client_overhead(self).is_some() || standstill(self).is_some() || is_late
    }

    /// Whether the hot core had no time left.
    pub(super) fn hot_core_is_busy(&self) -> bool {
        self.hot_core_busy.is_some_and(|busy| busy > SATURATED) || self.foreign_on_hot_core > FOREIGN_SHARE
    }
}

const CLIENT_OVERHEAD: Rule = Rule::new("client_overhead", client_overhead)
    .threshold(
        "degraded when the 99th percentile of what the client added to a request's first token exceeds 10 % of the median \
         kernel time to first token, and 0.2 ms",
    )
    .cause("The client was slow to send, or to read what had arrived.")
    .cure("use the kernel columns, not the client's; give the load generator cores of its own");

fn client_overhead(evidence: &Evidence) -> Option<Found> {
    let (overhead, latency) = (evidence.client_overhead_p99_ms?, evidence.kernel_ttft_p50_ms?);
    if overhead <= latency * CLIENT_OVERHEAD_SHARE || overhead < CLIENT_OVERHEAD_FLOOR_MS {
        return None;
    }
    let figures = [("client overhead p99", overhead, "ms"), ("kernel TTFT p50", latency, "ms")];
    let text = format!(
        "the client added up to {overhead:.2} ms (p99) to first tokens that take {latency:.2} ms (p50)"
    );
    Some(degraded(text, &figures))
}

const STANDSTILL: Rule = Rule::new("standstill", standstill)
    .threshold("degraded when it lasted 250 ms and 2 % of the measured time; invalid above 1 s and 10 %")
    .cause(
        "The load generator did not run although answers were waiting for it: it was stopped, frozen, or starved of its \
         core. Nothing was sent meanwhile, so throughput and load are too low.",
    )
    .cure("repeat the run; look for what stopped the process or took its core");

fn standstill(evidence: &Evidence) -> Option<Found> {
    let (still, whole) = (evidence.standstill_ms, evidence.measured_ms);
    let part = if whole > 0.0 { (still / whole).min(1.0) } else { 0.0 };
    let level = match () {
        () if still > STANDSTILL_INVALID_MS && part > STANDSTILL_INVALID => Standing::Invalid,
        () if still > STANDSTILL_MS && part > STANDSTILL_SHARE => Standing::Degraded,
        () => return None,
    };
    let figures = [("longest standstill", still, "ms"), ("share of the measured time", part * 100.0, "%")];
    Some(found(level, format!("the load generator was stalled for {:.2} s", still / 1e3), &figures))
}

const HOT_CORE_SATURATED: Rule = Rule::new("hot_core_saturated", hot_core)
    .threshold("degraded above 95 % of a hot core's time")
    .cause("The client's core was the limit: user-space times include waiting, and a higher load was not possible.")
    .cure("add cores with --cpus and --workers-max");

fn hot_core(evidence: &Evidence) -> Option<Found> {
    let busy = evidence.hot_core_busy?;
    (busy > SATURATED).then(|| degraded("a hot core was saturated", &[("busy", busy * 100.0, "%")]))
}

const HOT_CORE_SHARED: Rule = Rule::new("hot_core_shared", foreign_work)
    .threshold(
        "degraded when others took more than 10 % of a hot core and it shows: in client_overhead, standstill or \
         late_requests, or there are no kernel stamps to show it",
    )
    .cause("Other processes ran on a hot core, perhaps the server.")
    .cure("keep them apart with --cpus");

fn foreign_work(evidence: &Evidence) -> Option<Found> {
    let taken = evidence.foreign_on_hot_core;
    let text = format!("other processes took {} of a hot core", percent(taken));
    (taken > FOREIGN_SHARE && evidence.client_shows())
        .then(|| degraded(text, &[("taken", taken * 100.0, "%")]))
}

const SIBLING_BUSY: Rule = Rule::new("sibling_busy", sibling)
    .threshold("degraded above 25 % of the time, where it shows as with hot_core_shared")
    .cause("The other hardware thread of a hot core was busy.")
    .cure("choose --cpus whose siblings are idle");

fn sibling(evidence: &Evidence) -> Option<Found> {
    let busy = evidence.sibling_busy;
    let text = "the other hardware thread of a hot core was busy";
    (busy > SIBLING_SHARE && evidence.client_shows()).then(|| degraded(text, &[("busy", busy * 100.0, "%")]))
}

/// The client may add this share of the latency that it measures.
const CLIENT_OVERHEAD_SHARE: f64 = 0.10;
/// What the client adds is never reported below this.
const CLIENT_OVERHEAD_FLOOR_MS: f64 = 0.2;
/// A standstill is reported from here on.
const STANDSTILL_MS: f64 = 250.0;
const STANDSTILL_SHARE: f64 = 0.02;
/// From here on the throughput is wrong.
const STANDSTILL_INVALID_MS: f64 = 1000.0;
const STANDSTILL_INVALID: f64 = 0.10;
const SATURATED: f64 = 0.95;
const FOREIGN_SHARE: f64 = 0.10;
const SIBLING_SHARE: f64 = 0.25;
/// So many late requests show what the client did.
const LATE_SHOWS: f64 = 0.01;

#[cfg(test)]
mod tests {
    use crate::verdict::Evidence;
    use crate::verdict::testing::check;
    use record::Standing::{Degraded, Invalid, Valid};

    #[test]
    fn what_the_client_did() {
        check(|evidence| evidence.client_overhead_p99_ms = Some(3.0), Degraded, &["client_overhead"]);
        check(|evidence| evidence.client_overhead_p99_ms = Some(1.9), Valid, &[]);
        check(|evidence| evidence.hot_core_busy = Some(0.99), Degraded, &["hot_core_saturated"]);
        check(|evidence| evidence.standstill_ms = 240.0, Valid, &[]);
        check(|evidence| evidence.standstill_ms = 260.0, Degraded, &["standstill"]);
        check(|evidence| (evidence.standstill_ms, evidence.measured_ms) = (260.0, 60_000.0), Valid, &[]);
        check(|evidence| evidence.standstill_ms = 4000.0, Invalid, &["standstill"]);
    }

    #[test]
    fn a_shared_core_is_a_reason_where_it_shows() {
        let shared =
            |evidence: &mut Evidence| (evidence.foreign_on_hot_core, evidence.sibling_busy) = (0.5, 0.9);
        check(shared, Valid, &[]);
        let late = |evidence: &mut Evidence| {
            shared(evidence);
            evidence.late = 200;
        };
        check(late, Degraded, &["late_requests", "hot_core_shared", "sibling_busy"]);
        let unknown = |evidence: &mut Evidence| {
            shared(evidence);
            evidence.kernel_stamps = false;
        };
        check(unknown, Degraded, &["hot_core_shared", "sibling_busy"]);
    }
}
