//! The sweep of a configuration, and the variations that it consists of.

use crate::Refused;
use crate::design::{DIMENSIONS_MAX, Optimization, latin_hypercube, sobol};
use crate::path;
use crate::search::{Limit, Search, contradiction};
use crate::variation::{Variation, text};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Which runs differ in what, as AIPerf's `sweep:` says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// What every sweep says besides its values.
    pub common: Common,
    values: Values,
}

/// The values of a sweep.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Values {
    /// Every combination of values.
    Grid(Axes),
    /// The first values together, then the second ones, and so on.
    Zip(Axes),
    /// Chosen by hand.
    Scenarios(Scenarios),
    /// Points of a Sobol sequence.
    Sobol(Sampling),
    /// Points of a Latin hypercube.
    LatinHypercube(Sampling),
    /// Points that depend on what those before gave.
    #[serde(skip)]
    AdaptiveSearch(Box<Search>),
}

/// In which order runs are made when each variation is run several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// All variations once, then all of them again: a drift of the machine changes all alike.
    #[default]
    Repeated,
    /// All runs of a variation, then those of the next.
    Independent,
}

/// What every sweep says besides its values.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Common {
    /// The order of runs.
    pub iteration_order: Option<Order>,
    /// Seconds between two runs.
    pub cooldown_seconds: Option<f64>,
    /// Whether every variation draws the same random numbers.
    pub same_seed: Option<bool>,
    /// Limits that a variation must keep to be the best.
    pub sla_filters: Vec<Limit>,
    /// What is made of the results.
    pub post_process: Option<PostProcess>,
}

/// What is made of the results of a sweep.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostProcess {
    /// What: one of AIPerf's names.
    pub handler: String,
    /// Of which numbers.
    #[serde(default)]
    pub params: Value,
    /// The name of its file.
    pub output_filename: String,
}

/// Values by path.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Axes {
    /// Which values each path has.
    parameters: Map<String, Value>,
}

/// Parts of configurations.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenarios {
    /// Each is merged into the configuration.
    runs: Vec<Scenario>,
}

/// A part of a configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What it is called.
    name: Option<String>,
    /// What it changes.
    #[serde(default)]
    benchmark: Option<Map<String, Value>>,
    /// Variables that it changes.
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    /// The values that tables and directories show.
    values: Option<Map<String, Value>>,
}

/// A space, and how many points of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sampling {
    /// How many points.
    samples: usize,
    /// The seed of the points.
    seed: Option<u64>,
    /// The space.
    dimensions: Vec<Dimension>,
    /// How points are called.
    #[serde(default)]
    label_format: LabelFormat,
    /// Whether a Sobol sequence is randomised.
    scramble: Option<bool>,
    /// How a Latin hypercube is improved; `null` for not at all.
    #[serde(default = "usual_optimization")]
    optimization: Option<Optimization>,
}

/// How points are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LabelFormat {
    /// By the design and their place in it.
    #[default]
    Index,
    /// By their values.
    Kv,
}

/// A dimension of a space.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dimension {
    /// What it sets.
    path: String,
    /// The least value.
    lo: Option<f64>,
    /// The greatest value.
    hi: Option<f64>,
    /// How values lie between them.
    #[serde(default)]
    scale: Scale,
    /// Of what kind they are.
    #[serde(default)]
    kind: Kind,
    /// The values in place of a range.
    choices: Option<Vec<Value>>,
}

/// How values lie in a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// Their logarithms evenly.
    Log,
}

/// Of what kind values are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Whole numbers.
    Int,
    /// Any numbers.
    #[default]
    Real,
}

const fn usual_optimization() -> Option<Optimization> {
    Some(Optimization::RandomCd)
}

impl Sweep {
    /// The sweep of a configuration's `sweep` block, with its keys in snake case.
    ///
    /// # Errors
    /// An unknown key or type, or a value that cannot be, with its place.
    pub fn parse(block: Value) -> Result<Self, Refused> {
        let mut block = block;
        let mut common = Map::new();
        let mut is_search = false;
        if let Value::Object(fields) = &mut block {
            fields.entry("type").or_insert_with(|| Value::from("grid"));
            is_search = fields.get("type") == Some(&Value::from("adaptive_search"));
            // Those of a search are what it searches by.
            let names = COMMON.iter().filter(|name| !is_search || **name != "sla_filters");
            for name in names {
                common.extend(fields.shift_remove(*name).map(|value| ((*name).to_owned(), value)));
            }
            if is_search {
                fields.shift_remove("type");
            }
        }
        let refused = |error: serde_json::Error| Refused::new("sweep", error.to_string());
        let common = serde_json::from_value(Value::Object(common)).map_err(refused)?;
        let values = match is_search {
            true => Values::AdaptiveSearch(Box::new(Search::parse(block)?)),
            false => serde_json::from_value(block).map_err(refused)?,
        };
        let sweep = Self { common, values };
        sweep.check()?;
        Ok(sweep)
    }

    /// A grid or zip of values by path.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_axes(parameters: Map<String, Value>, is_zip: bool) -> Result<Self, Refused> {
        let axes = Axes { parameters };
        let values = if is_zip { Values::Zip(axes) } else { Values::Grid(axes) };
        let sweep = Self { common: Common::default(), values };
        sweep.check()?;
        Ok(sweep)
    }

    /// AIPerf's name of its type.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match &self.values {
            Values::Grid(_) => "GridSweep",
            Values::Zip(_) => "ZipSweep",
            Values::Scenarios(_) => "ScenarioSweep",
            Values::Sobol(_) => "SobolSweep",
            Values::LatinHypercube(_) => "LatinHypercubeSweep",
            Values::AdaptiveSearch(_) => "AdaptiveSearchSweep",
        }
    }

    /// The search, if it is one.
    #[must_use]
    pub fn search(&self) -> Option<&Search> {
        match &self.values {
            Values::AdaptiveSearch(search) => Some(search),
            _ => None,
        }
    }

    /// The sweep with a limit more, unless it has it.
    ///
    /// # Errors
    /// When the limits contradict each other, or the search can have none.
    pub fn limited(mut self, limit: Limit) -> Result<Self, Refused> {
        match &mut self.values {
            Values::AdaptiveSearch(search) => search.limit(limit)?,
            _ if self.common.sla_filters.contains(&limit) => {}
            _ => {
                self.common.sla_filters.push(limit);
                if let Some(why) = contradiction(&self.common.sla_filters) {
                    return Err(Refused::new("sweep.sla_filters", why));
                }
            }
        }
        Ok(self)
    }

    /// The limits that a variation must keep.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        self.search().map_or_else(|| self.common.sla_filters.clone(), Search::limits)
    }

    fn check(&self) -> Result<(), Refused> {
        if let Some(PostProcess { handler, params, output_filename: name }) = &self.common.post_process {
            if !HANDLERS.contains(&handler.as_str()) {
                let known = HANDLERS.join(", ");
                let why = format!("`{handler}` is not one of {known}");
                return Err(Refused::new("sweep.post_process.handler", why));
            }
            if let Some(other) =
                params.as_object().into_iter().flat_map(Map::keys).find(|key| !PARAMS.contains(&key.as_str()))
            {
                return Err(Refused::new(
                    &format!("sweep.post_process.params.{other}"),
                    "is not a known key",
                ));
            }
            if params["threshold_pct"].as_f64().is_some_and(|threshold| threshold < 0.0) {
                return Err(Refused::new("sweep.post_process.params.threshold_pct", "must not be negative"));
            }
            if OWN_FILES.contains(&name.as_str()) {
                return Err(Refused::new(
                    "sweep.post_process.output_filename",
                    "is a file of the sweep itself",
                ));
            }
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) || name.len() > NAME_MAX
            {
                return Err(Refused::new("sweep.post_process.output_filename", "is not the name of a file"));
            }
        }
        if self.common.cooldown_seconds.is_some_and(|seconds| !(0.0..=1e9).contains(&seconds)) {
            return Err(Refused::new("sweep.cooldown_seconds", "is not between 0 and 1e9"));
        }
        match &self.values {
            Values::Grid(axes) => axes.check(false),
            Values::Zip(axes) => axes.check(true),
            Values::Scenarios(scenarios) => scenarios.check(),
            Values::Sobol(sampling) | Values::LatinHypercube(sampling) => sampling.check(),
            Values::AdaptiveSearch(_) => Ok(()),
        }
    }

    /// The configuration of each variation, without its `sweep`; of a search, those with its least and its greatest values.
    ///
    /// # Errors
    /// When a path leads to nothing in this configuration.
    pub fn variations(&self, file: &Map<String, Value>) -> Result<Vec<Varied>, Refused> {
        let mut base = file.clone();
        base.remove("sweep");
        match &self.values {
            Values::Scenarios(scenarios) => Ok(scenarios.variations(&base)),
            Values::Grid(axes) => set_all(&base, axes.grid()),
            Values::Zip(axes) => set_all(&base, axes.zip()),
            Values::Sobol(sampling) => set_all(&base, sampling.points("sobol")),
            Values::LatinHypercube(sampling) => set_all(&base, sampling.points("latin_hypercube")),
            Values::AdaptiveSearch(search) => set_all(&base, search.ends().map(labelled).to_vec()),
        }
    }

    /// Advice about a sweep that is valid.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.search().map(Search::warnings).unwrap_or_default();
        if let Values::Sobol(sampling) = &self.values {
            if !sampling.samples.is_power_of_two() {
                warnings.push(format!(
                    "sweep.samples: a Sobol sequence is balanced at powers of 2; {} is not one, {} is",
                    sampling.samples,
                    sampling.samples.next_power_of_two()
                ));
            }
            if sampling.scramble == Some(false) {
                warnings.push(
                    "sweep.scramble: without it the first point is the least of every dimension".to_owned(),
                );
            }
        }
        warnings
    }
}

/// A configuration, and what it varies.
pub type Varied = (Map<String, Value>, Variation);

/// Values by path, and a label.
type Point = (Map<String, Value>, String);

fn set_all(base: &Map<String, Value>, points: Vec<Point>) -> Result<Vec<Varied>, Refused> {
    let made = points.into_iter().enumerate().map(|(index, (values, label))| {
        let mut file = base.clone();
        for (path, value) in &values {
            path::set(&mut file, path, value.clone())?;
        }
        for (path, value) in &values {
            if path::place(&mut file, path)? != value {
                return Err(Refused::new(
                    path,
                    "another path of the sweep sets the same value, or a part of it",
                ));
            }
        }
        Ok((file, Variation { index, label, values }))
    });
    made.collect()
}

/// The configuration with these values by path, without its `sweep`.
///
/// # Errors
/// When a path leads to nothing in this configuration.
pub fn with_values(
    file: &Map<String, Value>,
    values: &Map<String, Value>,
) -> Result<Map<String, Value>, Refused> {
    let mut base = file.clone();
    base.remove("sweep");
    let made = set_all(&base, vec![labelled(values.clone())])?;
    Ok(made.into_iter().next().map(|(file, _)| file).unwrap_or(base))
}

/// A label of values.
fn labelled(values: Map<String, Value>) -> Point {
    let label = values.iter().map(|(path, value)| format!("{path}={}", text(value)));
    let label = label.collect::<Vec<_>>().join(", ");
    (values, label)
}

impl Axes {
    fn check(&self, is_zip: bool) -> Result<(), Refused> {
        if self.parameters.is_empty() {
            return Err(Refused::new("sweep.parameters", "names no path"));
        }
        let mut paths = Vec::new();
        let mut lengths = Vec::new();
        let mut all = 1_usize;
        for (path, values) in &self.parameters {
            let place = format!("sweep.parameters.{path}");
            let resolved = path::resolved(path).map_err(|refused| Refused::new(&place, refused.why))?;
            if paths.contains(&resolved) {
                return Err(Refused::new(
                    &place,
                    format!("{resolved} is there already, in another spelling"),
                ));
            }
            paths.push(resolved);
            let Some(values) = values.as_array().filter(|values| !values.is_empty()) else {
                return Err(Refused::new(&place, "expected a list with at least one value"));
            };
            lengths.push(values.len());
            all = all.saturating_mul(values.len());
        }
        if lengths.iter().any(|length| *length > VARIATIONS_MAX) {
            let why = format!("a list has more than {VARIATIONS_MAX} values");
            return Err(Refused::new("sweep.parameters", why));
        }
        if is_zip && lengths.iter().any(|length| *length != lengths[0]) {
            let lengths = lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            return Err(Refused::new(
                "sweep.parameters",
                format!("the lists of a zip have different lengths: {lengths}"),
            ));
        }
        if !is_zip && all > VARIATIONS_MAX {
            let why = format!("{all} combinations are more than {VARIATIONS_MAX}");
            return Err(Refused::new("sweep.parameters", why));
        }
        Ok(())
    }

    /// The values of each path, sorted by path.
    fn sorted(&self) -> Vec<(String, &[Value])> {
        let lists = self
            .parameters
            .iter()
            .filter_map(|(path, values)| Some((path::resolved(path).ok()?, values.as_array()?.as_slice())));
        let mut lists = lists.collect::<Vec<_>>();
        lists.sort_by(|a, b| a.0.cmp(&b.0));
        lists
    }

    /// Every combination, the last path's values changing fastest.
    fn grid(&self) -> Vec<Point> {
        let mut combinations = vec![Map::new()];
        for (path, values) in self.sorted() {
            let longer = combinations.iter().flat_map(|known| {
                values.iter().map(|value| {
                    let mut values = known.clone();
                    values.insert(path.clone(), value.clone());
                    values
                })
            });
            combinations = longer.collect();
        }
        combinations.into_iter().map(labelled).collect()
    }

    fn zip(&self) -> Vec<Point> {
        let lists = self.sorted();
        let count = lists.first().map_or(0, |(_, values)| values.len());
        let row =
            |place: usize| lists.iter().map(|(path, values)| (path.clone(), values[place].clone())).collect();
        (0..count).map(|place| labelled(row(place))).collect()
    }
}

impl Scenarios {
    fn check(&self) -> Result<(), Refused> {
        if self.runs.is_empty() || self.runs.len() > VARIATIONS_MAX {
            return Err(Refused::new(
                "sweep.runs",
                "expected a list with at least one run, and 10,000 at most",
            ));
        }
        for (place, run) in self.runs.iter().enumerate() {
            let refuse =
                |field: &str, why: String| Err(Refused::new(&format!("sweep.runs[{place}]{field}"), why));
            if let Some(name) = &run.name {
                if name.contains(['/', '\\'])
                    || name.contains("..")
                    || name.chars().all(|letter| letter == '.')
                {
                    return refuse(".name", format!("`{name}` cannot name a directory"));
                }
                if self.runs[..place].iter().any(|other| other.name.as_ref() == Some(name)) {
                    return refuse(".name", format!("`{name}` is there already"));
                }
            }
            let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
            if let Some((key, _)) = run.values.iter().flatten().find(|(_, value)| !is_scalar(value)) {
                return refuse(
                    &format!(".values.{key}"),
                    "expected a number, a text or a boolean".to_owned(),
                );
            }
        }
        Ok(())
    }

    fn variations(&self, base: &Map<String, Value>) -> Vec<Varied> {
        let made = self.runs.iter().enumerate().map(|(index, run)| {
            let parts = [("variables", &run.variables), ("benchmark", &run.benchmark)];
            let mut over = Map::new();
            for (key, part) in parts {
                over.extend(part.clone().map(|part| (key.to_owned(), Value::Object(part))));
            }
            let mut file = base.clone();
            let mut merged = over.clone();
            // A file without `benchmark` has its keys at the top.
            if !file.contains_key("benchmark")
                && let Some(Value::Object(body)) = merged.remove("benchmark")
            {
                merged.extend(body);
            }
            path::merge(&mut file, &merged);
            let label = run.name.clone().unwrap_or_else(|| format!("scenario_{index}"));
            let values = run.values.clone().unwrap_or(over);
            (file, Variation { index, label, values })
        });
        made.collect()
    }
}

impl Sampling {
    fn check(&self) -> Result<(), Refused> {
        if !(2..=VARIATIONS_MAX).contains(&self.samples) {
            return Err(Refused::new("sweep.samples", format!("is not between 2 and {VARIATIONS_MAX}")));
        }
        if self.dimensions.is_empty() || self.dimensions.len() > DIMENSIONS_MAX {
            let why = format!("expected a list with 1 to {DIMENSIONS_MAX} dimensions");
            return Err(Refused::new("sweep.dimensions", why));
        }
        for (place, dimension) in self.dimensions.iter().enumerate() {
            let at = format!("sweep.dimensions[{place}]");
            dimension.check().map_err(|why| Refused::new(&at, why))?;
            if self.dimensions[..place].iter().any(|other| other.path == dimension.path) {
                return Err(Refused::new(&at, format!("`{}` is there already", dimension.path)));
            }
        }
        Ok(())
    }

    fn points(&self, design: &str) -> Vec<Point> {
        let (count, dimensions, seed) = (self.samples, self.dimensions.len(), self.seed.unwrap_or(0));
        let cube = match design {
            "sobol" => sobol(count, dimensions, self.scramble.unwrap_or(true), seed),
            _ => latin_hypercube(count, dimensions, self.optimization, seed),
        };
        let point = |(index, coordinates): (usize, Vec<f64>)| {
            let values = self.dimensions.iter().zip(coordinates).map(|(dimension, at)| {
                let path = path::resolved(&dimension.path).unwrap_or_else(|_| dimension.path.clone());
                (path, dimension.at(at))
            });
            let values = values.collect::<Map<_, _>>();
            match self.label_format {
                LabelFormat::Index => (values, format!("{design}_{index:04}")),
                LabelFormat::Kv => labelled(values),
            }
        };
        cube.into_iter().enumerate().map(point).collect()
    }
}

impl Dimension {
    fn check(&self) -> Result<(), String> {
        let is_empty = |lo: f64, hi: f64| self.kind == Kind::Int && lo.ceil() > hi.floor();
        path::resolved(&self.path).map_err(|refused| refused.to_string())?;
        let choices = self.choices.as_ref().map(Vec::len);
        match (self.lo, self.hi, choices) {
            (None, None, Some(1..)) => Ok(()),
            (Some(lo), Some(hi), None) if is_empty(lo, hi) => {
                Err(format!("`{}`: no whole number is between {lo} and {hi}", self.path))
            }
            (Some(lo), Some(hi), None) if !(hi - lo).is_finite() || lo >= hi => {
                Err(format!("`{}`: hi ({hi}) must be more than lo ({lo})", self.path))
            }
            (Some(lo), Some(_), None) if self.scale == Scale::Log && lo <= 0.0 => {
                Err(format!("`{}`: a logarithmic scale needs lo above 0", self.path))
            }
            (Some(_), Some(_), None) => Ok(()),
            _ => Err(format!("`{}`: give either lo and hi, or choices with at least one value", self.path)),
        }
    }

    /// The value at a coordinate from 0 to 1.
    fn at(&self, coordinate: f64) -> Value {
        if let Some(choices) = &self.choices {
            let place = (coordinate * float(choices.len())).floor();
            let place = (0..choices.len()).rev().find(|known| float(*known) <= place).unwrap_or(0);
            return choices[place].clone();
        }
        let (lo, hi) = (self.lo.unwrap_or_default(), self.hi.unwrap_or_default());
        let value = match self.scale {
            Scale::Linear => lo + coordinate * (hi - lo),
            Scale::Log => (lo.ln() + coordinate * (hi.ln() - lo.ln())).exp(),
        };
        match self.kind {
            Kind::Real => Value::from(value),
            Kind::Int => {
                let whole = value.round_ties_even().min(hi.floor()).max(lo.ceil());
                serde_json::from_str(&format!("{whole:.0}")).unwrap_or_else(|_| Value::from(whole))
            }
        }
    }
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The keys of [`Common`].
const COMMON: &[&str] = &["iteration_order", "cooldown_seconds", "same_seed", "sla_filters", "post_process"];
/// What can be made of the results of a sweep.
const HANDLERS: &[&str] = &[
    "degradation_knee_detect",
    "itl_surface_fit",
    "pareto_sweep_export",
    "sla_breach_knee",
    "ttft_curve_fit",
];
/// What their parameters are called.
const PARAMS: &[&str] = &[
    "concurrency_key",
    "concurrency_param",
    "isl_key",
    "metric_tag",
    "osl_key",
    "osl_param",
    "r2_floor",
    "sla_filters",
    "stat",
    "swept_param",
    "threshold_pct",
    "x_metric",
    "x_stat",
    "y_metric",
    "y_stat",
];
/// What a sweep writes besides.
const OWN_FILES: &[&str] =
    &["profile_export_aiperf_sweep.csv", "profile_export_aiperf_sweep.json", "sampling_design.json"];
/// Longest name of a file, in bytes.
const NAME_MAX: usize = 100;
/// Most variations of a sweep.
const VARIATIONS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file() -> Map<String, Value> {
        let file = json!({"benchmark": {
            "phases": [{"name": "profiling", "type": "concurrency", "concurrency": 8}],
            "datasets": [{"name": "main", "prompts": {"isl": 64, "osl": 16}}],
        }});
        let Value::Object(file) = file else { panic!("a mapping") };
        file
    }

    #[track_caller]
    fn check(sweep: Value, expected: &[&str]) {
        let made = Sweep::parse(sweep).unwrap().variations(&file()).unwrap();
        let names =
            made.iter().map(|(_, variation)| format!("{} {}", variation.directory(), variation.label));
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn variations_are_those_of_aiperf() {
        let lists = json!({"phases.profiling.concurrency": [4, 8], "datasets.main.prompts.isl": [32, 64]});
        check(
            json!({"type": "grid", "parameters": lists}),
            &[
                "isl_32__concurrency_4 datasets.main.prompts.isl=32, phases.profiling.concurrency=4",
                "isl_32__concurrency_8 datasets.main.prompts.isl=32, phases.profiling.concurrency=8",
                "isl_64__concurrency_4 datasets.main.prompts.isl=64, phases.profiling.concurrency=4",
                "isl_64__concurrency_8 datasets.main.prompts.isl=64, phases.profiling.concurrency=8",
            ],
        );
        check(
            json!({"type": "zip", "parameters": lists}),
            &[
                "isl_32__concurrency_4 datasets.main.prompts.isl=32, phases.profiling.concurrency=4",
                "isl_64__concurrency_8 datasets.main.prompts.isl=64, phases.profiling.concurrency=8",
            ],
        );
        check(
            json!({"parameters": {"concurrency": [1], "datasets.main.prompts.isl": [{"mean": 5, "stddev": 1}]}}),
            &["datasets.main.prompts.isl={'mean' 5, 'stddev' 1}, phases.profiling.concurrency=1 \
               datasets.main.prompts.isl={'mean': 5, 'stddev': 1}, phases.profiling.concurrency=1"],
        );
        check(
            json!({"type": "scenarios", "runs": [
                {"name": "short chat", "benchmark": {"phases": [{"name": "profiling", "concurrency": 4}]}},
                {"benchmark": {"phases": [{"name": "profiling", "concurrency": 9}]}},
                {"name": "valued", "values": {"isl": 100, "concurrency": 12}},
            ]}),
            &["short chat short chat", "scenario_1 scenario_1", "isl_100__concurrency_12 valued"],
        );
        // AIPerf 0.13.0 of the same file (SciPy 1.17.1).
        let dimensions = json!([
            {"path": "phases.profiling.concurrency", "lo": 2, "hi": 32, "scale": "log", "kind": "int"},
            {"path": "datasets.main.prompts.isl", "lo": 32, "hi": 256, "kind": "int"},
            {"path": "datasets.main.prompts.osl", "choices": [8, 16, 24]},
        ]);
        check(
            json!({"type": "sobol", "samples": 4, "seed": 11, "dimensions": dimensions}),
            &[
                "concurrency_5__isl_142__osl_16 sobol_0000",
                "concurrency_23__isl_181__osl_16 sobol_0001",
                "concurrency_8__isl_52__osl_24 sobol_0002",
                "concurrency_4__isl_201__osl_8 sobol_0003",
            ],
        );
        check(
            json!({"type": "latin_hypercube", "samples": 8, "seed": 11, "optimization": null, "dimensions": dimensions}),
            &[
                "concurrency_3__isl_158__osl_8 latin_hypercube_0000",
                "concurrency_4__isl_112__osl_8 latin_hypercube_0001",
                "concurrency_31__isl_252__osl_16 latin_hypercube_0002",
                "concurrency_18__isl_190__osl_24 latin_hypercube_0003",
                "concurrency_13__isl_220__osl_24 latin_hypercube_0004",
                "concurrency_4__isl_69__osl_8 latin_hypercube_0005",
                "concurrency_9__isl_45__osl_24 latin_hypercube_0006",
                "concurrency_7__isl_128__osl_16 latin_hypercube_0007",
            ],
        );
    }

    #[test]
    fn scenarios_change_a_part() {
        let sweep = json!({"type": "scenarios", "runs": [
            {"benchmark": {"phases": [{"name": "profiling", "concurrency": 4}]}, "variables": {"x": 1}},
        ]});
        let made = Sweep::parse(sweep).unwrap().variations(&file()).unwrap();
        let file = Value::Object(made[0].0.clone());
        let phase = json!({"name": "profiling", "type": "concurrency", "concurrency": 4});
        assert_eq!(file.pointer("/benchmark/phases/0"), Some(&phase), "merged by name");
        assert_eq!(file.pointer("/variables/x"), Some(&json!(1)), "beside the benchmark");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let dimension = |fields: Value| json!({"type": "sobol", "samples": 4, "dimensions": [fields]});
        for (sweep, expected) in [
            (json!({"type": "gird", "parameters": {}}), "sweep: unknown variant `gird`"),
            (json!({"type": "grid", "parameters": {}}), "sweep.parameters: names no path"),
            (json!({"parameters": {"rate": []}}), "sweep.parameters.rate: expected a list"),
            (json!({"parameters": {"rate": [1], "phases.profiling.rate": [1]}}), "in another spelling"),
            (json!({"parameters": {"benchmark.a": [1]}}), "leave `benchmark.` out"),
            (
                json!({"parameters": {"rate": [1]}, "cooldown_seconds": -1}),
                "sweep.cooldown_seconds: is not between",
            ),
            (
                json!({
                    "type": "adaptive_search", "cooldown_seconds": -1,
                    "search_space": [{"path": "concurrency", "lo": 1, "hi": 2, "kind": "int"}],
                    "sla_filters": [{"metric_tag": "request_latency", "op": "lt", "threshold": 1}],
                }),
                "sweep.cooldown_seconds: is not between",
            ),
            (json!({"parameters": {"rate": [1]}, "nosuch": 1}), "unknown field `nosuch`"),
            (json!({"type": "zip", "parameters": {"rate": [1, 2], "users": [1]}}), "different lengths: 2, 1"),
            (json!({"type": "scenarios", "runs": []}), "sweep.runs: expected a list"),
            (
                json!({"type": "scenarios", "runs": [{"name": "a/b"}]}),
                "sweep.runs[0].name: `a/b` cannot name",
            ),
            (
                json!({"type": "scenarios", "runs": [{"name": "a"}, {"name": "a"}]}),
                "sweep.runs[1].name: `a` is there",
            ),
            (json!({"type": "sobol", "samples": 1, "dimensions": []}), "sweep.samples: is not between 2"),
            (dimension(json!({"path": "rate", "lo": 0, "hi": 4, "scale": "log"})), "needs lo above 0"),
            (dimension(json!({"path": "rate", "lo": 4, "hi": 4})), "must be more than lo"),
            (
                dimension(json!({"path": "rate", "lo": 1, "hi": 4, "choices": [1]})),
                "give either lo and hi, or choices",
            ),
        ] {
            let why = Sweep::parse(sweep.clone()).map(drop).unwrap_err().to_string();
            assert!(why.contains(expected), "{sweep}: {why}");
        }
    }

    #[test]
    fn a_limit_more_holds_for_every_tier() {
        let limit = |op: &str, threshold: f64| json!({"metric_tag": "time_to_first_token", "stat": "p95", "op": op, "threshold": threshold});
        let more = |op: &str, threshold: f64| serde_json::from_value::<Limit>(limit(op, threshold)).unwrap();
        let tier = |label: &str, threshold: f64| json!({"label": label, "filters": [limit("lt", threshold)]});
        let search = || {
            Sweep::parse(json!({
                "type": "adaptive_search", "planner": "slo",
                "search_space": [{"path": "concurrency", "lo": 1, "hi": 64, "kind": "int"}],
                "sla_tiers": [tier("fast", 100.0), tier("usual", 500.0)],
            }))
            .unwrap()
        };
        let limited = search().limited(more("gt", 1.0)).unwrap().limited(more("gt", 1.0)).unwrap();
        assert_eq!(limited.limits(), [more("gt", 1.0), more("lt", 100.0), more("lt", 500.0)], "once");
        let search_of = limited.search().unwrap();
        assert_eq!(search_of.places_of_tier(0), [0, 1], "of the first tier");
        assert_eq!(search_of.places_of_tier(1), [0, 2], "of the second tier");
        let why = search().limited(more("gt", 200.0)).map(drop).unwrap_err().to_string();
        assert!(why.contains("time_to_first_token"), "the first tier cannot keep it: {why}");
        let plain = || Sweep::parse(json!({"parameters": {"concurrency": [1, 2]}})).unwrap();
        let plain = plain().limited(more("lt", 5.0)).unwrap();
        assert_eq!(plain.limits(), [more("lt", 5.0)]);
        assert!(plain.limited(more("gt", 9.0)).is_err(), "no run keeps both");
    }
}
