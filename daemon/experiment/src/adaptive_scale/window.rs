//! One assessment window of a phase that scales: its requests, what limits see of them, and what of their time was the client's.

use crate::search::{Limit, Op};

/// The requests that ended in a stretch of a phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Requests that succeeded.
    pub requests: Vec<Sample>,
    /// Requests that failed.
    pub errors: usize,
    /// Requests that were cancelled on purpose.
    pub cancelled: usize,
    /// Its length.
    pub seconds: f64,
    /// What this client did in it.
    pub client: Client,
}

/// A request that succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// From the request to the last token, by the clock that limits are judged by.
    pub latency_ms: f64,
    /// From the request to the first token, if it was seen.
    pub ttft_ms: Option<f64>,
    /// Between tokens, if there were enough of them.
    pub itl_ms: Option<f64>,
    /// Output tokens, if they were counted.
    pub output_tokens: Option<f64>,
}

/// What this client did in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Client {
    /// The time of the requests until their last token was read: from when they were due where they waited for nothing but this
    /// client then, else from when they were sent. Opening a connection does not count.
    pub total_ms: f64,
    /// What of it was neither the server's nor the network's: by the kernel's stamps where there are any, else until they were sent.
    pub own_ms: f64,
    /// Requests that waited for nothing but this client once they were due.
    pub sent: usize,
    /// Of these, those that were sent late: more than 1 ms, and more than a tenth of their latency, after they were due.
    pub late: usize,
    /// Requests of the window whose numbers did not arrive at the controller.
    pub dropped: u64,
    /// Requests that were sent before the control value was what it is.
    pub of_earlier_value: usize,
}

impl Client {
    /// The client's share of the requests' time, if there was any.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.total_ms > 0.0).then(|| (self.own_ms / self.total_ms).clamp(0.0, 1.0))
    }

    /// Why the window says nothing of the server, if so.
    #[must_use]
    pub fn void(&self) -> Option<String> {
        if self.dropped > 0 {
            return Some(format!("{} requests were dropped on their way to the controller", self.dropped));
        }
        let late = float(self.late) / float(self.sent.max(1));
        if late > LATE_MAX {
            return Some(format!("this client sent {} of {} requests late", self.late, self.sent));
        }
        let share = self.share().filter(|share| *share > SHARE_MAX)?;
        Some(format!("{:.0} % of the requests' time was this client's", share * 100.0))
    }
}

impl Window {
    /// Requests that ended in it.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.requests.len() + self.errors + self.cancelled
    }

    /// Requests that succeeded, per second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.per_second(float(self.requests.len()))
    }

    /// A percentile, the average, the least or the greatest of a number of its requests, in which those that failed take for ever.
    /// Infinite if there is none.
    #[must_use]
    pub fn latency(&self, of: impl Fn(&Sample) -> Option<f64>, stat: &str) -> f64 {
        let mut values = self.requests.iter().filter_map(of).collect::<Vec<_>>();
        values.extend(std::iter::repeat_n(f64::INFINITY, self.errors));
        values.sort_unstable_by(f64::total_cmp);
        statistic(&values, stat)
    }

    /// What a limit is on, of this window. `limits` are all of them: those on latencies decide which requests are good.
    #[must_use]
    pub fn value(&self, limit: &Limit, limits: &[Limit]) -> f64 {
        match Quantity::of(&limit.metric_tag) {
            Some(Quantity::Latency) => self.latency(|one| Some(one.latency_ms), &limit.stat),
            Some(Quantity::FirstToken) => self.latency(|one| one.ttft_ms, &limit.stat),
            Some(Quantity::BetweenTokens) => self.latency(|one| one.itl_ms, &limit.stat),
            Some(Quantity::Throughput) => self.throughput(),
            Some(Quantity::OutputTokens) => {
                self.per_second(self.requests.iter().filter_map(|one| one.output_tokens).sum())
            }
            Some(Quantity::Goodput) => self.per_second(float(self.good(limits))),
            Some(Quantity::GoodputRatio) => share(self.good(limits), self.total()),
            Some(Quantity::SuccessRate) => share(self.requests.len(), self.total()),
            Some(Quantity::ErrorRate) => 100.0 * share(self.errors, self.requests.len() + self.errors),
            Some(Quantity::CancellationRate) => share(self.cancelled, self.total()),
            None => f64::NAN,
        }
    }

    /// Whether limits can be judged although no request succeeded: they are on the way in which requests did not.
    pub(super) fn can_be_judged_without_successes(&self, limits: &[Limit]) -> bool {
        let is_on = |quantity| limits.iter().any(|limit| Quantity::of(&limit.metric_tag) == Some(quantity));
        let is_of_failures = |limit: &Limit| {
            matches!(Quantity::of(&limit.metric_tag), Some(Quantity::ErrorRate | Quantity::CancellationRate))
        };
        limits.iter().all(is_of_failures)
            && !(self.errors > 0 && self.cancelled > 0)
            && (self.errors == 0 || is_on(Quantity::ErrorRate))
            && (self.cancelled == 0 || is_on(Quantity::CancellationRate))
    }

    /// Requests that keep every limit on a latency.
    fn good(&self, limits: &[Limit]) -> usize {
        let keeps = |one: &Sample, limit: &Limit| {
            let value = match Quantity::of(&limit.metric_tag) {
                Some(Quantity::Latency) => Some(one.latency_ms),
                Some(Quantity::FirstToken) => one.ttft_ms,
                Some(Quantity::BetweenTokens) => one.itl_ms,
                _ => return true,
            };
            value.is_some_and(|value| limit.op.is_met(value, limit.threshold))
        };
        self.requests.iter().filter(|one| limits.iter().all(|limit| keeps(one, limit))).count()
    }

    fn per_second(&self, number: f64) -> f64 {
        if self.seconds > 0.0 { number / self.seconds } else { 0.0 }
    }
}

/// What a limit of a phase can be on. AIPerf has several names for some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The latency of requests.
    Latency,
    /// The time to the first token.
    FirstToken,
    /// The time between tokens.
    BetweenTokens,
    /// Requests that succeed, per second.
    Throughput,
    /// Output tokens per second.
    OutputTokens,
    /// Requests that keep every limit on a latency, per second.
    Goodput,
    /// Their share of all requests.
    GoodputRatio,
    /// The share of requests that succeed.
    SuccessRate,
    /// Requests that fail, in percent of those that were not cancelled.
    ErrorRate,
    /// The share of requests that are cancelled.
    CancellationRate,
}

impl Quantity {
    /// What this tag means.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        Some(match tag {
            "request_latency" => Self::Latency,
            "time_to_first_token" | "ttft" => Self::FirstToken,
            "inter_token_latency" | "itl" | "tpot" => Self::BetweenTokens,
            "throughput" | "request_throughput" | "completed_request_throughput" => Self::Throughput,
            "output_token_throughput" => Self::OutputTokens,
            "goodput" => Self::Goodput,
            "goodput_ratio" => Self::GoodputRatio,
            "success_rate" | "request_success_rate" => Self::SuccessRate,
            "error_rate" | "request_error_rate" => Self::ErrorRate,
            "cancellation_rate" | "request_cancellation_rate" => Self::CancellationRate,
            _ => return None,
        })
    }

    /// Whether it is a time of each request.
    #[must_use]
    pub const fn is_latency(self) -> bool {
        matches!(self, Self::Latency | Self::FirstToken | Self::BetweenTokens)
    }

    /// Its statistics.
    #[must_use]
    pub const fn stats(self) -> &'static [&'static str] {
        if self.is_latency() { LATENCY_STATS } else { RATE_STATS }
    }
}

/// Why these limits cannot be judged window by window, and the place of the one at fault; none if they can.
#[must_use]
pub fn fault(limits: &[Limit]) -> Option<(usize, String)> {
    let quantities = limits.iter().map(|limit| Quantity::of(&limit.metric_tag)).collect::<Vec<_>>();
    let has_quality = quantities.iter().flatten().any(|quantity| quantity.is_latency());
    (0..).zip(limits.iter().zip(&quantities)).find_map(|(place, (limit, quantity))| {
        let Some(quantity) = quantity else {
            return Some((
                place,
                format!("`{}` cannot be judged during a run; available: {TAGS}", limit.metric_tag),
            ));
        };
        let why = if !quantity.stats().contains(&limit.stat.as_str()) {
            format!(
                "`{}` has no `{}`; available: {}",
                limit.metric_tag,
                limit.stat,
                quantity.stats().join(", ")
            )
        } else if !limit.threshold.is_finite() {
            "the threshold is not a number".to_owned()
        } else if *quantity == Quantity::ErrorRate && !(0.0..=100.0).contains(&limit.threshold) {
            format!("the threshold of an error rate is a percentage: {} is not", limit.threshold)
        } else if matches!(quantity, Quantity::Goodput | Quantity::GoodputRatio) && !has_quality {
            format!("`{}` needs a limit on a latency, which says what a good request is", limit.metric_tag)
        } else if quantity.is_latency() && matches!(limit.op, Op::Lt | Op::Le) && limit.threshold <= 0.0 {
            format!("no request is below {}", limit.threshold)
        } else {
            return None;
        };
        Some((place, why))
    })
}

/// A statistic of sorted values; percentiles between two values are interpolated. Infinite without values.
#[must_use]
pub fn statistic(sorted: &[f64], stat: &str) -> f64 {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return f64::INFINITY };
    match stat {
        "avg" => sorted.iter().sum::<f64>() / float(sorted.len()),
        "min" => *first,
        "max" => *last,
        percentile => {
            let percent = percentile.trim_start_matches('p').parse::<f64>().unwrap_or(f64::NAN);
            let rank = percent / 100.0 * float(sorted.len() - 1);
            // Ranks are small, whole and not negative after the floor.
            let place = (0..sorted.len()).take_while(|place| float(*place) <= rank).last().unwrap_or(0);
            let fraction = rank - float(place);
            let low = sorted[place];
            match sorted.get(place + 1) {
                Some(high) if fraction > 0.0 && low.is_finite() => (high - low).mul_add(fraction, low),
                _ => low,
            }
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

const LATENCY_STATS: &[&str] =
    &["avg", "min", "max", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"];
const RATE_STATS: &[&str] = &["avg", "min", "max"];
const TAGS: &str = "request_latency, time_to_first_token, inter_token_latency, request_throughput, output_token_throughput, \
                    goodput, goodput_ratio, success_rate, error_rate, cancellation_rate";
/// A window in which more of the requests' time is the client's says nothing of the server, as in the verdict of a run.
const SHARE_MAX: f64 = 0.10;
/// The same for the share of requests that were sent late.
const LATE_MAX: f64 = 0.10;

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(metric_tag: &str, stat: &str, op: Op, threshold: f64) -> Limit {
        Limit { metric_tag: metric_tag.to_owned(), stat: stat.to_owned(), op, threshold }
    }

    fn window(latencies: &[f64], errors: usize, cancelled: usize) -> Window {
        let sample = |latency_ms: &f64| Sample {
            latency_ms: *latency_ms,
            ttft_ms: Some(latency_ms / 2.0),
            itl_ms: None,
            output_tokens: Some(10.0),
        };
        let requests = latencies.iter().map(sample).collect();
        Window { requests, errors, cancelled, seconds: 2.0, client: Client::default() }
    }

    #[track_caller]
    fn check(window: &Window, tag: &str, stat: &str, expected: f64) {
        let limits = [limit(tag, stat, Op::Lt, 1.0), limit("request_latency", "p95", Op::Le, 25.0)];
        let found = window.value(&limits[0], &limits);
        let is_same = (found - expected).abs() < 1e-9 || (found.is_infinite() && expected.is_infinite());
        assert!(is_same, "{tag} {stat}: {found}, {expected} expected");
    }

    #[test]
    fn what_a_limit_is_on() {
        let four = window(&[10.0, 20.0, 30.0, 40.0], 0, 0);
        check(&four, "request_latency", "avg", 25.0);
        check(&four, "request_latency", "p50", 25.0);
        check(&four, "request_latency", "p95", 38.5);
        check(&four, "ttft", "max", 20.0);
        check(&four, "itl", "p50", f64::INFINITY);
        check(&four, "throughput", "avg", 2.0);
        check(&four, "output_token_throughput", "avg", 20.0);
        check(&four, "goodput", "avg", 1.0);
        check(&four, "goodput_ratio", "avg", 0.5);
        let mixed = window(&[10.0, 20.0], 1, 1);
        check(&mixed, "success_rate", "avg", 0.5);
        check(&mixed, "error_rate", "avg", 100.0 / 3.0);
        check(&mixed, "cancellation_rate", "avg", 0.25);
        check(&Window::default(), "throughput", "avg", 0.0);
        check(&Window::default(), "error_rate", "avg", 0.0);
    }

    #[test]
    fn a_request_that_failed_takes_for_ever() {
        let mixed = window(&[10.0, 20.0, 30.0], 1, 0);
        check(&mixed, "request_latency", "p50", 25.0);
        check(&mixed, "request_latency", "p75", f64::INFINITY);
        check(&mixed, "request_latency", "avg", f64::INFINITY);
        check(&mixed, "request_latency", "min", 10.0);
        check(&window(&[], 3, 0), "request_latency", "p1", f64::INFINITY);
    }

    #[test]
    fn a_window_in_which_the_client_was_late_is_void() {
        let fair = Client { total_ms: 1000.0, own_ms: 90.0, sent: 100, late: 10, ..Client::default() };
        let check = |client: Client, expected: Option<&str>| {
            let void = client.void();
            let is_so = match (&void, expected) {
                (Some(void), Some(expected)) => void.contains(expected),
                (None, None) => true,
                _ => false,
            };
            assert!(is_so, "{client:?}: {void:?}");
        };
        check(fair, None);
        check(Client { own_ms: 110.0, ..fair }, Some("11 % of the requests' time"));
        check(Client { late: 11, ..fair }, Some("11 of 100 requests late"));
        check(Client { sent: 0, late: 0, ..fair }, None);
        check(Client { dropped: 7, ..fair }, Some("7 requests were dropped"));
        check(Client::default(), None);
    }

    #[test]
    fn limits_that_cannot_be_judged_are_refused() {
        let check = |limits: &[Limit], expected: Option<&str>| {
            let why = fault(limits).map(|(_, why)| why);
            let is_so = match (&why, expected) {
                (Some(why), Some(expected)) => why.contains(expected),
                (None, None) => true,
                _ => false,
            };
            assert!(is_so, "{limits:?}: {why:?}");
        };
        let latency = limit("request_latency", "p95", Op::Lt, 100.0);
        let goodput = limit("goodput", "avg", Op::Gt, 1.0);
        check(&[latency.clone(), goodput.clone()], None);
        check(&[goodput], Some("needs a limit on a latency"));
        check(&[limit("gpu_power", "avg", Op::Lt, 1.0)], Some("cannot be judged during a run"));
        check(&[limit("throughput", "p95", Op::Gt, 1.0)], Some("has no `p95`; available: avg, min, max"));
        check(&[limit("request_latency", "std", Op::Lt, 1.0)], Some("has no `std`"));
        check(&[limit("error_rate", "avg", Op::Lt, 101.0)], Some("is a percentage"));
        check(&[limit("request_latency", "p95", Op::Lt, f64::NAN)], Some("not a number"));
        check(&[limit("ttft", "p95", Op::Lt, 0.0)], Some("no request is below 0"));
    }
}
