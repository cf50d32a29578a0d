//! Flags of searches: which load to try next depends on what the loads before gave.

use super::value::{not_negative, positive};
use clap::ValueEnum;
use experiment::Sweep;

/// Flags of searches, and of the limits that a load must keep.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArgs {
    /// A question with its answer's plan: `max-concurrency-under-sla --ttft-sla-ms 200`, or `saturation`.
    #[arg(long, value_enum)]
    pub search_recipe: Option<Recipe>,
    /// A range to search, as `path:lo,hi[:kind]`, such as phases.profiling.concurrency:1,64:int; one for each value that varies.
    #[arg(long)]
    pub search_space: Vec<String>,
    /// A limit that a load must keep, as `tag:stat:op:threshold`, such as time_to_first_token:p95:lt:200; op is lt, le, gt or
    /// ge. In a sweep it marks variations that break it.
    #[arg(long)]
    pub search_sla: Vec<String>,
    /// Limits with a border of their own, as `label:limit,limit`; 2 to 10 times, with the same runs: `fast:time_to_first_token:p95:lt:200`.
    /// The limits of --search-sla hold for all.
    #[arg(long)]
    pub search_sla_tier: Vec<String>,
    /// The metric that is made best.
    #[arg(long)]
    pub search_metric: Option<String>,
    /// The statistic of --search-metric.
    #[arg(long, default_value = "avg")]
    pub search_stat: String,
    /// What best means.
    #[arg(long, value_enum)]
    pub search_direction: Option<Direction>,
    /// What chooses the next load.
    #[arg(long, value_enum)]
    pub search_planner: Option<PlannerArg>,
    /// Most loads to try.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=200))]
    pub search_max_iterations: Option<u32>,
    /// Loads that are spread evenly before the first one is chosen (bayesian, optuna).
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub search_initial_points: Option<u32>,
    /// The seed of what a planner draws.
    #[arg(long)]
    pub search_random_seed: Option<u64>,
    /// The sampler that AIPerf would use: gp, tpe or botorch. Here all are one planner.
    #[arg(long)]
    pub optuna_sampler: Option<String>,
    /// The acquisition function that AIPerf would use.
    #[arg(long)]
    pub optuna_acquisition: Option<String>,
    /// The rule that ends AIPerf's search early: only none.
    #[arg(long)]
    pub optuna_terminator: Option<String>,
    /// How limits change what a model prefers: penalty or eic.
    #[arg(long)]
    pub bo_constraint_mode: Option<String>,
    /// How the percentiles of several runs of one load are combined.
    #[arg(long, value_enum, default_value_t = Pooling::Mean)]
    pub search_percentile_pooling: Pooling,
    /// Whose time limits are judged by: the kernel's where it was measured, or this client's. Both answers are printed.
    #[arg(long, value_enum, default_value_t = Clock::Kernel)]
    pub search_clock: Clock,
    /// What ends as soon as a limit is certainly missed: nothing, the run, or also the loads above it.
    #[arg(long, value_enum)]
    pub stopping_scope: Option<Scope>,
    /// Limit of time_to_first_token (p95), in ms.
    #[arg(long, value_parser = positive)]
    pub ttft_sla_ms: Option<f64>,
    /// Limit of inter_token_latency (p95), in ms.
    #[arg(long, visible_alias = "tpot-sla-ms", value_parser = positive)]
    pub itl_sla_ms: Option<f64>,
    /// Limit of request_latency (p99), in ms.
    #[arg(long, value_parser = positive)]
    pub e2e_sla_ms: Option<f64>,
    /// Limit of the share of requests that fail, between 0 and 1.
    #[arg(long, value_parser = share)]
    pub error_rate_sla: Option<f64>,
    /// The share of requests that must keep all limits (max-goodput-under-slo).
    #[arg(long, default_value_t = 0.95, value_parser = share)]
    pub slo_attainment_fraction: f64,
    /// What chooses the next load of max-concurrency-under-sla.
    #[arg(long, value_enum, default_value_t = Style::Slo)]
    pub search_style: Style,
    /// How much worse than the least load's the latency may be before the ramp's knee (concurrency-ramp).
    #[arg(long, default_value_t = 0.2, value_parser = not_negative)]
    pub degradation_threshold: f64,
    /// The metric whose knee is looked for.
    #[arg(long, default_value = "request_latency")]
    pub degradation_metric_tag: String,
    /// The statistic of --degradation-metric-tag.
    #[arg(long, default_value = "p99")]
    pub degradation_stat: String,
    /// Lengths of prompts and outputs, such as 128/128,512/256 (pareto-sweep).
    #[arg(long)]
    pub isl_osl_pairs: Option<String>,
    /// Least prompt length (prefill-ttft-curve); 256 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub isl_min: Option<u32>,
    /// Greatest prompt length; 32768 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub isl_max: Option<u32>,
    /// Prompt lengths from the least to the greatest; 8 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub isl_steps: Option<u32>,
    /// Least concurrency of a recipe; 1 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency_min: Option<u32>,
    /// Greatest concurrency of a recipe; 1000 without it, 200 for decode-itl-curve.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub concurrency_max: Option<u32>,
    /// Concurrencies of a recipe that is a sweep; 8 without it, 6 for decode-itl-curve.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub concurrency_steps: Option<u32>,
    /// The greatest concurrency that the server supports (mlperf-endpoints).
    #[arg(long, value_parser = clap::value_parser!(u32).range(33..=1_000_000))]
    pub c_max: Option<u32>,
    /// The least concurrency of the curve (mlperf-endpoints); 1 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub c_min: Option<u32>,
    /// Least output length (decode-itl-curve); 64 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub osl_min: Option<u32>,
    /// Greatest output length; 1024 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub osl_max: Option<u32>,
    /// Output lengths; 4 without it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub osl_steps: Option<u32>,
}

/// Values of --search-recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Recipe {
    /// The concurrency with the most output tokens per second whose p95 of TTFT keeps --ttft-sla-ms.
    MaxThroughputTtftSla,
    /// The same with --itl-sla-ms.
    MaxThroughputItlSla,
    /// Where latency grows beyond --degradation-threshold.
    ConcurrencyRamp,
    /// TTFT by prompt length, at concurrency 1.
    PrefillTtftCurve,
    /// Time between tokens by concurrency and output length.
    DecodeItlCurve,
    /// The greatest concurrency that keeps every limit.
    MaxConcurrencyUnderSla,
    /// Throughput and TTFT of --isl-osl-pairs at the values of --concurrency.
    ParetoSweep,
    /// The most requests per second of which --slo-attainment-fraction keep all three limits.
    MaxGoodputUnderSlo,
    /// The concurrency from which on more requests in flight bring no more throughput. (Not in AIPerf.)
    Saturation,
    /// The points of a curve as MLPerf Endpoints v1.0 wants them, up to --c-max. (Not in AIPerf.)
    MlperfEndpoints,
}

/// Values of --search-planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum PlannerArg {
    /// Tree-structured Parzen estimator, as AIPerf without BoTorch.
    Bayesian,
    /// The same, under AIPerf's other name.
    Optuna,
    /// Doubles, then halves the range.
    MonotonicSla,
    /// The same with a fitted curve.
    SmoothIsotonic,
    /// Doubles, then halves, measures longer what is not sure, and confirms the answer. (Not in AIPerf.)
    Slo,
    /// Grows the load until throughput does not. (Not in AIPerf.)
    Saturation,
}

/// Values of --search-direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// More is better.
    Maximize,
    /// Less is better.
    Minimize,
}

/// Values of --search-percentile-pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pooling {
    /// The mean of the runs' percentiles.
    Mean,
    /// The percentile of all requests together: as in AIPerf, but here the mean is used.
    Pooled,
}

/// Values of --search-clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// What the kernel measured, or this client's time where there is no kernel's.
    Kernel,
    /// What this client's process saw, as other benchmark clients report it.
    Client,
}

/// Values of --stopping-scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scope {
    /// Every run has its full length.
    Never,
    /// A run that certainly misses a limit ends. [default of searches]
    Run,
    /// Loads above it are not run either.
    Sweep,
}

impl Scope {
    /// That of an experiment whose user did not say it.
    pub(crate) fn usual(sweep: &Sweep) -> Self {
        if sweep.search().is_some() { Self::Run } else { Self::Never }
    }
}

/// Values of --search-style.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Style {
    /// The planner `slo`.
    Slo,
    /// The planner `smooth_isotonic`, AIPerf's default.
    SmoothIsotonic,
    /// The planner `monotonic_sla`.
    Monotonic,
    /// The planner `bayesian`.
    Bo,
    /// The planner `optuna`.
    Optuna,
    /// A sweep over 8 values.
    Grid,
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().map_err(|_malformed| format!("`{text}` is not a number"))?;
    if number > 0.0 && number <= 1.0 {
        Ok(number)
    } else {
        Err("must be more than 0 and at most 1".to_owned())
    }
}
