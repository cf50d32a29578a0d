//! The histograms of OpenTelemetry's semantic conventions for model servers, which are exported to collectors and served to
//! Prometheus alike.

/// A histogram of a request's durations, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Convention {
    /// The kernel's metric that it is of.
    pub tag: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its bounds.
    pub bounds: &'static [f64],
}

/// <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/#generative-ai-model-server-metrics>
pub const SERVER: [Convention; 3] = [
    Convention {
        tag: "kernel_time_to_first_token",
        name: "gen_ai.server.time_to_first_token",
        bounds: FIRST_TOKEN_BOUNDS,
    },
    Convention {
        tag: "kernel_inter_token_latency",
        name: "gen_ai.server.time_per_output_token",
        bounds: PER_TOKEN_BOUNDS,
    },
    Convention {
        tag: "kernel_request_latency",
        name: "gen_ai.server.request.duration",
        bounds: DURATION_BOUNDS,
    },
];

/// Bounds of the time to a first token: the conventions', and beyond them up to some hours, for a quantile above the last bound
/// is unknown.
pub const FIRST_TOKEN_BOUNDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 40.0, 160.0,
    640.0, 2560.0, 10240.0,
];
/// Bounds of the time between tokens, likewise.
pub const PER_TOKEN_BOUNDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 10.0, 40.0, 160.0, 640.0,
    2560.0, 10240.0,
];
/// Bounds of a request's duration, at its server or its client, likewise.
pub const DURATION_BOUNDS: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 327.68, 1310.72,
    5242.88, 20971.52,
];
