//! Whether the records are whole: stamps that were lost, messages that were damaged, bounds that were exceeded.

use super::{Evidence, Found, Rule, degraded, found, invalid, note, number, percent, share};
use record::Standing;

/// The rules.
pub(super) const RULES: &[&Rule] = &[
    &KERNEL_RING_FULL,
    &PACKETS_UNREPORTED,
    &UNMATCHED,
    &READ_BEFORE_ARRIVAL,
    &DAMAGED_MESSAGES,
    &CLIENT_RING_FULL,
    &LIMITS_EXCEEDED,
    &STREAMS_WITHOUT_END,
    &PER_CHUNK_USAGE_UNUSABLE,
    &RETRANSMITS,
];

const KERNEL_RING_FULL: Rule = Rule::new("kernel_ring_full", kernel_ring)
    .threshold("degraded when a stamp was lost; invalid above 1 % of the events")
    .cause("The kernel's ring was full, so stamps of segments were lost.")
    .cure("start aiperfd with a larger --kernel-ring-bytes");

fn kernel_ring(evidence: &Evidence) -> Option<Found> {
    let lost = evidence.kernel_ring_full;
    let level = level(share(lost, evidence.events));
    (lost > 0).then(|| {
        found(
            level,
            "the kernel's ring was full and stamps were lost",
            &[("stamps lost", number(lost), "records")],
        )
    })
}

const PACKETS_UNREPORTED: Rule = Rule::new("packets_unreported", unreported)
    .threshold("degraded when there was any")
    .cause("The probes saw packets whose headers they could not read.")
    .cure("see loss in run.json");

fn unreported(evidence: &Evidence) -> Option<Found> {
    let count = evidence.kernel_unreported;
    let text = "the probes saw packets that they could not read";
    (count > 0).then(|| degraded(text, &[("packets", number(count), "packets")]))
}

const UNMATCHED: Rule = Rule::new("unmatched", unmatched)
    .threshold("degraded when there was any; invalid above 1 % of the events and requests")
    .cause("Events or requests have no kernel stamp, although the timestamp source has stamps.")
    .cure("see loss in run.json for the reasons");

fn unmatched(evidence: &Evidence) -> Option<Found> {
    let count = evidence.unmatched_events + evidence.unmatched_requests;
    if !evidence.kernel_stamps || count == 0 {
        return None;
    }
    let lost = share(count, evidence.events + evidence.sent);
    let figures = [("unmatched", number(count), "events and requests"), ("share", lost * 100.0, "%")];
    Some(found(
        level(lost),
        format!("{} of the events and requests have no kernel stamp", percent(lost)),
        &figures,
    ))
}

const READ_BEFORE_ARRIVAL: Rule = Rule::new("read_before_arrival", read_before_arrival)
    .threshold("degraded when there was any; invalid above 1 % of the events")
    .cause(
        "Events were read more than 1 ms before the kernel stamped their arrival: the two clocks disagree.",
    )
    .cure("see clock_source and time_namespace in `aiperf-ctl doctor`");

fn read_before_arrival(evidence: &Evidence) -> Option<Found> {
    let count = evidence.read_before_arrival;
    let text = "events were read before they arrived: the kernel's clock and the client's disagree";
    (count > 0)
        .then(|| found(level(share(count, evidence.events)), text, &[("events", number(count), "events")]))
}

const DAMAGED_MESSAGES: Rule = Rule::new("damaged_messages", damaged)
    .threshold("invalid when there was any")
    .cause("Messages of the load generator could not be read.")
    .cure("this is a bug, please report it");

fn damaged(evidence: &Evidence) -> Option<Found> {
    let count = evidence.damaged;
    let text = "messages of the load generator arrived damaged";
    (count > 0).then(|| invalid(text, &[("messages", number(count), "messages")]))
}

const CLIENT_RING_FULL: Rule = Rule::new("client_ring_full", client_ring)
    .threshold("degraded when a hot core waited")
    .cause("A hot core had to wait for the collector, so requests and reads were late.")
    .cure("give aiperfd another core or a larger --client-ring-bytes");

fn client_ring(evidence: &Evidence) -> Option<Found> {
    let count = evidence.client_ring_full;
    let text = "a hot core had to wait for the collector";
    (count > 0).then(|| degraded(text, &[("waits", number(count), "times")]))
}

const LIMITS_EXCEEDED: Rule = Rule::new("limits_exceeded", exceeded)
    .threshold("degraded when anything was left out")
    .cause("Responses or inputs were larger than what is kept of one (docs/SECURITY.md).")
    .cure("what was left out is counted, not measured");

fn exceeded(evidence: &Evidence) -> Option<Found> {
    let limits = evidence.exceeded.iter().filter(|(name, _)| !OF_THEIR_OWN.contains(&name.as_str()));
    let figures = limits.map(|(name, count)| (name.as_str(), number(*count), "left out"));
    let figures = figures.collect::<Vec<_>>();
    (!figures.is_empty()).then(|| degraded("responses were larger than what is kept of one", &figures))
}

const STREAMS_WITHOUT_END: Rule = Rule::new("streams_without_finish_reason", |evidence| {
    let text = "streams ended cleanly, but with neither a finish_reason nor [DONE]: whether they are whole is not known";
    counted(evidence, NO_END).map(|count| note(text, &[("streams", count, "requests")]))
})
.threshold("noted when there was any, in a run of whose streams none has an end; else such a stream has failed")
.cause("The server marks the end of its answers in no way that the API knows.")
.cure("compare output lengths with the requested ones");

const PER_CHUNK_USAGE_UNUSABLE: Rule = Rule::new("per_chunk_usage_unusable", |evidence| {
    let text =
        "--per-chunk-usage: the first chunk's usage could not be distinguished from the whole answer's";
    counted(evidence, NO_CHUNK_USAGE).map(|count| note(text, &[("requests", count, "requests")]))
})
.threshold("noted when there was any")
.cause("The server reports no usage in the first chunk, or only that of the whole answer.")
.cure("leave --per-chunk-usage out: one token is taken off instead");

fn counted(evidence: &Evidence, name: &str) -> Option<f64> {
    evidence.exceeded.get(name).filter(|count| **count > 0).map(|count| number(*count))
}

const RETRANSMITS: Rule = Rule::new("retransmits", retransmits)
    .threshold("noted when there was any; degraded above 1 % of the requests")
    .cause("The network lost packets, so segments of requests were sent again.")
    .cure("see `ss -ti` and the network cards' counters");

fn retransmits(evidence: &Evidence) -> Option<Found> {
    let count = evidence.retransmits;
    let (text, figures) = ("segments of requests were sent again", [("segments", number(count), "segments")]);
    let is_many = share(count, evidence.sent) > RETRANSMITS_TOLERATED;
    (count > 0).then(|| if is_many { degraded(text, &figures) } else { note(text, &figures) })
}

fn level(lost: f64) -> Standing {
    if lost > INVALID_LOSS { Standing::Invalid } else { Standing::Degraded }
}

const NO_END: &str = "streams_without_finish_reason";
const NO_CHUNK_USAGE: &str = "per_chunk_usage_unusable";
/// Counts of the load generator that are reasons of their own, not limits.
const OF_THEIR_OWN: [&str; 2] = [NO_END, NO_CHUNK_USAGE];
/// More lost than this, and the run is invalid.
const INVALID_LOSS: f64 = 0.01;
/// So many segments for each request may be sent again.
const RETRANSMITS_TOLERATED: f64 = 0.01;

#[cfg(test)]
mod tests {
    use crate::verdict::testing::check;
    use record::Standing::{Degraded, Invalid, Valid};
    use std::collections::BTreeMap;

    #[test]
    fn what_was_lost() {
        check(|evidence| evidence.kernel_ring_full = 1, Degraded, &["kernel_ring_full"]);
        check(|evidence| evidence.kernel_ring_full = 400, Invalid, &["kernel_ring_full"]);
        check(|evidence| evidence.kernel_unreported = 1, Degraded, &["packets_unreported"]);
        check(|evidence| evidence.unmatched_events = 1, Degraded, &["unmatched"]);
        check(|evidence| evidence.unmatched_events = 4000, Invalid, &["unmatched"]);
        check(|evidence| (evidence.unmatched_events, evidence.kernel_stamps) = (4000, false), Valid, &[]);
        check(|evidence| evidence.read_before_arrival = 1, Degraded, &["read_before_arrival"]);
        check(|evidence| evidence.read_before_arrival = 4000, Invalid, &["read_before_arrival"]);
        check(|evidence| evidence.damaged = 1, Invalid, &["damaged_messages"]);
        check(|evidence| evidence.client_ring_full = 1, Degraded, &["client_ring_full"]);
        let exceeded = BTreeMap::from([("bytes".to_owned(), 7)]);
        check(|evidence| evidence.exceeded = exceeded, Degraded, &["limits_exceeded"]);
        let without_end = BTreeMap::from([("streams_without_finish_reason".to_owned(), 7)]);
        check(|evidence| evidence.exceeded = without_end, Valid, &["streams_without_finish_reason"]);
        let no_usage = BTreeMap::from([("per_chunk_usage_unusable".to_owned(), 7)]);
        check(|evidence| evidence.exceeded = no_usage, Valid, &["per_chunk_usage_unusable"]);
        check(|evidence| evidence.retransmits = 2, Valid, &["retransmits"]);
        check(|evidence| evidence.retransmits = 20, Degraded, &["retransmits"]);
    }
}
