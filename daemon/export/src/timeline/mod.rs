//! A run as a timeline for a viewer: connections, sessions and counters on one time axis, one viewer's format a file.
//!
//! ```text
//! requests ──▶ client   a track for each connection, as this client's process saw it
//!          └─▶ kernel   a track for each connection, by the kernel's stamps: sent, waits, streamed    flows join the two
//!          └─▶ sessions a track for each conversation of several turns
//! counters: requests in flight, what the server reports of itself, GPUs
//! ```
//!
//! Times are nanoseconds of the monotonic clock since the first request was due. The client's and the kernel's stamps are of the same
//! clock, and stand on tracks of their own.

mod chrome;
mod perfetto;

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::series::{of_gpus, of_server};
use common::clock::MonoNs;
use record::Request;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use store::visible_within;

/// The viewer that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineFormat {
    /// Perfetto: ui.perfetto.dev and its trace processor.
    Perfetto,
    /// Chrome's trace events: chrome://tracing, Perfetto, Speedscope.
    Chrome,
}

/// A track.
#[derive(Clone, Copy, Debug)]
struct Track<'a> {
    /// Its own number, 1 or more.
    id: u64,
    /// The group that it is in.
    group: Group,
    name: &'a str,
    /// Of a counter, its unit.
    unit: Option<&'a str>,
}

/// The groups of tracks, which are tracks themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Client,
    Kernel,
    Sessions,
    Counters,
}

impl Group {
    const ALL: [Self; 4] = [Self::Client, Self::Kernel, Self::Sessions, Self::Counters];

    const fn id(self) -> u64 {
        self as u64 + 1
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client (its own clock readings)",
            Self::Kernel => "kernel (stamps of segments)",
            Self::Sessions => "sessions",
            Self::Counters => "counters",
        }
    }
}

/// Something that takes time.
#[derive(Clone, Copy, Debug)]
struct Slice<'a> {
    track: u64,
    group: Group,
    name: &'a str,
    /// In nanoseconds since the beginning.
    from: u64,
    to: u64,
    /// What joins it with another track.
    flow: Option<Flow>,
    /// Numbers that a viewer shows.
    numbers: &'a [(&'static str, u64)],
}

/// One end of what joins two slices: the request's number.
#[derive(Clone, Copy, Debug)]
enum Flow {
    Begins(u64),
    Ends(u64),
}

/// What writes a format.
trait Viewer {
    fn group(&mut self, group: Group) -> Result<(), ExportError>;
    fn track(&mut self, track: Track<'_>) -> Result<(), ExportError>;
    fn slice(&mut self, slice: Slice<'_>) -> Result<(), ExportError>;
    /// A counter's value from a moment on.
    fn counter(&mut self, track: u64, name: &str, at: u64, value: f64) -> Result<(), ExportError>;
    fn finish(&mut self) -> Result<(), ExportError>;
}

/// Writes a run's timeline.
///
/// # Errors
/// When its records cannot be read, or the output cannot be written.
pub fn timeline(
    artifacts: &Artifacts<'_>,
    format: TimelineFormat,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let mut viewer: Box<dyn Viewer + '_> = match format {
        TimelineFormat::Perfetto => Box::new(perfetto::Perfetto::new(out)),
        TimelineFormat::Chrome => Box::new(chrome::Chrome::new(out)?),
    };
    for group in Group::ALL {
        viewer.group(group)?;
    }
    let spans = Requests::of(artifacts)?.write(artifacts, &mut *viewer)?;
    let begin = spans.begin;
    let mut counters = Counters { viewer: &mut *viewer, next: COUNTERS, begin };
    counters.in_flight(spans.ends)?;
    for series in of_server(artifacts)?.into_iter().chain(of_gpus(artifacts)) {
        counters.write(&series.name, series.unit, series.points)?;
    }
    viewer.finish()
}

/// What must be known of all requests before the first is written.
struct Requests {
    begin: u64,
    /// The sessions with several turns.
    conversations: BTreeSet<u64>,
}

/// What is known of all requests when they are written.
struct Spans {
    begin: u64,
    /// When each began, and when it ended.
    ends: Vec<(u64, i8)>,
}

impl Requests {
    fn of(artifacts: &Artifacts<'_>) -> Result<Self, ExportError> {
        let (mut begin, mut conversations) = (u64::MAX, BTreeSet::new());
        for request in artifacts.exchanges.requests()? {
            let request = request?;
            begin = begin.min(first(&request));
            if request.turn > 0 {
                conversations.insert(request.session);
            }
        }
        Ok(Self { begin: if begin == u64::MAX { 0 } else { begin }, conversations })
    }

    fn write(self, artifacts: &Artifacts<'_>, viewer: &mut dyn Viewer) -> Result<Spans, ExportError> {
        let Self { begin, conversations } = self;
        let (mut lanes, mut known) = (Lanes::default(), BTreeSet::new());
        let mut ends = Vec::new();
        for request in artifacts.exchanges.requests()? {
            let request = request?;
            let since = |at: u64| at.saturating_sub(begin);
            let (from, to) = (since(first(&request)), since(request.ended_ns.0.max(first(&request))));
            ends.extend([(from, 1), (to, -1)]);
            // It may have been due while its connection carried another one.
            let busy = since(request.submitted_ns.unwrap_or(request.due_ns).0);
            let Lane { number, is_new, name } = lanes.of(u64::from(request.connection.0), busy, to);
            let [client, kernel] = [Group::Client, Group::Kernel].map(|group| track_of(group, number));
            if is_new {
                viewer.track(Track { id: client, group: Group::Client, name: &name, unit: None })?;
                viewer.track(Track { id: kernel, group: Group::Kernel, name: &name, unit: None })?;
            }
            seen_by_client(viewer, &request, client, begin)?;
            seen_by_kernel(viewer, &request, kernel, begin)?;
            if conversations.contains(&request.session) {
                let track = track_of(Group::Sessions, request.session);
                if known.insert(track) {
                    let name = format!("session {}", request.session);
                    viewer.track(Track { id: track, group: Group::Sessions, name: &name, unit: None })?;
                }
                let (name, group) = (format!("turn {}", request.turn), Group::Sessions);
                viewer.slice(Slice { track, group, name: &name, from, to, flow: None, numbers: &[] })?;
            }
        }
        Ok(Spans { begin, ends })
    }
}

/// Tracks on which nothing overlaps: one for each connection, or as many as its requests need where another tool did not store which
/// connection carried them.
#[derive(Default)]
struct Lanes {
    /// By connection, when each of its tracks is free again, and its number.
    by_connection: BTreeMap<u64, Vec<(u64, u64)>>,
    next: u64,
}

/// A track of a connection.
struct Lane {
    number: u64,
    is_new: bool,
    name: String,
}

impl Lanes {
    fn of(&mut self, connection: u64, from: u64, to: u64) -> Lane {
        let lanes = self.by_connection.entry(connection).or_default();
        if let Some((free, number)) = lanes.iter_mut().find(|(free, _)| *free <= from) {
            *free = to;
            return Lane { number: *number, is_new: false, name: String::new() };
        }
        let number = self.next;
        self.next += 1;
        lanes.push((to, number));
        let name = match lanes.len() {
            1 => format!("connection {connection}"),
            place => format!("connection {connection} ({place})"),
        };
        Lane { number, is_new: true, name }
    }
}

/// A request as the client's process saw it: from its hand-over to the kernel until its last byte was reaped.
fn seen_by_client(
    viewer: &mut dyn Viewer,
    request: &Request,
    track: u64,
    begin: u64,
) -> Result<(), ExportError> {
    let Some(submitted) = request.submitted_ns else { return Ok(()) };
    let (from, to) = (submitted.0.saturating_sub(begin), request.ended_ns.0.saturating_sub(begin));
    let late = submitted.0.saturating_sub(request.due_ns.0) / 1000;
    let tokens = request.output_tokens.or(request.usage_completion_tokens).unwrap_or(0);
    let numbers = [("session", request.session), ("late_us", late), ("output_tokens", u64::from(tokens))];
    let name = match &request.error_type {
        None => format!("request {}", request.request_id.0),
        Some(kind) => format!("request {}: {}", request.request_id.0, visible_within(kind, NAME_MAX)),
    };
    viewer.slice(Slice {
        track,
        group: Group::Client,
        name: &name,
        from,
        to: to.max(from),
        flow: Some(Flow::Begins(request.request_id.0)),
        numbers: &numbers,
    })
}

/// The stages between the kernel's stamps, as far as there are any.
fn seen_by_kernel(
    viewer: &mut dyn Viewer,
    request: &Request,
    track: u64,
    begin: u64,
) -> Result<(), ExportError> {
    let answered = request.first_token_kernel_ns.or(request.first_event_kernel_ns);
    let stages = [
        ("send", request.kernel_sent_first_ns, request.kernel_sent_last_ns),
        ("wait", request.kernel_sent_last_ns, answered),
        ("stream", answered, request.kernel_received_last_ns),
    ];
    let mut flow = Some(Flow::Ends(request.request_id.0));
    for (name, from, to) in stages {
        let (Some(MonoNs(from)), Some(MonoNs(to))) = (from, to) else { continue };
        if to < from {
            continue;
        }
        let (from, to) = (from.saturating_sub(begin), to.saturating_sub(begin));
        viewer.slice(Slice {
            track,
            group: Group::Kernel,
            name,
            from,
            to,
            flow: flow.take(),
            numbers: &[],
        })?;
    }
    Ok(())
}

/// The first moment that is known of a request.
fn first(request: &Request) -> u64 {
    request.due_ns.0.min(request.submitted_ns.unwrap_or(request.due_ns).0)
}

/// The track of a connection or session.
const fn track_of(group: Group, number: u64) -> u64 {
    OTHERS.wrapping_add(number.wrapping_mul(Group::ALL.len() as u64)).wrapping_add(group.id())
}

/// Writes counters.
struct Counters<'a> {
    viewer: &'a mut dyn Viewer,
    next: u64,
    begin: u64,
}

impl Counters<'_> {
    fn write(
        &mut self,
        name: &str,
        unit: &str,
        points: impl IntoIterator<Item = (u64, f64)>,
    ) -> Result<(), ExportError> {
        let mut points = points.into_iter().filter(|(_, value)| value.is_finite()).peekable();
        if points.peek().is_none() {
            return Ok(());
        }
        let id = self.next;
        self.next += 1;
        self.viewer.track(Track { id, group: Group::Counters, name, unit: Some(unit) })?;
        points.try_for_each(|(at, value)| self.viewer.counter(id, name, at.saturating_sub(self.begin), value))
    }

    /// Requests in flight, at no more moments than a viewer can show.
    fn in_flight(&mut self, mut ends: Vec<(u64, i8)>) -> Result<(), ExportError> {
        ends.sort_unstable();
        let apart = ends.last().map_or(0, |(last, _)| last / MOMENTS_MAX);
        let (mut count, mut points, mut next) = (0_i64, Vec::new(), 0);
        for (place, (at, change)) in ends.iter().enumerate() {
            count += i64::from(*change);
            let is_last = ends.get(place + 1).is_none_or(|(after, _)| after > at);
            if is_last && (*at >= next || place + 1 == ends.len()) {
                // These times are relative already.
                points.push((at + self.begin, metric::float(count.unsigned_abs())));
                next = at.saturating_add(apart);
            }
        }
        self.write("requests in flight", "requests", points)
    }
}

/// The first track of a counter, and of a connection.
const COUNTERS: u64 = 16;
const OTHERS: u64 = 1 << 20;
/// Most moments of a counter of requests.
const MOMENTS_MAX: u64 = 50_000;
const NAME_MAX: usize = 60;
