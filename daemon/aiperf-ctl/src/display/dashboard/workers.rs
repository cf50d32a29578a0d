//! The hot cores of the load generator, with AIPerf's statuses.

use super::colours::{Palette, bold, dim};
use super::numbers::count;
use super::text::{framed, lines, styled};
use super::watcher::Seen;
use control::{State, WorkerProgress};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// How a hot core is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It sends what is due.
    Healthy,
    /// Its thread needs nearly all of its core.
    HighLoad,
    /// Requests of it have just failed.
    Error,
    /// It has no request in flight.
    Idle,
    /// Nothing is known of it any more.
    Stale,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::HighLoad => "high load",
            Self::Error => "error",
            Self::Idle => "idle",
            Self::Stale => "stale",
        }
    }
}

/// The status of a hot core of which the newest numbers came `silence` seconds ago, and of which a request last failed `failing`
/// seconds ago.
pub(super) fn status(worker: &WorkerProgress, state: State, silence: f64, failing: Option<f64>) -> Status {
    let is_sending = matches!(state, State::Running | State::Draining);
    match worker.busy {
        _ if is_sending && silence > STALE_SECONDS => Status::Stale,
        _ if is_sending && failing.is_some_and(|seconds| seconds < ERROR_SECONDS) => Status::Error,
        Some(busy) if is_sending && busy > HIGH_LOAD => Status::HighLoad,
        _ if !is_sending || worker.in_flight == 0 => Status::Idle,
        _ => Status::Healthy,
    }
}

/// How many there are.
pub(super) fn number(seen: &Seen) -> u16 {
    u16::try_from(seen.workers.len()).unwrap_or(u16::MAX)
}

/// Draws them: a line that sums them up, and as many as there is room for.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, seen: &Seen, palette: &Palette) {
    let inner = framed(buffer, area, &title(seen));
    let workers = seen.now.progress.as_ref().map_or(&[][..], |progress| &progress.workers);
    if workers.is_empty() {
        lines(buffer, inner, [styled("no hot core of this command sends requests", dim())]);
        return;
    }
    let head = COLUMNS.iter().map(|column| format!("{column:>COLUMN$}")).collect::<String>();
    let head = styled(format!("{:6}{:10}{head}", "core", "status"), bold());
    let room = usize::from(inner.height).saturating_sub(1);
    let shown = rows_shown(workers.len(), room);
    let rows =
        workers.iter().zip(&seen.workers).take(shown).map(|(worker, status)| row(worker, *status, palette));
    let left = workers.len() - shown;
    let left = (left > 0 && room > shown).then(|| styled(format!("… and {left} more"), dim()));
    lines(buffer, inner, std::iter::once(head).chain(rows).chain(left));
}

/// The rows that are shown where there is room for so many, of which one may say how many are not.
pub(super) const fn rows_shown(rows: usize, room: usize) -> usize {
    match room {
        _ if rows <= room => rows,
        0 | 1 => room,
        _ => room - 1,
    }
}

fn row(worker: &WorkerProgress, status: Status, palette: &Palette) -> Line<'static> {
    let cpu = worker.cpu.map_or_else(|| "-".to_owned(), |cpu| cpu.to_string());
    let busy = worker.busy.map_or_else(|| "-".to_owned(), |busy| format!("{:.0} %", busy * 100.0));
    let counts = [worker.in_flight, worker.sent, worker.completed, worker.failed, worker.late].map(count);
    let cells =
        std::iter::once(busy).chain(counts).map(|cell| format!("{cell:>COLUMN$}")).collect::<String>();
    let style = match status {
        Status::Healthy => Style::new(),
        Status::Idle => dim(),
        Status::HighLoad | Status::Error | Status::Stale => palette.bad(),
    };
    let status = Span::styled(format!("{:10}", status.name()), style);
    Line::from(vec![Span::raw(format!("{cpu:6}")), status, Span::raw(cells)])
}

/// The statuses that there are, and the busiest core.
fn title(seen: &Seen) -> String {
    let all = [Status::Healthy, Status::HighLoad, Status::Error, Status::Idle, Status::Stale];
    let counts = all.into_iter().filter_map(|status| {
        let number = seen.workers.iter().filter(|one| **one == status).count();
        (number > 0).then(|| format!("{number} {}", status.name()))
    });
    let workers = seen.now.progress.as_ref().map_or(&[][..], |progress| &progress.workers);
    let busy = workers.iter().filter_map(|worker| worker.busy).reduce(f64::max);
    let busy = busy.map(|busy| format!("busiest {:.0} %", busy * 100.0));
    let parts = counts.chain(busy).collect::<Vec<_>>();
    if parts.is_empty() { "Workers".to_owned() } else { format!("Workers: {}", parts.join(", ")) }
}

const COLUMNS: [&str; 6] = ["busy", "in flight", "sent", "completed", "failed", "late"];
const COLUMN: usize = 10;
/// AIPerf's limits: the share of a core, and seconds.
const HIGH_LOAD: f64 = 0.85;
const ERROR_SECONDS: f64 = 3.0;
const STALE_SECONDS: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_reason() {
        let worker = |in_flight, busy| WorkerProgress { in_flight, busy, ..WorkerProgress::default() };
        let check = |worker: WorkerProgress, silence, failing, expected| {
            assert_eq!(status(&worker, State::Running, silence, failing), expected, "{worker:?}");
        };
        check(worker(3, Some(0.2)), 0.5, None, Status::Healthy);
        check(worker(3, None), 0.5, None, Status::Healthy);
        check(worker(3, Some(0.9)), 0.5, None, Status::HighLoad);
        check(worker(3, Some(0.9)), 0.5, Some(1.0), Status::Error);
        check(worker(3, Some(0.2)), 0.5, Some(4.0), Status::Healthy);
        check(worker(0, Some(0.2)), 0.5, None, Status::Idle);
        check(worker(3, Some(0.2)), 11.0, None, Status::Stale);
        assert_eq!(status(&worker(0, Some(0.9)), State::Recording, 60.0, Some(1.0)), Status::Idle);
    }
}
