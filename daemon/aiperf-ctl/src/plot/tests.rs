//! Plots AIPerf's runs of the repository: each type, one run and several.

use super::*;
use crate::args::{Command, parse};
use std::ffi::OsString;
use std::fs;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/aiperf-0.13.0").join(name)
}

/// Plots into a directory of its own, and returns the exit status with it.
fn plot(paths: &[&str], config: &str, flags: &str) -> (u8, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let written = directory.path().join("config.yaml");
    fs::write(&written, config).unwrap();
    let mut words = vec![OsString::from("aiperf-ctl"), "plot".into()];
    words.extend(paths.iter().map(|name| golden(name).into_os_string()));
    words.extend([
        "--config".into(),
        written.into_os_string(),
        "--output".into(),
        directory.path().join("plots").into(),
    ]);
    words.extend(flags.split_whitespace().map(OsString::from));
    let Command::Plot(args) = parse(&words).unwrap().command else { panic!("plot") };
    (run(&args).unwrap(), directory)
}

fn files(directory: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path().join("plots")).unwrap().map(Result::unwrap);
    let mut names = entries.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>();
    names.sort();
    names
}

fn text(path: &Path) -> String {
    store::source::read_text(path, 1 << 26).unwrap()
}

fn read(directory: &tempfile::TempDir, name: &str) -> String {
    text(&directory.path().join("plots").join(name))
}

#[test]
fn one_run_of_aiperf_is_drawn_and_what_is_missing_is_listed() {
    let (status, directory) =
        plot(&["chat-goodput-slices"], config::BUILT_IN, "--format png --width 400 --theme dark");
    assert_eq!(status, 0, "drawn");
    let names = [
        "summary.txt",
        "timeslices_itl.png",
        "timeslices_ttft.png",
        "ttft_over_time.png",
        "ttft_timeline.png",
    ];
    assert_eq!(files(&directory), names, "AIPerf's names");
    let summary = read(&directory, "summary.txt");
    assert!(summary.contains("Generated 4 plots"), "{summary}");
    assert!(
        summary.contains("gpu_utilization_and_throughput_over_time: the run has no GPU telemetry"),
        "{summary}"
    );
}

#[test]
fn the_points_are_the_records_own_numbers() {
    let (_, directory) = plot(&["chat-streaming"], config::BUILT_IN, "--format json,svg");
    let figure = Figure::from_json(&read(&directory, "ttft_over_time.json")).unwrap();
    let picture::Shape::Points { points } = &figure.marks[0].shape else { panic!("{figure:?}") };
    let records = text(&golden("chat-streaming/profile_export.jsonl"));
    let records = records.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let of_profiling = records.filter(|record| record["metadata"]["benchmark_phase"] == "profiling");
    let mut expected = of_profiling
        .filter_map(|record| record["metrics"]["time_to_first_token"]["value"].as_f64())
        .collect::<Vec<_>>();
    let mut found = points.iter().map(|point| point.y).collect::<Vec<_>>();
    expected.sort_by(f64::total_cmp);
    found.sort_by(f64::total_cmp);
    assert_eq!(found.len(), expected.len(), "every request");
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-3, "{found} ms, and AIPerf's {expected}");
    }
    assert!(
        read(&directory, "ttft_over_time.svg").contains("data-subject=\"client\""),
        "the same as vectors"
    );
}

#[test]
fn several_runs_are_compared() {
    let (status, directory) = plot(&["."], config::BUILT_IN, "--format json");
    assert_eq!((status, files(&directory).len()), (0, 3), "{:?}", files(&directory));
    let figure = Figure::from_json(&read(&directory, "ttft_vs_throughput.json")).unwrap();
    let picture::Shape::Points { points } = &figure.marks[1].shape else { panic!("{figure:?}") };
    let summary = text(&golden("chat-streaming/profile_export_aiperf.json"));
    let summary = serde_json::from_str::<serde_json::Value>(&summary).unwrap();
    let own = (summary["time_to_first_token"]["avg"].as_f64(), summary["request_throughput"]["avg"].as_f64());
    assert!(points.iter().any(|point| (Some(point.x), Some(point.y)) == own), "{points:?}, not {own:?}");
    assert!(
        figure.notes.iter().any(|note| note.contains("left out")),
        "the run without streaming: {:?}",
        figure.notes
    );
}

#[test]
fn every_type_draws_what_it_is_made_for() {
    let config = "
visualization:
  single_run_defaults: [a, b, c, d, e, f, g, h]
  single_run_plots:
    a: {type: scatter, x: request_start_ns, y: inter_token_latency, autoscale: both}
    b: {type: scatter_with_percentiles, y: request_latency}
    c: {type: area, y: throughput_tokens_per_sec}
    d: {type: request_timeline, y: request_number}
    e: {type: timeslice, y: Request Throughput, source: timeslices}
    f: {type: histogram, y: request_latency, x_label: Latency in ms}
    g: {type: percentile_bands, y: time_to_first_token}
    h: {type: dual_axis, y: active_requests, y2: request_latency, secondary_style: {fill: tozeroy}}
";
    let (status, directory) = plot(&["chat-goodput-slices"], config, "--format json");
    let expected = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| format!("{name}.json"));
    assert_eq!((status, &files(&directory)[..8]), (0, &expected[..]), "{}", read(&directory, "summary.txt"));
    let config = "
visualization:
  multi_run_defaults: [p, q]
  multi_run_plots:
    p: {type: pareto, x: request_latency_p99, y: output_token_throughput, groups: [run_name]}
    q: {type: latency_throughput_uncertainty, x: request_latency, y: request_throughput, groups: [endpoint.streaming], ci_level: 0.9}
experiment_classification: {baselines: ['*nonstreaming*'], treatments: ['chat-*']}
";
    let (status, directory) = plot(&["."], config, "--format json");
    assert_eq!(
        (status, &files(&directory)[..2]),
        (0, &["p.json".to_owned(), "q.json".to_owned()][..]),
        "{}",
        read(&directory, "summary.txt")
    );
    let figure = Figure::from_json(&read(&directory, "p.json")).unwrap();
    let subjects = figure.marks.iter().map(|mark| mark.subject).collect::<Vec<_>>();
    assert!(
        subjects.contains(&picture::Subject::Baseline) && subjects.contains(&picture::Subject::Treatment),
        "{subjects:?}"
    );
}

/// Plots a directory with these files.
fn plot_files(files: &[(&str, &str)]) -> Result<(u8, String)> {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join("runs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let config = directory.path().join("config.yaml");
    fs::write(&config, config::BUILT_IN).unwrap();
    let output = directory.path().join("out");
    let words = ["plot", "x", "--config", "y", "--output", "z", "--format", "svg"].map(OsString::from);
    let Command::Plot(mut args) = parse(&[&["aiperf-ctl".into()][..], &words].concat()).unwrap().command
    else {
        panic!("plot")
    };
    (args.paths, args.config, args.output) =
        (vec![directory.path().join("runs")], Some(config), Some(output.clone()));
    let status = run(&args)?;
    Ok((status, text(&output.join("summary.txt"))))
}

#[test]
fn hostile_files_are_refused_or_listed() {
    let summary = "profile_export_aiperf.json";
    assert!(plot_files(&[(summary, "{")]).is_err(), "no records, and no JSON");
    let two = |content: &'static str| {
        plot_files(&[("a/profile_export_aiperf.json", content), ("b/profile_export_aiperf.json", content)])
    };
    assert!(two("{\"cut").is_err(), "no JSON");
    for content in
        ["[]", "3", "{\"time_to_first_token\": [1], \"input_config\": {\"phases\": 3, \"models\": []}}"]
    {
        let (status, listed) = two(content).unwrap();
        assert!(status == 1 && listed.contains("no run has"), "{content}: {listed}");
    }
    let name = "n\u{1b}[31m".repeat(100);
    let odd = serde_json::json!({
        "time_to_first_token": {"avg": 1e300}, "request_throughput": {"avg": -1e300},
        "input_config": {"models": {"items": [{"name": name}]}, "phases": [{"name": "profiling", "concurrency": "many"}]},
    });
    let odd = odd.to_string();
    let files = [("a/profile_export_aiperf.json", odd.as_str()), ("b/profile_export_aiperf.json", "{}")];
    let (status, listed) = plot_files(&files).unwrap();
    assert!(status == 0 && !listed.contains('\u{1b}'), "one has numbers: {listed}");
}

#[test]
fn nothing_drawn_is_a_failure_with_reasons() {
    let (status, directory) = plot(&["chat-nonstreaming"], config::BUILT_IN, "");
    assert_eq!((status, files(&directory)), (1, vec!["summary.txt".to_owned()]), "no picture");
    let summary = read(&directory, "summary.txt");
    assert!(
        summary.contains("responses were not streamed") && summary.contains("--slice-duration"),
        "{summary}"
    );
}
