//! The histograms that are published, each of one metric of the requests.

use telemetry_out::conventions::{DURATION_BOUNDS, FIRST_TOKEN_BOUNDS, PER_TOKEN_BOUNDS, SERVER};

/// A histogram, in seconds, of a metric in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instrument {
    /// The metric.
    pub(super) tag: &'static str,
    /// Its name for Prometheus.
    pub(super) name: &'static str,
    /// Its help text.
    pub(super) help: &'static str,
    /// Its bounds.
    pub(super) bounds: &'static [f64],
}

/// Of requests to observed servers: OpenTelemetry's metrics of a model server by their translated names.
pub(super) const OF_SERVERS: &[Instrument] = &[
    Instrument {
        tag: SERVER[0].tag,
        name: "gen_ai_server_time_to_first_token_seconds",
        help: "From the request's last byte to the first token, at the kernel.",
        bounds: SERVER[0].bounds,
    },
    Instrument {
        tag: SERVER[1].tag,
        name: "gen_ai_server_time_per_output_token_seconds",
        help: "Mean time between a request's tokens after the first, at the kernel.",
        bounds: SERVER[1].bounds,
    },
    Instrument {
        tag: SERVER[2].tag,
        name: "gen_ai_server_request_duration_seconds",
        help: "From the request's last byte to the last token, at the kernel.",
        bounds: SERVER[2].bounds,
    },
];

/// Of requests of runs: the metrics that AIPerf streams, by the names in its tutorial's queries, and their kernel counterparts.
pub(super) const OF_CLIENTS: &[Instrument] = &[
    Instrument {
        tag: "request_latency",
        name: "gen_ai_client_operation_duration",
        help: "From sending a run's request to its last token, in seconds.",
        bounds: DURATION_BOUNDS,
    },
    Instrument {
        tag: "time_to_first_token",
        name: "gen_ai_client_operation_time_to_first_chunk",
        help: "From sending a run's request to its first token, in seconds.",
        bounds: FIRST_TOKEN_BOUNDS,
    },
    Instrument {
        tag: "inter_token_latency",
        name: "gen_ai_client_operation_time_per_output_chunk",
        help: "Mean time between a run's tokens after the first, in seconds.",
        bounds: PER_TOKEN_BOUNDS,
    },
    Instrument {
        tag: "kernel_request_latency",
        name: "aiperf_kernel_request_latency_seconds",
        help: "From a run's request's last byte to its last token, at the kernel, in seconds.",
        bounds: DURATION_BOUNDS,
    },
    Instrument {
        tag: "kernel_time_to_first_token",
        name: "aiperf_kernel_time_to_first_token_seconds",
        help: "From a run's request's last byte to its first token, at the kernel, in seconds.",
        bounds: FIRST_TOKEN_BOUNDS,
    },
    Instrument {
        tag: "kernel_inter_token_latency",
        name: "aiperf_kernel_inter_token_latency_seconds",
        help: "Mean time between a run's tokens after the first, at the kernel, in seconds.",
        bounds: PER_TOKEN_BOUNDS,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_translated_as_prometheus_does() {
        for (instrument, convention) in OF_SERVERS.iter().zip(SERVER) {
            assert_eq!(
                instrument.name,
                format!("{}_seconds", convention.name.replace('.', "_")),
                "in seconds"
            );
        }
    }
}
