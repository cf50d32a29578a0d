//! Figures of a run's requests: what the client and the kernel measured, as two marks, and where the time of slow requests went.

use super::moments::{Moments, Showing};
use super::sample::{Sample, Sampling};
use super::{Cell, Side, Table};
use crate::artifacts::Artifacts;
use crate::error::ExportError;
use metric::{Case, Kind, Metric, Settings, find, float, float_of};
use picture::{Axis, Figure, Mark, Point, ScaleKind, Shape, Span, Subject};
use record::{Request, Standing};

/// What is drawn of a run.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    /// The figures; none of a run without requests that completed.
    pub figures: Vec<Figure>,
    /// The requests of the last figure, stage by stage.
    pub slowest: Option<Table>,
    /// Which requests can be looked at one by one.
    pub sample: Sample,
    /// When what the verdict's reasons are about happened.
    pub moments: Moments,
}

/// The figures of a run.
///
/// # Errors
/// When its requests cannot be read.
pub fn pictures(artifacts: &Artifacts<'_>) -> Result<Pictures, ExportError> {
    let Some(requests) = Requests::read(artifacts)? else { return Ok(Pictures::default()) };
    let refused = refused(artifacts);
    let figures = [
        requests.over_time(artifacts),
        requests.distribution(artifacts),
        requests.rates(artifacts),
        requests.slowest(),
    ];
    let figures = figures.into_iter().flatten().map(|figure| Figure { refused: refused.clone(), ..figure });
    let (figures, slowest) = (figures.collect(), requests.table());
    Ok(Pictures { figures, slowest, sample: requests.sample, moments: requests.moments })
}

/// Why the run's numbers must not be used.
fn refused(artifacts: &Artifacts<'_>) -> Option<String> {
    let verdict = &artifacts.run.verdict;
    let reasons = verdict.reasons.iter().filter(|reason| reason.standing == Standing::Invalid);
    let reasons = reasons.map(|reason| reason.name.as_str()).collect::<Vec<_>>().join(", ");
    (verdict.standing == Standing::Invalid).then(|| format!("The run is invalid: {reasons}."))
}

/// What is drawn of the measured requests that completed.
struct Requests {
    rows: Vec<Row>,
    /// The slowest of them, the slowest first.
    slowest: Vec<Stages>,
    /// The latency that is drawn, by the client and by the kernel.
    metrics: [&'static Metric; 2],
    begin: u64,
    sample: Sample,
    moments: Moments,
}

/// A request's numbers: seconds since the first one started, milliseconds, tokens.
struct Row {
    start: f64,
    end: f64,
    client: Option<f64>,
    kernel: Option<f64>,
    tokens: f64,
}

/// When the stages of a request ended, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stages {
    request: u64,
    session: u64,
    turn: u32,
    retransmits: Option<u32>,
    pub(crate) due: u64,
    submitted: Option<u64>,
    sent: Option<u64>,
    first: Option<u64>,
    last: Option<u64>,
    ended: u64,
}

impl Requests {
    /// Those of a run; `None` if nothing is known of how long they took.
    fn read(artifacts: &Artifacts<'_>) -> Result<Option<Self>, ExportError> {
        let has = |tag: &str| artifacts.report.get(tag).is_some();
        let tag = if has("time_to_first_token") { "time_to_first_token" } else { "request_latency" };
        let Some((client, kernel)) = find(tag).zip(find(&format!("kernel_{tag}"))) else { return Ok(None) };
        let mut made = Self {
            rows: Vec::new(),
            slowest: Vec::new(),
            metrics: [client, kernel],
            begin: u64::MAX,
            sample: Sample::default(),
            moments: Moments::default(),
        };
        let mut showing = Showing::default();
        let mut sampling = Sampling::default();
        for request in artifacts.exchanges.requests()? {
            let request = request?;
            let case = Case { request: &request, settings: artifacts.settings };
            if !case.is_profiling() {
                continue;
            }
            sampling.take(&case);
            showing.take(&case);
            if case.is_valid() {
                made.put(&request, artifacts.settings);
            }
        }
        made.sample = sampling.finish();
        made.moments = showing.finish();
        made.slowest.sort_by_key(Stages::order);
        made.slowest.truncate(SLOWEST);
        let begin = seconds(made.begin);
        made.rows.iter_mut().for_each(|row| {
            row.start -= begin;
            row.end -= begin;
        });
        Ok(Some(made))
    }

    fn put(&mut self, request: &Request, settings: &Settings) {
        let case = Case { request, settings };
        let number = |metric: &'static Metric| {
            let Kind::Record(formula) = metric.kind else { return None };
            Some(metric.shown_value(formula(&case)?)?.get())
        };
        let [client, kernel] = self.metrics.map(number);
        let stages = Stages::of(request);
        self.begin = self.begin.min(stages.due);
        let tokens = request.output_tokens.or(request.usage_completion_tokens).unwrap_or(0);
        let (start, end) = (seconds(stages.due), seconds(stages.ended));
        self.rows.push(Row { start, end, client, kernel, tokens: f64::from(tokens) });
        self.slowest.push(stages);
        if self.slowest.len() >= SLOWEST_KEPT {
            self.slowest.sort_by_key(Stages::order);
            self.slowest.truncate(SLOWEST);
        }
    }

    /// What the latency is called, with its unit.
    fn latency(&self, artifacts: &Artifacts<'_>) -> (String, String) {
        let shown = artifacts.report.get(self.metrics[0].tag).map_or(self.metrics[0], |result| result.metric);
        (shown.header.to_owned(), shown.display.name().to_owned())
    }

    /// Each request's latency by when it was due.
    fn over_time(&self, artifacts: &Artifacts<'_>) -> Option<Figure> {
        let (name, unit) = self.latency(artifacts);
        let points = |value: fn(&Row) -> Option<f64>| {
            self.rows.iter().filter_map(|row| Some(Point::new(row.start, value(row)?))).collect::<Vec<_>>()
        };
        let marks =
            marks(points(|row| row.client), points(|row| row.kernel), |points| Shape::Points { points });
        (!marks.is_empty()).then(|| Figure {
            title: format!("{name} of each request"),
            x: time("Due"),
            y: Axis::new(name.clone(), unit),
            marks,
            notes: without_failed(artifacts).into_iter().collect(),
            ..Figure::default()
        })
    }

    /// Which share of requests had which latency at most.
    fn distribution(&self, artifacts: &Artifacts<'_>) -> Option<Figure> {
        if self.rows.len() < 2 {
            return None;
        }
        let (name, unit) = self.latency(artifacts);
        let curve = |value: fn(&Row) -> Option<f64>| {
            let mut values =
                self.rows.iter().filter_map(value).filter(|value| value.is_finite()).collect::<Vec<_>>();
            values.sort_by(f64::total_cmp);
            let count = float_of(values.len());
            let places = 0..=CURVE_POINTS.min(values.len().saturating_sub(1));
            let steps = places.clone().count() - 1;
            let point = |step: usize| {
                let place = (step * values.len().saturating_sub(1)).checked_div(steps).unwrap_or(0);
                Some(Point::new(*values.get(place)?, (float_of(place) + 1.0) / count * 100.0))
            };
            places.filter_map(point).collect::<Vec<_>>()
        };
        let marks = marks(curve(|row| row.client), curve(|row| row.kernel), |points| Shape::Step { points });
        (!marks.is_empty()).then(|| Figure {
            title: format!("{name}: share of requests within"),
            x: Axis { scale: ScaleKind::Auto, from_zero: false, ..Axis::new(name.clone(), unit) },
            y: Axis { scale: ScaleKind::Linear, ..Axis::new("Requests", "%") },
            marks,
            ..Figure::default()
        })
    }

    /// Requests that ended, tokens and requests in flight, over the run.
    fn rates(&self, artifacts: &Artifacts<'_>) -> Option<Figure> {
        let last = self.rows.iter().map(|row| row.end).fold(0.0, f64::max);
        if self.rows.len() < 2 || last <= 0.0 {
            return None;
        }
        // Fewer requests would make every part chance.
        let parts = (self.rows.len() / REQUESTS_A_PART).clamp(RATE_PARTS_MIN, RATE_PARTS_MAX);
        let length = last / float_of(parts);
        let part =
            |at: f64| usize::try_from(metric::whole((at / length).floor())).unwrap_or(0).min(parts - 1);
        let mut ended = vec![0.0; parts];
        let mut tokens = vec![0.0; parts];
        let mut busy = vec![0.0; parts];
        for row in &self.rows {
            ended[part(row.end)] += 1.0;
            tokens[part(row.end)] += row.tokens;
            for (place, busy) in busy.iter_mut().enumerate().take(part(row.end) + 1).skip(part(row.start)) {
                let (begin, end) = (float_of(place) * length, float_of(place + 1) * length);
                *busy += (row.end.min(end) - row.start.max(begin)).max(0.0);
            }
        }
        let has_tokens = tokens.iter().any(|count| *count > 0.0);
        let points = |values: &[f64]| {
            let each = values
                .iter()
                .enumerate()
                .map(|(place, value)| Point::new(float_of(place) * length, value / length));
            each.chain([Point::new(last, values.last().map_or(0.0, |value| value / length))])
                .collect::<Vec<_>>()
        };
        let (name, unit, rate) = match has_tokens {
            true => ("Output tokens", "tokens/s", points(&tokens)),
            false => ("Requests ended", "requests/s", points(&ended)),
        };
        Some(Figure {
            title: format!("{name} and requests in flight"),
            x: time("Time"),
            y: Axis { scale: ScaleKind::Linear, ..Axis::new(name, unit) },
            y2: Some(Axis { scale: ScaleKind::Linear, ..Axis::new("In flight", "requests") }),
            marks: vec![
                Mark::new(name, Subject::Server, Shape::Step { points: rate }),
                // It may lie on the other line, which then shows between its dashes.
                Mark::new("in flight", Subject::Series(0), Shape::Step { points: points(&busy) })
                    .on_the_right()
                    .dashed(),
            ],
            notes: std::iter::once(match has_tokens {
                true => format!("Tokens count when their request ends; each step is {length:.3} s."),
                false => format!("Each step is {length:.3} s."),
            })
            .chain(without_failed(artifacts))
            .collect(),
            ..Figure::default()
        })
    }

    /// Where the time of the slowest requests went, stage by stage.
    fn slowest(&self) -> Option<Figure> {
        let mut spans = [const { Vec::new() }; STAGES.len()];
        for (place, stages) in self.slowest.iter().enumerate() {
            for (spans, span) in spans.iter_mut().zip(stages.lengths()) {
                let y = float_of(place + 1);
                spans.extend(span.map(|(from, to)| Span { from: float(from) / 1e6, to: float(to) / 1e6, y }));
            }
        }
        let marks = spans.into_iter().zip(STAGES).filter(|(spans, _)| !spans.is_empty());
        let marks = marks.map(|(spans, (name, subject))| Mark::new(*name, *subject, Shape::Gantt { spans }));
        let marks = marks.collect::<Vec<_>>();
        (!marks.is_empty()).then(|| Figure {
            title: match self.slowest.len() {
                1 => "Where the time of the request went".to_owned(),
                count => format!("Where the time of the {count} slowest requests went"),
            },
            x: Axis { scale: ScaleKind::Linear, ..Axis::new("Since it was due", "ms") },
            y: Axis { scale: ScaleKind::Linear, from_zero: false, ..Axis::new("Place by latency", "") },
            marks,
            ..Figure::default()
        })
    }
}

impl Requests {
    /// The slowest requests with the length of each stage.
    fn table(&self) -> Option<Table> {
        let fixed = [
            ("Place", Side::Right),
            ("Request", Side::Right),
            ("Session", Side::Right),
            ("Turn", Side::Right),
        ];
        let stages = STAGES.iter().map(|(name, _)| (*name, Side::Right));
        let last = [("all (ms)", Side::Right), ("sent again", Side::Right), ("due (s)", Side::Right)];
        let columns = fixed.into_iter().chain(stages).chain(last).collect::<Vec<_>>();
        let mut table = Table::new("The slowest requests, in milliseconds", &columns);
        for (place, stages) in self.slowest.iter().enumerate() {
            let ms = |ns: u64| Cell::number(Some(float(ns) / 1e6));
            let counts =
                [metric::whole(float_of(place + 1)), stages.request, stages.session, u64::from(stages.turn)];
            let lengths = stages.lengths().map(|span| span.map_or(Cell::Absent, |(from, to)| ms(to - from)));
            let all = ms(stages.ended.saturating_sub(stages.due));
            let again = stages.retransmits.map_or(Cell::Absent, |count| Cell::Count(u64::from(count)));
            let due = Cell::number(Some(float(stages.due.saturating_sub(self.begin)) / 1e9));
            table.row(counts.map(Cell::Count).into_iter().chain(lengths).chain([all, again, due]));
        }
        (!self.slowest.is_empty()).then_some(table)
    }
}

impl Stages {
    pub(crate) fn of(request: &Request) -> Self {
        let ns = |time: Option<common::clock::MonoNs>| time.map(|time| time.0);
        Self {
            request: request.request_id.0,
            session: request.session,
            turn: request.turn,
            retransmits: request.retransmits,
            due: request.due_ns.0.min(request.submitted_ns.unwrap_or(request.due_ns).0),
            submitted: ns(request.submitted_ns),
            sent: ns(request.kernel_sent_last_ns),
            // Without the kernel's stamps, what the client saw.
            first: ns(request
                .first_token_kernel_ns
                .or(request.first_event_kernel_ns)
                .or(request.first_token_reaped_ns)
                .or(request.first_event_reaped_ns)),
            last: ns(request.kernel_received_last_ns.or(request.last_token_reaped_ns)),
            ended: request.ended_ns.0,
        }
    }

    /// The length of each stage in nanoseconds; one whose end nobody saw is part of the next one.
    fn lengths(&self) -> [Option<(u64, u64)>; STAGES.len()] {
        let mut from = self.due;
        self.ends().map(|end| {
            let end = end.filter(|end| *end >= from)?;
            let span = (from - self.due, end - self.due);
            from = end;
            Some(span)
        })
    }

    /// When each stage ended, if that was seen.
    pub(crate) const fn ends(&self) -> [Option<u64>; STAGES.len()] {
        [self.submitted, self.sent, self.first, self.last, Some(self.ended)]
    }

    /// The request's number.
    pub(crate) const fn request(&self) -> u64 {
        self.request
    }

    /// The session and the turn.
    pub(crate) const fn place(&self) -> (u64, u32) {
        (self.session, self.turn)
    }

    /// The slowest first; of equally slow ones the earliest.
    pub(crate) fn order(&self) -> (std::cmp::Reverse<u64>, u64) {
        (std::cmp::Reverse(self.ended.saturating_sub(self.due)), self.due)
    }
}

/// That failed requests are not drawn, if there are any.
fn without_failed(artifacts: &Artifacts<'_>) -> Option<String> {
    let failed = artifacts.report.failed;
    (failed > 0).then(|| format!("{failed} failed requests are not drawn."))
}

/// The client's mark and the kernel's, where there are numbers.
fn marks(client: Vec<Point>, kernel: Vec<Point>, shape: fn(Vec<Point>) -> Shape) -> Vec<Mark> {
    let both = [("client", Subject::Client, client), ("kernel", Subject::Kernel, kernel)];
    let known = both.into_iter().filter(|(.., points)| !points.is_empty());
    known.map(|(name, subject, points)| Mark::new(name, subject, shape(points))).collect()
}

fn time(label: &str) -> Axis {
    Axis { scale: ScaleKind::Linear, ..Axis::new(label, "s") }
}

fn seconds(ns: u64) -> f64 {
    float(ns) / 1e9
}

/// The stages of a request, and who takes the time.
const STAGES: &[(&str, Subject); 5] = &[
    ("waits for the client", Subject::Client),
    ("is sent", Subject::Kernel),
    ("waits for the response", Subject::Server),
    ("is received", Subject::Series(5)),
    ("is read by the client", Subject::Treatment),
];
/// How many of the slowest requests are drawn.
const SLOWEST: usize = 40;
const SLOWEST_KEPT: usize = 4096;
/// How many steps a distribution has at most.
const CURVE_POINTS: usize = 1000;
/// In how many parts rates are counted, and for how many requests there is one.
const RATE_PARTS_MIN: usize = 10;
const RATE_PARTS_MAX: usize = 120;
const REQUESTS_A_PART: usize = 20;
