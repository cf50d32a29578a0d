//! Collects requests as they end into the windows by which a phase is judged.

use common::clock::RealNs;
use control::LiveRequest;
use experiment::adaptive_scale::{Client, Sample, Window};
use spec::{Phase, ScaleClock, Shape};

/// The requests of a phase that have ended and were in no window yet.
#[derive(Debug)]
pub(super) struct Collected {
    clock: ScaleClock,
    /// Whether a request waits for nothing but this client once it is due.
    is_free: bool,
    /// Whether requests are cancelled on purpose; others that are cancelled were cut by the end.
    cancels: bool,
    waiting: Vec<Ended>,
    /// Requests that were dropped before one arrived, of the whole run, and how many of them a window has counted.
    dropped: u64,
    counted: u64,
    /// Requests that found no room in the window under way.
    left_out: u64,
}

/// A window with what its files say of it besides.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Taken {
    pub(super) window: Window,
    /// When it began and ended, on the real clock.
    pub(super) begin: RealNs,
    pub(super) end: RealNs,
    /// Its requests that were judged by the kernel's time.
    pub(super) by_kernel: usize,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    at: RealNs,
    sent: RealNs,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Succeeded { sample: Sample, by_kernel: bool, total_ms: f64, own_ms: f64, lag_ms: Option<f64> },
    Failed,
    Cancelled,
}

impl Collected {
    /// Nothing yet, of this phase.
    pub(super) fn of(phase: &Phase, clock: ScaleClock) -> Self {
        let is_capped = phase.prefill_concurrency.is_some()
            || (phase.shape != Shape::Concurrency && phase.concurrency.is_some());
        Self {
            clock,
            is_free: !is_capped,
            cancels: phase.cancellation.is_some(),
            waiting: Vec::new(),
            dropped: 0,
            counted: 0,
            left_out: 0,
        }
    }

    /// Notes how many requests of the run were dropped so far.
    pub(super) const fn note_dropped(&mut self, dropped: u64) {
        self.dropped = dropped;
    }

    /// The phase begins: what was dropped until then is not of its windows.
    pub(super) const fn start(&mut self) {
        self.counted = self.dropped;
    }

    /// Adds a request of the phase.
    pub(super) fn add(&mut self, request: &LiveRequest) {
        let stage = |name| request.stages.get(name);
        let Some(at) = stage("ended") else { return };
        let Some(what) = self.what(request) else { return };
        if self.waiting.len() >= REQUESTS_MAX {
            self.left_out += 1;
            return;
        }
        let sent = stage("submitted").or_else(|| stage("due")).unwrap_or(at);
        self.waiting.push(Ended { at, sent, what });
    }

    fn what(&self, request: &LiveRequest) -> Option<What> {
        match request.error.as_deref() {
            Some(CANCELLED) => return self.cancels.then_some(What::Cancelled),
            Some(_) => return Some(What::Failed),
            None => {}
        }
        let value = |tag: &str| request.values.get(tag);
        let kernel = |tag: &str| Some(tag).filter(|_| self.clock == ScaleClock::Kernel).and_then(value);
        let (of_kernel, of_client) = (value("kernel_request_latency"), value("request_latency"));
        let judged = kernel("kernel_request_latency");
        let Some(latency_ms) = judged.or(of_client) else { return Some(What::Failed) };
        let sample = Sample {
            latency_ms,
            ttft_ms: kernel("kernel_time_to_first_token").or_else(|| value("time_to_first_token")),
            itl_ms: kernel("kernel_inter_token_latency").or_else(|| value("inter_token_latency")),
            output_tokens: value("output_sequence_length"),
        };
        // A connection that is opened first is the network's and the server's time, and waiting for a place that of its limit.
        let stage = |name| request.stages.get(name);
        let lag_ms = stage("due").zip(stage("connect_begun").or_else(|| stage("submitted")));
        let lag_ms = lag_ms.filter(|_| self.is_free).map(|(due, begun)| seconds(due, begun) * 1000.0);
        let added_ms = of_client.zip(of_kernel).map_or(0.0, |(client, kernel)| (client - kernel).max(0.0));
        let own_ms = lag_ms.unwrap_or(0.0) + added_ms;
        let total_ms = of_client.unwrap_or(latency_ms) + lag_ms.unwrap_or(0.0);
        Some(What::Succeeded { sample, by_kernel: judged.is_some(), total_ms, own_ms, lag_ms })
    }

    /// The window that begins and ends at these moments. Requests that were sent before `not_before` are left out, and those before
    /// `changed` counted as ones of the value before.
    pub(super) fn take(&mut self, [begin, end]: [RealNs; 2], not_before: RealNs, changed: RealNs) -> Taken {
        let (ended, later) = self.waiting.iter().partition::<Vec<_>, _>(|ended| ended.at < end);
        self.waiting = later;
        let mut client = Client {
            dropped: self.dropped - self.counted + std::mem::take(&mut self.left_out),
            ..Client::default()
        };
        self.counted = self.dropped;
        let mut taken = Taken { begin, end, ..Taken::default() };
        let window = &mut taken.window;
        window.seconds = seconds(begin, end);
        for Ended { sent, what, .. } in ended.into_iter().filter(|ended| ended.sent >= not_before) {
            client.of_earlier_value += usize::from(sent < changed);
            match what {
                What::Failed => window.errors += 1,
                What::Cancelled => window.cancelled += 1,
                What::Succeeded { sample, by_kernel, total_ms, own_ms, lag_ms } => {
                    taken.by_kernel += usize::from(by_kernel);
                    client.total_ms += total_ms;
                    client.own_ms += own_ms;
                    client.sent += usize::from(lag_ms.is_some());
                    let is_late = |lag| lag > LATE_MS && lag > LATE_SHARE * sample.latency_ms;
                    client.late += usize::from(lag_ms.is_some_and(is_late));
                    window.requests.push(sample);
                }
            }
        }
        window.client = client;
        taken
    }
}

/// The seconds between two moments.
pub(super) fn seconds(from: RealNs, to: RealNs) -> f64 {
    std::time::Duration::from_nanos(to.0.saturating_sub(from.0)).as_secs_f64()
}

/// Requests of a window: with more it is void.
const REQUESTS_MAX: usize = 1_000_000;
/// The outcome of a request that was cancelled.
const CANCELLED: &str = "cancelled";
/// A request that is sent so much after it was due is late, as in the verdict of a run,
const LATE_MS: f64 = 1.0;
/// if that is also this share of its latency.
const LATE_SHARE: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const fn at(millis: u64) -> RealNs {
        RealNs(millis * 1_000_000)
    }

    /// A request that was due, sent and ended at these milliseconds.
    fn request(error: Option<&str>, [due, sent, ended]: [u64; 3], values: &Value) -> LiveRequest {
        let request = json!({
            "phase": "profiling", "worker": 0, "error": error, "http_status": 200, "values": values, "dropped": 0,
            "stages": {"due": at(due), "submitted": at(sent), "ended": at(ended)},
        });
        serde_json::from_value(request).unwrap()
    }

    fn values(latency: f64, kernel: f64) -> Value {
        json!({"request_latency": latency, "kernel_request_latency": kernel, "output_sequence_length": 4.0})
    }

    fn window_of(phase: &Phase, clock: ScaleClock, requests: &[LiveRequest]) -> Taken {
        let mut collected = Collected::of(phase, clock);
        requests.iter().for_each(|request| collected.add(request));
        collected.take([at(0), at(2000)], at(0), at(50))
    }

    #[test]
    fn a_window_has_what_ended_in_it() {
        let usual = values(100.0, 90.0);
        let requests = [
            request(None, [70, 100, 1000], &usual),
            request(None, [9, 10, 1999], &values(20.0, 19.0)),
            request(None, [70, 100, 2000], &usual),
            request(Some("timeout"), [100, 100, 1000], &json!({})),
            request(Some(CANCELLED), [100, 100, 1000], &json!({})),
        ];
        let closed = Phase::closed(4, 9);
        let Taken { window, by_kernel, .. } = window_of(&closed, ScaleClock::Kernel, &requests);
        let latencies = window.requests.iter().map(|one| one.latency_ms).collect::<Vec<_>>();
        assert_eq!((latencies, by_kernel), (vec![90.0, 19.0], 2), "the kernel's, of those before its end");
        assert_eq!((window.errors, window.cancelled), (1, 0), "what the end cut does not count");
        let Client { total_ms, own_ms, sent, late, of_earlier_value, .. } = window.client;
        assert_eq!(
            (total_ms, own_ms),
            (151.0, 42.0),
            "from due to the last token, and what of it was this client's"
        );
        assert_eq!((sent, late, of_earlier_value), (2, 1, 1), "one of each");
        let cancelling = spec::Cancellation { rate_percent: 1.0, delay_seconds: 0.0 };
        let phase = Phase { cancellation: Some(cancelling), ..closed };
        let Taken { window, by_kernel, .. } = window_of(&phase, ScaleClock::Client, &requests);
        assert_eq!((window.requests[0].latency_ms, window.cancelled), (100.0, 1), "the client's");
        assert_eq!(by_kernel, 0, "by choice");
        let capped = Phase { concurrency: Some(4), ..Phase::new("profiling", Shape::Poisson) };
        let Client { total_ms, own_ms, sent, late, .. } =
            window_of(&capped, ScaleClock::Kernel, &requests).window.client;
        assert_eq!((total_ms, own_ms, sent, late), (120.0, 11.0, 0, 0), "it may have waited for a place");
    }

    #[test]
    fn opening_a_connection_is_not_the_clients_time() {
        let mut opening = request(None, [100, 160, 1000], &values(100.0, 100.0));
        let stages =
            json!({"due": at(100), "connect_begun": at(101), "submitted": at(160), "ended": at(1000)});
        opening.stages = serde_json::from_value(stages).unwrap();
        let client = window_of(&Phase::closed(4, 9), ScaleClock::Kernel, &[opening]).window.client;
        assert_eq!((client.own_ms, client.late), (1.0, 0), "until it began to connect");
    }

    #[test]
    fn what_was_dropped_counts_once() {
        let mut collected = Collected::of(&Phase::closed(4, 9), ScaleClock::Kernel);
        let dropped =
            |collected: &mut Collected| collected.take([at(0), at(1)], at(0), at(0)).window.client.dropped;
        collected.note_dropped(5);
        assert_eq!(dropped(&mut collected), 5);
        assert_eq!(dropped(&mut collected), 0);
        collected.note_dropped(7);
        assert_eq!(dropped(&mut collected), 2);
    }

    #[test]
    fn what_was_sent_before_the_value_was_held_is_left_out() {
        let mut collected = Collected::of(&Phase::closed(4, 9), ScaleClock::Kernel);
        for sent in [100, 200] {
            collected.add(&request(None, [sent, sent, 1000], &values(20.0, 19.0)));
        }
        let taken = collected.take([at(0), at(2000)], at(150), at(150));
        assert_eq!(taken.window.requests.len(), 1);
    }
}
