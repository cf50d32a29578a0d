//! Reads the JSON of `vllm bench serve --save-result`; with `--save-detailed`, its arrays also give intervals.
//!
//! vLLM's TTFT ends at the first chunk of any kind, its TPOT is aiperfd's inter_token_latency, its ITL is the gap between
//! chunks, and its request ends at the last token's chunk.

use super::figures::Figures;
use metric::{Stat, Stats, Value as Number};
use serde_json::Value;

pub(super) fn is_it(document: &Value) -> bool {
    document["request_throughput"].is_number() && document["completed"].is_number()
}

pub(super) fn read(label: String, document: &Value) -> Figures {
    let mut figures = Figures::new(label, "vLLM");
    let number = |key: &str| document[key].as_f64();
    let completed = document["completed"].as_u64();
    for (name, tag) in LATENCIES {
        figures.put_stats(tag, STATS, |prefix| number(&format!("{prefix}_{name}_ms")));
        // A request has many gaps, so their count is unknown without the arrays.
        let count = completed.filter(|_| *name != "itl");
        figures.put_mean(tag, number(&format!("mean_{name}_ms")), number(&format!("std_{name}_ms")), count);
    }
    figures.put_averages(RATES, number);
    figures.put_failures(number("completed"), number("failed"));
    let milliseconds = |seconds: f64| seconds * 1e3;
    let first = numbers(&document["ttfts"]).filter(|seconds| *seconds > 0.0).map(milliseconds);
    detailed(&mut figures, "time_to_first_chunk", &Stats::of_sample(first));
    let requests = document["itls"].as_array().into_iter().flatten();
    let gaps = requests.map(|gaps| numbers(gaps).map(milliseconds).collect());
    detailed(&mut figures, "inter_chunk_latency", &Stats::of_requests(gaps));
    figures
}

/// Statistics of requests that have an interval.
fn detailed(figures: &mut Figures, tag: &str, stats: &Stats) {
    for stat in Stat::ALL {
        let precision = stats.precision(stat);
        if matches!(precision, Some(Ok(_))) {
            figures.put(tag, stat, stats.get(stat).map(Number::get), precision);
        }
    }
}

fn numbers(value: &Value) -> impl Iterator<Item = f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64)
}

const LATENCIES: &[(&str, &str)] = &[
    ("ttft", "time_to_first_chunk"),
    ("tpot", "inter_token_latency"),
    ("itl", "inter_chunk_latency"),
    ("e2el", "request_latency"),
];

const STATS: &[(&str, Stat)] = &[
    ("median", Stat::P50),
    ("p25", Stat::P25),
    ("p50", Stat::P50),
    ("p75", Stat::P75),
    ("p90", Stat::P90),
    ("p95", Stat::P95),
    ("p99", Stat::P99),
];

const RATES: &[(&str, &str)] = &[
    ("request_throughput", "request_throughput"),
    ("output_throughput", "output_token_throughput"),
    ("total_token_throughput", "total_token_throughput"),
    ("completed", "request_count"),
    ("failed", "error_request_count"),
    ("total_input_tokens", "total_isl"),
    ("total_output_tokens", "total_osl"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_mapped_by_definition() {
        let document = json!({
            "completed": 100, "request_throughput": 5.5, "output_throughput": 90.0,
            "mean_ttft_ms": 20.0, "std_ttft_ms": 5.0, "median_ttft_ms": 19.0, "p99_ttft_ms": 40.0,
            "mean_tpot_ms": 8.0, "mean_itl_ms": 9.0, "mean_e2el_ms": 100.0,
        });
        assert!(is_it(&document), "a result of vLLM");
        let figures = read("x".to_owned(), &document);
        let value = |tag: &str, stat: &str| figures.get(tag, stat).map(|figure| figure.value);
        assert_eq!(value("time_to_first_chunk", "p50"), Some(19.0), "its median");
        assert_eq!(value("inter_token_latency", "avg"), Some(8.0), "its TPOT");
        assert_eq!(value("inter_chunk_latency", "avg"), Some(9.0), "its ITL");
        assert_eq!(value("time_to_first_token", "avg"), None, "it has none by this definition");
        assert!(
            figures.get("time_to_first_chunk", "avg").unwrap().precision.unwrap().is_ok(),
            "from deviation and count"
        );
        assert!(figures.get("time_to_first_chunk", "p99").unwrap().precision.unwrap().is_err(), "no records");
    }

    #[test]
    fn arrays_give_intervals() {
        let ttfts = (0..200).map(|at| f64::from(at * 37 % 200 + 1) / 1e3).collect::<Vec<_>>();
        let document =
            json!({"completed": 200, "request_throughput": 1.0, "ttfts": ttfts, "itls": [[0.1, 0.2], [0.3]]});
        let figures = read("x".to_owned(), &document);
        let median = figures.get("time_to_first_chunk", "p50").unwrap();
        assert!((median.value - 100.5).abs() < 1e-9 && median.precision.unwrap().is_ok(), "{median:?}");
    }
}
