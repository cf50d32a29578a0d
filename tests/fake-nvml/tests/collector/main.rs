//! The collector of NVIDIA's GPUs, through the real wrapper of NVML, against a library with scripted GPUs.

mod clock;

use fake_nvml::install;
use fake_nvml::script::{Gpu, Script};
use gpu::{Clocks, Sampler, Sampling, Settings};
use record::{GPU_TEXTS, GpuMetric, GpuSample, GpuSource};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use tempfile::TempDir;

/// A sampler of scripted GPUs, and what it has read.
struct Stage {
    sampler: Sampler,
    rows: Receiver<Vec<GpuSample>>,
    read: Vec<GpuSample>,
    _folder: TempDir,
}

impl Stage {
    fn of(script: &Script, queue: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let library = install(folder.path(), script).expect("the library was built next to the test");
        let (to, rows) = sync_channel(queue);
        let sampler = Sampler::start(&sampling(Some(library)), &to).expect("a thread");
        Self { sampler, rows, read: Vec::new(), _folder: folder }
    }

    fn start(script: &Script) -> Self {
        let stage = Self::of(script, 10_000);
        let opened = stage.sampler.opened(PATIENCE);
        assert_eq!(opened[0].problem, None, "the scripted library opens");
        stage
    }

    /// Reads on until the rows satisfy the predicate.
    fn until(&mut self, what: &str, enough: impl Fn(&[GpuSample]) -> bool) {
        while !enough(&self.read) {
            match self.rows.recv_timeout(PATIENCE) {
                Ok(rows) => self.read.extend(rows),
                Err(error) => panic!("no {what}: {error}; {:?}", self.read),
            }
        }
    }

    fn end(self) -> (GpuSource, Vec<GpuSample>) {
        let mut sources = self.sampler.finish(PATIENCE);
        let mut read = self.read;
        read.extend(self.rows.try_iter().flatten());
        (sources.remove(0), read)
    }
}

fn sampling(nvml_library: Option<PathBuf>) -> Sampling {
    Sampling {
        collectors: vec!["nvml".to_owned()],
        interval: Duration::from_millis(5),
        settings: Settings { nvml_library, drm_folder: None },
        clocks: Clocks { mono: clock::mono, anchor: clock::anchor },
    }
}

fn of<'r>(rows: &'r [GpuSample], metric: &str) -> Vec<&'r GpuSample> {
    rows.iter().filter(|row| row.metric == metric).collect()
}

fn hopper() -> Gpu {
    let gpm = [
        (1, 11.0),
        (2, 22.5),
        (3, 33.0),
        (5, 44.0),
        (10, 55.5),
        (20, 100.0),
        (21, 200.0),
        (60, 7.0),
        (61, 8.0),
    ];
    Gpu { gpm: BTreeMap::from(gpm), processes: vec![(4711, 12_000_000_000, 40)], ..Gpu::default() }
}

#[test]
fn every_number_is_read_with_its_time() {
    let second = Gpu { uuid: "GPU-1".to_owned(), power: vec![(0.0, 350.0)], ..Gpu::default() };
    let mut stage = Stage::start(&Script { gpus: vec![hopper(), second], ..Script::default() });
    stage.until("GPM and slow numbers", |rows| {
        !of(rows, "nvidia_sm_utilization").is_empty()
            && !of(rows, "nvidia_process_sm_utilization").is_empty()
            && of(rows, "nvidia_power_sample").len() > 3
    });
    let (source, rows) = stage.end();
    assert_eq!((source.gpus, source.did_hang, source.dropped), (2, false, 0), "{source:?}");
    assert!(source.samples == rows.len() as u64 && source.calls > 0 && source.rounds > 0, "{source:?}");
    for row in &rows {
        assert!(row.asked_ns <= row.answered_ns, "{row:?}");
        let known = GpuMetric::find(&row.metric).is_some() || GPU_TEXTS.contains(&row.metric.as_str());
        assert!(known || row.text.is_some(), "{row:?}");
        let is_dated = row.metric.ends_with("_sample") || row.pid.is_some();
        assert!(is_dated || (row.asked_ns..=row.answered_ns).contains(&row.sampled_ns), "{row:?}");
    }
    for (metric, expected) in [
        ("nvidia_power_usage", 100.0),
        ("nvidia_power_instant", 100.0),
        ("nvidia_power_sample", 100.0),
        ("nvidia_gpu_utilization", 50.0),
        ("nvidia_sm_clock", 1980.0),
        ("nvidia_memory_clock", 3201.0),
        ("nvidia_temperature", 45.0),
        ("nvidia_memory_temperature", 53.0),
        ("nvidia_memory_used", 20.0),
        ("nvidia_ecc_corrected", 3.0),
        ("nvidia_pcie_tx", 1.0),
        ("nvidia_pcie_rx", 2.0),
        ("nvidia_power_limit", 700.0),
        ("nvidia_sm_utilization", 22.5),
        ("nvidia_sm_occupancy", 33.0),
        ("nvidia_tensor_activity", 44.0),
        ("nvidia_dram_bandwidth", 55.5),
        ("nvidia_nvlink_rx", 7.0),
        ("nvidia_process_memory_used", 12.0),
        ("nvidia_process_sm_utilization", 40.0),
    ] {
        let first = of(&rows, metric).into_iter().find(|row| row.gpu_index == 0);
        let value = first.and_then(|row| row.value).unwrap_or(f64::NAN);
        assert!((value - expected).abs() < 1e-9, "{metric}: {value}");
    }
    let names =
        of(&rows, "gpu_model_name").into_iter().map(|row| row.gpu_uuid.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(names.len(), 2, "each GPU is introduced: {names:?}");
    let missing = of(&rows, "nvmlGpmMetricsGet");
    assert_eq!(missing.len(), 1, "missing counters are reported once: {missing:?}");
}

#[test]
fn energy_is_the_counter_of_what_was_drawn() {
    let gpu = Gpu { power: vec![(0.0, 200.0), (0.05, 600.0)], ..Gpu::default() };
    let mut stage = Stage::start(&Script { gpus: vec![gpu.clone()], ..Script::default() });
    stage.until("readings", |rows| of(rows, "nvidia_energy_consumption").len() > 60);
    let (_, rows) = stage.end();
    let energy = of(&rows, "nvidia_energy_consumption");
    let (first, last) = (energy[0], energy[energy.len() - 1]);
    let joules = (last.value.unwrap() - first.value.unwrap()) * 1e6;
    let seconds = (last.sampled_ns - first.sampled_ns).as_seconds();
    assert!(joules >= 200.0 * seconds - 2.0 && joules <= 600.0 * seconds + 2.0, "{joules} J in {seconds} s");
    let dated = of(&rows, "nvidia_power_sample");
    let watts = dated.iter().filter_map(|row| row.value).map(f64::to_bits).collect::<BTreeSet<_>>();
    assert!(
        watts.contains(&200.0_f64.to_bits()) && watts.contains(&600.0_f64.to_bits()),
        "both are in the buffer"
    );
    assert!(dated.is_sorted_by_key(|row| row.sampled_ns), "in the driver's order, each once");
}

#[test]
fn a_call_that_hangs_leaves_the_run_alone() {
    let hangs = BTreeMap::from([("nvmlDeviceGetPowerUsage".to_owned(), 5)]);
    let gpu = Gpu { hangs, ..Gpu::default() };
    let mut stage = Stage::start(&Script { gpus: vec![gpu], ..Script::default() });
    stage.until("readings before", |rows| of(rows, "nvidia_power_usage").len() == 4);
    let sources = stage.sampler.finish(Duration::from_millis(200));
    assert!(sources[0].did_hang, "{sources:?}");
    assert!(sources[0].problem.as_deref().is_some_and(|why| why.contains("did not return")), "{sources:?}");
}

#[test]
fn what_is_slow_does_not_hold_up_what_is_fast() {
    let hangs = BTreeMap::from([("nvmlDeviceGetPcieThroughput".to_owned(), 1)]);
    let gpu = Gpu { hangs, ..Gpu::default() };
    let mut stage = Stage::start(&Script { gpus: vec![gpu], ..Script::default() });
    stage.until("readings meanwhile", |rows| of(rows, "nvidia_power_usage").len() > 20);
    let sources = stage.sampler.finish(Duration::from_millis(200));
    assert!(sources[0].did_hang, "the slow thread: {sources:?}");
}

#[test]
fn a_library_that_never_opens_is_left_behind() {
    let script = Script { init_hangs: true, gpus: vec![Gpu::default()], ..Script::default() };
    let stage = Stage::of(&script, 10);
    let opened = stage.sampler.opened(Duration::from_millis(50));
    assert!(opened[0].problem.as_deref().is_some_and(|why| why.contains("not responded")), "{opened:?}");
    let sources = stage.sampler.finish(Duration::from_millis(50));
    assert!(sources[0].did_hang, "{sources:?}");
}

#[test]
fn missing_numbers_have_a_reason() {
    let problem = |script: &Script| {
        let stage = Stage::of(script, 10);
        let opened = stage.sampler.opened(PATIENCE).remove(0);
        assert!(!stage.end().0.did_hang, "it ended by itself");
        opened.problem.unwrap()
    };
    let init = |init| Script { init, gpus: vec![Gpu::default()], ..Script::default() };
    assert!(problem(&init(9)).contains("driver is not loaded"), "{}", problem(&init(9)));
    assert!(problem(&init(4)).contains("permission"), "{}", problem(&init(4)));
    assert!(problem(&Script::default()).contains("no GPU"), "{}", problem(&Script::default()));
    let (to, _rows) = sync_channel(1);
    let nowhere = tempfile::tempdir().unwrap().path().join("libnvidia-ml.so.1");
    let sampler = Sampler::start(&sampling(Some(nowhere)), &to).unwrap();
    let opened = sampler.opened(PATIENCE);
    assert!(opened[0].problem.as_deref().is_some_and(|why| why.contains("failed to load")), "{opened:?}");
}

#[test]
fn calls_that_fail_cost_their_own_numbers() {
    let fails = [("nvmlDeviceGetTotalEnergyConsumption", 3), ("nvmlDeviceGetUtilizationRates", 999)];
    let fails = fails.map(|(name, code)| (name.to_owned(), code));
    let lost = Gpu { uuid: "GPU-1".to_owned(), fails: BTreeMap::from(fails), ..Gpu::default() };
    let mut stage = Stage::start(&Script { gpus: vec![Gpu::default(), lost], ..Script::default() });
    stage.until("readings", |rows| of(rows, "nvidia_power_usage").len() > 40);
    let (_, rows) = stage.end();
    let of_lost = |metric: &str| of(&rows, metric).into_iter().filter(|row| row.gpu_index == 1).count();
    assert_eq!(
        (of_lost("nvidia_energy_consumption"), of_lost("nvidia_gpu_utilization")),
        (0, 0),
        "no numbers"
    );
    assert_eq!(of_lost("nvmlDeviceGetTotalEnergyConsumption"), 1, "recorded once");
    assert_eq!(of_lost("nvmlDeviceGetUtilizationRates"), 1, "recorded once, though it is tried again");
    assert!(of_lost("nvidia_power_usage") >= 20, "the rest is read");
    assert!(of(&rows, "nvidia_energy_consumption").len() >= 20, "and so is the other GPU");
}

#[test]
fn parts_of_a_divided_gpu_are_gpus() {
    let part = |uuid: &str| Gpu {
        uuid: uuid.to_owned(),
        name: "Scripted GPU MIG 1g.18gb".to_owned(),
        ..Gpu::default()
    };
    let gpu = Gpu { parts: vec![part("MIG-a"), part("MIG-b")], ..Gpu::default() };
    let mut stage = Stage::start(&Script { gpus: vec![gpu], ..Script::default() });
    stage.until("memory of three", |rows| of(rows, "nvidia_memory_used").len() >= 3);
    let (source, rows) = stage.end();
    assert_eq!(source.gpus, 3, "the whole and two parts");
    let memory = of(&rows, "nvidia_memory_used");
    let rows_of_memory = memory
        .iter()
        .map(|row| (row.gpu_index, row.mig_index, row.gpu_uuid.as_str()))
        .collect::<BTreeSet<_>>();
    let expected = [(0, None, Gpu::default().uuid.as_str()), (0, Some(0), "MIG-a"), (0, Some(1), "MIG-b")]
        .map(|(index, mig, uuid): (u32, Option<u32>, &str)| (index, mig, uuid.to_owned()));
    assert_eq!(
        rows_of_memory.into_iter().map(|(a, b, c)| (a, b, c.to_owned())).collect::<Vec<_>>(),
        expected,
        "who is who"
    );
}

#[test]
fn what_finds_no_room_is_counted() {
    let stage = Stage::of(&Script { gpus: vec![Gpu::default()], ..Script::default() }, 1);
    assert_eq!(stage.sampler.opened(PATIENCE)[0].gpus, 1, "it opens");
    while stage.sampler.opened(Duration::ZERO)[0].dropped == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (source, rows) = stage.end();
    assert!(source.dropped > 0 && source.samples == rows.len() as u64, "{source:?} {}", rows.len());
}

/// Longer than any call that returns at all.
const PATIENCE: Duration = Duration::from_secs(20);
