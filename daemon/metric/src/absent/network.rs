//! Latencies minus one mean round trip: registered as AIPerf has them, without a value here.

use super::absent;
use crate::metric::{Flags, Metric, Unit};

absent! {
    "AIPerf subtracts one mean handshake time; kernel_* leaves the client out and network_rtt_kernel tells each request's round trip";
    NETWORK_ADJUSTED_REQUEST_LATENCY "network_adjusted_request_latency" "Network-Adjusted Request Latency" "Net-Adj Req Latency" "ms" 301 (Flags::NONE)
        "request_latency - network_rtt, not below 0.";
    NETWORK_ADJUSTED_TIME_TO_FIRST_OUTPUT_TOKEN "network_adjusted_time_to_first_output_token" "Network-Adjusted Time to First Output Token" "Net-Adj TTFO" "ms" 211 (Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY).and(Flags::SUPPORTS_REASONING))
        "time_to_first_output_token - network_rtt, not below 0.";
    NETWORK_ADJUSTED_TIME_TO_FIRST_TOKEN "network_adjusted_time_to_first_token" "Network-Adjusted Time to First Token" "Net-Adj TTFT" "ms" 101 (Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
        "time_to_first_token - network_rtt, not below 0.";
    NETWORK_RTT "network_rtt" "Network RTT" "Net RTT" "ms" 305 (Flags::NO_INDIVIDUAL_RECORDS)
        "Mean time of TCP handshakes beside the load, or --network-latency-mean.";
}
