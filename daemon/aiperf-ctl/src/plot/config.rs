//! Which plots are wanted, and of what: AIPerf's plot_config.yaml, from the command line, the run, the user, or built in.
//!
//! Bad settings are refused by their key before anything is drawn; keys without an effect are reported.

use super::types::{PLOT_TYPES, PlotType};
use crate::plan::Refusal;
use anyhow::Result;
use glob::Pattern;
use metric::{METRICS, Stat, find};
use record::GpuMetric;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::{source, visible};

/// The wanted plots.
pub(crate) struct Config {
    /// Where they are from.
    pub(super) source: String,
    pub(super) single_run: Vec<Spec>,
    pub(super) multi_run: Vec<Spec>,
    pub(super) classification: Option<Classification>,
    pub(super) downsampling: Option<Downsampling>,
    /// Keys without an effect.
    pub(super) warnings: Vec<String>,
}

/// A wanted plot.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    /// Its id.
    pub(super) name: String,
    pub(super) kind: &'static PlotType,
    pub(super) x: Option<Quantity>,
    pub(super) y: Option<Quantity>,
    pub(super) y2: Option<Quantity>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) x_label: Option<String>,
    pub(super) y_label: Option<String>,
    /// The column that is written beside points.
    pub(super) label_by: Option<String>,
    /// The column that colors stand for.
    pub(super) group_by: String,
    /// Whether axes need not begin at zero.
    pub(super) is_x_free: bool,
    pub(super) is_y_free: bool,
    /// Confidence of intervals: 0.90, 0.95 or 0.99.
    pub(super) ci_level: f64,
    pub(super) primary: Style,
    pub(super) secondary: Style,
}

/// What an axis shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quantity {
    pub(super) name: String,
    pub(super) stat: Option<Stat>,
    pub(super) source: Source,
}

/// Where a quantity is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Requests, or what their run says of them.
    Run,
    /// Time slices of the run.
    Timeslices,
    /// GPU telemetry.
    Gpu,
    /// The server's own metrics.
    Server,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Whether a value holds until the next.
    pub(super) is_step: bool,
    /// Whether the area below is filled.
    pub(super) is_filled: bool,
}

/// Baselines and treatments.
#[derive(Clone, Debug)]
pub(super) struct Classification {
    baselines: Vec<Pattern>,
    treatments: Vec<Pattern>,
    is_baseline_by_default: bool,
    pub(super) display_names: BTreeMap<String, String>,
}

/// How points of the server's own metrics are summed up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Downsampling {
    pub(super) seconds: f64,
    pub(super) method: Method,
}

/// Which value stands for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Mean,
    Max,
    Min,
    Median,
}

impl Config {
    /// The configuration of `--config`, or else of the runs' directories, the user, or this program.
    pub(super) fn load(given: Option<&Path>, directories: &[PathBuf]) -> Result<Self> {
        let of_run =
            || directories.iter().map(|directory| directory.join(OF_RUN)).find(|path| path.is_file());
        let of_user = || {
            let path = PathBuf::from(std::env::var_os("HOME")?).join(OF_USER);
            path.is_file().then_some(path)
        };
        let Some(path) = given.map(Path::to_owned).or_else(of_run).or_else(of_user) else {
            return Self::read(BUILT_IN, "built in (`aiperf-ctl plot --show-config` prints it)");
        };
        let shown = path.display().to_string();
        let text = source::read_text(&path, BYTES_MAX).map_err(|error| {
            Refusal(format!("failed to read the plots' configuration `{shown}`: {error}"))
        })?;
        Self::read(&text, &shown)
    }

    /// A configuration's text.
    pub(super) fn read(text: &str, source: &str) -> Result<Self> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let value = serde_saphyr::from_str_with_options::<Value>(text, options)
            .map_err(|error| Refusal(format!("`{source}` is not valid YAML: {error}")))?;
        Self::of_value(&value, source)
    }

    /// A configuration as values.
    pub(crate) fn of_value(value: &Value, source: &str) -> Result<Self> {
        let mut reader = Reader { warnings: Vec::new() };
        let config =
            reader.config(value, source).map_err(|why| Refusal(format!("`{}`: {why}", visible(source))))?;
        let warnings = reader.warnings.into_iter().map(|warning| format!("`{source}`: {warning}")).collect();
        Ok(Self { warnings, ..config })
    }
}

impl Classification {
    /// Whether a run is a baseline, by its name or path.
    pub(super) fn is_baseline(&self, name: &str, path: &str) -> bool {
        let matches =
            |patterns: &[Pattern]| patterns.iter().any(|one| one.matches(name) || one.matches(path));
        if matches(&self.baselines) {
            return true;
        }
        !matches(&self.treatments) && self.is_baseline_by_default
    }

    /// Whether a pattern names this.
    pub(super) fn names(&self, name: &str) -> bool {
        self.baselines.iter().chain(&self.treatments).any(|pattern| pattern.matches(name))
    }
}

impl Quantity {
    /// A quantity of the run.
    pub(super) fn of_run(name: &str) -> Self {
        Self { name: name.to_owned(), stat: None, source: Source::Run }
    }

    /// The same by the kernel's clock, if that has it.
    pub(super) fn by_the_kernel(&self) -> Option<Self> {
        let name = format!("kernel_{}", self.name);
        (self.source == Source::Run && find(&name).is_some()).then(|| Self { name, ..self.clone() })
    }
}

/// Reads values, and remembers what it ignores.
struct Reader {
    warnings: Vec<String>,
}

type Found<T> = Result<T, String>;

impl Reader {
    fn config(&mut self, value: &Value, source: &str) -> Found<Config> {
        let top = mapping(value, "the file")?;
        self.unknown(top, "", &["visualization", "settings", "experiment_classification"]);
        let plots = mapping(top.get("visualization").unwrap_or(&Value::Null), "visualization")?;
        let keys = ["multi_run_defaults", "single_run_defaults", "multi_run_plots", "single_run_plots"];
        self.unknown(plots, "visualization.", &keys);
        let classification = top.get("experiment_classification").filter(|value| !value.is_null());
        let classification = classification.map(|value| self.classification(value)).transpose()?;
        let is_classified = classification.is_some();
        Ok(Config {
            source: source.to_owned(),
            single_run: self.specs(plots, "single_run", is_classified)?,
            multi_run: self.specs(plots, "multi_run", is_classified)?,
            classification,
            downsampling: downsampling(top.get("settings").unwrap_or(&Value::Null))?,
            warnings: Vec::new(),
        })
    }

    fn specs(&mut self, plots: &Map<String, Value>, mode: &str, is_classified: bool) -> Found<Vec<Spec>> {
        let key = format!("visualization.{mode}_defaults");
        let wanted = match plots.get(&format!("{mode}_defaults")) {
            None | Some(Value::Null) => &Vec::new(),
            Some(Value::Array(wanted)) => wanted,
            Some(_) => return Err(format!("`{key}` must be a list of names")),
        };
        let presets = match plots.get(&format!("{mode}_plots")) {
            None | Some(Value::Null) => &Map::new(),
            Some(presets) => mapping(presets, &format!("visualization.{mode}_plots"))?,
        };
        if wanted.len() > PLOTS_MAX {
            return Err(format!("`{key}` has more than {PLOTS_MAX} names"));
        }
        let mut specs = Vec::new();
        for name in wanted {
            let name = name.as_str().ok_or_else(|| format!("`{key}` must be a list of names"))?;
            store::check_name(&format!("{name}.png")).map_err(|_not_a_name| {
                format!("`{key}`: `{}` names a file, so it must be a name", visible(name))
            })?;
            let Some(preset) = presets.get(name) else {
                let known = presets.keys().map(String::as_str);
                return Err(format!("`{key}`: `{name}` is not in {mode}_plots{}", nearest(name, known)));
            };
            let place = format!("visualization.{mode}_plots.{name}");
            specs.push(
                self.spec(name, mapping(preset, &place)?, &place, is_classified)
                    .map_err(|why| if why.starts_with('`') { why } else { format!("`{place}`: {why}") })?,
            );
        }
        Ok(specs)
    }

    fn spec(&mut self, name: &str, of: &Map<String, Value>, place: &str, is_classified: bool) -> Found<Spec> {
        self.unknown(of, &format!("{place}."), SPEC_KEYS);
        let kind = text(of, "type")?.ok_or_else(|| "it has no `type`".to_owned())?;
        let types = || PLOT_TYPES.iter().map(|known| known.name);
        let kind =
            PLOT_TYPES.iter().find(|known| known.name.eq_ignore_ascii_case(&kind)).ok_or_else(|| {
                let all = types().collect::<Vec<_>>().join(", ");
                format!("`type`: `{kind}` is not one of {all}{}", nearest(&kind, types()))
            })?;
        let source = of.get("source").filter(|value| !value.is_null());
        let stat = text(of, "stat")?;
        let axis = |key: &str, stat: Option<&str>, source: Option<&Value>| {
            let value = of.get(key).filter(|value| !value.is_null());
            value
                .map(|value| quantity(value, stat, source).map_err(|why| format!("`{key}`: {why}")))
                .transpose()
        };
        let (x, y, y2) =
            (axis("x", None, source)?, axis("y", stat.as_deref(), source)?, axis("y2", None, None)?);
        if y.is_none() {
            return Err("it has no `y`".to_owned());
        }
        let autoscale = text(of, "autoscale")?.unwrap_or_else(|| "none".to_owned());
        if !["none", "x", "y", "both"].contains(&autoscale.as_str()) {
            return Err(format!("`autoscale`: `{autoscale}` is not one of none, x, y, both"));
        }
        let ci_level = number(of, "ci_level")?.unwrap_or(0.95);
        if ![0.90, 0.95, 0.99].iter().any(|level: &f64| (level - ci_level).abs() < 1e-9) {
            return Err(format!("`ci_level`: {ci_level} is not one of 0.90, 0.95, 0.99"));
        }
        let group = column(of, "groups")?.unwrap_or_else(|| "run_name".to_owned());
        Ok(Spec {
            name: name.to_owned(),
            kind,
            x,
            y,
            y2,
            title: text(of, "title")?,
            description: text(of, "description")?,
            x_label: text(of, "x_label")?,
            y_label: text(of, "y_label")?,
            label_by: column(of, "labels")?,
            group_by: if is_classified { "experiment_group".to_owned() } else { group },
            is_x_free: ["x", "both"].contains(&autoscale.as_str()),
            is_y_free: ["y", "both"].contains(&autoscale.as_str()),
            ci_level,
            primary: self.style(of, "primary_style", place)?,
            secondary: self.style(of, "secondary_style", place)?,
        })
    }

    fn style(&mut self, of: &Map<String, Value>, key: &str, place: &str) -> Found<Style> {
        let Some(value) = of.get(key).filter(|value| !value.is_null()) else { return Ok(Style::default()) };
        let style = mapping(value, key)?;
        self.unknown(style, &format!("{place}.{key}."), &["mode", "line_shape", "fill"]);
        Ok(Style {
            is_step: text(style, "line_shape")?.is_some_and(|shape| shape.contains(['h', 'v'])),
            is_filled: text(style, "fill")?.is_some_and(|fill| fill != "none"),
        })
    }

    fn classification(&mut self, value: &Value) -> Found<Classification> {
        let key = "experiment_classification";
        let of = mapping(value, key)?;
        let known = ["baselines", "treatments", "default", "group_extraction_pattern", "group_display_names"];
        self.unknown(of, "experiment_classification.", &known);
        let patterns = |name: &str| {
            let list = match of.get(name) {
                None | Some(Value::Null) => return Ok(Vec::new()),
                Some(list) => {
                    list.as_array().ok_or_else(|| format!("`{key}.{name}` must be a list of patterns"))?
                }
            };
            let pattern = |one: &Value| {
                let text =
                    one.as_str().ok_or_else(|| format!("`{key}.{name}` must be a list of patterns"))?;
                Pattern::new(text).map_err(|error| format!("`{key}.{name}`: `{text}`: {error}"))
            };
            list.iter().take(PLOTS_MAX).map(pattern).collect::<Found<Vec<_>>>()
        };
        let default = text(of, "default")?.unwrap_or_else(|| "treatment".to_owned());
        if !["baseline", "treatment"].contains(&default.as_str()) {
            return Err(format!("`{key}.default`: `{default}` is not one of baseline, treatment"));
        }
        let names = of.get("group_display_names").and_then(Value::as_object).into_iter().flatten();
        let names = names.filter_map(|(group, name)| Some((group.clone(), name.as_str()?.to_owned())));
        Ok(Classification {
            baselines: patterns("baselines")?,
            treatments: patterns("treatments")?,
            is_baseline_by_default: default == "baseline",
            display_names: names.collect(),
        })
    }

    /// Remembers the keys that nothing reads.
    fn unknown(&mut self, of: &Map<String, Value>, place: &str, known: &[&str]) {
        let unknown = of.keys().filter(|key| !known.contains(&key.as_str()));
        let texts = unknown.map(|key| {
            format!("`{place}{}` has no effect{}", visible(key), nearest(key, known.iter().copied()))
        });
        let room = WARNINGS_MAX.saturating_sub(self.warnings.len());
        self.warnings.extend(texts.take(room));
    }
}

/// A metric with its statistic and source.
fn quantity(value: &Value, stat: Option<&str>, source: Option<&Value>) -> Found<Quantity> {
    let (name, own_stat, own_source) = match value {
        Value::String(name) => {
            let (name, stat) = split(name)?;
            (name, stat, None)
        }
        Value::Object(fields) => {
            let name = text(fields, "metric")?.ok_or_else(|| "it has no `metric`".to_owned())?;
            (name, text(fields, "stat")?, fields.get("source"))
        }
        _ => return Err("it must be a name, or {metric: NAME, stat: STAT}".to_owned()),
    };
    let stat = stat.map(str::to_owned).or(own_stat);
    let stat = stat.map(|stat| statistic(&stat)).transpose()?;
    let source = match source.or(own_source) {
        Some(source) => named_source(source)?,
        None => source_of(&name)?,
    };
    Ok(Quantity { name, stat, source })
}

fn statistic(name: &str) -> Found<Stat> {
    let known = || Stat::ALL.iter().map(|stat| stat.name());
    Stat::ALL.iter().find(|stat| stat.name() == name).copied().ok_or_else(|| {
        format!("`{name}` is not a statistic: one of {}", known().collect::<Vec<_>>().join(", "))
    })
}

/// `request_latency_p50` as metric and statistic; a tag that ends like a statistic stays whole.
fn split(name: &str) -> Found<(String, Option<String>)> {
    let whole = (name.to_owned(), None);
    if find(name).is_some() {
        return Ok(whole);
    }
    let Some((metric, stat)) = name.rsplit_once('_') else { return Ok(whole) };
    if Stat::ALL.iter().any(|known| known.name() == stat) {
        return Ok((metric.to_owned(), Some(stat.to_owned())));
    }
    let is_percentile = stat
        .strip_prefix('p')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|one| one.is_ascii_digit()));
    if is_percentile {
        return statistic(stat).map(|_| whole);
    }
    Ok(whole)
}

fn named_source(source: &Value) -> Found<Source> {
    let name = source.as_str().unwrap_or_default().to_lowercase();
    match name.as_str() {
        "requests" | "aggregated" => Ok(Source::Run),
        "timeslices" => Ok(Source::Timeslices),
        "gpu_telemetry" => Ok(Source::Gpu),
        "server_metrics" | "server_metrics_aggregated" => Ok(Source::Server),
        _ => Err(format!(
            "source `{}` is not one of requests, aggregated, timeslices, gpu_telemetry, server_metrics",
            visible(&name)
        )),
    }
}

/// Where a name is from, by AIPerf's order.
fn source_of(name: &str) -> Found<Source> {
    if find(name).is_some() || RUN_COLUMNS.contains(&name) {
        return Ok(Source::Run);
    }
    if name == "Timeslice" || METRICS.iter().any(|metric| metric.header == name) {
        return Ok(Source::Timeslices);
    }
    if GpuMetric::find(name).is_some() || OLD_GPU_NAMES.contains(&name) {
        return Ok(Source::Gpu);
    }
    let bare = name.split(['[', '{']).next().unwrap_or(name);
    let is_server = bare.contains(':')
        || SERVER_BEGINS.iter().any(|begin| bare.starts_with(begin))
        || SERVER_ENDS.iter().any(|end| bare.ends_with(end));
    if is_server {
        return Ok(Source::Server);
    }
    let known = METRICS.iter().map(|metric| metric.tag).chain(RUN_COLUMNS.iter().copied());
    Err(format!("`{}` is not a metric{}", visible(name), nearest(name, known)))
}

fn downsampling(settings: &Value) -> Found<Option<Downsampling>> {
    let place = "settings.server_metrics_downsampling";
    let of = &settings["server_metrics_downsampling"];
    if !(of.is_null() || of.is_object()) {
        return Err(format!("`{place}` must be a mapping"));
    }
    if of["enabled"] == Value::Bool(false) {
        return Ok(None);
    }
    let seconds =
        if of["window_size_seconds"].is_null() { Some(5.0) } else { of["window_size_seconds"].as_f64() };
    let seconds = seconds.filter(|seconds| *seconds > 0.0 && seconds.is_finite());
    let seconds = seconds.ok_or_else(|| format!("`{place}.window_size_seconds` must be greater than 0"))?;
    let method = match of["aggregation_method"].as_str().unwrap_or("mean") {
        "mean" => Method::Mean,
        "max" => Method::Max,
        "min" => Method::Min,
        "median" => Method::Median,
        other => {
            return Err(format!(
                "`{place}.aggregation_method`: `{other}` is not one of mean, max, min, median"
            ));
        }
    };
    Ok(Some(Downsampling { seconds, method }))
}

fn mapping<'a>(value: &'a Value, place: &str) -> Found<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| match value {
        Value::Null => format!("`{place}` is missing"),
        _ => format!("`{place}` must be a mapping of keys to values"),
    })
}

fn text(of: &Map<String, Value>, key: &str) -> Found<Option<String>> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{key}` must be a text")),
    }
}

fn number(of: &Map<String, Value>, key: &str) -> Found<Option<f64>> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| format!("`{key}` must be a number")),
    }
}

/// A column, given as a name or as a list of one name.
fn column(of: &Map<String, Value>, key: &str) -> Found<Option<String>> {
    match of.get(key) {
        Some(Value::Array(names)) => match names.as_slice() {
            [] => Ok(None),
            [Value::String(name)] => Ok(Some(name.clone())),
            _ => Err(format!("`{key}` must be one column")),
        },
        _ => text(of, key),
    }
}

/// The known name that a wrong one resembles, as the end of a sentence.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let scored =
        known.map(|known| (strsim::jaro_winkler(name, known), known)).filter(|(score, _)| *score > 0.85);
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
    best.map_or_else(String::new, |(_, known)| format!("; is `{known}` meant?"))
}

/// The configuration without any file.
pub(super) const BUILT_IN: &str = include_str!("default_plot_config.yaml");
/// The configuration in a run's directory.
pub(super) const OF_RUN: &str = ".aiperf-plot-config.yaml";
/// The user's, below the home directory.
const OF_USER: &str = ".aiperf/plot_config.yaml";
/// A limit that no configuration reaches.
pub(super) const BYTES_MAX: u64 = 1 << 20;
const PLOTS_MAX: usize = 200;
const WARNINGS_MAX: usize = 20;
const SPEC_KEYS: &[&str] = &[
    "type",
    "description",
    "x",
    "y",
    "y2",
    "stat",
    "source",
    "labels",
    "groups",
    "title",
    "x_label",
    "y_label",
    "autoscale",
    "ci_level",
    "use_slice_duration",
    "primary_style",
    "secondary_style",
    "supplementary_col",
];
/// Columns of requests that are no metrics, and of runs.
const RUN_COLUMNS: &[&str] = &[
    "request_number",
    "timestamp",
    "timestamp_s",
    "request_start_ns",
    "request_end_ns",
    "throughput_tokens_per_sec",
    "active_requests",
    "concurrency",
    "output_token_throughput_per_gpu",
];
const OLD_GPU_NAMES: &[&str] = &["gpu_utilization", "gpu_power_usage", "gpu_memory_used", "gpu_temperature"];
const SERVER_BEGINS: &[&str] = &[
    "vllm_",
    "sglang_",
    "trtllm_",
    "nv_",
    "http_",
    "https_",
    "dynamo_",
    "nvidia_",
    "dcgm_",
    "gpu_",
    "process_",
    "node_",
    "container_",
];
const SERVER_ENDS: &[&str] = &[
    "_total",
    "_count",
    "_sum",
    "_bucket",
    "_seconds",
    "_milliseconds",
    "_microseconds",
    "_us",
    "_ms",
    "_ns",
    "_bytes",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_configuration_is_valid_and_has_aiperfs_plots() {
        let config = Config::read(BUILT_IN, "built in").unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let names = |specs: &[Spec]| specs.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            names(&config.multi_run)[..4],
            [
                "pareto_curve_throughput_per_gpu_vs_latency",
                "pareto_curve_throughput_per_gpu_vs_interactivity",
                "ttft_vs_throughput",
                "latency_throughput_uncertainty",
            ]
        );
        assert_eq!(
            names(&config.single_run),
            [
                "ttft_over_time",
                "ttft_timeline",
                "timeslices_ttft",
                "timeslices_itl",
                "gpu_utilization_and_throughput_over_time",
            ]
        );
    }

    #[test]
    fn every_preset_can_be_wanted() {
        let mut value = serde_saphyr::from_str::<Value>(BUILT_IN).unwrap();
        for mode in ["single_run", "multi_run"] {
            let presets = &value["visualization"][format!("{mode}_plots")];
            let names = presets.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            value["visualization"][format!("{mode}_defaults")] = names.into();
        }
        let config = Config::of_value(&value, "x").unwrap();
        assert_eq!((config.single_run.len(), config.multi_run.len()), (10, 5), "AIPerf's 14, and one");
    }

    fn refused(preset: &str) -> String {
        let text = format!("visualization: {{single_run_defaults: [a], single_run_plots: {{a: {preset}}}}}");
        match Config::read(&text, "f.yaml") {
            Ok(config) => format!("accepted: {:?}", config.warnings),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn bad_settings_are_refused_by_their_key() {
        let check = |preset: &str, expected: &str| {
            let why = refused(preset);
            assert!(why.contains(expected), "{preset}: {why}");
        };
        check("{type: scater, x: timestamp, y: request_latency}", "`type`: `scater` is not one of");
        check("{type: scatter, y: request_latencyy}", "is `request_latency` meant?");
        check("{type: scatter, y: request_latency_p67}", "`p67` is not a statistic");
        check("{type: scatter}", "has no `y`");
        check("{type: scatter, y: request_latency, ci_level: 0.5}", "`ci_level`: 0.5");
        check("{type: scatter, y: request_latency, groups: [a, b]}", "`groups` must be one column");
        check("{type: scatter, y: request_latency, autoscale: z}", "`autoscale`");
        check(
            "{type: scatter, y: request_latency, colour: red}",
            "accepted: [\"`f.yaml`: `visualization.single_run_plots.a.colour` has no effect",
        );
        check("[]", "must be a mapping");
        let unknown =
            Config::read("visualization: {multi_run_defaults: [x/y]}", "f").err().unwrap().to_string();
        assert!(unknown.contains("must be a name"), "{unknown}");
        let missing =
            Config::read("visualization: {multi_run_defaults: [x]}", "f").err().unwrap().to_string();
        assert!(missing.contains("is not in multi_run_plots"), "{missing}");
        assert!(Config::read("a: 1", "f").is_err(), "no visualization");
    }

    #[test]
    fn names_have_their_statistic_and_source() {
        let check = |name: &str, expected: (&str, Option<Stat>, Source)| {
            let found = quantity(&Value::from(name), None, None).unwrap();
            assert_eq!((found.name.as_str(), found.stat, found.source), expected, "{name}");
        };
        check("request_latency_p99", ("request_latency", Some(Stat::P99), Source::Run));
        check("request_number", ("request_number", None, Source::Run));
        check("Time to First Token", ("Time to First Token", None, Source::Timeslices));
        check("nvidia_gpu_utilization", ("nvidia_gpu_utilization", None, Source::Gpu));
        check("vllm:kv_cache_usage_perc", ("vllm:kv_cache_usage_perc", None, Source::Server));
    }

    #[test]
    fn runs_are_classified_by_patterns() {
        let text = "visualization: {}\nexperiment_classification: {baselines: ['*agg*'], treatments: ['*disagg*'], default: baseline}";
        let found = Config::read(text, "f").unwrap().classification.unwrap();
        let check = |name: &str, expected: bool| assert_eq!(found.is_baseline(name, ""), expected, "{name}");
        check("x_agg", true);
        check("other", true);
        check("x_disagg_1", true);
        let text = "visualization: {}\nexperiment_classification: {treatments: ['*disagg*']}";
        let found = Config::read(text, "f").unwrap().classification.unwrap();
        assert!(!found.is_baseline("x", "") && !found.is_baseline("a_disagg", ""), "treatments by default");
    }
}
