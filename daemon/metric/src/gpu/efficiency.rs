//! AIPerf's GPU efficiency metrics over the measured phase, by vendor: joules and watts per request and token.
//!
//! AIPerf uses the energy counter's samples up to 0.666 s after the phase; here they are interpolated at its ends.

use super::curve::Curve;
use super::series::{Gpus, Series};
use super::summary::mean;
use crate::metric::{Flags, Group, Injected, Metric, Unit};
use crate::report::{MetricResult, Report};
use crate::settings::Window;
use crate::stats::{Stat, Stats};
use crate::value::Value;

macro_rules! of_maker {
    ($maker:ident $prefix:literal $group:ident $first:literal) => {
        /// The metrics of one vendor's GPUs.
        pub(crate) mod $maker {
            use super::{Flags, Group, Injected, Metric, Unit};

            gpu_metrics! { $prefix group($group) $first
                PERFORMANCE_PER_WATT "performance_per_watt" "Performance per Watt" "requests/sec/W" 10 (Flags::LARGER_IS_BETTER)
                    "request_throughput / mean power.";
                OUTPUT_TPS_PER_WATT "output_tps_per_watt" "Output Tokens per Second per Watt" "tokens/sec/W" 12
                    (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER)) "output_token_throughput / mean power.";
                GOODPUT_PER_WATT "goodput_per_watt" "Goodput per Watt" "good-req/s/W" 14 (Flags::LARGER_IS_BETTER)
                    "goodput / mean power.";
                AVERAGE_GPU_POWER "average_gpu_power" "Average GPU Power" "W" 20 (Flags::NONE) "Energy / duration.";
                TOTAL_GPU_ENERGY "total_gpu_energy" "Total GPU Energy" "J" 30 (Flags::NONE)
                    "Energy of all GPUs over the phase.";
                TOTAL_GPU_POWER "total_gpu_power" "Total GPU Power" "W" 40 (Flags::NONE)
                    "Mean power of all GPUs together.";
                ENERGY_PER_TOTAL_TOKEN "energy_per_total_token" "Energy per Total Token" "mJ/token" 45 (Flags::NONE)
                    "1000 * energy / (total_isl + total_osl).";
                ENERGY_PER_OUTPUT_TOKEN "energy_per_output_token" "Energy per Output Token" "mJ/token" 50
                    (Flags::PRODUCES_TOKENS_ONLY) "1000 * energy / total_osl.";
                ENERGY_PER_REQUEST "energy_per_request" "Energy per Request" "joules/request" 55 (Flags::NONE)
                    "Energy / request_count.";
                OUTPUT_TOKENS_PER_JOULE "output_tokens_per_joule" "Output Tokens per Joule" "tokens/J" 60
                    (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER)) "total_osl / energy.";
                ENERGY_PER_USER "energy_per_user" "Energy per User" "joules/user" 65 (Flags::NONE) "Energy / concurrency.";
                ENERGY_DELAY_PRODUCT "energy_delay_product" "Energy Delay Product" "J*s" 0 (Flags::NONE)
                    "energy_per_request * mean request_latency in seconds.";
            }
        }
    };
}

of_maker!(amd "amd_" AmdEfficiency 800);
of_maker!(nvidia "nvidia_" NvidiaEfficiency 700);

/// The results of every vendor with GPU telemetry.
pub(crate) fn results(
    gpus: &Gpus,
    window: Window,
    concurrency: Option<u32>,
    report: &Report,
) -> Vec<MetricResult> {
    let mut results = Vec::new();
    for platform in ["nvidia", "amd"] {
        let of_maker = gpus.each().filter(|gpu| gpu.platform() == platform).collect::<Vec<_>>();
        for (tag, number) in numbers(&of_maker, window, concurrency, report) {
            let metric = crate::registry::find(&format!("{platform}_{tag}"));
            if let Some((metric, value)) = metric.zip(number.and_then(Value::new)) {
                results.push(MetricResult { metric, stats: Stats::scalar(value) });
            }
        }
    }
    results
}

/// AIPerf's formulas, by the suffix of the tag.
fn numbers(
    gpus: &[&Series],
    window: Window,
    concurrency: Option<u32>,
    report: &Report,
) -> Vec<(&'static str, Option<f64>)> {
    let powers = gpus.iter().filter_map(|gpu| mean(gpu.power(), window)).collect::<Vec<_>>();
    let total_power = (!powers.is_empty()).then(|| powers.iter().sum::<f64>());
    let curves = gpus.iter().filter_map(|gpu| Curve::energy_of(gpu)).collect::<Vec<_>>();
    let energy = curves.iter().map(|curve| curve.between(window.begin, window.end)).sum::<f64>();
    let seconds = window.length().as_seconds();
    if curves.is_empty() || energy <= 0.0 || seconds <= 0.0 {
        return vec![("total_gpu_power", total_power)];
    }
    let of = |tag| report.stat(tag, Stat::Avg).map(Value::get);
    let (input, output) = (of("total_isl"), of("total_osl").filter(|tokens| *tokens > 0.0));
    let all = input.unwrap_or(0.0) + output.unwrap_or(0.0);
    let power = energy / seconds;
    let per_request = of("request_count").filter(|count| *count > 0.0).map(|count| energy / count);
    let delay = of("request_latency").map(|milliseconds| milliseconds / 1e3);
    vec![
        ("total_gpu_power", total_power),
        ("average_gpu_power", Some(power)),
        ("total_gpu_energy", Some(energy)),
        ("output_tokens_per_joule", output.map(|tokens| tokens / energy)),
        ("energy_per_output_token", output.map(|tokens| 1e3 * energy / tokens)),
        ("energy_per_total_token", (all > 0.0).then(|| 1e3 * energy / all)),
        ("energy_per_request", per_request),
        ("energy_per_user", concurrency.map(|users| energy / f64::from(users))),
        ("energy_delay_product", per_request.zip(delay).map(|(joules, seconds)| joules * seconds)),
        ("performance_per_watt", of("request_throughput").map(|rate| rate / power)),
        ("output_tps_per_watt", of("output_token_throughput").map(|rate| rate / power)),
        ("goodput_per_watt", of("goodput").map(|rate| rate / power)),
    ]
}
