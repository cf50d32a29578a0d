//! Power of the GPUs over the run, by maker: registered as AIPerf has them, without a value here.

use crate::metric::{Flags, Metric, Unit};

macro_rules! of_maker {
    ($maker:ident $first:literal) => {
        /// The metrics of one maker's GPUs.
        pub(crate) mod $maker {
            use super::{Flags, Metric, Unit, WHY};

            of_maker! { $maker $first
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
    ($maker:ident $first:literal $($name:ident $tag:literal $header:literal $unit:literal $order:literal ($flags:expr) $text:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric = Metric::absent(concat!(stringify!($maker), "_", $tag), $header, WHY)
            .unit(Unit::Other($unit))
            .order($first + $order)
            .flags($flags)
            .text($text);
    )*};
}

of_maker!(amd 800);
of_maker!(nvidia 700);

const WHY: &str = "it takes GPU telemetry, which is not collected";
