//! What a command is doing now, as data: every display shows this, and nothing else.

use crate::plan::Profile;
use crate::report::Reported;
use control::{Progress, State};
use serde::Serialize;
use spec::Phase;
use std::collections::VecDeque;

/// What a command is doing now. Texts in it are foreign: a display escapes them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Now {
    /// What is measured: models, endpoint type, servers and load, as far as they are known; none before the first run.
    pub(crate) title: Vec<String>,
    /// Where the results of the current run go.
    pub(crate) directory: String,
    /// Which run of several it is.
    pub(crate) place: Option<Place>,
    /// The runs of several that have ended, the newest last; at most [`ENDED_MAX`].
    pub(crate) ended: VecDeque<Ended>,
    /// Runs that ended before them.
    pub(crate) ended_before: u64,
    /// How the current run, or the last one, is doing.
    pub(crate) progress: Option<Progress>,
    /// How it has been since its first request was due, the newest last; at most [`POINTS_MAX`].
    pub(crate) points: Vec<At>,
    /// Notes and warnings, the newest last; at most [`MESSAGES_MAX`].
    pub(crate) messages: VecDeque<Message>,
    /// Messages that there were before them.
    pub(crate) messages_before: u64,
    /// How often any of this has changed: a display that has drawn it need not draw it again.
    #[serde(skip)]
    pub(crate) changes: u64,
    /// Points that are as far apart as this many lines of progress.
    #[serde(skip)]
    stride: u64,
    /// Lines of progress with a point or without.
    #[serde(skip)]
    lines: u64,
}

/// Which run it is, of a command that makes several.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Place {
    /// Its number, from 1 on.
    pub(crate) number: usize,
    /// How many there are, if that is known.
    pub(crate) of: Option<usize>,
    /// What distinguishes it: the values of its variation.
    pub(crate) label: String,
    /// How long the rest takes, by the runs so far.
    pub(crate) seconds_left: Option<f64>,
    /// The best so far, of a search.
    pub(crate) best: Option<String>,
}

impl Place {
    /// Which run it is, in a few words.
    pub(crate) fn shown(&self) -> String {
        let of = self.of.map(|of| format!(" of {of}")).unwrap_or_default();
        let left = match self.seconds_left {
            Some(seconds @ 0.0..90.0) => format!(" ({seconds:.0} s left)"),
            Some(seconds @ 90.0..5400.0) => format!(" ({:.0} min left)", seconds / 60.0),
            Some(seconds) => format!(" ({:.1} h left)", seconds / 3600.0),
            None => String::new(),
        };
        format!("run {}{of}{left}", self.number)
    }
}

/// A run that has ended, in a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ended {
    /// What distinguished it.
    pub(crate) label: String,
    /// Its verdict, or none if it has no results.
    pub(crate) standing: Option<&'static str>,
    /// Its main numbers.
    pub(crate) line: String,
}

/// How a run was at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct At {
    /// Seconds since its first request was due.
    pub(crate) seconds: f64,
    /// Requests that had succeeded by then.
    pub(crate) completed: u64,
    /// Requests that had failed.
    pub(crate) failed: u64,
    /// Output tokens that were recorded.
    pub(crate) output_tokens: u64,
    /// Requests in flight.
    pub(crate) in_flight: u64,
    /// Medians and 99th percentiles in ms of the last second: the client's time to first token (or latency, where nothing is
    /// streamed), and the kernel's.
    pub(crate) client_ms: Option<(f64, f64)>,
    /// The kernel's.
    pub(crate) kernel_ms: Option<(f64, f64)>,
    /// Power of all GPUs in watts.
    pub(crate) watts: Option<f64>,
}

/// Something that was printed while the command went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Message {
    /// Whether it is a warning.
    pub(crate) is_warning: bool,
    /// What it says.
    pub(crate) text: String,
}

impl Now {
    /// A run begins.
    pub(crate) fn begin(&mut self, profile: &Profile) {
        let endpoint = &profile.plan.endpoint;
        let urls = endpoint.urls.iter().map(|url| spec::url::shown(url).to_string());
        let load = profile.plan.load.measured().next().map(load);
        self.title =
            endpoint.models.iter().cloned().chain([endpoint.kind.clone()]).chain(urls).chain(load).collect();
        self.directory = profile.artifact_dir.display().to_string();
        self.clear();
    }

    /// Something else than a profile begins.
    pub(crate) fn begin_watch(&mut self, title: Vec<String>, directory: String) {
        (self.title, self.directory) = (title, directory);
        self.clear();
    }

    /// The command ends: there is no more to wait for.
    pub(crate) fn finish(&mut self) {
        self.changes += 1;
        if let Some(place) = &mut self.place {
            place.seconds_left = None;
        }
    }

    fn clear(&mut self) {
        self.changes += 1;
        self.progress = None;
        self.points.clear();
        (self.stride, self.lines) = (1, 0);
    }

    /// Another run of several is the next.
    pub(crate) fn next_is(&mut self, place: Place) {
        self.changes += 1;
        self.place = Some(place);
    }

    /// What the current run, or the last one, is doing.
    pub(crate) fn state(&self) -> &'static str {
        let Some(progress) = &self.progress else { return "preparing" };
        let is_warmup = progress.phase.as_ref().is_some_and(|phase| phase.is_warmup);
        match progress.state {
            State::Created => "sending inputs",
            State::Preparing => "preparing",
            State::Running if is_warmup => "warm-up",
            State::Running => "running",
            State::Draining => "waiting for requests in flight",
            State::Recording => "recording",
            State::Finished => "finished",
            State::Failed => "failed",
            State::Interrupted => "interrupted",
        }
    }

    /// Whether the command sends its requests itself: of others' it knows neither how many are in flight nor how late they are.
    pub(crate) fn sends(&self) -> bool {
        self.progress
            .as_ref()
            .is_none_or(|progress| progress.requests_sent > 0 || !progress.workers.is_empty())
    }

    /// Takes a line of progress.
    pub(crate) fn take(&mut self, progress: &Progress) {
        self.changes += 1;
        if matches!(progress.state, State::Running | State::Draining) {
            self.point(At::of(progress));
        }
        self.progress = Some(progress.clone());
    }

    /// Keeps a moment; when there are too many, every other one is kept.
    fn point(&mut self, at: At) {
        let is_due = self.lines.is_multiple_of(self.stride.max(1));
        self.lines += 1;
        if !is_due {
            return;
        }
        if self.points.len() >= POINTS_MAX {
            let mut place = 0;
            self.points.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride = self.stride.max(1) * 2;
        }
        self.points.push(at);
    }

    /// A run has ended.
    pub(crate) fn end(&mut self, reported: &Reported) {
        let label = self.place.as_ref().map(|place| place.label.clone()).unwrap_or_default();
        let standing = reported.run.verdict.standing;
        self.push_ended(Ended { label, standing: Some(standing.name()), line: reported.line() });
    }

    /// Keeps a run that has ended.
    pub(crate) fn push_ended(&mut self, ended: Ended) {
        self.changes += 1;
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
            self.ended_before += 1;
        }
        self.ended.push_back(ended);
    }

    /// Keeps a message.
    pub(crate) fn message(&mut self, message: Message) {
        self.changes += 1;
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.pop_front();
            self.messages_before += 1;
        }
        self.messages.push_back(message);
    }
}

impl At {
    fn of(progress: &Progress) -> Self {
        let recent = |tags: [&str; 2]| {
            let stats = tags.into_iter().find_map(|tag| progress.live.get(tag))?;
            stats.recent_p50_ms.zip(stats.recent_p99_ms)
        };
        let watts =
            progress.gpus.iter().filter_map(|gpu| POWER.iter().find_map(|tag| gpu.values.get(*tag)).copied());
        Self {
            seconds: progress.elapsed_seconds,
            completed: completed(progress),
            failed: progress.requests_failed,
            output_tokens: progress.output_tokens,
            in_flight: progress.requests_in_flight,
            client_ms: recent(["time_to_first_token", "request_latency"]),
            kernel_ms: recent(["kernel_time_to_first_token", "kernel_request_latency"]),
            watts: watts.reduce(|sum, watts| sum + watts),
        }
    }
}

/// Requests that have succeeded; of a command that sends none itself, those that were recorded.
pub(crate) const fn completed(progress: &Progress) -> u64 {
    if progress.requests_sent > 0 {
        return progress.requests_completed;
    }
    progress.requests_recorded.saturating_sub(progress.requests_failed)
}

/// A phase's load in a few words.
fn load(phase: &Phase) -> String {
    let shape = phase.shape.name();
    let concurrency = phase.concurrency.map(|concurrency| format!("concurrency {concurrency}"));
    let rate = phase.request_rate.map(|rate| format!("{rate} requests/s ({shape})"));
    let known = concurrency.into_iter().chain(rate).collect::<Vec<_>>();
    if known.is_empty() { shape.to_owned() } else { known.join(", ") }
}

/// The latencies that the daemon sends, the kernel's before the client's.
pub(crate) const LATENCIES: [&str; 7] = [
    "kernel_time_to_first_token",
    "time_to_first_token",
    "kernel_inter_token_latency",
    "inter_token_latency",
    "kernel_request_latency",
    "request_latency",
    "schedule_lag",
];
/// A GPU's power, by the names of the vendors' metrics.
pub(crate) const POWER: &[&str] = &["nvidia_power_usage", "amd_power"];
/// Runs that are kept.
pub(crate) const ENDED_MAX: usize = 200;
/// Moments that are kept: ten minutes as they come, and longer runs more coarsely.
pub(crate) const POINTS_MAX: usize = 1200;
/// Messages that are kept.
pub(crate) const MESSAGES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_a_bounded_number_of_points_over_its_whole_length() {
        let mut now = Now::default();
        for second in 0..100_000_u32 {
            now.point(At { seconds: f64::from(second), ..At::default() });
        }
        assert!((POINTS_MAX / 2..=POINTS_MAX).contains(&now.points.len()), "{}", now.points.len());
        let (first, last) = (now.points[0].seconds, now.points[now.points.len() - 1].seconds);
        assert!(first.abs() < 1.0 && last > 99_000.0, "{first} to {last}");
        let gaps = now.points.windows(2).map(|pair| pair[1].seconds - pair[0].seconds);
        let (least, most) =
            gaps.fold((f64::MAX, 0.0_f64), |(least, most), gap| (least.min(gap), most.max(gap)));
        assert!((least - most).abs() < 1e-9, "evenly: {least} to {most}");
    }

    #[test]
    fn messages_and_runs_that_are_too_many_are_counted_or_dropped() {
        let mut now = Now::default();
        for number in 0..MESSAGES_MAX + 3 {
            now.message(Message { is_warning: false, text: number.to_string() });
            now.push_ended(Ended { label: number.to_string(), standing: None, line: String::new() });
        }
        assert_eq!((now.messages.len(), now.messages_before), (MESSAGES_MAX, 3));
        assert_eq!(now.messages[0].text, "3", "the oldest are dropped");
        let before = (MESSAGES_MAX + 3 - ENDED_MAX) as u64;
        assert_eq!((now.ended.len(), now.ended_before), (ENDED_MAX, before));
    }
}
