//! Screens, against those from before; `UPDATE_GOLDEN=1 cargo test -p aiperf-ctl dashboard` writes them anew.

use super::colours::Palette;
use super::keys::{Panel, View};
use super::screen;
use super::watcher::{Seen, Watcher};
use crate::display::now::{Ended, Message, Now, Place};
use control::{GpuProgress, LiveStats, PhaseProgress, Progress, State, WorkerProgress};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use ratatui::style::Color;
use std::collections::BTreeMap;
use std::path::Path;

/// A run at this second of its minute.
fn at(second: u32) -> Progress {
    let seconds = f64::from(second) / 2.0;
    let done = u64::from(second) * 20;
    let ms = |p50_ms: f64, recent: f64| LiveStats {
        avg_ms: p50_ms * 1.1,
        min_ms: p50_ms * 0.7,
        max_ms: p50_ms * 3.0,
        p50_ms,
        p90_ms: p50_ms * 1.4,
        p99_ms: p50_ms * 2.2,
        std_ms: p50_ms * 0.2,
        recent_p50_ms: Some(recent),
        recent_p99_ms: Some(recent * 2.0),
    };
    let wave = 40.0 + f64::from(second % 12);
    let live = [
        ("kernel_time_to_first_token", ms(42.0, wave)),
        ("time_to_first_token", ms(43.5, wave + 1.5)),
        ("kernel_inter_token_latency", ms(10.0, 10.0)),
        ("inter_token_latency", ms(10.1, 10.1)),
        ("kernel_request_latency", ms(1230.0, 1230.0)),
        ("request_latency", ms(1232.0, 1232.0)),
        ("schedule_lag", ms(0.02, 0.02)),
    ];
    let worker = |cpu, busy| WorkerProgress {
        cpu: Some(cpu),
        sent: done / 2 + 8,
        completed: done / 2,
        failed: 0,
        in_flight: 8,
        late: u64::from(cpu),
        busy: Some(busy),
    };
    Progress {
        first_failure: None,
        state: State::Running,
        elapsed_seconds: seconds,
        requests_planned: None,
        seconds_planned: Some(60.0),
        requests_sent: done + 16,
        requests_completed: done,
        requests_failed: 0,
        requests_in_flight: 16 + u64::from(second % 3),
        requests_recorded: done,
        requests_late: 5,
        output_tokens: done * 100,
        live: live.map(|(tag, stats)| (tag.to_owned(), stats)).into(),
        phases: Vec::new(),
        phase: Some(PhaseProgress {
            name: "profiling".to_owned(),
            is_warmup: false,
            number: 2,
            phases: 2,
            elapsed_seconds: seconds,
            seconds_planned: Some(60.0),
            requests_planned: None,
            requests_ended: done,
        }),
        workers: vec![worker(2, 0.31), worker(3, 0.93)],
        gpus: Vec::new(),
        steered: None,
        notice: None,
        problem: None,
    }
}

fn title(now: &mut Now) {
    let title = ["llama-3.1-8b", "chat", "http://10.0.0.7:8000", "concurrency 16"].map(str::to_owned);
    now.begin_watch(title.to_vec(), "artifacts/llama-3.1-8b-openai-chat-concurrency16".to_owned());
}

/// A run in the middle, without a GPU.
pub(super) fn running() -> Now {
    let mut now = Now::default();
    title(&mut now);
    (0..=60).for_each(|second| now.take(&at(second)));
    let message = |is_warning, text: &str| Message { is_warning, text: text.to_owned() };
    now.message(message(false, "waiting for the model: ready after 2 s"));
    now.message(message(
        true,
        "tokens are counted with o200k_base, not with the tokenizer of `llama-3.1-8b`: use --tokenizer DIR (with \
         tokenizer.json), or --tokenizer none for the server's counts",
    ));
    now
}

fn sweep() -> Now {
    let mut now = running();
    for number in 1..=8_u32 {
        let standing = ["valid", "degraded", "invalid"][number as usize % 3];
        let line = format!("{} requests, 0 failed: {standing}", number * 100);
        now.push_ended(Ended {
            label: format!("concurrency={}", 1 << number),
            standing: Some(standing),
            line,
        });
    }
    let label = "concurrency=512".to_owned();
    now.place = Some(Place { number: 9, of: Some(12), label, seconds_left: Some(184.0), best: None });
    now
}

fn search() -> Now {
    let mut now = sweep();
    let best = Some("concurrency=64: 23.4 requests/s".to_owned());
    now.place =
        Some(Place { number: 9, of: None, label: "concurrency=96".to_owned(), seconds_left: None, best });
    now
}

fn all_failed() -> Now {
    let mut now = Now::default();
    title(&mut now);
    for second in 0..=20 {
        let mut progress = at(second);
        (progress.requests_failed, progress.requests_completed) = (progress.requests_completed, 0);
        progress.workers.iter_mut().for_each(|worker| {
            (worker.failed, worker.completed) = (worker.completed, 0);
        });
        (progress.live, progress.output_tokens) = (BTreeMap::new(), 0);
        now.take(&progress);
    }
    now
}

fn with_gpus() -> Now {
    let mut now = running();
    let gpu = |index, watts| {
        let values = [
            ("nvidia_power_usage", watts),
            ("nvidia_gpu_utilization", 97.0),
            ("nvidia_memory_used", 71.3),
            ("nvidia_temperature", 64.0),
        ];
        let values = values.map(|(tag, value)| (tag.to_owned(), value)).into();
        GpuProgress { index, name: Some("NVIDIA H100 80GB HBM3".to_owned()), values }
    };
    let mut progress = at(61);
    progress.gpus = vec![gpu(0, 612.5), gpu(1, 598.0)];
    now.take(&progress);
    now
}

/// An observation, which sends nothing itself.
fn observing() -> Now {
    let mut now = Now::default();
    now.begin_watch(vec!["observe".to_owned(), "process 4711".to_owned()], "artifacts/observe".to_owned());
    for second in 0..=20 {
        let mut progress = at(second);
        progress.requests_recorded = progress.requests_completed;
        (progress.requests_sent, progress.requests_completed, progress.requests_in_flight) = (0, 0, 0);
        (progress.phase, progress.seconds_planned) = (None, None);
        progress.workers.clear();
        progress.live.retain(|tag, _| tag.starts_with("kernel_"));
        now.take(&progress);
    }
    now
}

fn long_names() -> Now {
    let mut now = sweep();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J日本語の長い名前".repeat(20);
    now.title = vec![evil.clone(), evil.clone()];
    now.directory = evil.clone();
    now.message(Message { is_warning: true, text: format!("{evil}\nsecond line {evil}") });
    now.push_ended(Ended { label: evil.clone(), standing: None, line: evil.clone() });
    now.place = Some(Place { label: evil.clone(), best: Some(evil.clone()), ..Place::default() });
    let mut progress = at(61);
    progress.phase.iter_mut().for_each(|phase| phase.name.clone_from(&evil));
    progress.gpus = vec![GpuProgress { name: Some(evil), ..GpuProgress::default() }];
    (progress.requests_completed, progress.output_tokens) = (u64::MAX / 2, u64::MAX);
    now.take(&progress);
    now
}

fn seen(now: Now) -> Seen {
    Watcher::default().see(now, 0, 1.0)
}

fn drawn(seen: &Seen, view: &View, palette: &Palette, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen::draw(frame.buffer_mut(), seen, view, palette)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut x = 0;
        let mut line = String::new();
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // The second column of a wide character is none of its own.
            x += u16::try_from(ratatui::text::Span::raw(symbol).width()).unwrap().max(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[track_caller]
fn check(name: &str, now: Now, view: View, size: (u16, u16)) {
    let (width, height) = size;
    let shown = text(&drawn(&seen(now), &view, &Palette::exact(), size));
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("src/display/dashboard/screens/{name}-{width}x{height}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(shown == expected, "{name} differs; UPDATE_GOLDEN=1 writes it anew, to be looked at:\n{shown}");
}

#[track_caller]
fn check_both(name: &str, now: &Now) {
    check(name, now.clone(), View::default(), NARROW);
    check(name, now.clone(), View::default(), WIDE);
}

#[test]
fn a_run_is_shown() {
    check_both("run", &running());
    check_both("gpus", &with_gpus());
    check_both("observe", &observing());
}

#[test]
fn the_document_shows_a_screen_as_it_is() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/DASHBOARD.md");
    let document = std::fs::read_to_string(document).unwrap();
    let shown = text(&drawn(&seen(running()), &View::default(), &Palette::none(), NARROW));
    assert!(document.contains(&shown), "docs/DASHBOARD.md has another screen than:\n{shown}");
}

#[test]
fn several_runs_are_shown() {
    check_both("sweep", &sweep());
    check_both("search", &search());
}

#[test]
fn a_run_without_results_is_shown() {
    let mut before = Now::default();
    check_both("before", &before);
    title(&mut before);
    check("started", before, View::default(), NARROW);
    check_both("failed", &all_failed());
}

#[test]
fn each_panel_has_the_whole_screen() {
    let panels = [Panel::Progress, Panel::Metrics, Panel::Workers, Panel::Gpu, Panel::Log];
    for (panel, name) in panels.into_iter().zip(["progress", "metrics", "workers", "gpu", "log"]) {
        let view = View { whole: Some(panel), ..View::default() };
        check(name, with_gpus(), view, NARROW);
    }
    let sweeping = View { whole: Some(Panel::Progress), ..View::default() };
    check("progress-of-sweep", sweep(), sweeping, NARROW);
    check("without-log", sweep(), View { hides_log: true, ..View::default() }, NARROW);
}

#[test]
fn foreign_texts_are_escaped_and_cut() {
    check_both("long", &long_names());
    for (whole, size) in [(None, WIDE), (Some(Panel::Log), NARROW), (Some(Panel::Progress), NARROW)] {
        let view = View { whole, ..View::default() };
        let shown = text(&drawn(&seen(long_names()), &view, &Palette::exact(), size));
        assert!(!shown.chars().any(|one| one.is_control() && one != '\n'), "{shown:?}");
    }
}

#[test]
fn without_colours_every_word_and_mark_is_the_same() {
    for now in [running(), sweep(), all_failed(), with_gpus()] {
        let (seen, view) = (seen(now), View::default());
        let plain = drawn(&seen, &view, &Palette::none(), WIDE);
        let colours = plain.content.iter().flat_map(|cell| [cell.fg, cell.bg]);
        assert!(colours.into_iter().all(|colour| colour == Color::Reset), "no color");
        assert_eq!(text(&plain), text(&drawn(&seen, &view, &Palette::indexed(), WIDE)), "the same text");
    }
}

#[test]
fn a_terminal_of_any_size_shows_something() {
    for now in [Now::default(), sweep(), with_gpus(), long_names()] {
        let seen = seen(now);
        for (width, height) in
            [(1, 1), (20, 3), (79, 24), (80, 23), (80, 24), (81, 300), (400, 24), (164, 24)]
        {
            for whole in [None, Some(Panel::Metrics), Some(Panel::Progress)] {
                let view = View { whole, ..View::default() };
                let shown = text(&drawn(&seen, &view, &Palette::none(), (width, height)));
                assert!(!shown.trim().is_empty(), "{width}×{height}");
            }
        }
    }
    check("small", running(), View::default(), (60, 10));
}

#[test]
fn a_picture_of_the_screen_is_in_the_artifact_directory() {
    let directory = tempfile::tempdir().unwrap();
    let mut now = running();
    let size = Size { width: 80, height: 24 };
    assert!(super::picture::write(&seen(Now::default()), &View::default(), size).is_err(), "none yet");
    now.directory = directory.path().display().to_string();
    let path = super::picture::write(&seen(now), &View::default(), size).unwrap();
    assert!(Path::new(&path).starts_with(directory.path()), "{path}");
    let svg = std::fs::read_to_string(path).unwrap().replace('\u{a0}', " ");
    assert!(svg.contains("Kernel TTFT") && svg.contains("#0072b2"), "{svg}");
}

/// The least terminal.
const NARROW: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (200, 50);
