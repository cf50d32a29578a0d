//! Lists every metric, in the order of AIPerf's JSON, followed by aiperfd's.

use crate::metric::Metric;
use crate::usage::{difference, reported, total};
use crate::{
    absent, client, count, experimental, gpu, http, injected, kernel, latency, length, media, network,
    replay, spec_decode, throughput,
};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// Every metric.
pub const METRICS: &[&Metric] = &[
    // AIPerf: the metrics that are first in its JSON.
    &count::min_request_timestamp::METRIC,
    &count::max_response_timestamp::METRIC,
    &throughput::request_throughput::METRIC,
    &latency::request_latency::METRIC,
    &count::request_count::METRIC,
    &latency::time_to_first_token::METRIC,
    &latency::time_to_second_token::METRIC,
    &latency::inter_token_latency::METRIC,
    &throughput::output_token_throughput::METRIC,
    &throughput::output_token_throughput_per_user::METRIC,
    &length::output_sequence_length::METRIC,
    &length::input_sequence_length::METRIC,
    &throughput::goodput::METRIC,
    &count::good_request_count::METRIC,
    &length::output_token_count::METRIC,
    &length::reasoning_token_count::METRIC,
    &latency::inter_chunk_latency::METRIC,
    &length::total_output_tokens::METRIC,
    &length::total_reasoning_tokens::METRIC,
    &count::benchmark_duration::METRIC,
    &length::total_isl::METRIC,
    &length::total_osl::METRIC,
    &count::error_request_count::METRIC,
    &length::error_isl::METRIC,
    &length::total_error_isl::METRIC,
    // AIPerf: the rest, per request.
    &latency::time_to_first_output_token::METRIC,
    &latency::decode_duration::METRIC,
    &throughput::e2e_output_token_throughput::METRIC,
    &throughput::prefill_throughput_per_user::METRIC,
    &length::requested_osl::METRIC,
    &length::osl_mismatch_diff_pct::METRIC,
    &length::osl_mismatch_count::METRIC,
    &reported::PROMPT,
    &reported::CACHE_READ,
    &reported::CACHE_WRITE,
    &reported::CACHE_MISS,
    &reported::PROMPT_AUDIO,
    &reported::TOOL_PROMPT,
    &reported::COMPLETION,
    &reported::REASONING,
    &reported::COMPLETION_AUDIO,
    &reported::ACCEPTED_PREDICTION,
    &reported::REJECTED_PREDICTION,
    &reported::TOTAL,
    &difference::PROMPT,
    &difference::COMPLETION,
    &difference::REASONING,
    &difference::COUNT,
    &http::BLOCKED,
    &http::DNS_LOOKUP,
    &http::CONNECTING,
    &http::SENDING,
    &http::WAITING,
    &http::RECEIVING,
    &http::CONNECTION_REUSED,
    &http::DATA_SENT,
    &http::CHUNKS_SENT,
    &http::DATA_RECEIVED,
    &http::CHUNKS_RECEIVED,
    &http::CONNECTION_OVERHEAD,
    &http::DURATION,
    &http::TOTAL,
    // AIPerf: the rest, per run.
    &count::context_overflow_count::METRIC,
    &count::completed_request_count::METRIC,
    &count::request_error_rate::METRIC,
    &count::good_request_fraction::METRIC,
    &total::PROMPT,
    &total::CACHE_READ,
    &total::CACHE_WRITE,
    &total::CACHE_MISS,
    &total::PROMPT_AUDIO,
    &total::TOOL_PROMPT,
    &total::COMPLETION,
    &total::REASONING,
    &total::COMPLETION_AUDIO,
    &total::ACCEPTED_PREDICTION,
    &total::REJECTED_PREDICTION,
    &total::TOTAL,
    &total::CACHE_READ_SHARE,
    &throughput::total_token_throughput::METRIC,
    &throughput::input_token_throughput::METRIC,
    // AIPerf: those that need the whole run at once.
    &injected::adjusted::REQUEST_LATENCY,
    &injected::adjusted::TIME_TO_FIRST_TOKEN,
    &injected::adjusted::INTER_TOKEN_LATENCY,
    &injected::adjusted::DECODE_DURATION,
    &injected::timeline::CONCURRENCY,
    &injected::timeline::DECODE_THROUGHPUT,
    &injected::timeline::PREFILL_THROUGHPUT,
    &injected::timeline::DECODE_CONCURRENCY,
    &injected::timeline::PREFILL_CONCURRENCY,
    &injected::timeline::TOTAL_THROUGHPUT,
    &injected::timeline::DECODE_PER_USER,
    &injected::timeline::PREFILL_PER_USER,
    &injected::timeline::TOKENS_IN_FLIGHT,
    &injected::timeline::ACTIVE_DECODE,
    &injected::timeline::ACTIVE_PREFILL,
    &injected::timeline::ACTIVE_DECODE_PER_USER,
    &injected::timeline::ACTIVE_PREFILL_PER_USER,
    &injected::timeline::ACTIVE_TOTAL,
    &injected::due::CREDIT_TO_START,
    &injected::due::EFFECTIVE_LATENCY,
    // AIPerf: experimental, which it shows only to its developers.
    &experimental::STREAM_SETUP,
    &experimental::STREAM_PREFILL,
    &experimental::THINKING,
    &experimental::OVERALL_THINKING,
    // AIPerf: media.
    &media::NUM_IMAGES,
    &media::IMAGE_THROUGHPUT,
    &media::IMAGE_LATENCY,
    &media::AUDIO_DURATION,
    &media::RTFX,
    &media::USAGE_PROMPT_AUDIO,
    &media::TOTAL_USAGE_PROMPT_AUDIO,
    &media::VIDEO_INFERENCE_TIME,
    &media::VIDEO_PEAK_MEMORY,
    // AIPerf: speculative decoding.
    &spec_decode::ACCEPTANCE_LENGTH,
    &spec_decode::DRAFT_ACCEPTANCE_RATE,
    &spec_decode::ACCEPTED_PER_VERIFIED,
    &spec_decode::STEPS,
    &spec_decode::ACCEPTED_DRAFT_TOKENS,
    &spec_decode::DRAFT_TOKENS,
    &spec_decode::TOTAL_STEPS,
    &spec_decode::TOTAL_ACCEPTED,
    &spec_decode::TOTAL_DRAFT,
    &spec_decode::TOKEN_WEIGHTED,
    &spec_decode::OVERALL_RATE,
    // AIPerf: without the network's round trip.
    &network::RTT,
    &network::REQUEST_LATENCY,
    &network::TIME_TO_FIRST_TOKEN,
    &network::TIME_TO_FIRST_OUTPUT_TOKEN,
    // AIPerf: lateness of a fixed schedule.
    &replay::OFFSET,
    &replay::LAG_P50,
    &replay::LAG_P90,
    &replay::LAG_P99,
    &replay::DEGRADED,
    // AIPerf: joules and watts of the GPUs.
    &gpu::efficiency::amd::AVERAGE_GPU_POWER,
    &gpu::efficiency::amd::ENERGY_DELAY_PRODUCT,
    &gpu::efficiency::amd::ENERGY_PER_OUTPUT_TOKEN,
    &gpu::efficiency::amd::ENERGY_PER_REQUEST,
    &gpu::efficiency::amd::ENERGY_PER_TOTAL_TOKEN,
    &gpu::efficiency::amd::ENERGY_PER_USER,
    &gpu::efficiency::amd::GOODPUT_PER_WATT,
    &gpu::efficiency::amd::OUTPUT_TOKENS_PER_JOULE,
    &gpu::efficiency::amd::OUTPUT_TPS_PER_WATT,
    &gpu::efficiency::amd::PERFORMANCE_PER_WATT,
    &gpu::efficiency::amd::TOTAL_GPU_ENERGY,
    &gpu::efficiency::amd::TOTAL_GPU_POWER,
    &gpu::efficiency::nvidia::AVERAGE_GPU_POWER,
    &gpu::efficiency::nvidia::ENERGY_DELAY_PRODUCT,
    &gpu::efficiency::nvidia::ENERGY_PER_OUTPUT_TOKEN,
    &gpu::efficiency::nvidia::ENERGY_PER_REQUEST,
    &gpu::efficiency::nvidia::ENERGY_PER_TOTAL_TOKEN,
    &gpu::efficiency::nvidia::ENERGY_PER_USER,
    &gpu::efficiency::nvidia::GOODPUT_PER_WATT,
    &gpu::efficiency::nvidia::OUTPUT_TOKENS_PER_JOULE,
    &gpu::efficiency::nvidia::OUTPUT_TPS_PER_WATT,
    &gpu::efficiency::nvidia::PERFORMANCE_PER_WATT,
    &gpu::efficiency::nvidia::TOTAL_GPU_ENERGY,
    &gpu::efficiency::nvidia::TOTAL_GPU_POWER,
    // AIPerf: metrics without a value here.
    &absent::other::CREDIT_DROP,
    &absent::other::PREFIX_CACHE_HIT,
    // aiperfd: kernel timestamps.
    &injected::adjusted::KERNEL_REQUEST_LATENCY,
    &injected::adjusted::KERNEL_TIME_TO_FIRST_TOKEN,
    &injected::adjusted::KERNEL_INTER_TOKEN_LATENCY,
    &kernel::kernel_time_to_first_token::METRIC,
    &kernel::kernel_time_to_second_token::METRIC,
    &kernel::kernel_time_to_first_output_token::METRIC,
    &kernel::kernel_time_to_first_chunk::METRIC,
    &kernel::kernel_request_latency::METRIC,
    &kernel::kernel_decode_duration::METRIC,
    &kernel::kernel_inter_token_latency::METRIC,
    &kernel::kernel_inter_chunk_latency::METRIC,
    &kernel::server_wait_first_byte::METRIC,
    &kernel::server_socket_wait::METRIC,
    &kernel::network_rtt_kernel::METRIC,
    &kernel::retransmits::METRIC,
    &kernel::events_per_segment::METRIC,
    // aiperfd: the client's view and overhead.
    &client::time_to_first_chunk::METRIC,
    &client::time_to_first_token_from_due::METRIC,
    &client::request_latency_from_due::METRIC,
    &client::time_per_output_token_including_first::METRIC,
    &client::client_send_overhead::METRIC,
    &client::schedule_lag::METRIC,
    &client::client_receive_overhead::METRIC,
    &client::client_receive_overhead_first_token::METRIC,
    &client::client_added::TIME_TO_FIRST_TOKEN,
    &client::client_added::INTER_TOKEN_LATENCY,
    &client::client_added::REQUEST_LATENCY,
    &client::client_overhead_share::METRIC,
    &client::tokens_per_event::METRIC,
    &client::connect_latency::METRIC,
    // aiperfd: GPU energy by request, token and gap.
    &gpu::join::ENERGY_IN_REQUEST,
    &gpu::join::ENERGY_SHARE,
    &gpu::join::ENERGY_SHARE_PER_OUTPUT_TOKEN,
    &gpu::join::ENERGY_PER_INPUT_TOKEN,
    &gpu::join::POWER_IN_GAP,
    &gpu::join::ENERGY_BY_POWER,
    &gpu::join::COUNTER_DEVIATION,
    &gpu::join::CALL_DURATION,
];

/// The metric with this tag.
#[must_use]
pub fn find(tag: &str) -> Option<&'static Metric> {
    static BY_TAG: LazyLock<FxHashMap<&str, &Metric>> =
        LazyLock::new(|| METRICS.iter().map(|metric| (metric.tag, *metric)).collect());
    BY_TAG.get(tag).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aiperf::REGISTERED;
    use crate::metric::{Injected, Kind, Origin};

    #[test]
    fn tags_are_unique_and_every_metric_has_a_description() {
        for (place, metric) in METRICS.iter().enumerate() {
            assert!(!metric.text.is_empty() && !metric.header.is_empty(), "{} has no text", metric.tag);
            let twice = METRICS[place + 1..].iter().any(|other| other.tag == metric.tag);
            assert!(!twice, "{} is defined twice", metric.tag);
        }
    }

    #[test]
    fn aiperfs_metrics_are_defined_alike() {
        let mut different = Vec::new();
        for expected in REGISTERED {
            let Some(metric) = find(expected.tag) else {
                different.push(format!("{} is missing", expected.tag));
                continue;
            };
            let mut flags = metric.flags.names().collect::<Vec<_>>();
            let mut theirs = expected.flags.to_vec();
            flags.sort_unstable();
            theirs.sort_unstable();
            let found = (metric.header, metric.display.name(), flags, metric.origin);
            let wanted = (expected.header, expected.unit, theirs, Origin::Aiperf);
            if found != wanted {
                different.push(format!("{}: {found:?}, AIPerf has {wanted:?}", expected.tag));
            }
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
    }

    #[test]
    fn adjusted_metrics_have_a_source() {
        for metric in METRICS {
            if let Kind::Injected(Injected::Adjusted(of)) = metric.kind {
                assert!(find(of).is_some(), "{} adjusts {of}", metric.tag);
            }
        }
    }
}
