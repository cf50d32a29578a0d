//! What the search flags ask for, as the `sweep` block of a configuration file that asks the same.
//!
//! ```text
//! --search-recipe, --search-space ──▶ Asked: a block, and what each run and the results need besides
//! ```

use super::search::{Direction, PlannerArg, Pooling, Recipe, Style};
use super::{ProfileArgs, SearchArgs};
use clap::ValueEnum;
use experiment::search::mlperf;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What flags ask for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The `sweep` block.
    pub(super) block: Value,
    /// The recipe that it is of.
    pub(super) recipe: Option<String>,
    /// Words of each run's command line.
    pub(super) words: Vec<String>,
    /// The flag for which responses must be streamed.
    pub(super) streams_for: Option<String>,
    /// What it varies.
    pub(super) paths: Vec<String>,
    /// Whether it takes the list of `--concurrency`.
    pub(super) takes_concurrencies: bool,
}

/// Checks that a run can give what is asked of it.
///
/// # Errors
/// When it cannot, with the flag.
pub(super) fn needs(profile: &ProfileArgs, asked: &Asked) -> Result<(), String> {
    let is_curve = asked.block["planner"] == "mlperf_endpoints";
    if is_curve && profile.load.request_count.is_none() && profile.input.config.is_none() {
        return Err("--search-recipe mlperf-endpoints needs --request-count: the requests of one pass over the data set".to_owned());
    }
    match &asked.streams_for {
        Some(flag) if !profile.endpoint.streaming && profile.input.config.is_none() => {
            Err(format!("{flag} is a limit of streamed responses: add --streaming"))
        }
        _ => Ok(()),
    }
}

/// What the flags ask for; nothing for a plain run, or the sweep of a list. `concurrencies` are those of a list.
///
/// # Errors
/// When a flag is missing, contradicts another one, or has no effect, with the flag.
pub(super) fn of(
    args: &SearchArgs,
    given: &BTreeMap<String, String>,
    concurrencies: Option<Value>,
) -> Result<Option<Asked>, String> {
    let limits = args.search_sla.iter().map(|text| limit(text)).collect::<Result<Vec<_>, _>>()?;
    let uses = match (args.search_recipe, args.search_space.as_slice()) {
        (Some(recipe), []) => uses(recipe, args.search_style),
        (Some(_), [_, ..]) => {
            return Err("--search-space contradicts --search-recipe: give one of them".to_owned());
        }
        (None, [_, ..]) => [OF_SEARCHES, OF_RANGES].concat(),
        (None, []) => Vec::new(),
    };
    let is_idle = |(flag, _): &(&String, &String)| {
        let flag = flag.as_str();
        let is_of_search =
            OF_SEARCHES.contains(&flag) || OF_RANGES.contains(&flag) || OF_RECIPES.contains(&flag);
        is_of_search && !uses.contains(&flag)
    };
    if let Some((flag, written)) = given.iter().find(is_idle) {
        let with = match args.search_recipe {
            Some(recipe) => format!("has no effect with --search-recipe {}", name(&recipe)),
            None if args.search_space.is_empty() => format!("needs {}", owner(flag)),
            None => "has no effect with --search-space".to_owned(),
        };
        return Err(format!("{written} {with}"));
    }
    let tiers = args.search_sla_tier.iter().enumerate();
    let tiers = tiers.map(|(place, text)| tier(place, text)).collect::<Result<Vec<_>, _>>()?;
    let mut asked = match args.search_recipe {
        Some(recipe) => Cook { args, concurrencies, limits }.cooked(recipe)?,
        None if args.search_space.is_empty() => return Ok(None),
        None => searched(args, limits)?,
    };
    if !tiers.is_empty() {
        asked.block["sla_tiers"] = tiers.into();
    }
    let of_space = asked.block["search_space"].as_array().into_iter().flatten();
    let of_space = of_space.filter_map(|axis| axis["path"].as_str().map(str::to_owned));
    let of_axes = asked.block["parameters"].as_object().into_iter().flat_map(|axes| axes.keys().cloned());
    let paths = of_space.chain(of_axes).collect();
    Ok(Some(Asked { paths, ..asked }))
}

/// A limit, as `tag:stat:op:threshold`.
pub(super) fn limit(text: &str) -> Result<Value, String> {
    let refuse = |why: String| format!("--search-sla `{text}`: {why}");
    let [tag, stat, op, threshold] = text.split(':').collect::<Vec<_>>()[..] else {
        return Err(refuse(
            "expected tag:stat:op:threshold, such as time_to_first_token:p95:lt:200".to_owned(),
        ));
    };
    let threshold = threshold.parse::<f64>().ok().filter(|number| number.is_finite());
    let threshold = threshold.ok_or_else(|| refuse("the threshold is not a number".to_owned()))?;
    if !["lt", "le", "gt", "ge"].contains(&op) {
        return Err(refuse(format!("`{op}` is not one of lt, le, gt, ge")));
    }
    Ok(json!({"metric_tag": tag, "stat": stat, "op": op, "threshold": threshold}))
}

/// A group of limits, as `label:limit,limit`, or without a label.
fn tier(place: usize, text: &str) -> Result<Value, String> {
    let refuse = |why: &str| format!("--search-sla-tier `{text}`: {why}");
    // A limit has three colons, so that one more before the first comma is a label's.
    let is_named = text.split(',').next().unwrap_or_default().matches(':').count() != 3;
    let (label, limits) = match text.split_once(':') {
        Some((label, limits)) if is_named => (label.trim().to_owned(), limits),
        None => {
            return Err(refuse("expected label:limit,limit, such as fast:time_to_first_token:p95:lt:200"));
        }
        Some(_) => (format!("tier_{}", place + 1), text),
    };
    let limits = limits.split(',').map(str::trim).filter(|limit| !limit.is_empty());
    let limits = limits.map(limit).collect::<Result<Vec<_>, _>>();
    let limits = limits.map_err(|why| refuse(&why.replace("--search-sla ", "")))?;
    Ok(json!({"label": label, "filters": limits}))
}

/// A search of ranges.
fn searched(args: &SearchArgs, limits: Vec<Value>) -> Result<Asked, String> {
    let space = args.search_space.iter().map(|text| axis(text)).collect::<Result<Vec<_>, _>>()?;
    let has_limits = !limits.is_empty() || !args.search_sla_tier.is_empty();
    let looks_for_border = args.search_metric.is_none() && has_limits && space.len() == 1;
    let usual = if looks_for_border { PlannerArg::Slo } else { PlannerArg::Bayesian };
    let planner = args.search_planner.unwrap_or(usual);
    let is_along_one = !matches!(planner, PlannerArg::Bayesian | PlannerArg::Optuna);
    if let Some(count) = args.search_initial_points.filter(|_| is_along_one) {
        return Err(format!(
            "--search-initial-points {count} has no effect with --search-planner {}",
            name(&planner)
        ));
    }
    let metric = match &args.search_metric {
        Some(metric) => metric.clone(),
        None if is_along_one => "output_token_throughput".to_owned(),
        None => {
            let why = "--search-space needs --search-metric, what is made best, or a limit (--search-sla)";
            return Err(why.to_owned());
        }
    };
    let direction = args.search_direction.unwrap_or(Direction::Maximize);
    let mut block = json!({
        "type": "adaptive_search",
        "planner": name(&planner),
        "search_space": space,
        "objectives": [{"metric": metric, "stat": args.search_stat, "direction": name(&direction)}],
        "sla_filters": limits,
    });
    settings(args, &mut block);
    Ok(Asked { block, ..Asked::default() })
}

/// Sets what the flags of every search set.
fn settings(args: &SearchArgs, block: &mut Value) {
    let Value::Object(fields) = block else { return };
    let mut set = |key: &str, value: Option<Value>| {
        fields.extend(value.map(|value| (key.to_owned(), value)));
    };
    set("max_iterations", args.search_max_iterations.map(Value::from));
    set("n_initial_points", args.search_initial_points.map(Value::from));
    set("random_seed", args.search_random_seed.map(Value::from));
    set("optuna_sampler", args.optuna_sampler.clone().map(Value::from));
    set("optuna_acquisition", args.optuna_acquisition.clone().map(Value::from));
    set("optuna_terminator", args.optuna_terminator.clone().map(Value::from));
    set("constraint_mode", args.bo_constraint_mode.clone().map(Value::from));
    let is_pooled = args.search_percentile_pooling == Pooling::Pooled;
    set("objective_pooling", is_pooled.then(|| "pooled".into()));
}

/// A range, as `path:lo,hi[:kind]`.
fn axis(text: &str) -> Result<Value, String> {
    let refuse = || {
        format!(
            "--search-space `{text}`: expected path:lo,hi[:kind], such as phases.profiling.concurrency:1,64:int"
        )
    };
    let (path, rest) = text.split_once(':').ok_or_else(refuse)?;
    let (range, kind) = rest.split_once(':').map_or((rest, None), |(range, kind)| (range, Some(kind)));
    let (lo, hi) = range.split_once(',').ok_or_else(refuse)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let (lo, hi) = number(lo).zip(number(hi)).ok_or_else(refuse)?;
    let mut axis = json!({"path": path, "lo": lo, "hi": hi});
    if let Some(kind) = kind {
        axis["kind"] = kind.into();
    }
    Ok(axis)
}

/// Makes the blocks of recipes.
struct Cook<'a> {
    args: &'a SearchArgs,
    concurrencies: Option<Value>,
    limits: Vec<Value>,
}

impl Cook<'_> {
    fn cooked(mut self, recipe: Recipe) -> Result<Asked, String> {
        let mut asked = match recipe {
            Recipe::MaxThroughputTtftSla => {
                self.limits.push(self.needed(
                    "--ttft-sla-ms",
                    self.args.ttft_sla_ms,
                    "time_to_first_token",
                )?);
                self.best("bayesian", "output_token_throughput", "--ttft-sla-ms")
            }
            Recipe::MaxThroughputItlSla => {
                self.limits.push(self.needed("--itl-sla-ms", self.args.itl_sla_ms, "inter_token_latency")?);
                self.best("bayesian", "output_token_throughput", "--itl-sla-ms")
            }
            Recipe::MaxConcurrencyUnderSla => self.under_limits()?,
            Recipe::MaxGoodputUnderSlo => self.goodput()?,
            Recipe::Saturation => self.best("saturation", "request_throughput", ""),
            Recipe::MlperfEndpoints => self.curve()?,
            Recipe::ConcurrencyRamp => self.ramp()?,
            Recipe::PrefillTtftCurve => self.prefill()?,
            Recipe::DecodeItlCurve => self.decode()?,
            Recipe::ParetoSweep => self.pareto()?,
        };
        settings(self.args, &mut asked.block);
        if !self.limits.is_empty()
            && let Value::Object(fields) = &mut asked.block
        {
            fields.entry("sla_filters").or_insert_with(|| Value::Array(self.limits));
        }
        asked.recipe = Some(name(&recipe));
        if asked.block["type"] == "adaptive_search" {
            asked.block["recipe_name"] = name(&recipe).into();
        }
        Ok(asked)
    }

    fn needed(&self, flag: &str, limit: Option<f64>, tag: &str) -> Result<Value, String> {
        let recipe = self.args.search_recipe.map(|recipe| name(&recipe)).unwrap_or_default();
        limit
            .map(|limit| below(tag, "p95", limit))
            .ok_or_else(|| format!("--search-recipe {recipe} needs {flag}"))
    }

    /// A search for the best number along concurrency.
    fn best(&self, planner: &str, metric: &str, streams_for: &str) -> Asked {
        let is_drawn = matches!(planner, "bayesian" | "optuna");
        let mut axis = json!({
            "path": CONCURRENCY,
            "lo": self.args.concurrency_min.unwrap_or(1),
            "hi": self.args.concurrency_max.unwrap_or(1000),
            "kind": "int",
        });
        if is_drawn {
            axis["prior"] = "log-uniform".into();
        }
        let mut block = json!({
            "type": "adaptive_search",
            "planner": planner,
            "search_space": [axis],
            "objectives": [{"metric": metric, "stat": "avg", "direction": "maximize"}],
            "max_iterations": if planner == "monotonic_sla" { 20 } else { 30 },
        });
        if is_drawn {
            block["n_initial_points"] = 5.into();
        }
        let streams_for = Some(streams_for.to_owned()).filter(|flag| !flag.is_empty());
        Asked { block, streams_for, ..Asked::default() }
    }

    fn under_limits(&mut self) -> Result<Asked, String> {
        let args = self.args;
        let given = [
            args.ttft_sla_ms.map(|limit| below("time_to_first_token", "p95", limit)),
            args.itl_sla_ms.map(|limit| below("inter_token_latency", "p95", limit)),
            args.e2e_sla_ms.map(|limit| below("request_latency", "p99", limit)),
            args.error_rate_sla.map(|share| below("request_error_rate", "avg", share * 100.0)),
        ];
        self.limits.extend(given.into_iter().flatten());
        if self.limits.is_empty() && args.search_sla_tier.is_empty() {
            return Err(
                "--search-recipe max-concurrency-under-sla needs a limit: --ttft-sla-ms, --itl-sla-ms, \
                        --e2e-sla-ms, --error-rate-sla, --search-sla or --search-sla-tier"
                    .to_owned(),
            );
        }
        let streams_for =
            args.ttft_sla_ms.map(|_| "--ttft-sla-ms").or_else(|| args.itl_sla_ms.map(|_| "--itl-sla-ms"));
        let planner = match args.search_style {
            Style::Slo => "slo",
            Style::SmoothIsotonic => "smooth_isotonic",
            Style::Monotonic => "monotonic_sla",
            Style::Bo => "bayesian",
            Style::Optuna => "optuna",
            Style::Grid => {
                let concurrencies =
                    self.steps("concurrency", [args.concurrency_min, args.concurrency_max], [1, 1000], 8)?;
                return Ok(Asked {
                    block: json!({"type": "grid", "parameters": {CONCURRENCY: concurrencies}, "post_process": {
                        "handler": "sla_breach_knee",
                        "params": {"sla_filters": self.limits, "swept_param": CONCURRENCY},
                        "output_filename": "sla_breach.json",
                    }}),
                    streams_for: streams_for.map(str::to_owned),
                    ..Asked::default()
                });
            }
        };
        Ok(self.best(planner, "output_token_throughput", streams_for.unwrap_or_default()))
    }

    /// The points of MLPerf Endpoints, or those that the user chose.
    fn curve(&self) -> Result<Asked, String> {
        let Some(c_max) = self.args.c_max else {
            let why = "--search-recipe mlperf-endpoints needs --c-max, the greatest concurrency that the server supports";
            return Err(why.to_owned());
        };
        let points = match &self.concurrencies {
            Some(given) => given.clone(),
            None => mlperf::usual_points(self.args.c_min.unwrap_or(1), c_max).into(),
        };
        let first = points.as_array().and_then(|points| points.iter().filter_map(Value::as_u64).min());
        let block = json!({
            "type": "adaptive_search",
            "planner": "mlperf_endpoints",
            "search_space": [{"path": CONCURRENCY, "lo": first, "hi": c_max, "kind": "int"}],
            "objectives": [{"metric": "output_token_throughput", "stat": "avg", "direction": "maximize"}],
            "points": points,
            "max_iterations": 200,
        });
        let streams_for = Some("--search-recipe mlperf-endpoints".to_owned());
        Ok(Asked { block, streams_for, takes_concurrencies: true, ..Asked::default() })
    }

    fn goodput(&mut self) -> Result<Asked, String> {
        let args = self.args;
        let (Some(ttft), Some(itl), Some(e2e)) = (args.ttft_sla_ms, args.itl_sla_ms, args.e2e_sla_ms) else {
            return Err(
                "--search-recipe max-goodput-under-slo needs --ttft-sla-ms, --itl-sla-ms and --e2e-sla-ms"
                    .to_owned(),
            );
        };
        self.limits.push(json!({
            "metric_tag": "good_request_fraction",
            "stat": "avg",
            "op": "ge",
            "threshold": args.slo_attainment_fraction,
        }));
        let limits = format!("time_to_first_token:{ttft} inter_token_latency:{itl} request_latency:{e2e}");
        let asked = self.best("bayesian", "goodput", "--itl-sla-ms");
        Ok(Asked { words: vec![format!("--goodput={limits}")], ..asked })
    }

    fn ramp(&self) -> Result<Asked, String> {
        let args = self.args;
        let concurrencies = self.steps(
            "concurrency",
            [args.concurrency_min, args.concurrency_max],
            [1, 1000],
            args.concurrency_steps.unwrap_or(8),
        )?;
        Ok(Asked {
            block: json!({"type": "grid", "parameters": {CONCURRENCY: concurrencies}, "post_process": {
                "handler": "degradation_knee_detect",
                "params": {
                    "threshold_pct": args.degradation_threshold,
                    "metric_tag": args.degradation_metric_tag,
                    "stat": args.degradation_stat,
                    "swept_param": CONCURRENCY,
                },
                "output_filename": "degradation_knee.json",
            }}),
            ..Asked::default()
        })
    }

    fn prefill(&self) -> Result<Asked, String> {
        let args = self.args;
        let lengths =
            self.steps("isl", [args.isl_min, args.isl_max], [256, 32768], args.isl_steps.unwrap_or(8))?;
        Ok(Asked {
            block: json!({"type": "grid", "parameters": {ISL: lengths, CONCURRENCY: [1]}, "post_process": {
                "handler": "ttft_curve_fit",
                "params": {"metric_tag": "time_to_first_token", "stat": "avg", "swept_param": ISL},
                "output_filename": "prefill_curve.json",
            }}),
            streams_for: Some("--search-recipe prefill-ttft-curve".to_owned()),
            ..Asked::default()
        })
    }

    fn decode(&self) -> Result<Asked, String> {
        let args = self.args;
        let concurrencies = self.steps(
            "concurrency",
            [args.concurrency_min, args.concurrency_max],
            [1, 200],
            args.concurrency_steps.unwrap_or(6),
        )?;
        let lengths =
            self.steps("osl", [args.osl_min, args.osl_max], [64, 1024], args.osl_steps.unwrap_or(4))?;
        Ok(Asked {
            block: json!({"type": "grid", "parameters": {CONCURRENCY: concurrencies, OSL: lengths}, "post_process": {
                "handler": "itl_surface_fit",
                "params": {
                    "metric_tag": "inter_token_latency",
                    "stat": "avg",
                    "concurrency_param": CONCURRENCY,
                    "osl_param": OSL,
                },
                "output_filename": "decode_itl_surface.json",
            }}),
            streams_for: Some("--search-recipe decode-itl-curve".to_owned()),
            ..Asked::default()
        })
    }

    fn pareto(&self) -> Result<Asked, String> {
        let pairs = self.args.isl_osl_pairs.as_deref().unwrap_or_default();
        let refuse = |why: &str| format!("--isl-osl-pairs `{pairs}`: {why}");
        if pairs.is_empty() {
            return Err(
                "--search-recipe pareto-sweep needs --isl-osl-pairs, such as 128/128,512/256".to_owned()
            );
        }
        let concurrencies = self.concurrencies.clone().unwrap_or_else(|| json!([1, 4, 16, 64, 256]));
        let concurrencies = concurrencies.as_array().cloned().unwrap_or_default();
        let mut lengths = Vec::new();
        for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let length = |text: &str| text.trim().parse::<u32>().ok().filter(|length| *length > 0);
            let both = pair.split_once('/').and_then(|(isl, osl)| length(isl).zip(length(osl)));
            let both =
                both.ok_or_else(|| refuse("expected prompt/output lengths, such as 128/128,512/256"))?;
            if lengths.contains(&both) {
                return Err(refuse(&format!("{pair} is there twice")));
            }
            lengths.push(both);
        }
        if lengths.len() * concurrencies.len() < 2 {
            return Err(refuse("one point is no front: give two pairs, or two values of --concurrency"));
        }
        let all = || {
            lengths.iter().flat_map(|pair| concurrencies.iter().map(move |concurrency| (pair, concurrency)))
        };
        Ok(Asked {
            block: json!({"type": "zip", "parameters": {
                ISL: all().map(|((isl, _), _)| *isl).collect::<Vec<_>>(),
                OSL: all().map(|((_, osl), _)| *osl).collect::<Vec<_>>(),
                CONCURRENCY: all().map(|(_, concurrency)| concurrency).collect::<Vec<_>>(),
            }, "post_process": {
                "handler": "pareto_sweep_export",
                "params": {
                    "x_metric": "time_to_first_token",
                    "x_stat": "p95",
                    "y_metric": "output_token_throughput",
                    "y_stat": "avg",
                    "isl_key": ISL,
                    "osl_key": OSL,
                    "concurrency_key": CONCURRENCY,
                },
                "output_filename": "pareto_sweep.json",
            }}),
            streams_for: Some("--search-recipe pareto-sweep".to_owned()),
            takes_concurrencies: true,
            ..Asked::default()
        })
    }

    /// Whole numbers whose logarithms are evenly spread, each once; the first and the last are the ends.
    fn steps(
        &self,
        what: &str,
        ends: [Option<u32>; 2],
        usual: [u32; 2],
        steps: u32,
    ) -> Result<Vec<u64>, String> {
        let [lo, hi] = [ends[0].unwrap_or(usual[0]), ends[1].unwrap_or(usual[1])].map(f64::from);
        if hi <= lo {
            return Err(format!("--{what}-max {hi} is not more than --{what}-min {lo}"));
        }
        let step = |place: u32| {
            let share = f64::from(place) / f64::from(steps - 1);
            let value = (lo.ln() + (hi.ln() - lo.ln()) * share).exp();
            metric::whole(value.round_ties_even().max(1.0))
        };
        let mut values = (0..steps).map(step).collect::<Vec<_>>();
        values.dedup();
        Ok(values)
    }
}

/// A limit on a latency or a share of failures.
fn below(tag: &str, stat: &str, threshold: f64) -> Value {
    json!({"metric_tag": tag, "stat": stat, "op": "lt", "threshold": threshold})
}

/// The word for a value on the command line.
fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The flags that a recipe uses.
fn uses(recipe: Recipe, style: Style) -> Vec<&'static str> {
    let mut flags = match recipe {
        Recipe::MaxThroughputTtftSla => vec!["ttft-sla-ms"],
        Recipe::MaxThroughputItlSla => vec!["itl-sla-ms"],
        Recipe::ConcurrencyRamp => {
            vec!["concurrency-steps", "degradation-threshold", "degradation-metric-tag", "degradation-stat"]
        }
        Recipe::PrefillTtftCurve => return vec!["isl-min", "isl-max", "isl-steps"],
        Recipe::DecodeItlCurve => vec!["concurrency-steps", "osl-min", "osl-max", "osl-steps"],
        Recipe::MaxConcurrencyUnderSla => {
            vec!["ttft-sla-ms", "itl-sla-ms", "e2e-sla-ms", "error-rate-sla", "search-style"]
        }
        Recipe::ParetoSweep => return vec!["isl-osl-pairs"],
        Recipe::MaxGoodputUnderSlo => {
            vec!["ttft-sla-ms", "itl-sla-ms", "e2e-sla-ms", "slo-attainment-fraction"]
        }
        Recipe::Saturation => Vec::new(),
        Recipe::MlperfEndpoints => return vec!["c-max", "c-min"],
    };
    flags.extend(["concurrency-min", "concurrency-max"]);
    let is_sweep = matches!(recipe, Recipe::ConcurrencyRamp | Recipe::DecodeItlCurve);
    if !is_sweep && (recipe, style) != (Recipe::MaxConcurrencyUnderSla, Style::Grid) {
        flags.extend(OF_SEARCHES);
        if recipe == Recipe::MaxConcurrencyUnderSla {
            flags.push("search-sla-tier");
        }
    }
    flags
}

/// What a flag belongs to.
fn owner(flag: &str) -> &'static str {
    if OF_RANGES.contains(&flag) || OF_SEARCHES.contains(&flag) {
        "--search-space"
    } else {
        "--search-recipe"
    }
}

/// The path of concurrency.
pub(super) const CONCURRENCY: &str = "phases.profiling.concurrency";
const ISL: &str = "datasets.main.prompts.isl";
const OSL: &str = "datasets.main.prompts.osl";
/// Flags of every search.
const OF_SEARCHES: &[&str] = &[
    "bo-constraint-mode",
    "optuna-acquisition",
    "optuna-sampler",
    "optuna-terminator",
    "search-initial-points",
    "search-max-iterations",
    "search-percentile-pooling",
    "search-random-seed",
];
/// Flags of a search of ranges, besides.
const OF_RANGES: &[&str] =
    &["search-direction", "search-metric", "search-planner", "search-sla-tier", "search-stat"];
/// Flags of recipes.
const OF_RECIPES: &[&str] = &[
    "c-max",
    "c-min",
    "concurrency-max",
    "concurrency-min",
    "concurrency-steps",
    "degradation-metric-tag",
    "degradation-stat",
    "degradation-threshold",
    "e2e-sla-ms",
    "error-rate-sla",
    "isl-max",
    "isl-min",
    "isl-osl-pairs",
    "isl-steps",
    "itl-sla-ms",
    "osl-max",
    "osl-min",
    "osl-steps",
    "search-style",
    "slo-attainment-fraction",
    "ttft-sla-ms",
];

#[cfg(test)]
mod tests {
    use crate::args::{Command, Unparsed, parse};
    use std::ffi::OsString;

    fn refused(flags: &str) -> String {
        let line = format!("aiperf-ctl profile -m m --streaming {flags}");
        let words = line.split(' ').map(OsString::from).collect::<Vec<_>>();
        match parse(&words) {
            Err(Unparsed::Refused(why)) => why,
            Err(Unparsed::Clap(error)) => error.to_string(),
            Ok(_) => String::new(),
        }
    }

    fn labels(flags: &str) -> Vec<String> {
        let line = format!("aiperf-ctl profile -m m --streaming {flags}");
        let words = line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let Ok(args) = parse(&words) else { return Vec::new() };
        let Command::Profile(profile) = args.command else { return Vec::new() };
        let runs = profile.swept.map(|swept| swept.runs).unwrap_or_default();
        runs.iter().map(|(variation, _)| variation.directory()).collect()
    }

    #[test]
    fn recipes_are_sweeps_or_searches() {
        let check = |flags: &str, expected: &[&str]| assert_eq!(labels(flags), expected, "{flags}");
        check(
            "--search-recipe concurrency-ramp --concurrency-min 2 --concurrency-max 64 --concurrency-steps 5",
            &["concurrency_2", "concurrency_5", "concurrency_11", "concurrency_27", "concurrency_64"],
        );
        check(
            "--search-recipe prefill-ttft-curve --isl-min 32 --isl-max 256 --isl-steps 3",
            &["isl_32__concurrency_1", "isl_91__concurrency_1", "isl_256__concurrency_1"],
        );
        check(
            "--search-recipe pareto-sweep --isl-osl-pairs 32/16,128/16 --concurrency 4,16",
            &[
                "isl_32__osl_16__concurrency_4",
                "isl_32__osl_16__concurrency_16",
                "isl_128__osl_16__concurrency_4",
                "isl_128__osl_16__concurrency_16",
            ],
        );
        let limited = "--search-recipe max-concurrency-under-sla --ttft-sla-ms 120 --concurrency-max 64";
        check(limited, &["concurrency_1", "concurrency_64"]);
        check(
            &format!("{limited} --search-style grid"),
            &[
                "concurrency_1",
                "concurrency_2",
                "concurrency_3",
                "concurrency_6",
                "concurrency_11",
                "concurrency_20",
                "concurrency_35",
                "concurrency_64",
            ],
        );
        check(
            "--search-space concurrency:2,8:int --search-metric request_throughput",
            &["concurrency_2", "concurrency_8"],
        );
        check("--search-recipe saturation --concurrency-max 32", &["concurrency_1", "concurrency_32"]);
        let curve = "--search-recipe mlperf-endpoints --c-max 64 --c-min 8 --request-count 50";
        check(curve, &["concurrency_8", "concurrency_64"]);
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (flags, expected) in [
            ("--ttft-sla-ms 5", "--ttft-sla-ms needs --search-recipe"),
            ("--search-metric goodput", "--search-metric needs --search-space"),
            ("--search-recipe max-throughput-ttft-sla", "needs --ttft-sla-ms"),
            ("--search-recipe max-concurrency-under-sla", "needs a limit"),
            (
                "--search-recipe max-goodput-under-slo --ttft-sla-ms 5",
                "needs --ttft-sla-ms, --itl-sla-ms and",
            ),
            ("--search-recipe saturation --ttft-sla-ms 5", "has no effect with --search-recipe saturation"),
            ("--search-recipe saturation --search-space a:1,2", "contradicts"),
            ("--search-recipe saturation --concurrency 1,2", "--concurrency"),
            ("--search-recipe pareto-sweep --isl-osl-pairs 1/1,1/1", "twice"),
            ("--search-recipe pareto-sweep --isl-osl-pairs 1/x", "expected prompt/output lengths"),
            ("--search-recipe concurrency-ramp --concurrency-min 5 --concurrency-max 5", "is not more than"),
            ("--search-space concurrency:1,8:int", "needs --search-metric"),
            ("--search-sla time_to_first_token:p95:lt:-1 --concurrency 1,2", "no run is below -1"),
            ("--search-sla time_to_first_token:p95:lt:1", "is of a sweep or a search"),
            ("--concurrency 1,2 --stopping-scope run", "without a limit"),
            ("--search-recipe saturation --search-sla time_to_first_token:p95:lt:9", "not for a limit"),
            (
                "--search-space concurrency:1,8:int --search-sla time_to_first_token:p95:lt:9 --search-initial-points 3",
                "has no effect with --search-planner slo",
            ),
            ("--search-space concurrency --search-metric goodput", "expected path:lo,hi"),
            ("--search-space nosuch.path:1,2 --search-metric goodput", "nosuch.path"),
            ("--search-recipe mlperf-endpoints", "needs --c-max"),
            ("--search-recipe mlperf-endpoints --c-max 64", "needs --request-count"),
            (
                "--search-recipe mlperf-endpoints --c-max 64 --request-count 9 --concurrency 1,2,64",
                "7 to 32 points, not 3",
            ),
            ("--search-recipe mlperf-endpoints --c-max 32", "33"),
            ("--search-sla a:b:c", "expected tag:stat:op:threshold"),
            ("--search-sla-tier a:time_to_first_token:p95:lt:9", "--search-sla-tier needs --search-space"),
            (
                "--search-recipe max-concurrency-under-sla --search-sla-tier time_to_first_token:p95:lt:9",
                "expected 2 to 10",
            ),
            (
                "--search-recipe max-concurrency-under-sla --search-sla-tier fast",
                "expected label:limit,limit",
            ),
            (
                "--search-recipe max-concurrency-under-sla --search-sla-tier fast:a:b:c",
                "`fast:a:b:c`: the threshold is not a number",
            ),
            (
                "--search-recipe max-concurrency-under-sla --search-style grid --search-sla-tier fast:a:b:lt:1",
                "has no effect with --search-recipe",
            ),
            ("--concurrency 1,2 --search-sla nosuch:p95:lt:1", "unknown metric `nosuch`"),
            (
                "--concurrency 1,2 --search-sla time_to_first_token:p95:lt:5 --search-sla time_to_first_token:p95:gt:9",
                "--search-sla `time_to_first_token:p95:gt:9`: ",
            ),
            ("--concurrency 1,2 --search-sla time_to_first_token:p42:lt:1", "unknown statistic `p42`"),
        ] {
            let why = refused(flags);
            assert!(why.contains(expected), "{flags}: {why}");
        }
    }

    #[test]
    fn streaming_metrics_need_streams() {
        let words = "aiperf-ctl profile -m m --search-recipe max-throughput-ttft-sla --ttft-sla-ms 5";
        let words = words.split(' ').map(OsString::from).collect::<Vec<_>>();
        let Err(Unparsed::Refused(why)) = parse(&words) else { panic!("not streamed") };
        assert!(why.contains("--streaming"), "{why}");
    }
}
