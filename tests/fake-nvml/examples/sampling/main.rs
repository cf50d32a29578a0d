//! What sampling GPUs costs, and what a machine's NVML reports and does not:
//! `cargo run --release -p fake-nvml --example sampling -- [fake|LIBRARY] [seconds] [interval in ms] [scripted GPUs]`.
#![expect(clippy::print_stdout, reason = "the figures are for a person")]

mod clock;

use fake_nvml::install;
use fake_nvml::script::{Gpu, Script};
use gpu::{Clocks, Sampler, Sampling, Settings};
use record::{GPU_METRICS, GPU_TEXTS, GpuMetric, GpuSample, GpuSource};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let number =
        |place: usize, usual: u64| arguments.get(place).map_or(Ok(usual), |text| text.parse::<u64>());
    let (seconds, millis, gpus) = (number(1, 10)?, number(2, 20)?, number(3, 8)?);
    let library = arguments.first().map_or("fake", String::as_str);
    let scripted = sample(scripted(gpus)?, seconds, millis);
    if library == "fake" {
        return scripted.map(|run| run.report(&format!("{gpus} scripted GPUs")));
    }
    let real = sample(Library { path: PathBuf::from(library), _folder: None }, seconds, millis)?;
    real.report(library);
    compare(&real, &scripted?);
    Ok(())
}

/// A library, with the folder in which it was put.
struct Library {
    path: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

/// Chips with counters of their own, each with a user.
fn scripted(count: u64) -> Result<Library, Failure> {
    let folder = tempfile::tempdir()?;
    let gpm = [1, 2, 3, 4, 5, 10, 11, 12, 13, 20, 21, 60, 61].map(|id| (id, f64::from(id)));
    let gpu = |place: u64| Gpu {
        uuid: format!("GPU-{place}"),
        gpm: BTreeMap::from(gpm),
        processes: vec![(1, 1 << 30, 50)],
        ..Gpu::default()
    };
    let script = Script { gpus: (0..count).map(gpu).collect(), ..Script::default() };
    Ok(Library { path: install(folder.path(), &script)?, _folder: Some(folder) })
}

/// What was sampled, and at what cost.
struct Run {
    rows: Vec<GpuSample>,
    source: GpuSource,
    seconds: f64,
    cpu_seconds: f64,
}

fn sample(library: Library, seconds: u64, millis: u64) -> Result<Run, Failure> {
    let sampling = Sampling {
        collectors: vec!["nvml".to_owned()],
        interval: Duration::from_millis(millis),
        settings: Settings { nvml_library: Some(library.path.clone()), drm_folder: None },
        clocks: Clocks { mono: clock::mono, anchor: clock::anchor },
    };
    let (to, from) = sync_channel(1 << 16);
    let sampler = Sampler::start(&sampling, &to)?;
    if let Some(problem) = sampler.opened(PATIENCE).into_iter().find_map(|source| source.problem) {
        return Err(problem.into());
    }
    let (started, cpu) = (clock::mono(), clock::cpu_seconds());
    std::thread::sleep(Duration::from_secs(seconds));
    let (cpu_seconds, seconds) = (clock::cpu_seconds() - cpu, (clock::mono() - started).as_seconds());
    let source = sampler.finish(PATIENCE).pop().unwrap_or_default();
    Ok(Run { rows: from.try_iter().flatten().collect(), source, seconds, cpu_seconds })
}

impl Run {
    fn report(&self, library: &str) {
        let GpuSource {
            gpus, samples, rounds, rounds_missed, calls, call_seconds, dropped, did_hang, ..
        } = &self.source;
        println!(
            "{library}: {gpus} GPUs and parts, {samples} numbers in {:.1} s, {dropped} dropped",
            self.seconds
        );
        println!("rounds: {rounds}, left out: {rounds_missed}; hung: {did_hang}");
        println!(
            "calls: {calls}, {:.1} % of the time inside the library; processor: {:.2} % of a core, library counted",
            100.0 * call_seconds / self.seconds,
            100.0 * self.cpu_seconds / self.seconds
        );
        for (name, text) in self.texts() {
            println!("  {name}: {text}");
        }
        println!(
            "\n{:34} {:>8} {:>12} {:>12} {:>12} {:>10} {:>10}  unit",
            "metric", "numbers", "mean", "min", "max", "call p50", "call p99"
        );
        for metric in GPU_METRICS {
            self.report_metric(metric);
        }
        for gpu in self.rows.iter().map(|row| &row.gpu_uuid).collect::<BTreeSet<_>>() {
            self.report_energy(gpu);
        }
    }

    /// Texts about GPUs, and calls that failed.
    fn texts(&self) -> BTreeSet<(&str, &str)> {
        self.rows.iter().filter_map(|row| Some((row.metric.as_str(), row.text.as_deref()?))).collect()
    }

    fn report_metric(&self, metric: &GpuMetric) {
        let rows = self.rows.iter().filter(|row| row.metric == metric.name).collect::<Vec<_>>();
        let values = rows.iter().filter_map(|row| row.value).collect::<Vec<_>>();
        if values.is_empty() {
            return;
        }
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut calls = rows.iter().map(|row| row.answered_ns - row.asked_ns).collect::<Vec<_>>();
        calls.sort_unstable();
        let micros = |share: usize| calls[(calls.len() - 1) * share / 100].as_seconds() * 1e6;
        println!(
            "{:34} {:>8} {:>12.3} {least:>12.3} {most:>12.3} {:>7.1} µs {:>7.1} µs  {}",
            metric.name,
            values.len(),
            mean(&values),
            micros(50),
            micros(99),
            metric.unit
        );
    }

    /// The energy counter next to power over time, from the counter's first change to its last.
    fn report_energy(&self, gpu: &str) {
        let of = |name: &str| {
            let rows = self.rows.iter().filter(|row| row.gpu_uuid == gpu && row.metric == name);
            rows.filter_map(|row| Some((row.sampled_ns, row.value?))).collect::<Vec<_>>()
        };
        let mut counter = of("nvidia_energy_consumption");
        let before = counter.clone();
        let mut place = 0;
        counter.retain(|(_, energy)| {
            place += 1;
            place > 1 && before[place - 2].1 < *energy
        });
        let (Some(first), Some(last)) = (counter.first(), counter.last()) else { return };
        let steps = counter.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_millis()).collect::<Vec<_>>();
        let joules = (last.1 - first.1) * 1e6;
        println!(
            "\n{gpu}: counter {joules:.3} J in {:.2} s, a step every {:.1} ms",
            (last.0 - first.0).as_seconds(),
            mean(&steps)
        );
        for name in ["nvidia_power_instant", "nvidia_power_usage", "nvidia_power_sample"] {
            let mut power = of(name);
            power.sort_by_key(|(at, _)| *at);
            power.retain(|(at, _)| (first.0..=last.0).contains(at));
            let pairs = power.windows(2);
            let drawn =
                pairs.map(|pair| f64::midpoint(pair[0].1, pair[1].1) * (pair[1].0 - pair[0].0).as_seconds());
            let (Some((started, _)), Some((ended, _))) = (power.first(), power.last()) else { continue };
            // Readings do not start and end where the counter changes: each is taken for all of its time.
            let covered = (*ended - *started).as_seconds();
            let drawn = drawn.sum::<f64>() / covered * (last.0 - first.0).as_seconds();
            let deviation = 100.0 * (drawn - joules) / joules;
            if covered > 0.0 {
                println!("  {name}: {drawn:.3} J, {deviation:+.2} % of the counter");
            }
        }
    }
}

/// Differences of the scripted library: what only one of the two reports, or refuses.
fn compare(real: &Run, scripted: &Run) {
    let metrics = |run: &Run| {
        let names =
            run.rows.iter().map(|row| row.metric.clone()).filter(|name| !GPU_TEXTS.contains(&name.as_str()));
        names.collect::<BTreeSet<_>>()
    };
    let (real, scripted) = (metrics(real), metrics(scripted));
    let list = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
    println!("\nonly of the real library: {}", list(real.difference(&scripted).collect()));
    println!("only of the scripted one: {}", list(scripted.difference(&real).collect()));
}

fn mean(values: &[f64]) -> f64 {
    let count = u32::try_from(values.len().max(1)).unwrap_or(u32::MAX);
    values.iter().sum::<f64>() / f64::from(count)
}

/// Drivers may take seconds to wake a GPU.
const PATIENCE: Duration = Duration::from_secs(30);
