//! `--ui simple`: a bar on a terminal, plain lines elsewhere.

use crate::terminal::print_progress;
use control::{Progress, State};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Displays the progress of a run.
pub(super) struct Bar {
    bar: Option<ProgressBar>,
    plain: bool,
    last_line_seconds: f64,
}

impl Bar {
    /// An empty bar.
    pub(super) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{bar:20} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar
        });
        Self { bar, plain: !terminal, last_line_seconds: 0.0 }
    }

    /// Displays the run's current progress.
    pub(super) fn update(&mut self, progress: &Progress) {
        if progress.requests_sent + progress.requests_failed == 0 {
            return;
        }
        let line = line(progress);
        if let Some(bar) = &self.bar {
            let (place, length) = place(progress);
            bar.set_length(length);
            bar.set_position(place);
            bar.set_message(line);
        } else if self.plain && (progress.elapsed_seconds - self.last_line_seconds >= PLAIN_SECONDS) {
            self.last_line_seconds = progress.elapsed_seconds;
            print_progress(&line);
        }
    }

    /// Restores the terminal.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(progress: &Progress) -> String {
    let done = progress.requests_completed + progress.requests_failed;
    let rate = if progress.elapsed_seconds > 0.0 { count(done) / progress.elapsed_seconds } else { 0.0 };
    let planned = progress.requests_planned.map_or_else(String::new, |planned| format!("/{planned}"));
    let mut line = format!(
        "{:.1} s  {done}{planned} requests  {rate:.1}/s  {} in flight  {} errors",
        progress.elapsed_seconds, progress.requests_in_flight, progress.requests_failed
    );
    if let Some(value) = progress.steered.as_ref().and_then(|steered| steered.value) {
        line.push_str(&format!("  adaptive_scale at {value}"));
    }
    for (tag, label) in SHOWN {
        if let Some(live) = progress.live.get(*tag) {
            line.push_str(&format!("  {label} p50 {:.2} p99 {:.2} ms", live.p50_ms, live.p99_ms));
        }
    }
    match progress.state {
        State::Draining => line.push_str("  (waiting for requests in flight)"),
        State::Recording => line.push_str("  (recording)"),
        _ => {}
    }
    line
}

/// The bar's position and length: in requests if their number is planned, else in milliseconds.
fn place(progress: &Progress) -> (u64, u64) {
    let done = progress.requests_completed + progress.requests_failed;
    match (progress.requests_planned, progress.seconds_planned) {
        (Some(planned), _) => (done, planned),
        (None, Some(seconds)) => (millis(progress.elapsed_seconds.min(seconds)), millis(seconds)),
        (None, None) => (0, 1),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and a bar need not be exact"
)]
const fn millis(seconds: f64) -> u64 {
    (seconds * 1e3) as u64
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
const fn count(number: u64) -> f64 {
    number as f64
}

const SHOWN: &[(&str, &str)] =
    &[("kernel_time_to_first_token", "kernel TTFT"), ("time_to_first_token", "client TTFT")];
/// Seconds between plain lines.
const PLAIN_SECONDS: f64 = 5.0;
