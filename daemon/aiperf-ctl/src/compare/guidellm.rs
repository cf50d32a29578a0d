//! Reads GuideLLM's JSON: the first of its benchmarks.
//!
//! Its ITL is aiperfd's inter_token_latency, its TPOT includes the first token, and its requests end with the stream.

use super::figures::Figures;
use metric::Stat;
use serde_json::Value;

pub(super) fn is_it(document: &Value) -> bool {
    document["benchmarks"][0]["metrics"].is_object()
}

pub(super) fn read(label: String, document: &Value) -> Figures {
    let count = document["benchmarks"].as_array().map_or(0, Vec::len);
    let label = if count > 1 { format!("{label} (benchmark 1 of {count})") } else { label };
    let mut figures = Figures::new(label, "GuideLLM");
    let metrics = &document["benchmarks"][0]["metrics"];
    for (name, tag, factor) in DISTRIBUTIONS {
        let of = &metrics[*name]["successful"];
        let number = |value: &Value| value.as_f64().map(|number| number * factor);
        figures.put_stats(tag, STATS, |key| number(&of["percentiles"][key]).or_else(|| number(&of[key])));
        figures.put_mean(tag, number(&of["mean"]), number(&of["std_dev"]), of["count"].as_u64());
    }
    // Of the metrics, and before them of the benchmark.
    let totals = [&metrics["request_totals"], &document["benchmarks"][0]["request_totals"]];
    let total = |status: &str| totals.iter().find_map(|totals| totals[status].as_f64());
    figures.put_failures(total("successful"), total("errored"));
    figures.put_averages(RATES, |name| metrics[name]["successful"]["mean"].as_f64());
    figures
}

/// GuideLLM's name, aiperfd's tag, and the factor that converts the unit.
const DISTRIBUTIONS: &[(&str, &str, f64)] = &[
    ("time_to_first_token_ms", "time_to_first_token", 1.0),
    ("inter_token_latency_ms", "inter_token_latency", 1.0),
    ("time_per_output_token_ms", "time_per_output_token_including_first", 1.0),
    ("request_latency", "http_req_duration", 1e3),
    ("prompt_token_count", "input_sequence_length", 1.0),
    ("output_token_count", "output_sequence_length", 1.0),
];

const RATES: &[(&str, &str)] = &[
    ("requests_per_second", "request_throughput"),
    ("output_tokens_per_second", "output_token_throughput"),
    ("tokens_per_second", "total_token_throughput"),
    ("request_concurrency", "effective_concurrency"),
];

const STATS: &[(&str, Stat)] = &[
    ("p01", Stat::P1),
    ("p05", Stat::P5),
    ("p10", Stat::P10),
    ("p25", Stat::P25),
    ("p50", Stat::P50),
    ("median", Stat::P50),
    ("p75", Stat::P75),
    ("p90", Stat::P90),
    ("p95", Stat::P95),
    ("p99", Stat::P99),
    ("min", Stat::Min),
    ("max", Stat::Max),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_mapped_by_definition() {
        let latency =
            json!({"successful": {"mean": 0.5, "std_dev": 0.1, "count": 50, "percentiles": {"p99": 0.9}}});
        let document = json!({"benchmarks": [{"metrics": {
            "request_latency": latency,
            "time_per_output_token_ms": {"successful": {"mean": 12.0}},
            "requests_per_second": {"successful": {"mean": 3.0}},
            "request_totals": {"successful": 45, "errored": 5},
        }}, {}]});
        assert!(is_it(&document), "a result of GuideLLM");
        let figures = read("x".to_owned(), &document);
        let value = |tag: &str, stat: &str| figures.get(tag, stat).map(|figure| figure.value);
        assert_eq!(value("http_req_duration", "p99"), Some(900.0), "seconds, to the end of the stream");
        assert_eq!(value("time_per_output_token_including_first", "avg"), Some(12.0), "its TPOT");
        assert_eq!(value("request_throughput", "avg"), Some(3.0), "a rate");
        assert_eq!(value("request_error_rate", "avg"), Some(10.0), "five of fifty");
        assert_eq!(figures.label, "x (benchmark 1 of 2)", "which one");
    }
}
