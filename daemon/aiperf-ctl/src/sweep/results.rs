//! What the variations of a sweep gave: AIPerf's `profile_export_aiperf_sweep.json` and `.csv`, and a table.

mod pictures;

use super::cause::Waits;
use super::{judged, post_process};
use crate::args::Clock;
use crate::multi_run::Observed;
use crate::multi_run::aggregate::{Aggregate, Failed, Spread};
use crate::observer::Certain;
use crate::report::Reported;
use crate::terminal::print_warning;
use crate::{FAILED, VERDICT};
use anyhow::Result;
use experiment::search::fits::Row as Point;
use experiment::search::{self, Limit};
use experiment::{Order, Sweep, Variation};
use export::csv::line;
use export::view::{Cell, Certainty, Column, Note, Number, Section, Side, Table, Topic};
use metric::{METRICS, Metric, Report, Stat};
use record::Standing;
use serde_json::{Map, Value, json};
use spec::{CacheState, Shape};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::Folder;
use store::visible_within;

/// A run of a variation.
#[derive(Clone, Default)]
pub(super) struct Row {
    /// Its exit status.
    pub(super) status: u8,
    /// Its verdict, if it has results.
    pub(super) verdict: Option<String>,
    /// Why it has no results.
    pub(super) error: Option<String>,
    /// Whether the server responded nevertheless.
    pub(super) is_refused: bool,
    /// Why it was not run.
    pub(super) skipped: Option<String>,
    /// What is certain of the limits, if it was ended early for that.
    pub(super) certain: Option<Certain>,
    /// Why it is not compared with the others: what limited it was this client.
    pub(super) limits: Vec<String>,
    pub(super) report: Option<Report>,
    /// Where requests wait.
    pub(super) waits: Waits,
    /// Whether a tenth of the requests or more found no server: it was going away, or refused connections.
    pub(super) is_broken: bool,
    /// Whether more requests arrived all the time than the server completed.
    pub(super) is_behind: bool,
    /// What the convergence of runs is tested on.
    pub(super) observed: Observed,
    pub(super) directory: PathBuf,
}

impl Row {
    /// A run with results.
    pub(super) fn finished(
        reported: &Reported,
        status: u8,
        directory: PathBuf,
        certain: Option<Certain>,
    ) -> Self {
        let verdict = &reported.run.verdict;
        let is_limit = |reason: &&record::Reason| {
            // A run that was ended on purpose is not whole, and need not be.
            let is_meant = certain.is_some() && ENDED_EARLY.contains(&reason.name.as_str());
            let is_bad = reason.standing == Standing::Invalid
                || (reason.standing > Standing::Valid && NOT_COMPARED.contains(&reason.name.as_str()));
            is_bad && !is_meant
        };
        Self {
            status,
            verdict: Some(verdict.standing.name().to_owned()),
            limits: verdict
                .reasons
                .iter()
                .filter(is_limit)
                .map(|reason| reason.name.clone())
                .chain(other_cache(reported))
                .collect(),
            report: Some(Report { numbers: Vec::new(), slices: Vec::new(), ..reported.report.clone() }),
            waits: Waits::of(reported),
            is_broken: is_broken(reported),
            is_behind: is_behind(reported),
            directory,
            certain,
            ..Self::default()
        }
    }

    /// A run that would say nothing.
    pub(super) fn skipped(why: String, directory: PathBuf) -> Self {
        Self { skipped: Some(why), directory, ..Self::default() }
    }

    /// A run without results.
    pub(super) fn failed(error: String, is_refused: bool, directory: PathBuf) -> Self {
        Self { status: FAILED, error: Some(error), is_refused, directory, ..Self::default() }
    }

    /// Its verdict, or what it is in place of one.
    fn verdict(&self) -> &str {
        let without = if self.skipped.is_some() { "skipped" } else { "failed" };
        self.verdict.as_deref().unwrap_or(without)
    }

    /// Why it says nothing of the server: this client was the limit, or the cache was not what it was to be.
    pub(super) fn void(&self) -> Option<String> {
        let void =
            self.limits.iter().filter(|reason| is_void(reason)).map(String::as_str).collect::<Vec<_>>();
        (!void.is_empty()).then(|| void.join(", "))
    }

    /// The run in one line.
    pub(super) fn line(&self) -> String {
        let Some(report) = &self.report else {
            return format!("failed: {}", self.error.as_deref().unwrap_or("no reason is known"));
        };
        let columns = COLUMNS.iter().filter_map(|(name, tags, stat)| {
            Some(format!("{name} {}", shown(tags.iter().find_map(|tag| report.stat(tag, *stat))?.get())))
        });
        let verdict = self.verdict.clone().unwrap_or_default();
        let limits =
            if self.limits.is_empty() { String::new() } else { format!(" ({})", self.limits.join(", ")) };
        let early = match &self.certain {
            Some(Certain::Missed(limit)) => format!("; ended early: certainly not {limit}"),
            Some(Certain::Kept) => "; ended early: certainly within the limits".to_owned(),
            None => String::new(),
        };
        let behind = if self.is_behind { format!("; {FALLS_BEHIND}") } else { String::new() };
        format!(
            "{}; {} of {} failed; {verdict}{limits}{behind}{early}",
            columns.collect::<Vec<_>>().join(", "),
            report.failed,
            report.requests
        )
    }
}

/// Whether requests arrived whatever the server did, and more of them than it completed.
fn is_behind(reported: &Reported) -> bool {
    let mut measured = reported.run.plan.load.phases.iter().filter(|phase| !phase.is_warmup);
    let is_open =
        measured.all(|phase| matches!(phase.shape, Shape::Constant | Shape::Poisson | Shape::Gamma));
    let slices = reported.report.flow.iter().map(|part| search::Slice {
        arrivals: part.arrivals,
        completions: part.completions,
        response: part.response_seconds,
    });
    let slices = slices.collect::<Vec<_>>();
    let arrivals = slices.iter().map(|slice| slice.arrivals).sum::<u64>();
    is_open && arrivals >= ARRIVALS_MIN && search::backlog(&slices).is_some_and(|backlog| backlog.is_growing)
}

/// Whether connections were refused, reset or closed for a tenth of the requests or more.
fn is_broken(reported: &Reported) -> bool {
    let report = &reported.report;
    let broken = report
        .errors
        .iter()
        .filter(|error| error.code.is_none() && OF_CONNECTIONS.contains(&error.kind.as_str()));
    broken.map(|error| error.count).sum::<u64>() * 10 >= report.requests.max(1)
}

/// That a variation misses a limit, in words.
fn missed(limit: &str) -> String {
    if limit == FALLS_BEHIND { limit.to_owned() } else { format!("misses {limit}") }
}

/// What a variation misses in which more requests arrived than the server completed: how long they take says nothing then.
pub(super) const FALLS_BEHIND: &str = "the server falls behind";
/// What requests fail by whose server is going away.
const OF_CONNECTIONS: &[&str] = &["connect_failed", "connection_reset", "connection_closed"];
/// Of fewer requests chance decides.
const ARRIVALS_MIN: u64 = 200;

/// The runs of every variation so far.
#[derive(Default)]
pub(super) struct Results {
    variations: BTreeMap<usize, (Variation, Vec<Row>)>,
}

impl Results {
    /// Adds a run of the variation at this place.
    pub(super) fn put(&mut self, place: usize, variation: &Variation, row: Row) {
        self.variations.entry(place).or_insert_with(|| (variation.clone(), Vec::new())).1.push(row);
    }

    /// Adds the variations that have no run.
    pub(super) fn complete<'a>(&mut self, variations: impl Iterator<Item = &'a Variation>) {
        for (place, variation) in variations.enumerate() {
            self.variations.entry(place).or_insert_with(|| (variation.clone(), Vec::new()));
        }
    }

    /// Leaves out the runs of a search that were made again: those in which this client was the limit, if one was without that, and the
    /// first one in which connections failed.
    pub(super) fn without_void_runs(&mut self) {
        for (_, rows) in self.variations.values_mut() {
            let broken = rows.iter().position(|row| row.is_broken && row.void().is_none());
            if let Some(place) = broken.filter(|place| place + 1 < rows.len()) {
                rows.remove(place);
            }
            if rows.iter().any(|row| row.void().is_none() && row.report.is_some()) {
                rows.retain(|row| row.void().is_none());
            }
        }
    }

    /// The runs of the variation at this place.
    pub(super) fn of(&self, place: usize) -> &[Row] {
        self.variations.get(&place).map_or(&[], |(_, rows)| rows)
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.variations.values().flat_map(|(_, rows)| rows)
    }

    /// Whether any run has results.
    pub(super) fn has_any(&self) -> bool {
        self.rows().any(|row| row.report.is_some())
    }

    /// Why the first run without results has none.
    pub(super) fn first_failure(&self) -> Option<&str> {
        self.rows().find_map(|row| row.error.as_deref())
    }

    /// The exit status: runs without results are rows, not failures of the whole.
    pub(super) fn status(&self) -> u8 {
        if self.rows().any(|row| row.status == VERDICT) { VERDICT } else { 0 }
    }
}

/// The results with what they are of.
pub(super) struct Measured<'a> {
    pub(super) sweep: &'a Sweep,
    pub(super) order: Order,
    pub(super) trials: u32,
    pub(super) confidence: f64,
    pub(super) cooldown: Duration,
    /// The limits that a variation must keep to be the best.
    pub(super) limits: &'a [Limit],
    /// Those, and those of tiers, of which a variation need not keep all.
    pub(super) drawn: &'a [Limit],
    pub(super) clock: Clock,
    pub(super) results: &'a Results,
}

/// A variation's numbers over its runs.
struct Combination<'a> {
    variation: &'a Variation,
    parameters: Map<String, Value>,
    /// By AIPerf's key, the numbers and the unit.
    metrics: Map<String, Value>,
    throughput: Option<f64>,
    latency: Option<f64>,
    limits: Vec<String>,
    /// The limits that it does not keep, or not surely.
    misses: Vec<String>,
    rows: &'a [Row],
}

impl Measured<'_> {
    /// Writes the aggregates of each variation, and those of the sweep.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        let top = Folder::make(directory)?;
        let is_repeated = self.trials == 1 || self.order == Order::Repeated;
        for (variation, rows) in self.results.variations.values() {
            let runs = rows
                .iter()
                .enumerate()
                .filter_map(|(place, row)| Some((format!("run_{:04}", place + 1), row.report.clone()?)));
            let runs = runs.collect::<Vec<_>>();
            if runs.is_empty() {
                continue;
            }
            let name = variation.directory();
            let to = match is_repeated {
                true => top.within("aggregate")?.within(&name)?,
                false => top.within(&name)?.within("aggregate")?,
            };
            let failed = self.failed(rows);
            Aggregate::new(runs, failed, self.confidence, self.cooldown.as_secs_f64()).write(&to)?;
        }
        let to = match (self.trials, self.order) {
            _ if self.sweep.search().is_some() => top.within("sweep_aggregate")?,
            (1, _) | (_, Order::Independent) => top.within("sweep_aggregate")?,
            (_, Order::Repeated) => top.within("aggregate")?.within("sweep_aggregate")?,
        };
        let mut json = to.create(NAME)?;
        json.write_all(&self.data()?)?;
        json.finish()?;
        let mut csv = to.create("profile_export_aiperf_sweep.csv")?;
        csv.write_all(&self.csv()?)?;
        csv.finish()?;
        if let Some(asked) = &self.sweep.common.post_process
            && let Err(why) = post_process::write(&to, asked, self.limits, &self.points())
        {
            print_warning(&format!("{} is not written: {why:#}", asked.output_filename));
        }
        Ok(())
    }

    /// The table as it is stored.
    pub(super) fn data(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(&self.json())?)
    }

    /// The numbers of each variation that says something of the server.
    fn points(&self) -> Vec<Point> {
        let combinations = self.combinations();
        let compared = combinations.iter().filter(|one| one.limits.is_empty());
        let points = compared.filter_map(|one| {
            let reports = one.rows.iter().filter_map(|row| row.report.as_ref()).collect::<Vec<_>>();
            let mut numbers = BTreeMap::<String, BTreeMap<String, f64>>::new();
            for metric in METRICS {
                for stat in Stat::ALL {
                    let values = reports.iter().filter_map(|report| report.stat(metric.tag, stat));
                    let values = values.map(metric::Value::get).collect::<Vec<_>>();
                    if let Some(spread) = Spread::of(&values, self.confidence) {
                        let of_metric = numbers.entry(metric.tag.to_owned()).or_default();
                        of_metric.insert(stat.name().to_owned(), spread.mean());
                    }
                }
            }
            (!reports.is_empty()).then(|| Point { values: one.variation.values.clone(), numbers })
        });
        points.collect()
    }

    fn failed(&self, rows: &[Row]) -> Vec<Failed> {
        let failed = rows.iter().enumerate().filter_map(|(place, row)| {
            Some(Failed { label: format!("run_{:04}", place + 1), error: row.error.clone()? })
        });
        failed.collect()
    }

    /// The names of parameters: the last name of each path, or the whole path where two would be called the same.
    fn names(&self) -> Vec<(String, String)> {
        let mut paths = Vec::<String>::new();
        for (variation, _) in self.results.variations.values() {
            for path in variation.values.keys() {
                if !paths.contains(path) {
                    paths.push(path.clone());
                }
            }
        }
        let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
        let is_alone = |path: &String| paths.iter().filter(|other| last(other) == last(path)).count() == 1;
        let name = |path: &String| if is_alone(path) { last(path) } else { path.clone() };
        paths.iter().map(|path| (path.clone(), name(path))).collect()
    }

    fn combinations(&self) -> Vec<Combination<'_>> {
        let names = self.names();
        let made =
            self.results.variations.values().filter(|(_, rows)| !rows.is_empty()).map(|(variation, rows)| {
                let is_nested = variation.values.values().any(|value| value.is_object() || value.is_array());
                let parameters = match is_nested {
                    true => Map::from_iter([("scenario".to_owned(), Value::from(variation.label.clone()))]),
                    false => {
                        let named = names.iter().filter_map(|(path, name)| {
                            Some((name.clone(), variation.values.get(path)?.clone()))
                        });
                        named.collect()
                    }
                };
                let reports = rows.iter().filter_map(|row| row.report.as_ref()).collect::<Vec<_>>();
                let mean = |tag: &str, stat| {
                    let numbers =
                        reports.iter().filter_map(|report| report.stat(tag, stat)).map(metric::Value::get);
                    Spread::of(&numbers.collect::<Vec<_>>(), self.confidence).map(|spread| spread.mean())
                };
                Combination {
                    variation,
                    parameters,
                    metrics: if self.trials == 1 { single(&reports) } else { self.spread(&reports) },
                    throughput: mean("request_throughput", Stat::Avg),
                    latency: if reports.iter().all(|report| report.failed == 0) {
                        mean("time_to_first_token", Stat::P99).or_else(|| mean("request_latency", Stat::P99))
                    } else {
                        // A server that fails its slowest requests is not a fast one: failures take for ever.
                        mean("adj_time_to_first_token", Stat::P99)
                            .or_else(|| mean("adj_request_latency", Stat::P99))
                    },
                    limits: rows.iter().flat_map(|row| row.limits.clone()).collect(),
                    misses: self.misses(rows),
                    rows,
                }
            });
        made.collect()
    }

    /// The limits that the runs of a variation do not keep, by the numbers themselves.
    fn misses(&self, rows: &[Row]) -> Vec<String> {
        if !self.limits.is_empty() && rows.iter().any(|row| row.is_behind) {
            return vec![FALLS_BEHIND.to_owned()];
        }
        let judged = judged::judged(self.limits, self.clock, true, rows);
        let missed = self.limits.iter().zip(judged).filter(|(_, judged)| !judged.answer.looks_met());
        missed.map(|(limit, _)| judged::shown(limit)).collect()
    }

    /// Every metric's statistics over several runs.
    fn spread(&self, reports: &[&Report]) -> Map<String, Value> {
        let mut all = Map::new();
        for metric in METRICS {
            for stat in Stat::ALL {
                let numbers = reports.iter().filter_map(|report| report.stat(metric.tag, stat));
                let numbers = numbers.map(metric::Value::get).collect::<Vec<_>>();
                let Some(spread) = Spread::of(&numbers, self.confidence) else { continue };
                all.insert(format!("{}_{}", metric.tag, stat.name()), spread.json(metric.display.name()));
            }
        }
        all
    }

    fn json(&self) -> Value {
        let combinations = self.combinations();
        let names = self.names();
        let parameters = names.iter().map(|(path, name)| {
            let mut values = Vec::<&Value>::new();
            for (variation, _) in self.results.variations.values() {
                values.extend(variation.values.get(path).filter(|value| !values.contains(value)));
            }
            json!({"name": name, "values": values})
        });
        let rows = || self.results.rows();
        let failed = self.results.variations.values().flat_map(|(variation, rows)| {
            rows.iter()
                .filter_map(move |row| Some(json!({"label": variation.label, "error": row.error.as_ref()?})))
        });
        let excluded = combinations.iter().filter(|one| !one.limits.is_empty());
        let excluded = excluded.map(|one| json!({"parameters": one.parameters, "reasons": one.limits}));
        let infeasible = combinations.iter().filter(|one| !one.misses.is_empty());
        let infeasible = infeasible.map(|one| json!({"parameters": one.parameters, "misses": one.misses}));
        let mut metadata = json!({
            "sweep_parameters": parameters.collect::<Vec<_>>(),
            "num_combinations": self.results.variations.len(),
            "sweep_mode": mode(self.order),
            "sweep_type": self.sweep.class(),
            "confidence_level": self.confidence,
            "num_trials_per_value": self.trials,
            "aggregation_type": "sweep",
        });
        if !self.limits.is_empty() {
            let feasible = combinations.iter().filter(|one| one.is_feasible()).count();
            metadata["sla_constraints"] = json!({
                "active_filters": self.limits,
                "feasible_count": feasible,
                "infeasible_count": combinations.len() - feasible,
            });
        }
        json!({
            "aggregation_type": "sweep",
            "num_profile_runs": rows().count(),
            "num_successful_runs": rows().filter(|row| row.report.is_some()).count(),
            "failed_runs": failed.collect::<Vec<_>>(),
            "metadata": metadata,
            "per_combination_metrics": combinations.iter().map(Combination::json).collect::<Vec<_>>(),
            "best_configurations": best(&combinations),
            "pareto_optimal": pareto(&combinations).iter().map(|one| &one.parameters).collect::<Vec<_>>(),
            "excluded_from_best": excluded.collect::<Vec<_>>(),
            "infeasible": infeasible.collect::<Vec<_>>(),
        })
    }

    fn csv(&self) -> Result<Vec<u8>> {
        let combinations = self.combinations();
        let names = self.names().into_iter().map(|(_, name)| name);
        let is_scenario = combinations.iter().any(|one| one.parameters.contains_key("scenario"));
        let names = if is_scenario { vec!["scenario".to_owned()] } else { names.collect() };
        let mut keys = combinations.iter().flat_map(|one| one.metrics.keys()).collect::<Vec<_>>();
        keys.sort_unstable();
        keys.dedup();
        let mut out = Vec::new();
        let numbers = ["mean", "std", "min", "max", "cv"];
        let heads = keys.iter().flat_map(|key| numbers.map(|number| format!("{key}_{number}")));
        line(&mut out, names.iter().cloned().chain(heads))?;
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        for one in &combinations {
            let cells = keys.iter().flat_map(|key| {
                numbers.map(|number| {
                    let found = one.metrics.get(*key).and_then(|metric| metric[number].as_f64());
                    found.map_or_else(String::new, |found| {
                        if number == "cv" { format!("{found:.4}") } else { format!("{found:.2}") }
                    })
                })
            });
            line(&mut out, names.iter().map(|name| text(one.parameters.get(name))).chain(cells))?;
        }
        writeln!(out, "\nBest Configurations")?;
        let best = best(&combinations);
        line(
            &mut out,
            ["Configuration".to_owned()]
                .into_iter()
                .chain(names.clone())
                .chain(["Metric".to_owned(), "Unit".to_owned()]),
        )?;
        for (key, title) in [("best_throughput", "Best Throughput"), ("best_latency_p99", "Best Latency P99")]
        {
            if let Some(found) = best.get(key) {
                let parameters = names.iter().map(|name| text(found["parameters"].get(name)));
                let number = format!("{:.2}", found["metric"].as_f64().unwrap_or_default());
                let cells = [title.to_owned()].into_iter().chain(parameters);
                line(&mut out, cells.chain([number, text(found.get("unit"))]))?;
            }
        }
        writeln!(out, "\nPareto Optimal Points")?;
        line(&mut out, &names)?;
        for one in pareto(&combinations) {
            line(&mut out, names.iter().map(|name| text(one.parameters.get(name))))?;
        }
        writeln!(out, "\nMetadata")?;
        let rows = self.results.rows().count();
        let successful = self.results.rows().filter(|row| row.report.is_some()).count();
        for (name, value) in [
            ("Field", "Value".to_owned()),
            ("Aggregation Type", "sweep".to_owned()),
            ("Sweep Parameters", names.join(", ")),
            ("Number of Combinations", self.results.variations.len().to_string()),
            ("Number of Profile Runs", rows.to_string()),
            ("Number of Successful Runs", successful.to_string()),
        ] {
            line(&mut out, [name, &value])?;
        }
        Ok(out)
    }

    /// One line per variation: its values, the most commonly used numbers, and its verdict.
    pub(super) fn sections(&self) -> Vec<Section> {
        let combinations = self.combinations();
        let (best, pareto) = (best(&combinations), pareto(&combinations));
        let right = |name: &str| Column { name: name.to_owned(), side: Side::Right };
        let left = |name: &str| Column { name: name.to_owned(), side: Side::Left };
        let mut columns = vec![left("Variation")];
        // A column of which no run has a number is left out.
        let is_there = |(_, tags, stat): &&Shown| {
            let mut reports = self.results.rows().filter_map(|row| row.report.as_ref());
            reports.any(|report| tags.iter().any(|tag| report.stat(tag, *stat).is_some()))
        };
        let numbers = COLUMNS.iter().filter(is_there).collect::<Vec<_>>();
        columns.extend(numbers.iter().map(|(name, ..)| right(name)));
        columns.extend([right("failed"), left("verdict"), left("")]);
        let rows = combinations.iter().map(|one| {
            let is_pareto = pareto.iter().any(|other| std::ptr::eq(*other, one));
            one.cells(&numbers, is_pareto, &best)
        });
        let table = Table { title: "aiperfd | Sweep".to_owned(), columns, rows: rows.collect() };
        vec![Section::Table(table), Section::Note(Note { topic: Topic::Comparison, text: NOTE.to_owned() })]
    }
}

impl Combination<'_> {
    fn json(&self) -> Value {
        let directories = self.rows.iter().map(|row| row.directory.display().to_string());
        let mut json = json!({
            "parameters": self.parameters,
            "metrics": self.metrics,
            "directories": directories.collect::<Vec<_>>(),
            "verdicts": self.rows.iter().map(Row::verdict).collect::<Vec<_>>(),
        });
        if let Some(why) = self.rows.iter().find_map(|row| row.skipped.clone()) {
            json["skipped"] = why.into();
        }
        if let Some(certain) = self.rows.iter().find_map(|row| row.certain.as_ref()) {
            json["ended_early"] = json!(certain);
        }
        json
    }

    /// Whether it keeps every limit, and was not limited by this client.
    fn is_feasible(&self) -> bool {
        self.limits.is_empty() && self.misses.is_empty() && self.rows.iter().any(|row| row.report.is_some())
    }

    fn cells(&self, numbers: &[&Shown], is_pareto: bool, best: &Map<String, Value>) -> Vec<Cell> {
        let mut cells = vec![Cell::Text(self.name())];
        let reports = self.rows.iter().filter_map(|row| row.report.as_ref()).collect::<Vec<_>>();
        for (_, tags, stat) in numbers {
            let found = |report: &&&Report| tags.iter().find_map(|tag| report.get(tag)).cloned();
            let results = reports.iter().filter_map(|report| found(&report)).collect::<Vec<_>>();
            let numbers = results.iter().filter_map(|result| result.stats.get(*stat)).map(metric::Value::get);
            let mean = Spread::of(&numbers.collect::<Vec<_>>(), 0.95).map(|spread| spread.mean());
            let is_sure = results.iter().all(|result| result.stats.supports(*stat));
            let certainty = if is_sure { Certainty::Exact } else { Certainty::TooFewSamples };
            cells.push(mean.map_or(Cell::Absent, |value| Cell::Number(Number { value, certainty })));
        }
        let (failed, all) = reports
            .iter()
            .fold((0, 0), |(failed, all), report| (failed + report.failed, all + report.requests));
        cells.push(Cell::Text(format!("{failed}/{all}")));
        let worst = self.rows.iter().map(Row::verdict);
        let worst = worst.max_by_key(|name| LEVELS.iter().position(|level| level == name)).unwrap_or("-");
        cells.push(Cell::Text(worst.to_owned()));
        let why = self.rows.iter().find_map(|row| row.error.clone().or_else(|| row.skipped.clone()));
        let why = why.or_else(|| self.limits.first().map(|limit| format!("{limit}: not compared")));
        let why = why.or_else(|| self.misses.first().map(|limit| missed(limit)));
        // A search may have several runs of one load.
        let is_best = |key: &str, number: Option<f64>| {
            let is_it = |best: &Value| {
                best["parameters"] == Value::Object(self.parameters.clone())
                    && best["metric"] == json!(number)
            };
            best.get(key).is_some_and(is_it)
        };
        let mut marks = Vec::new();
        marks.extend(is_best("best_throughput", self.throughput).then(|| "most requests/s".to_owned()));
        marks.extend(is_best("best_latency_p99", self.latency).then(|| "least p99".to_owned()));
        marks.extend((is_pareto && marks.is_empty()).then(|| "Pareto".to_owned()));
        marks.extend(why.map(|why| visible_within(&why, WHY_MAX)));
        cells.push(Cell::Text(marks.join(", ")));
        cells
    }

    fn name(&self) -> String {
        let is_kept = self.parameters.contains_key("scenario") || self.parameters.is_empty();
        if is_kept { self.variation.label.clone() } else { named(&self.parameters) }
    }
}

/// That the server's cache was not as the run asked for, if the server says how much it read from it.
fn other_cache(reported: &Reported) -> Option<String> {
    let read = reported.report.stat(CACHED, Stat::Avg)?.get();
    match reported.run.plan.preparation.cache? {
        CacheState::Cold if read > COLD_PERCENT_MAX => Some(NOT_COLD.to_owned()),
        CacheState::Warm if read < WARM_PERCENT_MIN => Some(NOT_WARM.to_owned()),
        CacheState::Cold | CacheState::Warm => None,
    }
}

/// What a variation with these values is called.
pub(crate) fn named(parameters: &Map<String, Value>) -> String {
    let pairs = parameters.iter().map(|(name, value)| match value {
        Value::String(text) if name == "scenario" => text.clone(),
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    pairs.collect::<Vec<_>>().join(" ")
}

/// Whether a reason means that a run says nothing of the server.
fn is_void(reason: &str) -> bool {
    NOT_COMPARED.contains(&reason) || [NOT_COLD, NOT_WARM].contains(&reason)
}

/// Every metric of a single run, as AIPerf writes it for one trial.
fn single(reports: &[&Report]) -> Map<String, Value> {
    let mut all = Map::new();
    let Some(report) = reports.first() else { return all };
    for metric in METRICS {
        let stats = |stat| report.stat(metric.tag, stat).map(metric::Value::get);
        let Some(avg) = stats(Stat::Avg) else { continue };
        let mut fields = json!({
            "mean": avg,
            "avg": avg,
            "std": stats(Stat::Std).unwrap_or(0.0),
            "min": stats(Stat::Min).unwrap_or(avg),
            "max": stats(Stat::Max).unwrap_or(avg),
            "cv": 0.0,
            "ci_low": avg,
            "ci_high": avg,
            "unit": metric.display.name(),
        });
        for (stat, _) in Stat::PERCENTILES {
            if let Some(number) = stats(stat) {
                fields[stat.name()] = number.into();
            }
        }
        if let Some(count) = report.get(metric.tag).and_then(|result| result.stats.count()) {
            fields["count"] = count.into();
        }
        if let Some(sum) = stats(Stat::Sum) {
            fields["sum"] = sum.into();
        }
        all.insert(metric.tag.to_owned(), fields);
    }
    all
}

/// The variation with the most requests per second, and that with the least latency; one that this client limited is neither.
fn best(combinations: &[Combination<'_>]) -> Map<String, Value> {
    let compared = || combinations.iter().filter(|one| one.is_feasible());
    let fastest = compared()
        .filter_map(|one| Some((one, one.throughput?)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|found| ("best_throughput", found, unit("request_throughput")));
    let nearest = compared()
        .filter_map(|one| Some((one, one.latency?)))
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|found| ("best_latency_p99", found, unit("time_to_first_token")));
    let found = fastest.into_iter().chain(nearest).map(|(key, (one, number), unit)| {
        (key.to_owned(), json!({"parameters": one.parameters, "metric": number, "unit": unit}))
    });
    found.collect()
}

/// The variations that no other one beats in both throughput and latency.
fn pareto<'a, 'b>(combinations: &'a [Combination<'b>]) -> Vec<&'a Combination<'b>> {
    let compared = combinations
        .iter()
        .filter(|one| one.is_feasible())
        .filter_map(|one| Some((one, one.throughput?, one.latency?)))
        .collect::<Vec<_>>();
    let is_beaten = |throughput: f64, latency: f64| {
        compared.iter().any(|(_, other, delay)| {
            *other >= throughput && *delay <= latency && (*other > throughput || *delay < latency)
        })
    };
    let kept = compared.iter().filter(|(_, throughput, latency)| !is_beaten(*throughput, *latency));
    kept.map(|(one, ..)| *one).collect()
}

fn unit(tag: &str) -> &'static str {
    metric::find(tag).map_or("", |metric: &Metric| metric.display.name())
}

const fn mode(order: Order) -> &'static str {
    match order {
        Order::Repeated => "repeated",
        Order::Independent => "independent",
    }
}

fn shown(number: f64) -> String {
    match number.abs() {
        1000.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// The file with the numbers of all variations.
pub(crate) const NAME: &str = "profile_export_aiperf_sweep.json";

/// A column: its name, the tags of which the first that a run has is shown, and the statistic.
type Shown = (&'static str, &'static [&'static str], Stat);
/// The columns of the table: what the kernel measured, where it did.
const COLUMNS: &[Shown] = &[
    ("requests/s", &["request_throughput"], Stat::Avg),
    ("tokens/s", &["output_token_throughput"], Stat::Avg),
    ("TTFT p50 ms", &["kernel_time_to_first_token", "time_to_first_token"], Stat::P50),
    ("TTFT p99 ms", &["kernel_time_to_first_token", "time_to_first_token"], Stat::P99),
    ("latency p99 ms", &["kernel_request_latency", "request_latency"], Stat::P99),
    ("cached %", &[CACHED], Stat::Avg),
];
/// The share of prompt tokens that the server read from its cache, in percent.
const CACHED: &str = "overall_usage_prompt_cache_read_pct";
const NOT_COLD: &str = "cache_not_cold";
const NOT_WARM: &str = "cache_not_warm";
/// Prompts share a few tokens even where all are different.
const COLD_PERCENT_MAX: f64 = 5.0;
/// The last block of a prompt is not cached.
const WARM_PERCENT_MIN: f64 = 50.0;
const LEVELS: &[&str] = &["skipped", "valid", "degraded", "invalid", "failed"];
/// Verdicts that mean: this client, not the server, limited the run, or it was stopped.
pub(crate) const NOT_COMPARED: &[&str] = &[
    "client_overhead",
    "hot_core_saturated",
    "incomplete",
    "late_requests",
    "prepared_requests_missing",
    "standstill",
    "unsent_requests",
];
/// Of those, the ones that a run has which was ended on purpose.
const ENDED_EARLY: &[&str] = &["incomplete"];
/// Most characters of a reason in the table.
const WHY_MAX: usize = 60;
const NOTE: &str = "Times are the kernel's where it measured them. * is a percentile of too few requests. A variation that this client \
                    limited, or that was stopped, is not compared with the others; in p99, a request that failed takes for ever.";
