//! Latencies in which failed requests count as infinite, so that a server cannot improve them by failing.
//!
//! The sample is the metric's own plus one infinity per failed request; percentiles are by nearest rank, and those that fall on
//! an infinity have no value. Without a failure the metric is absent.

use crate::metric::{Group, Injected, Metric};

macro_rules! adjusted {
    ($($name:ident $tag:literal $header:literal of $of:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric =
            Metric::injected($tag, concat!($header, " (error-adjusted)"), Injected::Adjusted($of))
                .latency()
                .text(concat!($of, " with one infinity for each failed request, nearest-rank percentiles."));
    )*};
}

adjusted! {
    REQUEST_LATENCY "adj_request_latency" "Request Latency" of "request_latency";
    TIME_TO_FIRST_TOKEN "adj_time_to_first_token" "Time to First Token" of "time_to_first_token";
    INTER_TOKEN_LATENCY "adj_inter_token_latency" "Inter Token Latency" of "inter_token_latency";
    DECODE_DURATION "adj_decode_duration" "Decode Duration" of "decode_duration";
}

macro_rules! adjusted_kernel {
    ($($name:ident $tag:literal $header:literal of $of:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric =
            Metric::injected($tag, concat!($header, " (error-adjusted)"), Injected::Adjusted($of))
                .latency()
                .ours(Group::Hidden)
                .text(concat!($of, " with one infinity for each failed request, nearest-rank percentiles."));
    )*};
}

adjusted_kernel! {
    KERNEL_REQUEST_LATENCY "adj_kernel_request_latency" "Kernel Request Latency" of "kernel_request_latency";
    KERNEL_TIME_TO_FIRST_TOKEN "adj_kernel_time_to_first_token" "Kernel Time to First Token"
        of "kernel_time_to_first_token";
    KERNEL_INTER_TOKEN_LATENCY "adj_kernel_inter_token_latency" "Kernel Inter Token Latency"
        of "kernel_inter_token_latency";
}

#[cfg(test)]
mod tests {
    use crate::stats::Sample;

    #[test]
    fn percentiles_on_a_failure_have_no_value() {
        let sample = Sample::new(vec![1.0, 2.0, 3.0]);
        let stats = sample.adjusted(&[1.0, f64::INFINITY, 2.0, 3.0], 1.0);
        assert_eq!(stats.count(), Some(4), "the failure counts");
        let p50 = stats.get(crate::Stat::P50).map(crate::Value::get);
        assert_eq!(
            p50.map(f64::to_bits),
            Some(3.0_f64.to_bits()),
            "index 1.5 is nearest to 2, which is even"
        );
        assert_eq!(stats.get(crate::Stat::P99), None, "the last of four is the failure");
        assert_eq!(stats.get(crate::Stat::Avg), None, "and so the mean is infinite");
    }
}
