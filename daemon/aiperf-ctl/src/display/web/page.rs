//! What is going on as the parts of a page: the same tables and figures as in a report.

use crate::display::course::Course;
use crate::display::now::{At, LATENCIES, Now, completed};
use control::{GpuProgress, LiveStats, Progress, WorkerProgress};
use export::html_part;
use export::view::{Cell, Figures, Note, Section, Side, Table, Topic};
use picture::{Axis, Figure, Mark, Point, ScaleKind, Shape, Subject};

/// The parts of the page, in order.
pub(super) const PARTS: &[&str] = &["status", "numbers", "plots", "latencies", "host", "runs", "messages"];

/// Every part with its HTML.
pub(super) fn parts(now: &Now) -> Vec<(&'static str, String)> {
    let progress = now.progress.as_ref();
    let of = |sections: Vec<Section>| html_part(&sections, &[], "");
    vec![
        ("status", of(vec![Section::Figures(status(now))])),
        (
            "numbers",
            of(progress.map(|progress| Section::Figures(numbers(now, progress))).into_iter().collect()),
        ),
        ("plots", html_part(&[], &plots(now), "live")),
        ("latencies", of(progress.and_then(latencies).map(Section::Table).into_iter().collect())),
        ("host", of(progress.into_iter().flat_map(host).map(Section::Table).collect())),
        ("runs", of(runs(now).map(Section::Table).into_iter().collect())),
        ("messages", of(messages(now))),
    ]
}

/// What is measured, and how far it is.
fn status(now: &Now) -> Figures {
    let mut figures = Vec::new();
    let mut put = |label: &str, text: String| figures.push((label.to_owned(), Cell::text(text)));
    put("State", now.state().to_owned());
    if let Some(place) = &now.place {
        put("Run", place.shown().trim_start_matches("run ").to_owned());
        put("Variation", place.label.clone());
        place.best.iter().for_each(|best| put("Best so far", best.clone()));
    }
    if let Some(phase) = now.progress.as_ref().and_then(|progress| progress.phase.as_ref()) {
        let kind = if phase.is_warmup { " (warm-up)" } else { "" };
        put("Phase", format!("{} of {}: {}{kind}", phase.number, phase.phases, phase.name));
        let done = match (phase.requests_planned, phase.seconds_planned) {
            (Some(planned), _) => format!("{} of {planned} requests", phase.requests_ended),
            (None, Some(planned)) => format!("{:.0} of {planned:.0} s", phase.elapsed_seconds),
            (None, None) => format!("{} requests", phase.requests_ended),
        };
        put("Done", done);
    }
    put("Results", now.directory.clone());
    Figures { title: Some(now.title.join(" · ")).filter(|title| !title.is_empty()), figures }
}

/// Counts so far, and rates of the last seconds.
fn numbers(now: &Now, progress: &Progress) -> Figures {
    let course = Course(&now.points);
    let rate =
        |of: fn(&At) -> u64| Cell::number(course.last().and_then(|last| course.rate(last.seconds, of)));
    let count = |label: &str, count: u64| (label.to_owned(), Cell::Count(count));
    let mut figures = vec![
        ("Elapsed (s)".to_owned(), Cell::number(Some(progress.elapsed_seconds))),
        count("Requests completed", completed(progress)),
        count("Failed", progress.requests_failed),
    ];
    if now.sends() {
        figures.push(count("In flight", progress.requests_in_flight));
        figures.push(count("Sent late (> 1 ms)", progress.requests_late));
    }
    figures.push(("Requests ended/s".to_owned(), rate(|at| at.completed + at.failed)));
    figures.push(("Output tokens/s".to_owned(), rate(|at| at.output_tokens)));
    Figures { title: None, figures }
}

/// How latency, rates and power have been.
fn plots(now: &Now) -> Vec<Figure> {
    let points = &now.points;
    let time = || Axis { scale: ScaleKind::Linear, ..Axis::new("Time", "s") };
    let line = |name: &str, subject: Subject, value: &dyn Fn(&At) -> Option<f64>| {
        let points =
            points.iter().filter_map(|at| Some(Point::new(at.seconds, value(at)?))).collect::<Vec<_>>();
        (!points.is_empty()).then(|| Mark::new(name, subject, Shape::Line { points }))
    };
    let latency = [
        line("client p99", Subject::Client, &|at| Some(at.client_ms?.1)),
        line("kernel p99", Subject::Kernel, &|at| Some(at.kernel_ms?.1)),
        line("client p50", Subject::Client, &|at| Some(at.client_ms?.0)),
        line("kernel p50", Subject::Kernel, &|at| Some(at.kernel_ms?.0)),
    ];
    let rate = |of: fn(&At) -> u64| {
        let points = now.points.iter();
        let rate = |at: &At| Some(Point::new(at.seconds, Course(&now.points).rate(at.seconds, of)?));
        points.filter_map(rate).collect::<Vec<_>>()
    };
    let has_tokens = points.last().is_some_and(|last| last.output_tokens > 0);
    let (name, unit, rates) = match has_tokens {
        true => ("Output tokens", "tokens/s", rate(|at| at.output_tokens)),
        false => ("Requests ended", "requests/s", rate(|at| at.completed + at.failed)),
    };
    let in_flight = line("in flight", Subject::Series(0), &|at| Some(metric::float(at.in_flight)));
    // It may lie on the other line, which then shows between its dashes.
    let in_flight = in_flight.filter(|_| now.sends()).map(Mark::dashed);
    let rates = (!rates.is_empty()).then(|| Mark::new(name, Subject::Server, Shape::Line { points: rates }));
    let figure = |title: &str, y: Axis, y2: Option<Axis>, marks: Vec<Mark>| {
        let figure = Figure { title: title.to_owned(), x: time(), y, y2, marks, ..Figure::default() };
        (!figure.marks.is_empty()).then_some(figure)
    };
    let watts = line("all GPUs", Subject::Gpu, &|at| at.watts);
    let figures = [
        figure(
            "Time to first token, or latency, of each second",
            Axis::new("Latency", "ms"),
            None,
            latency.into_iter().flatten().collect(),
        ),
        figure(
            &format!("{name} and requests in flight"),
            Axis { scale: ScaleKind::Linear, ..Axis::new(name, unit) },
            Some(Axis { scale: ScaleKind::Linear, ..Axis::new("In flight", "requests") }),
            rates
                .into_iter()
                .flat_map(|rates| [Some(rates), in_flight.clone().map(Mark::on_the_right)])
                .flatten()
                .collect(),
        ),
        figure("Power of the GPUs", Axis::new("Power", "W"), None, watts.into_iter().collect()),
    ];
    if points.len() < 2 { Vec::new() } else { figures.into_iter().flatten().collect() }
}

/// Latencies so far, as the client and as the kernel measured them.
fn latencies(progress: &Progress) -> Option<Table> {
    let columns = ["avg", "min", "max", "p99", "p90", "p50", "std"].map(|name| (name, Side::Right));
    let columns = [("Latency (ms)", Side::Left)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new("So far, of the requests recorded", &columns);
    for tag in LATENCIES {
        let (Some(stats), Some(metric)) = (progress.live.get(tag), metric::find(tag)) else { continue };
        let LiveStats { avg_ms, min_ms, max_ms, p50_ms, p90_ms, p99_ms, std_ms, .. } = *stats;
        let numbers = [avg_ms, min_ms, max_ms, p99_ms, p90_ms, p50_ms, std_ms];
        table.row([Cell::text(metric.header)].into_iter().chain(numbers.map(|ms| Cell::number(Some(ms)))));
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The hot cores, and the GPUs.
fn host(progress: &Progress) -> Vec<Table> {
    let right = |name: &'static str| (name, Side::Right);
    let columns = ["Core", "Busy", "Sent", "Completed", "Failed", "In flight", "Late"].map(right);
    let mut workers = Table::new("Hot cores of the load generator", &columns);
    for WorkerProgress { cpu, sent, completed, failed, in_flight, late, busy } in &progress.workers {
        let cpu = cpu.map_or_else(|| Cell::text("any"), |cpu| Cell::Count(u64::from(cpu)));
        let busy = busy.map_or(Cell::Absent, |busy| Cell::Percent(busy * 100.0));
        let counts = [sent, completed, failed, in_flight, late].map(|count| Cell::Count(*count));
        workers.row([cpu, busy].into_iter().chain(counts));
    }
    let columns = [right("GPU"), ("Name", Side::Left), ("Metric", Side::Left), right("Now")];
    let mut gpus = Table::new("GPUs", &columns);
    for GpuProgress { index, name, values } in &progress.gpus {
        for (tag, value) in values {
            let name = name.clone().unwrap_or_default();
            let known = record::GpuMetric::find(tag);
            let metric =
                known.map_or_else(|| tag.clone(), |known| format!("{} ({})", known.header, known.unit));
            gpus.row([
                Cell::Count(u64::from(*index)),
                Cell::text(name),
                Cell::text(metric),
                Cell::number(Some(*value)),
            ]);
        }
    }
    [workers, gpus].into_iter().filter(|table| !table.rows.is_empty()).collect()
}

/// The runs that have ended, the newest first.
fn runs(now: &Now) -> Option<Table> {
    let columns = [("Run", Side::Left), ("Verdict", Side::Left), ("What it measured", Side::Left)];
    let mut table = Table::new("Runs that have ended", &columns);
    for ended in now.ended.iter().rev() {
        table.row([
            Cell::text(ended.label.clone()),
            Cell::text(ended.standing.unwrap_or("no results")),
            Cell::text(ended.line.clone()),
        ]);
    }
    if now.ended_before > 0 {
        table.row([Cell::text(format!("and {} before them", now.ended_before))]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Notes and warnings, the newest first.
fn messages(now: &Now) -> Vec<Section> {
    if now.messages.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new("Messages", &[("Kind", Side::Left), ("Message", Side::Left)]);
    for message in now.messages.iter().rev() {
        let kind = if message.is_warning { "warning" } else { "note" };
        table.row([Cell::text(kind), Cell::text(message.text.clone())]);
    }
    let before = now.messages_before;
    let more = (before > 0).then(|| {
        let text = format!("{before} older messages are not kept.");
        Section::Note(Note { topic: Topic::LeftOut, text })
    });
    std::iter::once(Section::Table(table)).chain(more).collect()
}
