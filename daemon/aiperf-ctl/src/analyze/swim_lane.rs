//! Draws a run's sessions by lane over time, with the concurrency below: a picture, and a page of it.

use super::lanes::Lanes;
use super::sessions::{About, Bar, End, Session, Sessions};
use super::{each, save};
use crate::args::SwimLaneArgs;
use crate::plan::Refusal;
use anyhow::{Context, Result};
use export::view::{Cell, Certainty, Column, Figures, Note, Number, Section, Side as Align, Table, Topic};
use export::{HtmlPaper, HtmlPart};
use metric::{float, float_of, whole};
use picture::{
    Axis, Block, Canvas, Figure, Mark, Panel, Place, Point, Range, ScaleKind, Shape, Subject, Theme, png, svg,
};
use std::collections::BTreeMap;
use std::path::Path;
use store::visible;

/// Draws each run; returns the exit status.
pub(super) fn run(args: &SwimLaneArgs) -> Result<u8> {
    let kind = match &args.out {
        Some(out) => Kind::of(out)?,
        None => Kind::Png,
    };
    each(&args.runs, args.out.as_deref(), |directory| {
        let sessions = Sessions::read(directory)?;
        let drawn = Drawn::of(&sessions, directory, args);
        let canvas = Canvas::fitting(&drawn.figure, Theme::Light);
        let bytes = match kind {
            Kind::Png => png(&drawn.figure, canvas, WIDTH).context("failed to draw the lanes")?,
            Kind::Svg => svg(&drawn.figure, canvas).into_bytes(),
        };
        let out = args.out.as_deref();
        let mut written = vec![save(directory, PICTURE, out, &bytes)?];
        if args.html {
            let beside = out.map(|out| out.with_extension("html"));
            written.push(save(
                directory,
                PAGE,
                beside.as_deref(),
                drawn.page(&sessions, directory).as_bytes(),
            )?);
        }
        Ok(written)
    })
}

/// What kind of picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Png,
    Svg,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, Refusal> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            _ => Err(Refusal(format!("--out: `{}` is neither .png nor .svg", path.display()))),
        }
    }
}

/// The figure of a run, and where its sessions are in it.
struct Drawn {
    figure: Figure,
    lanes: Lanes,
    begin: u64,
    /// The greatest numbers of requests in flight, and of open trees of sessions.
    peaks: [usize; 2],
}

impl Drawn {
    fn of(sessions: &Sessions, directory: &Path, args: &SwimLaneArgs) -> Self {
        let lanes = Lanes::of(&sessions.sessions);
        let begin = sessions.sessions.iter().map(|session| session.span().0).min().unwrap_or(0);
        let time = Time { begin };
        let (rows, mut notes) = Rows::of(&lanes);
        let (mut marks, resampled) = marks(sessions, &lanes, rows, time);
        let [(in_flight, most), (open, most_open)] = [
            steps(sessions.sessions.iter().flat_map(|one| &one.requests).map(|bar| (bar.from, bar.to)), time),
            steps(lanes.trees.iter().copied(), time),
        ];
        let peaks = [most, most_open];
        let verticals = verticals(&sessions.about, args.ramp, time);
        marks.extend(verticals.iter().map(|mark| Mark { name: String::new(), ..mark.clone() }));
        let (mut curves, averaged) = curves(in_flight, open, peaks);
        if let Some(wanted) = args.concurrency.or(sessions.about.concurrency) {
            let y = f64::from(wanted);
            curves.push(Mark::new(format!("target {wanted}"), Subject::Limit, Shape::Horizontal { y }));
        }
        curves.extend(verticals);
        notes.splice(..0, sessions.notes());
        notes.extend(resampled.into_iter().chain(averaged));
        let figure = Figure {
            title: "Sessions by lane".to_owned(),
            subtitle: sessions.subtitle(directory, &lanes),
            x: Axis { scale: ScaleKind::Linear, ..Axis::new("Time since the first request", "s") },
            y: Axis { scale: ScaleKind::Rows, places: rows.places(&lanes), ..Axis::new("Lane", "") },
            marks,
            panels: vec![Panel {
                y: Axis { scale: ScaleKind::Counts, ..Axis::new("Concurrency", "") },
                marks: curves,
            }],
            notes,
            refused: sessions.about.refused.clone(),
            ..Figure::default()
        };
        Self { figure, lanes, begin, peaks }
    }

    /// A page with the figure and a table of the sessions.
    fn page(&self, sessions: &Sessions, directory: &Path) -> String {
        let all = || sessions.sessions.iter().flat_map(|session| &session.requests);
        let count = |number: usize| Cell::Count(number as u64);
        let figures = [
            ("Sessions", count(sessions.sessions.len())),
            ("Lanes", count(self.lanes.lanes)),
            ("Requests", count(all().count())),
            ("Failed or cancelled", count(all().filter(|bar| bar.end != End::Done).count())),
            ("Requests in flight, at most", count(self.peaks[0])),
            ("Sessions open, at most", count(self.peaks[1])),
        ];
        let figures = figures.map(|(label, cell)| (label.to_owned(), cell)).to_vec();
        let table = [Section::Table(self.table(sessions)), self.left_out(sessions)];
        let name = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy().into_owned();
        HtmlPaper {
            title: &format!("Sessions of {name}"),
            subtitle: &self.figure.subtitle,
            parts: &[
                HtmlPart::Sections(&[Section::Figures(Figures { title: None, figures })]),
                HtmlPart::Pictures(std::slice::from_ref(&self.figure)),
                HtmlPart::Folded { summary: "The sessions", sections: &table },
            ],
            data: &sessions.about.described,
        }
        .html()
    }

    fn table(&self, sessions: &Sessions) -> Table {
        let column = |(name, side): &(&str, Align)| Column { name: (*name).to_owned(), side: *side };
        let seconds = |ns: u64| Cell::Number(Number { value: float(ns) / 1e9, certainty: Certainty::Exact });
        let mut order = (0..sessions.sessions.len()).collect::<Vec<_>>();
        order.sort_by_key(|number| sessions.sessions[*number].span());
        let rows = order.into_iter().take(TABLE_ROWS).map(|number| {
            let (session, place) = (&sessions.sessions[number], &self.lanes.places[number]);
            let (from, to) = session.span();
            let idle = session.idle().iter().map(|(from, to)| to - from).sum::<u64>();
            let failed = session.requests.iter().filter(|bar| bar.end != End::Done).count();
            let started = if session.is_started { "another session" } else { "" };
            vec![
                Cell::Count(place.lane as u64 + 1),
                Cell::Text(session.name.clone()),
                Cell::Text(started.to_owned()),
                Cell::Count(session.requests.len() as u64),
                Cell::Count(failed as u64),
                seconds(from - self.begin),
                seconds(to - from),
                seconds(to - from - idle),
                seconds(idle),
            ]
        });
        Table {
            title: "Sessions by when they began".to_owned(),
            columns: COLUMNS.iter().map(column).collect(),
            rows: rows.collect(),
        }
    }

    fn left_out(&self, sessions: &Sessions) -> Section {
        let more = sessions.sessions.len().saturating_sub(TABLE_ROWS);
        let text = match more {
            0 => "All sessions are listed.".to_owned(),
            _ => format!("{more} further sessions began later; profile_export.jsonl has them."),
        };
        Section::Note(Note { topic: Topic::LeftOut, text })
    }
}

impl Sessions {
    fn subtitle(&self, directory: &Path, lanes: &Lanes) -> String {
        let started = self.sessions.iter().filter(|session| session.is_started).count();
        let own = self.sessions.len() - started;
        let mut parts = vec![visible(&directory.display().to_string()).into_owned()];
        parts.extend(self.about.models.first().map(|model| visible(model).into_owned()));
        let and_started =
            if started > 0 { format!(" and {started} that they started,") } else { String::new() };
        parts.push(format!("{}{and_started} in {}", counted(own, "session"), counted(lanes.lanes, "lane")));
        parts.push(counted(self.bars().count(), "request"));
        parts.join(" · ")
    }

    fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.sessions.iter().flat_map(|session| &session.requests)
    }

    /// What a reader must know of what is drawn.
    fn notes(&self) -> Vec<String> {
        let (all, by_kernel) = (self.bars().count(), self.bars().filter(|bar| bar.by_kernel).count());
        let mut notes = vec![match by_kernel {
            0 if self.is_import => "Bars are by AIPerf's own clock readings.".to_owned(),
            0 => "Bars are by the client's clock: the kernel's stamps are missing.".to_owned(),
            _ if by_kernel == all => {
                "Bars are by the kernel's stamps: from the first byte sent to the last byte received."
                    .to_owned()
            }
            _ => format!(
                "{by_kernel} of {all} bars are by the kernel's stamps, the others by the client's clock."
            ),
        }];
        if self.sessions.iter().any(|session| session.is_started) {
            notes.push(
                "Lower bars are of sessions that another session started, in the rows below it.".to_owned(),
            );
        }
        match self.warmup {
            0 => {}
            1 => notes.push("A request of the warm-up is not drawn.".to_owned()),
            more => notes.push(format!("{more} requests of the warm-up are not drawn.")),
        }
        notes
    }
}

/// A number of things.
fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The axis of time, in seconds to the microsecond.
#[derive(Clone, Copy)]
struct Time {
    begin: u64,
}

impl Time {
    fn of(self, ns: u64) -> f64 {
        float(ns.saturating_sub(self.begin) / 1000) / 1e6
    }
}

/// Which rows are drawn: all of them, or each of so many.
#[derive(Clone, Copy)]
struct Rows {
    every: usize,
}

impl Rows {
    fn of(lanes: &Lanes) -> (Self, Vec<String>) {
        let every = lanes.rows.div_ceil(ROWS_MAX).max(1);
        let note = format!(
            "One row in {every} is drawn of the {} rows; the curves below are of all requests.",
            lanes.rows
        );
        (Self { every }, if every > 1 { vec![note] } else { Vec::new() })
    }

    /// The number of a row in the picture, from 0; `None` if it is not drawn.
    const fn drawn(self, row: usize) -> Option<usize> {
        if row.is_multiple_of(self.every) { Some(row / self.every) } else { None }
    }

    /// The names of lanes, in the middle of their rows.
    fn places(self, lanes: &Lanes) -> Vec<Place> {
        let ends = lanes.first_rows.iter().skip(1).chain([&lanes.rows]);
        let of = |(lane, (first, end)): (usize, (&usize, &usize))| {
            let rows = (*first..*end).filter_map(|row| self.drawn(row)).collect::<Vec<_>>();
            let (first, last) = (rows.first()?, rows.last()?);
            let at = f64::midpoint(float_of(*first), float_of(*last)) + 1.0;
            Some(Place { at, name: (lane + 1).to_string() })
        };
        lanes.first_rows.iter().zip(ends).enumerate().filter_map(of).collect()
    }
}

/// What is drawn of a row at a moment, in the order of what is drawn over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Idle,
    Waits,
    Streams,
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Idle, Self::Waits, Self::Streams, Self::Failed];

    /// Its name, its color, and its height in a row.
    const fn look(self) -> (&'static str, Subject, f64) {
        match self {
            Self::Idle => ("between turns", Subject::Limit, 0.16),
            Self::Waits => ("until the first token", Subject::Server, 0.8),
            Self::Streams => ("streamed", Subject::Series(5), 0.8),
            Self::Failed => ("failed or cancelled", Subject::Failed, 0.8),
        }
    }
}

/// A state of a row for some time.
struct Piece {
    state: State,
    row: usize,
    from: f64,
    to: f64,
    is_started: bool,
    label: Option<String>,
}

/// The marks of the lanes, and what a reader must know of them.
fn marks(sessions: &Sessions, lanes: &Lanes, rows: Rows, time: Time) -> (Vec<Mark>, Option<String>) {
    let mut pieces = pieces(sessions, lanes, rows, time);
    let mut note = None;
    let is_resampled = pieces.len() > PIECES_MAX;
    if is_resampled {
        let end = pieces.iter().map(|piece| piece.to).fold(0.0, f64::max);
        pieces = resampled(&pieces, end);
        let length = end / float_of(SLICES);
        note = Some(format!(
            "Rows are drawn in {SLICES} slices of {length:.3} s: each as what took most of it, or as failed where something failed."
        ));
    }
    let mut shapes = BTreeMap::<(State, bool), Vec<Block>>::new();
    for Piece { state, row, from, to, is_started, label } in pieces {
        let block = Block { from, to, y: float_of(row + 1), label };
        shapes.entry((state, is_started)).or_default().push(block);
    }
    let mark = |((state, is_started), blocks): ((State, bool), Vec<Block>)| {
        let (name, subject, height) = state.look();
        let height = if is_started { height * STARTED } else { height };
        let name = if state == State::Waits && !has_streams(sessions) { "in flight" } else { name };
        Mark::new(name, subject, Shape::Blocks { blocks, height })
    };
    let mut marks = shapes.into_iter().map(mark).collect::<Vec<_>>();
    if !is_resampled {
        marks.push(begins(sessions, lanes, rows, time));
    }
    (marks, note)
}

fn has_streams(sessions: &Sessions) -> bool {
    sessions.bars().any(|bar| bar.first.is_some())
}

/// Every state of every row.
fn pieces(sessions: &Sessions, lanes: &Lanes, rows: Rows, time: Time) -> Vec<Piece> {
    let is_labelled = sessions.bars().count() <= LABELLED_MAX;
    let mut pieces = Vec::new();
    for (session, place) in sessions.sessions.iter().zip(&lanes.places) {
        let is_started = session.is_started;
        let mut put = |state: State, row: Option<usize>, from: u64, to: u64, label: Option<String>| {
            let (from, to) = (time.of(from), time.of(to));
            pieces.extend(row.map(|row| Piece { state, row, from, to, is_started, label }));
        };
        let first_row = place.rows.iter().copied().min().and_then(|row| rows.drawn(row));
        for (from, to) in session.idle() {
            put(State::Idle, first_row, from, to, None);
        }
        for (bar, row) in session.requests.iter().zip(&place.rows) {
            let row = rows.drawn(*row);
            let label = (is_labelled && row.is_some()).then(|| label(session, bar));
            match (bar.end, bar.first) {
                (End::Done, Some(first)) => {
                    put(State::Waits, row, bar.from, first, label.clone());
                    put(State::Streams, row, first, bar.to, label);
                }
                (End::Done, None) => put(State::Waits, row, bar.from, bar.to, label),
                (End::Failed | End::Cancelled, _) => put(State::Failed, row, bar.from, bar.to, label),
            }
        }
    }
    pieces
}

/// What a request is, for readers who point at it.
fn label(session: &Session, bar: &Bar) -> String {
    let seconds = |from: u64, to: u64| format!("{:.3} s", float(to - from) / 1e9);
    let first = bar.first.map(|first| format!(", first token after {}", seconds(bar.from, first)));
    let end = match bar.end {
        End::Done => "",
        End::Failed => ", failed",
        End::Cancelled => ", cancelled",
    };
    let name = session.name.chars().take(NAME_MAX).collect::<String>();
    format!("{name}, turn {}: {}{}{end}", bar.turn, seconds(bar.from, bar.to), first.unwrap_or_default())
}

/// The same states in slices of time: each slice of a row is what took most of it, or failed where something failed in it.
fn resampled(pieces: &[Piece], end: f64) -> Vec<Piece> {
    let length = (end / float_of(SLICES)).max(1e-6);
    let slice = |at: f64| usize::try_from(whole(at / length)).unwrap_or(usize::MAX).min(SLICES - 1);
    let rows = pieces.iter().map(|piece| piece.row + 1).max().unwrap_or(0);
    // By row, slice and state: how much of it, and whether it is of a started session.
    let mut shares = vec![[0.0_f64; STATES]; rows * SLICES];
    let mut started = vec![false; rows * SLICES];
    for piece in pieces {
        for slice in slice(piece.from)..=slice(piece.to) {
            let (from, to) = (float_of(slice) * length, float_of(slice + 1) * length);
            let share = (piece.to.min(to) - piece.from.max(from)).max(0.0);
            let place = piece.row * SLICES + slice;
            let weight = if piece.state == State::Failed { f64::MAX / 1e6 } else { share };
            shares[place][piece.state as usize] += weight;
            started[place] |= piece.is_started;
        }
    }
    let state = |shares: &[f64; STATES]| {
        let greatest = State::ALL
            .into_iter()
            .max_by(|one, other| shares[*one as usize].total_cmp(&shares[*other as usize]));
        greatest.filter(|state| shares[*state as usize] > 0.0)
    };
    let mut joined = Vec::<Piece>::new();
    for (place, shares) in shares.iter().enumerate() {
        let (row, slice) = (place / SLICES, place % SLICES);
        let Some(state) = state(shares) else { continue };
        let (from, to) = (rounded(float_of(slice) * length), rounded(float_of(slice + 1) * length));
        let is_started = started[place];
        match joined.last_mut() {
            Some(last)
                if last.row == row
                    && last.state == state
                    && last.is_started == is_started
                    && last.to >= from =>
            {
                last.to = to;
            }
            _ => joined.push(Piece { state, row, from, to, is_started, label: None }),
        }
    }
    joined
}

/// To the microsecond.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// Where each session begins.
fn begins(sessions: &Sessions, lanes: &Lanes, rows: Rows, time: Time) -> Mark {
    let begins = sessions.sessions.iter().zip(&lanes.places).filter(|(session, _)| !session.is_started);
    let blocks = begins.filter_map(|(session, place)| {
        let (at, row) = (time.of(session.span().0), rows.drawn(*place.rows.first()?)?);
        Some(Block { from: at, to: at, y: float_of(row + 1), label: None })
    });
    let shape = Shape::Blocks { blocks: blocks.collect(), height: 1.0 };
    Mark::new("a session begins", Subject::Series(0), shape)
}

/// How many of some spans there are at each moment, and at most.
fn steps(spans: impl Iterator<Item = (u64, u64)>, time: Time) -> (Vec<Point>, usize) {
    let mut ends = Vec::new();
    spans.for_each(|(from, to)| ends.extend([(from, 1_i64), (to.max(from), -1)]));
    ends.sort_unstable_by_key(|(at, change)| (*at, *change));
    // What takes no time begins before it ends.
    let (mut points, mut count, mut most) = (Vec::<Point>::new(), 0_i64, 0);
    for (at, change) in ends {
        count += change;
        most = count.max(most);
        let (x, y) = (time.of(at), float(u64::try_from(count).unwrap_or(0)));
        match points.last_mut() {
            Some(last) if (last.x - x).abs() < 1e-9 => last.y = y,
            _ => points.push(Point::new(x, y)),
        }
    }
    (points, usize::try_from(most).unwrap_or(0))
}

/// The curves of requests in flight and of open sessions; where they have more steps than can be seen, by means and what is around
/// them, and that they are.
fn curves(in_flight: Vec<Point>, open: Vec<Point>, peaks: [usize; 2]) -> (Vec<Mark>, Option<String>) {
    let name = |what: &str, peak: usize| format!("{what} (at most {peak})");
    let [of_requests, of_sessions] = [name("requests in flight", peaks[0]), name("sessions open", peaks[1])];
    let mark = |name: String, series: usize, points: Vec<Point>| {
        Mark::new(name, Subject::Series(series), Shape::Step { points })
    };
    if in_flight.len() <= STEPS_MAX {
        return (vec![mark(of_sessions, 1, open).dashed(), mark(of_requests, 0, in_flight)], None);
    }
    let end = in_flight.last().map_or(0.0, |last| last.x);
    let ((means, around), (open, _)) = (averaged(&in_flight, end), averaged(&open, end));
    let band = Mark::new("", Subject::Series(0), Shape::Band { ranges: around });
    let marks = vec![band, mark(of_sessions, 1, open).dashed(), mark(of_requests, 0, means)];
    let length = end / float_of(CURVE_SLICES);
    (
        marks,
        Some(format!(
            "The curves are means of {length:.3} s; the band has the least and the greatest number of requests."
        )),
    )
}

/// The mean of a curve in each slice of time, and its least and greatest values.
fn averaged(points: &[Point], end: f64) -> (Vec<Point>, Vec<Range>) {
    let length = (end / float_of(CURVE_SLICES)).max(1e-6);
    let (mut means, mut around) = (Vec::new(), Vec::new());
    let (mut next, mut value) = (0, 0.0);
    for slice in 0..CURVE_SLICES {
        let (from, to) = (float_of(slice) * length, float_of(slice + 1) * length);
        let (mut at, mut sum, mut low, mut high) = (from, 0.0, f64::INFINITY, f64::NEG_INFINITY);
        let mut hold = |value: f64, until: f64| {
            if until > at {
                sum += value * (until - at);
                (low, high) = (low.min(value), high.max(value));
                at = until;
            }
        };
        while let Some(point) = points.get(next).filter(|point| point.x < to) {
            hold(value, point.x);
            value = point.y;
            next += 1;
        }
        hold(value, to);
        means.push(Point::new(rounded(from), sum / length));
        around.push(Range { x: rounded(f64::midpoint(from, to)), low, high });
    }
    means.push(Point::new(rounded(end), value));
    (means, around)
}

/// The end of the ramp, and that of the benchmark.
fn verticals(about: &About, given: Option<f64>, time: Time) -> Vec<Mark> {
    let begin = about.phase.map_or(time.begin, |(begin, _)| begin.min(time.begin));
    // A phase that began long ago is of another clock.
    let ahead = float(time.begin - begin) / 1e9;
    let ahead = if ahead < AHEAD_MAX { ahead } else { 0.0 };
    let ramp = given.or(about.ramp).map(|ramp| {
        let name = format!("ramp ends ({ramp} s)");
        Mark::new(name, Subject::Series(4), Shape::Vertical { x: (ramp - ahead).max(0.0) })
    });
    let end = about.phase.map(|(_, end)| time.of(end)).filter(|end| *end > 0.0);
    let end = end.map(|x| Mark::new("benchmark ends", Subject::Limit, Shape::Vertical { x }));
    ramp.into_iter().chain(end).collect()
}

/// The usual names of the files.
const PICTURE: &str = "swim_lane.png";
const PAGE: &str = "swim_lane.html";
/// Width of the picture, in pixels.
const WIDTH: u32 = 1600;
/// More rows would be too low to see.
const ROWS_MAX: usize = 160;
/// More pieces could not be seen, and are drawn in slices of time.
const PIECES_MAX: usize = 20_000;
const SLICES: usize = 600;
/// Curves of more steps are drawn by means.
const STEPS_MAX: usize = 2000;
const CURVE_SLICES: usize = 300;
const STATES: usize = State::ALL.len();
/// Requests of which each has a label.
const LABELLED_MAX: usize = 2000;
const NAME_MAX: usize = 80;
/// The height of the bars of sessions that others started, of the usual one.
const STARTED: f64 = 0.5;
/// A phase begins at most so many seconds before its first request.
const AHEAD_MAX: f64 = 900.0;
const TABLE_ROWS: usize = 500;
const COLUMNS: &[(&str, Align)] = &[
    ("Lane", Align::Right),
    ("Conversation", Align::Left),
    ("Started by", Align::Left),
    ("Requests", Align::Right),
    ("Failed", Align::Right),
    ("Begins (s)", Align::Right),
    ("Lasts (s)", Align::Right),
    ("In flight (s)", Align::Right),
    ("Between turns (s)", Align::Right),
];

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Time = Time { begin: 0 };
    const S: u64 = 1_000_000_000;

    fn session(requests: &[(u64, u64)]) -> Session {
        let bar = |(from, to): &(u64, u64)| Bar { from: from * S, to: to * S, ..Bar::default() };
        Session { requests: requests.iter().map(bar).collect(), ..Session::default() }
    }

    #[test]
    fn curves_count_what_overlaps() {
        let (points, most) = steps([(0, 2 * S), (S, 3 * S), (3 * S, 3 * S)].into_iter(), TIME);
        let points = points.iter().map(|point| (point.x, point.y)).collect::<Vec<_>>();
        assert_eq!(points, [(0.0, 1.0), (1.0, 2.0), (2.0, 1.0), (3.0, 0.0)], "at each moment");
        assert_eq!(most, 2, "at most");
    }

    #[test]
    fn a_curve_of_many_steps_is_drawn_by_its_means() {
        let points = (0..6000).map(|at| Point::new(float(at) / 100.0, float(at % 2))).collect::<Vec<_>>();
        let (means, around) = averaged(&points, 60.0);
        assert!(means[..CURVE_SLICES].iter().all(|mean| (mean.y - 0.5).abs() < 0.01), "{means:?}");
        let is_whole = |range: &Range| range.low.abs() < 1e-9 && (range.high - 1.0).abs() < 1e-9;
        assert!(around.iter().all(is_whole), "{around:?}");
    }

    #[test]
    fn slices_show_what_took_most_and_every_failure() {
        let piece = |state, from, to| Piece { state, row: 0, from, to, is_started: false, label: None };
        let pieces = [
            piece(State::Waits, 0.0, 200.0),
            piece(State::Streams, 200.0, 600.0),
            piece(State::Failed, 300.2, 300.3),
        ];
        let found = resampled(&pieces, 600.0);
        let found = found.iter().map(|piece| (piece.state, piece.from, piece.to)).collect::<Vec<_>>();
        let expected = [
            (State::Waits, 0.0, 200.0),
            (State::Streams, 200.0, 300.0),
            (State::Failed, 300.0, 301.0),
            (State::Streams, 301.0, 600.0),
        ];
        assert_eq!(found, expected, "each second");
    }

    #[test]
    fn ten_thousand_sessions_at_once_have_a_picture() {
        let sessions = (0..10_000_u64).map(|root| Session { root, ..session(&[(0, 1), (2, 3)]) });
        let sessions = Sessions { sessions: sessions.collect(), ..Sessions::default() };
        let lanes = Lanes::of(&sessions.sessions);
        let (rows, notes) = Rows::of(&lanes);
        assert!(notes[0].starts_with("One row in 63 is drawn of the 10000 rows"), "{notes:?}");
        let (marks, resampled) = marks(&sessions, &lanes, rows, TIME);
        let of = |wanted: &str| marks.iter().find(|mark| mark.name == wanted).map(|mark| mark.shape.items());
        assert_eq!((of("in flight"), of("between turns")), (Some(318), Some(159)), "of 159 rows");
        assert_eq!(resampled, None, "each can be seen");
    }

    #[test]
    fn the_ramp_counts_from_the_begin_of_the_phase() {
        let of = |phase: Option<(u64, u64)>, given: Option<f64>| {
            let about = About { phase, ramp: Some(5.0), ..About::default() };
            let marks = verticals(&about, given, Time { begin: 100 * S });
            marks
                .iter()
                .map(|mark| match mark.shape {
                    Shape::Vertical { x } => (mark.name.clone(), x),
                    _ => panic!("a line"),
                })
                .collect::<Vec<_>>()
        };
        let named = |name: &str, x: f64| (name.to_owned(), x);
        assert_eq!(of(None, None), [named("ramp ends (5 s)", 5.0)], "no phase is known");
        let both = [named("ramp ends (3 s)", 2.0), named("benchmark ends", 20.0)];
        assert_eq!(of(Some((99 * S, 120 * S)), Some(3.0)), both, "it began before the first request");
        assert_eq!(
            of(Some((1000 * S, 1200 * S)), None)[0],
            named("ramp ends (5 s)", 5.0),
            "of another clock"
        );
    }
}
