//! Tests GPUs during a profile: a library with scripted GPUs replaces NVIDIA's, and there are DCGM exporters.

use end_to_end::client::{Ended, Run};
use end_to_end::exporter::Exporter;
use end_to_end::needs_programs;
use end_to_end::server::Server;
use fake_nvml::install;
use fake_nvml::script::{Gpu, Script};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A profile on a host with these GPUs.
fn profile(gpus: Vec<Gpu>, flags: &str) -> (Ended, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let script = Script { gpus, ..Script::default() };
    let library = install(folder.path(), &script).expect("the library was built with the test");
    (with_library(&library, flags), folder)
}

fn with_library(library: &Path, flags: &str) -> Ended {
    let server = Server::start("--ttft-ms 20 --gap-ms 5");
    let flags = format!("--request-count 20 --concurrency 2 --osl 10 {flags}");
    let mut run = Run::profile(&server.url(), &flags);
    run.command.env("AIPERFD_NVML_LIBRARY", library);
    run.end()
}

fn text(ended: &Ended, name: &str) -> String {
    fs::read_to_string(ended.artifacts().join(name)).expect(name)
}

/// Reasons of the verdict.
fn reasons(ended: &Ended) -> Vec<String> {
    let run = ended.json("run.json");
    let reasons = run["verdict"]["reasons"].as_array().into_iter().flatten();
    reasons.filter_map(|reason| Some(reason["name"].as_str()?.to_owned())).collect()
}

/// The page has each GPU's power on the time axis of the requests.
fn power_is_below_the_requests(ended: &Ended) {
    let page = text(ended, "report.html");
    let data = page.split_once("id=\"explorer-data\">").expect("requests").1;
    let data = serde_json::from_str::<Value>(data.split_once("</script>").expect("its end").0).expect("JSON");
    assert_eq!(data["requests"].as_array().map(Vec::len), Some(20), "every request");
    let last =
        data["requests"].as_array().expect("requests").iter().filter_map(|request| request["t"][5].as_u64());
    let last = last.max().expect("the last end");
    for (name, watts) in [("GPU 0: nvidia_power_usage", 250.0), ("GPU 1: nvidia_power_usage", 150.0)] {
        let curve = data["series"].as_array().and_then(|all| all.iter().find(|one| one["name"] == name));
        let curve = curve.expect(name);
        assert_eq!((&curve["unit"], &curve["is_gpu"]), (&"W".into(), &true.into()), "{curve}");
        let points = curve["points"].as_array().expect("points");
        assert!(
            points.iter().any(|point| point[0].as_u64().is_some_and(|at| at < last)),
            "during the run: {curve}"
        );
        points.iter().for_each(|point| near(&point[1], watts, 0.0));
    }
}

#[track_caller]
fn near(value: &Value, expected: f64, share: f64) {
    let found = value.as_f64().unwrap_or(f64::NAN);
    assert!((found - expected).abs() <= expected * share, "{value}, not {expected}");
}

#[test]
fn gpu_energy_is_reported_per_request() {
    needs_programs!();
    let second = Gpu { uuid: "GPU-1".to_owned(), power: vec![(0.0, 150.0)], ..Gpu::default() };
    let first =
        Gpu { power: vec![(0.0, 250.0)], gpm: BTreeMap::from([(2, 33.0), (5, 12.0)]), ..Gpu::default() };
    let (ended, _folder) = profile(vec![first, second], "--console full");
    ended.ended_with(0);
    let export = ended.json("profile_export_aiperf.json");
    let gpu = &export["telemetry_data"]["endpoints"]["localhost"]["gpus"]["gpu_0"];
    assert_eq!((&gpu["gpu_name"], &gpu["platform"]), (&"Scripted GPU".into(), &"nvidia".into()), "{gpu}");
    near(&gpu["metrics"]["nvidia_power_usage"]["avg"], 250.0, 0.0);
    assert_eq!(gpu["metrics"]["nvidia_power_usage"]["unit"], "W", "AIPerf's unit");
    assert!(gpu["metrics"]["nvidia_energy_consumption"]["p50"].is_null(), "a counter has only its increase");
    near(&export["nvidia_total_gpu_power"]["avg"], 400.0, 0.0);
    near(&export["nvidia_average_gpu_power"]["avg"], 400.0, 0.1);
    let joules = &export["nvidia_total_gpu_energy"]["avg"];
    near(&export["nvidia_energy_per_request"]["avg"], joules.as_f64().unwrap() / 20.0, 1e-9);
    near(&export["gpu_power_in_gap"]["avg"], 400.0, 0.01);
    let shares = &export["gpu_energy_share"];
    assert_eq!(shares["count"], 20, "each request has its share: {shares}");
    near(&shares["sum"], joules.as_f64().unwrap(), 0.1);
    near(&export["gpu_energy_by_power"]["avg"], joules.as_f64().unwrap(), 0.1);
    let lines = ended.lines("gpu_telemetry_export.jsonl");
    assert!(lines.iter().any(|line| line["gpu_uuid"] == "GPU-1"), "{lines:?}");
    assert!(lines.iter().all(|line| line["telemetry_source_url"] == "pynvml://localhost"), "{lines:?}");
    power_is_below_the_requests(&ended);
    let csv = text(&ended, "profile_export_aiperf.csv");
    assert!(
        csv.contains("\n\n\nEndpoint,GPU_Index,GPU_Name,GPU_UUID,Platform,Metric,avg,"),
        "AIPerf's table: {csv}"
    );
    assert!(csv.contains("localhost,0,Scripted GPU,"), "{csv}");
    for title in ["GPU Power Efficiency (NVIDIA)", "localhost | GPU 1 | Scripted GPU", "Energy by Request"] {
        assert!(ended.out.contains(title), "{title}: {}", ended.out);
    }
    let sources = &ended.json("run.json")["gpu"];
    assert_eq!((&sources[0]["gpus"], &sources[0]["dropped"]), (&2.into(), &0.into()), "{sources}");
    let mut again = Run::of("report");
    again.command.arg(ended.artifacts()).args(["--console", "full"]);
    assert!(again.end().out.contains("GPU Power Efficiency"), "a recomputed report has it too");
}

#[test]
fn mig_parts_are_reported_with_their_gpu() {
    needs_programs!();
    let part = |uuid: &str| Gpu { uuid: uuid.to_owned(), ..Gpu::default() };
    let parts = vec![part("MIG-a"), part("MIG-b")];
    let whole = Gpu { power: vec![(0.0, 250.0)], parts, ..Gpu::default() };
    let (ended, _folder) = profile(vec![whole], "");
    ended.ended_with(0);
    let uuids = ended.lines("gpu_telemetry_export.jsonl");
    let uuids = uuids.iter().filter_map(|line| line["gpu_uuid"].as_str()).collect::<BTreeSet<_>>();
    assert!(uuids.contains("MIG-a") && uuids.contains("MIG-b"), "each part: {uuids:?}");
    assert_eq!(ended.json("run.json")["gpu"][0]["gpus"], 3, "the whole and two parts");
    let export = ended.json("profile_export_aiperf.json");
    near(&export["nvidia_total_gpu_power"]["avg"], 250.0, 0.0);
}

#[test]
fn a_driver_that_hangs_costs_a_warning() {
    needs_programs!();
    let calls = ["nvmlDeviceGetPowerUsage", "nvmlDeviceGetMemoryInfo"];
    let hangs = calls.map(|call| (call.to_owned(), 3));
    let (ended, _folder) = profile(vec![Gpu { hangs: BTreeMap::from(hangs), ..Gpu::default() }], "");
    ended.ended_with(0);
    assert!(ended.err.contains("did not return"), "with a warning: {}", ended.err);
    assert!(reasons(&ended).contains(&"gpu_driver_hung".to_owned()), "{:?}", reasons(&ended));
    assert_eq!(ended.records().len(), 20, "every request is there");
}

#[test]
fn throttled_clocks_are_in_the_verdict() {
    needs_programs!();
    let (ended, _folder) = profile(vec![Gpu { throttle: vec![(0.0, 0x44)], ..Gpu::default() }], "");
    ended.ended_with(0);
    let reasons = reasons(&ended);
    for name in ["gpu_throttled", "gpu_power_capped"] {
        assert!(reasons.contains(&name.to_owned()), "{name}: {reasons:?}");
    }
}

#[test]
fn a_host_without_gpus_warns_only_on_request() {
    needs_programs!();
    let nowhere = tempfile::tempdir().unwrap().path().join("libnvidia-ml.so.1");
    let requested = with_library(&nowhere, "--gpu-telemetry pynvml");
    requested.ended_with(0);
    assert!(requested.err.contains("failed to load") && requested.err.contains("nvml"), "{}", requested.err);
    let silent = with_library(&nowhere, "");
    silent.ended_with(0);
    assert!(!silent.err.contains("nvml"), "not requested: {}", silent.err);
    let (off, _folder) = profile(vec![Gpu::default()], "--no-gpu-telemetry");
    off.ended_with(0);
    assert!(!off.artifacts().join("gpu.parquet").exists(), "nothing is read");
}

fn dcgm(millijoules: f64) -> Vec<u8> {
    let labels = "gpu=\"0\",UUID=\"GPU-dcgm\",pci_bus_id=\"00000000:01:00.0\",device=\"nvidia0\",modelName=\"Scraped GPU\",Hostname=\"node1\"";
    format!(
        "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\nDCGM_FI_DEV_POWER_USAGE{{{labels}}} 500\n\
         # TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n\
         DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{labels}}} {millijoules}\n\
         DCGM_FI_DEV_FB_USED{{{labels}}} 1000\nDCGM_FI_DEV_SM_CLOCK{{{labels}}} 1500\nDCGM_FI_DEV_GPU_TEMP{{{labels}}} NaN\n"
    )
    .into_bytes()
}

#[test]
fn exporters_are_scraped_as_aiperf_does() {
    needs_programs!();
    let exporter = Exporter::start(vec![dcgm(1e6), dcgm(1e6 + 90_000.0)]);
    let garbage = Exporter::start(vec![b"<html>".to_vec()]);
    let server = Server::start("");
    let file = tempfile::tempdir().unwrap();
    let metrics = file.path().join("more.csv");
    fs::write(&metrics, "DCGM_FI_DEV_SM_CLOCK, gauge, SM clock frequency (in MHz)\n").unwrap();
    let flags = format!(
        "--request-count 20 --request-rate 20 --gpu-telemetry {} {} {}",
        exporter.url(),
        garbage.url(),
        metrics.display()
    );
    let running = Run::profile(&server.url(), &flags).start();
    server.until_received(5);
    exporter.advance();
    let ended = running.end();
    ended.ended_with(0);
    assert!(ended.err.contains(&garbage.url()), "the invalid exporter is named: {}", ended.err);
    assert!(ended.err.contains("not finite"), "and what is left out: {}", ended.err);
    let export = ended.json("profile_export_aiperf.json");
    let endpoints = export["telemetry_data"]["endpoints"].as_object().unwrap();
    let (_, endpoint) = endpoints.iter().next().unwrap();
    let gpu = &endpoint["gpus"]["gpu_0"];
    assert_eq!((&gpu["gpu_name"], &gpu["hostname"]), (&"Scraped GPU".into(), &"node1".into()), "{gpu}");
    near(&gpu["metrics"]["nvidia_memory_used"]["avg"], 1.048_576, 1e-9);
    near(&gpu["metrics"]["nvidia_sm_clock"]["avg"], 1500.0, 0.0);
    near(&export["nvidia_total_gpu_power"]["avg"], 500.0, 0.0);
    let lines = ended.lines("gpu_telemetry_export.jsonl");
    assert!(lines.iter().all(|line| line["telemetry_source_url"] == exporter.url()), "{lines:?}");
    assert_eq!(lines[0]["telemetry_data"]["nvidia_power_usage"], 500.0, "{}", lines[0]);
}
