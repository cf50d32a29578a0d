//! Latencies minus one mean round trip, which was measured during the run or given (`--network-latency-mean`).

use crate::metric::{Flags, Injected, Metric, Unit};
use crate::stats::{Sample, Stats};

/// Network RTT
pub(crate) const RTT: Metric = Metric::injected("network_rtt", "Network RTT", Injected::NetworkRtt)
    .short("Net RTT")
    .unit(Unit::Milliseconds)
    .order(305)
    .flags(Flags::NO_INDIVIDUAL_RECORDS)
    .text("The round trip that is subtracted: the mean of --network-latency-automatic, or --network-latency-mean.");

macro_rules! adjusted {
    ($($name:ident $tag:literal $header:literal $short:literal $order:literal ($flags:expr) of $of:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric = Metric::injected($tag, $header, Injected::NetworkAdjusted($of))
            .short($short)
            .unit(Unit::Milliseconds)
            .order($order)
            .flags($flags)
            .text(concat!($of, " - network_rtt, not below 0."));
    )*};
}

adjusted! {
    REQUEST_LATENCY "network_adjusted_request_latency" "Network-Adjusted Request Latency" "Net-Adj Req Latency" 301
        (Flags::NONE) of "request_latency";
    TIME_TO_FIRST_TOKEN "network_adjusted_time_to_first_token" "Network-Adjusted Time to First Token" "Net-Adj TTFT" 101
        (Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY)) of "time_to_first_token";
    TIME_TO_FIRST_OUTPUT_TOKEN "network_adjusted_time_to_first_output_token"
        "Network-Adjusted Time to First Output Token" "Net-Adj TTFO" 211
        (Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY).and(Flags::SUPPORTS_REASONING))
        of "time_to_first_output_token";
}

/// The statistics of latencies in nanoseconds, each minus one round trip, in milliseconds.
pub(crate) fn adjust(latencies: impl Iterator<Item = f64>, rtt_ms: f64) -> Stats {
    let rtt_ns = rtt_ms * 1e6;
    Sample::new(latencies.map(|latency| (latency - rtt_ns).max(0.0) / 1e6).collect()).stats(1.0)
}

/// The round trip itself, as AIPerf shows it: a sample of one.
pub(crate) fn rtt(rtt_ms: f64) -> Stats {
    Sample::new(vec![rtt_ms]).stats(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Stat;
    use crate::value::Value;

    #[test]
    fn no_latency_falls_below_zero() {
        let stats = adjust([1e6, 5e6].into_iter(), 2.0);
        assert_eq!(stats.get(Stat::Min), Some(Value::ZERO), "a latency below the round trip");
        assert_eq!(stats.get(Stat::Max), Value::new(3.0), "5 - 2");
        assert_eq!(rtt(2.0).count(), Some(1), "one number");
    }
}
