//! Whether the load was the requested one: an early end, nothing sent or seen, lateness.

use super::{Evidence, Found, Rule, degraded, found, invalid, number, percent, share};
use crate::stopped::Cause;
use record::Standing;

/// The rules.
pub(super) const RULES: &[&Rule] = &[
    &NOTHING_SENT,
    &NOTHING_SEEN,
    &INCOMPLETE,
    &LOADGEN_DIED,
    &STALLED,
    &DAEMON_DIED,
    &DISK_FULL,
    &DISK_FAILED,
    &LATE_REQUESTS,
    &UNSENT_REQUESTS,
    &PREPARED_REQUESTS_MISSING,
    &TRAFFIC_NOT_FOLLOWED,
];

const NOTHING_SENT: Rule = Rule::new("nothing_sent", nothing_sent)
    .threshold("invalid when no request was sent")
    .cause("The run was stopped before its first request, or no connection could be opened.")
    .cure("see the errors in the report");

fn nothing_sent(evidence: &Evidence) -> Option<Found> {
    (evidence.sent == 0 && evidence.requests.failed == 0 && !evidence.is_watch)
        .then(|| invalid("no request was sent", &[]))
}

const NOTHING_SEEN: Rule = Rule::new("nothing_seen", nothing_seen)
    .threshold("invalid when `audit` or `observe` saw no request")
    .cause(
        "What was watched sent no request to a model in HTTP/1.1, used other ports, or opened its sockets in another \
         cgroup.",
    )
    .cure("check --port and that requests went out while it watched");

fn nothing_seen(evidence: &Evidence) -> Option<Found> {
    (evidence.is_watch && evidence.sent == 0).then(|| invalid("no request was seen", &[]))
}

const INCOMPLETE: Rule = Rule::new("incomplete", |evidence| ended(evidence, Cause::Requested))
    .threshold("degraded")
    .cause("The run was stopped before its plan was done: by the user, by --failed-request-threshold, by the daemon's end.")
    .cure("let the run end by itself");

const LOADGEN_DIED: Rule = Rule::new("loadgen_died", |evidence| ended(evidence, Cause::Died))
    .threshold("invalid")
    .cause("The load generator, or another process or thread of the run, died in the middle: killed, out of memory, or by a fault.")
    .cure("see dmesg and the daemon's log; if nothing killed it, report it");

const STALLED: Rule = Rule::new("stalled", |evidence| ended(evidence, Cause::Stalled))
    .threshold("invalid")
    .cause("A process or thread of the run stopped responding, and the run was ended.")
    .cure("see the daemon's log; if nothing stopped it, report it");

const DAEMON_DIED: Rule = Rule::new("daemon_died", |evidence| ended(evidence, Cause::DaemonDied))
    .threshold("invalid")
    .cause("The daemon died under the run; the report is made of what it had stored.")
    .cure("see dmesg; repeat the run");

const DISK_FULL: Rule = Rule::new("disk_full", |evidence| ended(evidence, Cause::DiskFull))
    .threshold("invalid")
    .cause("The disk of the daemon's state directory filled up during the run.")
    .cure("make room, or set another --state-dir");

const DISK_FAILED: Rule = Rule::new("disk_failed", |evidence| ended(evidence, Cause::DiskFailed))
    .threshold("invalid")
    .cause("The disk of the daemon's state directory refused to store records.")
    .cure("see dmesg");

fn ended(evidence: &Evidence, cause: Cause) -> Option<Found> {
    let stopped = evidence.stopped.as_ref().filter(|stopped| stopped.cause == cause)?;
    let level = if cause == Cause::Requested { Standing::Degraded } else { Standing::Invalid };
    Some(found(level, format!("the run ended before its plan was done: {}", stopped.why), &[]))
}

const LATE_REQUESTS: Rule = Rule::new("late_requests", late)
    .threshold("degraded above 1 % of the requests, in shapes with scheduled times")
    .cause("Requests were sent more than 1 ms after they were due.")
    .cure("latencies from the due time (`*_from_due`) count the delay");

fn late(evidence: &Evidence) -> Option<Found> {
    let late = share(evidence.late, evidence.sent);
    let figures = [("late", number(evidence.late), "requests"), ("share", late * 100.0, "%")];
    let why = match (evidence.concurrency_limit, evidence.hot_core_is_busy()) {
        (_, true) => "the hot core had no time for them (add cores with --cpus)".to_owned(),
        (Some(limit), false) => format!("{limit} were in flight, which is the limit (raise --concurrency)"),
        (None, false) => "connections opened slowly, or the core was taken".to_owned(),
    };
    (evidence.open_loop && late > DELIVERY_GAP).then(|| {
        degraded(format!("{} of the requests were sent more than 1 ms late: {why}", percent(late)), &figures)
    })
}

const UNSENT_REQUESTS: Rule = Rule::new("unsent_requests", unsent)
    .threshold("degraded above 1 % of the requests, in shapes with scheduled times; invalid above 10 %")
    .cause("Requests of the schedule were never sent: the server, or the limit on requests in flight, held them back.")
    .cure("raise --concurrency, or lower the rate: the server did not get the requested load");

fn unsent(evidence: &Evidence) -> Option<Found> {
    let unsent = evidence.due.saturating_sub(evidence.sent);
    let gap = share(unsent, evidence.due);
    let figures = [("unsent", number(unsent), "requests"), ("share", gap * 100.0, "%")];
    let level = if gap > UNSENT_INVALID { Standing::Invalid } else { Standing::Degraded };
    (evidence.open_loop && gap > DELIVERY_GAP).then(|| {
        found(level, format!("{} of the schedule's requests were never sent", percent(gap)), &figures)
    })
}

const PREPARED_REQUESTS_MISSING: Rule = Rule::new("prepared_requests_missing", starved)
    .threshold("degraded above 1 % of the requests")
    .cause("Requests were due before they were prepared: tokenizing or reading the input was slower than sending.")
    .cure("give the load generator another core");

fn starved(evidence: &Evidence) -> Option<Found> {
    let times = evidence.starved;
    (share(times, evidence.sent) > DELIVERY_GAP).then(|| {
        degraded("requests were due before they were prepared", &[("times", number(times), "times")])
    })
}

const TRAFFIC_NOT_FOLLOWED: Rule = Rule::new("traffic_not_followed", not_followed)
    .threshold("degraded when there was any, of `audit` and `observe`")
    .cause(
        "Some of the watched traffic can't be parsed (encrypted, HTTP/2, cut off) and is not in the numbers.",
    )
    .cure("see loss in run.json for each kind");

fn not_followed(evidence: &Evidence) -> Option<Found> {
    let (first, rest) = evidence.not_followed.split_first()?;
    let names = rest.iter().fold(first.0.clone(), |names, (name, _)| format!("{names}, {name}"));
    let figures = evidence.not_followed.iter().map(|(name, count)| (name.as_str(), number(*count), "times"));
    let text = format!("some of the traffic can't be parsed and is not in the numbers: {names}");
    Some(degraded(text, &figures.collect::<Vec<_>>()))
}

/// More late or unsent than this, and the load was not the requested one.
const DELIVERY_GAP: f64 = 0.01;
/// More unsent than this, and it was another load.
const UNSENT_INVALID: f64 = 0.10;

#[cfg(test)]
mod tests {
    use crate::stopped::{Cause, Stopped};
    use crate::verdict::testing::{check, check_text};
    use crate::verdict::{Evidence, Requests};
    use record::Standing::{Degraded, Invalid, Valid};

    #[test]
    fn each_end_before_its_time() {
        let stopped = |cause| {
            move |evidence: &mut Evidence| evidence.stopped = Some(Stopped { cause, why: "x".to_owned() })
        };
        check(stopped(Cause::Requested), Degraded, &["incomplete"]);
        check(stopped(Cause::Died), Invalid, &["loadgen_died"]);
        check(stopped(Cause::Stalled), Invalid, &["stalled"]);
        check(stopped(Cause::DaemonDied), Invalid, &["daemon_died"]);
        check(stopped(Cause::DiskFull), Invalid, &["disk_full"]);
        check(stopped(Cause::DiskFailed), Invalid, &["disk_failed"]);
    }

    #[test]
    fn nothing() {
        let nothing = |evidence: &mut Evidence| {
            (evidence.due, evidence.sent, evidence.requests) = (0, 0, Requests::default());
        };
        check(nothing, Invalid, &["nothing_sent"]);
        let seen = |evidence: &mut Evidence| {
            nothing(evidence);
            evidence.is_watch = true;
        };
        check(seen, Invalid, &["nothing_seen"]);
        let unknown = vec![("tls".to_owned(), 3)];
        check(|evidence| evidence.not_followed = unknown, Degraded, &["traffic_not_followed"]);
    }

    #[test]
    fn what_was_not_delivered() {
        check(|evidence| evidence.late = 11, Degraded, &["late_requests"]);
        check(|evidence| evidence.late = 10, Valid, &[]);
        check(|evidence| (evidence.late, evidence.open_loop) = (1000, false), Valid, &[]);
        let limited = |evidence: &mut Evidence| (evidence.late, evidence.concurrency_limit) = (500, Some(4));
        check_text(limited, "4 were in flight, which is the limit");
        let busy = |evidence: &mut Evidence| (evidence.late, evidence.hot_core_busy) = (500, Some(0.99));
        check_text(busy, "the hot core had no time for them");
        check(|evidence| evidence.sent = 980, Degraded, &["unsent_requests"]);
        check(|evidence| evidence.sent = 800, Invalid, &["unsent_requests"]);
        check(|evidence| evidence.sent = 991, Valid, &[]);
        check(|evidence| evidence.starved = 11, Degraded, &["prepared_requests_missing"]);
        check(|evidence| evidence.starved = 10, Valid, &[]);
    }
}
