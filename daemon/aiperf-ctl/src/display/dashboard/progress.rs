//! How far the run is: its phase, its requests, and where it is among several.

use super::colours::{Palette, bold, dim};
use super::numbers::{compact, count, rate as rate_text, time};
use super::text::{cut, foreign, framed, lines, styled};
use super::watcher::Seen;
use crate::display::course::Course;
use crate::display::now::{At, completed};
use control::{Progress, State};
use metric::{float, whole};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Its height with the rule.
pub(super) fn height(seen: &Seen) -> u16 {
    if seen.now.place.is_some() { 5 } else { 4 }
}

/// Draws it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let inner = framed(buffer, area, "Progress");
    let width = usize::from(inner.width);
    let now = &seen.now;
    let Some(progress) = &now.progress else {
        let waiting = styled("no request has been sent yet", dim());
        lines(
            buffer,
            inner,
            [waiting, directory(&now.directory, width)].into_iter().chain(place(seen, width)),
        );
        return;
    };
    let course = Course(&now.points);
    let shown = [extent(progress, course, width), counts(progress, course, palette)];
    lines(
        buffer,
        inner,
        shown.into_iter().chain(place(seen, width)).chain([directory(&now.directory, width)]),
    );
}

/// How much of the phase, or of the run, is done, of how much.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Extent {
    /// From 0 to 1.
    share: Option<f64>,
    seconds_left: Option<f64>,
}

impl Extent {
    fn of(elapsed: f64, seconds: Option<f64>, ended: u64, requests: Option<u64>, rate: Option<f64>) -> Self {
        let of_time = seconds.map(|seconds| {
            Self { share: Some(elapsed / seconds), seconds_left: Some(seconds - elapsed) }.bounded()
        });
        let of_requests = requests.map(|requests| {
            let left = rate.filter(|rate| *rate > 0.0);
            let left = left.map(|rate| float(requests.saturating_sub(ended)) / rate);
            Self { share: Some(float(ended) / float(requests)), seconds_left: left }.bounded()
        });
        match (of_time, of_requests) {
            // It ends with whichever is reached first.
            (Some(time), Some(requests)) if time.share < requests.share => requests,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => Self { share: None, seconds_left: None },
        }
    }

    fn bounded(self) -> Self {
        Self {
            share: self.share.filter(|share| share.is_finite()).map(|share| share.clamp(0.0, 1.0)),
            seconds_left: self.seconds_left.map(|seconds| seconds.max(0.0)),
        }
    }
}

fn extent(progress: &Progress, course: Course<'_>, width: usize) -> Line<'static> {
    let ended = completed(progress) + progress.requests_failed;
    let rate = ended_rate(progress, course);
    let (name, extent, text) = match &progress.phase {
        Some(phase) => {
            let (seconds, requests) = (phase.seconds_planned, phase.requests_planned);
            let extent = Extent::of(phase.elapsed_seconds, seconds, phase.requests_ended, requests, rate);
            let of = if phase.phases > 1 {
                format!(" (phase {} of {})", phase.number, phase.phases)
            } else {
                String::new()
            };
            let text = reached(phase.requests_ended, requests, phase.elapsed_seconds, seconds);
            (format!("{}{of}", foreign(&phase.name, 24)), extent, text)
        }
        None => {
            let (seconds, requests) = (progress.seconds_planned, progress.requests_planned);
            let extent = Extent::of(progress.elapsed_seconds, seconds, ended, requests, rate);
            ("run".to_owned(), extent, reached(ended, requests, progress.elapsed_seconds, seconds))
        }
    };
    let left = match (progress.state, extent.seconds_left) {
        (State::Running, Some(seconds)) => format!("  ETA {}", time(seconds)),
        _ => String::new(),
    };
    let percent = extent.share.map(|share| format!(" {:3.0} %", share * 100.0)).unwrap_or_default();
    let right = format!("{percent}  {text}{left}");
    let room = width.saturating_sub(name.chars().count() + 1 + right.chars().count()).min(60);
    let bar = extent.share.filter(|_| room >= 5).map(|share| bar(share, room)).unwrap_or_default();
    Line::from(vec![Span::styled(name, bold()), Span::raw(format!(" {bar}{right}"))])
}

/// What was reached of what is planned.
fn reached(ended: u64, requests: Option<u64>, elapsed: f64, seconds: Option<f64>) -> String {
    let requests = requests.map(|requests| format!("{}/{} requests", count(ended), count(requests)));
    let seconds = seconds.map(|seconds| format!("{}/{}", time(elapsed.min(seconds)), time(seconds)));
    let both = requests.into_iter().chain(seconds).collect::<Vec<_>>();
    if both.is_empty() { format!("{} requests", count(ended)) } else { both.join("  ") }
}

fn bar(share: f64, width: usize) -> String {
    let filled = usize::try_from(whole(share * float(width as u64) + 0.5)).unwrap_or(width).min(width);
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

fn counts(progress: &Progress, course: Course<'_>, palette: &Palette) -> Line<'static> {
    let rate = |number: fn(&At) -> u64| {
        let rate = course.last().and_then(|last| course.rate(last.seconds, number));
        rate.map(|number| format!(" ({}/s)", rate_text(number))).unwrap_or_default()
    };
    let failed = format!("{} failed", compact(progress.requests_failed));
    let failed =
        if progress.requests_failed > 0 { Span::styled(failed, palette.bad()) } else { Span::raw(failed) };
    let mut rest = String::new();
    // Of a command that only observes, neither is known.
    if progress.requests_sent > 0 {
        rest.push_str(&format!("  {} in flight", compact(progress.requests_in_flight)));
        rest.push_str(&format!("  {} late", compact(progress.requests_late)));
    }
    if progress.output_tokens > 0 {
        let rate = rate(|at| at.output_tokens);
        rest.push_str(&format!("  {} tokens{rate}", compact(progress.output_tokens)));
    }
    if let Some(value) = progress.steered.as_ref().and_then(|steered| steered.value) {
        rest.push_str(&format!("  load set to {value}"));
    }
    let completed = format!("{} completed{}  ", compact(completed(progress)), rate(|at| at.completed));
    Line::from(vec![Span::raw(completed), failed, Span::raw(rest)])
}

/// Requests that end in a second, of the last seconds.
fn ended_rate(progress: &Progress, course: Course<'_>) -> Option<f64> {
    let recent = course.last().and_then(|last| course.rate(last.seconds, |at| at.completed + at.failed));
    let ended = completed(progress) + progress.requests_failed;
    let overall = (progress.elapsed_seconds > 0.0).then(|| float(ended) / progress.elapsed_seconds);
    recent.or(overall)
}

/// Where the run is among several.
fn place(seen: &Seen, width: usize) -> Option<Line<'static>> {
    let place = seen.now.place.as_ref()?;
    let shown = place.shown();
    let label =
        if place.label.is_empty() { String::new() } else { format!("  {}", foreign(&place.label, width)) };
    let best = place.best.as_ref();
    let best = best.map(|best| format!("  best so far: {}", foreign(best, width))).unwrap_or_default();
    let rest = cut(&format!("{label}{best}"), width.saturating_sub(shown.chars().count()));
    Some(Line::from(vec![Span::styled(shown, bold()), Span::raw(rest)]))
}

fn directory(directory: &str, width: usize) -> Line<'static> {
    if directory.is_empty() {
        return Line::default();
    }
    styled(format!("results: {}", foreign(directory, width.saturating_sub(9))), dim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_limit_that_is_reached_ends_a_phase() {
        let check = |seconds: Option<f64>,
                     requests: Option<u64>,
                     rate: Option<f64>,
                     expected: (Option<f64>, Option<f64>)| {
            let extent = Extent::of(10.0, seconds, 50, requests, rate);
            assert_eq!((extent.share, extent.seconds_left), expected, "{seconds:?} {requests:?}");
        };
        check(Some(40.0), None, None, (Some(0.25), Some(30.0)));
        check(None, Some(200), Some(10.0), (Some(0.25), Some(15.0)));
        check(None, Some(200), None, (Some(0.25), None));
        check(Some(40.0), Some(100), Some(10.0), (Some(0.5), Some(5.0)));
        check(Some(20.0), Some(200), Some(10.0), (Some(0.5), Some(10.0)));
        check(None, None, Some(10.0), (None, None));
        check(Some(5.0), None, None, (Some(1.0), Some(0.0)));
    }

    #[test]
    fn a_bar_is_as_full_as_its_share() {
        assert_eq!(bar(0.5, 4), "██░░");
        assert_eq!(bar(0.0, 3), "░░░");
        assert_eq!(bar(1.0, 3), "███");
    }
}
