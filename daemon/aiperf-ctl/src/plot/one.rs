//! One run for plots over its time: ours by its records, AIPerf's as `daemon/import` reads it.

use super::axes::axis;
use super::columns::Columns;
use super::config::{Downsampling, Quantity, Source, Spec};
use super::find::{OURS, RunDir};
use super::gpus::Gpus;
use super::many::cause;
use super::server::ServerMetrics;
use crate::plan::Refusal;
use crate::report::Reported;
use anyhow::Result;
use metric::{Case, Slice, Stat, Value};
use picture::{Axis, Figure, Point};
use record::{Request, Run};
use store::parquet::rows;
use store::visible;

/// A run.
pub(super) struct OneRun {
    /// What it is, in a line.
    about: String,
    /// Why its numbers must not be used.
    refused: Option<String>,
    pub(super) columns: Columns,
    pub(super) gpus: Gpus,
    pub(super) server: ServerMetrics,
    /// Its time slices, as AIPerf makes them.
    pub(super) slices: Vec<Slice>,
    reported: Reported,
}

impl OneRun {
    /// Reads what these plots need.
    pub(super) fn read(run: &RunDir, specs: &[Spec], downsampling: Option<Downsampling>) -> Result<Self> {
        if run.is_aggregate {
            let why =
                "is the aggregate of one variation, without requests: give the directory of one of its runs";
            return Err(Refusal(format!("`{}` {why}", run.path.display())).into());
        }
        let mut reported = Reported::of(&run.path)?;
        let names = specs.iter().flat_map(|spec| [&spec.x, &spec.y, &spec.y2].into_iter().flatten());
        let names =
            names.flat_map(|of| [Some(of.name.clone()), of.by_the_kernel().map(|kernel| kernel.name)]);
        let names = names.flatten().chain(ALWAYS.iter().map(|name| (*name).to_owned())).collect::<Vec<_>>();
        let mut columns = Columns::of(names.iter().map(String::as_str));
        let ours = run.path.join(OURS);
        if ours.is_file() {
            for batch in rows::<Request>(&ours)? {
                let settings = reported.settings();
                batch?.iter().for_each(|request| columns.add(&Case { request, settings }));
            }
        } else {
            for exchange in reported.exchanges().iter()? {
                columns.add(&Case { request: &exchange?.request, settings: reported.settings() });
            }
        }
        let columns = columns.finish();
        let begin = columns.begin_ns().unwrap_or(0);
        let quantities = specs.iter().flat_map(|spec| [&spec.x, &spec.y, &spec.y2].into_iter().flatten());
        let of_server = quantities.filter(|of| of.source == Source::Server).map(|of| of.name.as_str());
        let of_server = of_server.collect::<Vec<_>>();
        Ok(Self {
            about: about(&run.path.display().to_string(), &reported.run, columns.len()),
            refused: cause(&reported.run.verdict).map(|(_, words)| words),
            gpus: Gpus::read(&run.path, begin)?,
            server: ServerMetrics::read(&run.path, begin, downsampling, &of_server)?,
            slices: std::mem::take(&mut reported.report.slices),
            columns,
            reported,
        })
    }

    /// The figure with what every figure of this run states.
    pub(super) fn of_run(&self, figure: Figure) -> Figure {
        Figure { subtitle: self.about.clone(), refused: self.refused.clone(), ..figure }
    }

    /// A statistic of the whole run.
    pub(super) fn stat(&self, tag: &str, stat: Stat) -> Option<f64> {
        self.reported.report.stat(tag, stat).map(Value::get)
    }

    /// The axis of a quantity of this run.
    pub(super) fn axis(&self, of: &Quantity) -> Axis {
        match of.source {
            Source::Server => self.server.axis(&of.name),
            _ => axis(of),
        }
    }

    /// A quantity over the run's time, in seconds since its first request.
    ///
    /// # Errors
    /// When the run does not have it, with the reason.
    pub(super) fn over_time(&self, of: &Quantity) -> Result<Vec<Point>, String> {
        match (of.source, of.name.as_str()) {
            (Source::Gpu, name) => self.gpus.over_time(name),
            (Source::Server, name) => self.server.over_time(name),
            (Source::Run, "throughput_tokens_per_sec") => Ok(self.columns.throughput()?.0),
            (Source::Run, "active_requests") => Ok(self.columns.throughput()?.1),
            (Source::Run, name) => {
                let values = self.columns.get(name)?;
                let points = self.columns.end.iter().zip(values).map(|(x, y)| Point::new(*x, y));
                let mut points = points.filter(|point| point.y.is_finite()).collect::<Vec<_>>();
                points.sort_by(|one, other| one.x.total_cmp(&other.x));
                Ok(points)
            }
            (Source::Timeslices, _) => Err("time slices are plotted by the type `timeslice`".to_owned()),
        }
    }

    /// A quantity of each request over another one.
    ///
    /// # Errors
    /// When the run does not have one of them, with the reason.
    pub(super) fn of_requests(&self, x: &str, y: &str) -> Result<Vec<Point>, String> {
        let (x, y) = (self.columns.get(x)?, self.columns.get(y)?);
        let points = x.into_iter().zip(y).map(|(x, y)| Point::new(x, y));
        Ok(points.filter(|point| point.x.is_finite() && point.y.is_finite()).collect())
    }

    /// Why there are no time slices.
    pub(super) fn no_slices() -> String {
        "the run has no time slices: they are made with --slice-duration SECONDS".to_owned()
    }
}

fn about(directory: &str, run: &Run, requests: usize) -> String {
    let plan = &run.plan;
    let mut parts = vec![visible(directory).into_owned()];
    parts.extend(plan.endpoint.models.first().map(|model| visible(model).into_owned()));
    if let Some(phase) = plan.load.profiling() {
        parts.extend(phase.concurrency.map(|concurrency| format!("concurrency {concurrency}")));
        parts.extend(phase.request_rate.map(|rate| format!("{rate} requests/s")));
    }
    parts.push(format!("{requests} requests"));
    if run.source != metric::IMPORTED {
        parts.push(format!("verdict: {}", run.verdict.standing.name()));
    }
    parts.join(" · ")
}

/// Metrics that plots are computed from, whatever they show.
const ALWAYS: &[&str] = &["time_to_first_token", "output_sequence_length"];
