//! Maps servers' names of the same quantity: which of their histograms corresponds to which of our metrics.

/// A quantity that several servers measure.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its label in tables.
    pub label: &'static str,
    /// Our metric that it should agree with, if there is one.
    pub twin: Twin,
    /// Its names in servers: vLLM, SGLang, TensorRT-LLM, Dynamo, TGI.
    pub names: &'static [&'static str],
}

/// The counterpart of a server's metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// The client's metric with this tag.
    Client(&'static str),
    /// None: only the server measures it.
    None,
}

/// The known quantities, in the order in which they are shown.
pub const KNOWN: &[Known] = &[
    Known {
        label: "Time to First Token",
        twin: Twin::Client("time_to_first_token"),
        names: &[
            "vllm:time_to_first_token_seconds",
            "sglang:time_to_first_token_seconds",
            "trtllm_time_to_first_token_seconds",
            "dynamo_frontend_time_to_first_token_seconds",
        ],
    },
    Known {
        label: "Inter Token Latency",
        twin: Twin::Client("inter_token_latency"),
        names: &[
            "vllm:inter_token_latency_seconds",
            "vllm:time_per_output_token_seconds",
            "sglang:inter_token_latency_seconds",
            "sglang:time_per_output_token_seconds",
            "trtllm_time_per_output_token_seconds",
            "dynamo_frontend_inter_token_latency_seconds",
            "tgi_request_mean_time_per_token_duration",
        ],
    },
    Known {
        label: "Request Latency",
        twin: Twin::Client("request_latency"),
        names: &[
            "vllm:e2e_request_latency_seconds",
            "sglang:e2e_request_latency_seconds",
            "trtllm_e2e_request_latency_seconds",
            "dynamo_frontend_request_duration_seconds",
            "tgi_request_duration",
        ],
    },
    Known {
        label: "Queue Time",
        twin: Twin::None,
        names: &[
            "vllm:request_queue_time_seconds",
            "sglang:queue_time_seconds",
            "trtllm_request_queue_time_seconds",
            "tgi_request_queue_duration",
        ],
    },
    Known {
        label: "Prefill Time",
        twin: Twin::None,
        names: &["vllm:request_prefill_time_seconds", "sglang:prefill_time_seconds"],
    },
    Known {
        label: "Requests Running",
        twin: Twin::None,
        names: &[
            "vllm:num_requests_running",
            "sglang:num_running_reqs",
            "dynamo_frontend_inflight_requests",
            "tgi_batch_current_size",
        ],
    },
    Known {
        label: "Requests Waiting",
        twin: Twin::None,
        names: &[
            "vllm:num_requests_waiting",
            "sglang:num_queue_reqs",
            "dynamo_frontend_queued_requests",
            "tgi_queue_size",
        ],
    },
    Known {
        label: "KV Cache Usage",
        twin: Twin::None,
        names: &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage"],
    },
    Known { label: "Connections Not Accepted", twin: Twin::None, names: &["aiperfd:accept_queue"] },
    Known { label: "Requests Not Read", twin: Twin::None, names: &["aiperfd:unread_connections"] },
];
