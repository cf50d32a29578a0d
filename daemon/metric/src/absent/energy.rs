//! Power of the GPUs over the run: registered as AIPerf has them, without a value here.

use super::absent;
use crate::metric::{Flags, Metric, Unit};

absent! {
    "it takes GPU telemetry, which is not collected";
    AMD_AVERAGE_GPU_POWER "amd_average_gpu_power" "Average GPU Power" "Average GPU Power" "W" 820 (Flags::NONE)
        "Energy / duration.";
    AMD_ENERGY_DELAY_PRODUCT "amd_energy_delay_product" "Energy Delay Product" "Energy Delay Product" "J*s" 800 (Flags::NONE)
        "energy_per_request * mean request_latency in seconds.";
    AMD_ENERGY_PER_OUTPUT_TOKEN "amd_energy_per_output_token" "Energy per Output Token" "Energy per Output Token" "mJ/token" 850 (Flags::PRODUCES_TOKENS_ONLY)
        "1000 * energy / total_osl.";
    AMD_ENERGY_PER_REQUEST "amd_energy_per_request" "Energy per Request" "Energy per Request" "joules/request" 855 (Flags::NONE)
        "Energy / request_count.";
    AMD_ENERGY_PER_TOTAL_TOKEN "amd_energy_per_total_token" "Energy per Total Token" "Energy per Total Token" "mJ/token" 845 (Flags::NONE)
        "1000 * energy / (total_isl + total_osl).";
    AMD_ENERGY_PER_USER "amd_energy_per_user" "Energy per User" "Energy per User" "joules/user" 865 (Flags::NONE)
        "Energy / concurrency.";
    AMD_GOODPUT_PER_WATT "amd_goodput_per_watt" "Goodput per Watt" "Goodput per Watt" "good-req/s/W" 814 (Flags::LARGER_IS_BETTER)
        "goodput / mean power.";
    AMD_OUTPUT_TOKENS_PER_JOULE "amd_output_tokens_per_joule" "Output Tokens per Joule" "Output Tokens per Joule" "tokens/J" 860 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        "total_osl / energy.";
    AMD_OUTPUT_TPS_PER_WATT "amd_output_tps_per_watt" "Output Tokens per Second per Watt" "Output Tokens per Second per Watt" "tokens/sec/W" 812 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        "output_token_throughput / mean power.";
    AMD_PERFORMANCE_PER_WATT "amd_performance_per_watt" "Performance per Watt" "Performance per Watt" "requests/sec/W" 810 (Flags::LARGER_IS_BETTER)
        "request_throughput / mean power.";
    AMD_TOTAL_GPU_ENERGY "amd_total_gpu_energy" "Total GPU Energy" "Total GPU Energy" "J" 830 (Flags::NONE)
        "Energy of all GPUs over the phase.";
    AMD_TOTAL_GPU_POWER "amd_total_gpu_power" "Total GPU Power" "Total GPU Power" "W" 840 (Flags::NONE)
        "Mean power of all GPUs together.";
    NVIDIA_AVERAGE_GPU_POWER "nvidia_average_gpu_power" "Average GPU Power" "Average GPU Power" "W" 720 (Flags::NONE)
        "Energy / duration.";
    NVIDIA_ENERGY_DELAY_PRODUCT "nvidia_energy_delay_product" "Energy Delay Product" "Energy Delay Product" "J*s" 700 (Flags::NONE)
        "energy_per_request * mean request_latency in seconds.";
    NVIDIA_ENERGY_PER_OUTPUT_TOKEN "nvidia_energy_per_output_token" "Energy per Output Token" "Energy per Output Token" "mJ/token" 750 (Flags::PRODUCES_TOKENS_ONLY)
        "1000 * energy / total_osl.";
    NVIDIA_ENERGY_PER_REQUEST "nvidia_energy_per_request" "Energy per Request" "Energy per Request" "joules/request" 755 (Flags::NONE)
        "Energy / request_count.";
    NVIDIA_ENERGY_PER_TOTAL_TOKEN "nvidia_energy_per_total_token" "Energy per Total Token" "Energy per Total Token" "mJ/token" 745 (Flags::NONE)
        "1000 * energy / (total_isl + total_osl).";
    NVIDIA_ENERGY_PER_USER "nvidia_energy_per_user" "Energy per User" "Energy per User" "joules/user" 765 (Flags::NONE)
        "Energy / concurrency.";
    NVIDIA_GOODPUT_PER_WATT "nvidia_goodput_per_watt" "Goodput per Watt" "Goodput per Watt" "good-req/s/W" 714 (Flags::LARGER_IS_BETTER)
        "goodput / mean power.";
    NVIDIA_OUTPUT_TOKENS_PER_JOULE "nvidia_output_tokens_per_joule" "Output Tokens per Joule" "Output Tokens per Joule" "tokens/J" 760 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        "total_osl / energy.";
    NVIDIA_OUTPUT_TPS_PER_WATT "nvidia_output_tps_per_watt" "Output Tokens per Second per Watt" "Output Tokens per Second per Watt" "tokens/sec/W" 712 (Flags::PRODUCES_TOKENS_ONLY.and(Flags::LARGER_IS_BETTER))
        "output_token_throughput / mean power.";
    NVIDIA_PERFORMANCE_PER_WATT "nvidia_performance_per_watt" "Performance per Watt" "Performance per Watt" "requests/sec/W" 710 (Flags::LARGER_IS_BETTER)
        "request_throughput / mean power.";
    NVIDIA_TOTAL_GPU_ENERGY "nvidia_total_gpu_energy" "Total GPU Energy" "Total GPU Energy" "J" 730 (Flags::NONE)
        "Energy of all GPUs over the phase.";
    NVIDIA_TOTAL_GPU_POWER "nvidia_total_gpu_power" "Total GPU Power" "Total GPU Power" "W" 740 (Flags::NONE)
        "Mean power of all GPUs together.";
}
