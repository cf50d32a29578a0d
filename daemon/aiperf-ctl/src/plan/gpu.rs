//! Plans which GPUs are sampled, and how: on the daemon's host by their drivers, elsewhere by exporters.

use super::{Planned, refuse};
use crate::args::TelemetryArgs;
use common::clock::DurationNs;
use endpoint::target;
use spec::Gpu;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where GPU telemetry is collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GpuSources {
    /// Collectors that the daemon runs.
    pub(super) collectors: Vec<String>,
    /// Exporters named by the user, which this process scrapes.
    pub(super) urls: Vec<String>,
    /// Exporters at their default addresses, which this process scrapes if they are reachable.
    pub(super) usual_urls: Vec<String>,
    /// A file that defines more of the exporters' metrics.
    pub(super) metrics_file: Option<PathBuf>,
}

/// The plan's GPU settings; `None` if the daemon samples no GPUs.
pub(super) fn gpu(args: &TelemetryArgs, urls: &[String]) -> Planned<Option<Gpu>> {
    let GpuSources { collectors, .. } = sources(args, urls)?;
    let millis = args.gpu_sample_interval.unwrap_or(INTERVAL_MS);
    let sample_interval = DurationNs::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
    let is_explicit = args.gpu_telemetry.is_some();
    Ok((!collectors.is_empty()).then_some(Gpu { collectors, sample_interval, is_explicit }))
}

/// The sources set by the flags. By default, GPUs are sampled if the server is on this host.
pub(super) fn sources(args: &TelemetryArgs, urls: &[String]) -> Planned<GpuSources> {
    if args.no_gpu_telemetry {
        return Ok(GpuSources::default());
    }
    let all = || COLLECTORS.iter().map(|(_, collector)| (*collector).to_owned()).collect::<Vec<_>>();
    let defaults = || DCGM_DEFAULTS.iter().map(|url| (*url).to_owned());
    let given = args.gpu_telemetry.as_deref().unwrap_or_default();
    if given.iter().all(|item| item == DASHBOARD) {
        let is_wanted = args.gpu_telemetry.is_some() || urls.iter().all(|url| is_local(url));
        let collectors = if is_wanted { all() } else { Vec::new() };
        return Ok(GpuSources { collectors, usual_urls: defaults().collect(), ..GpuSources::default() });
    }
    let mut found = GpuSources::default();
    for item in given.iter().filter(|item| ![DASHBOARD, DCGM].contains(&item.as_str())) {
        let lowered = item.to_lowercase();
        if let Some((_, collector)) = COLLECTORS.iter().find(|(name, _)| *name == lowered) {
            found.collectors.push((*collector).to_owned());
        } else if lowered.ends_with(".csv") {
            found.metrics_file = Some(PathBuf::from(item));
        } else if item.contains(':') || item.starts_with("http") {
            found.urls.push(metrics_url(item));
        } else {
            return refuse(format!(
                "--gpu-telemetry {item}: expected pynvml, amdsmi, dashboard, URLs of DCGM exporters, \
                 or a .csv file with metrics"
            ));
        }
    }
    found.collectors.dedup();
    if found.collectors.is_empty() {
        found.usual_urls = defaults().filter(|url| !found.urls.contains(url)).collect();
    }
    Ok(found)
}

/// Requested telemetry that will not be there.
pub(super) fn warnings(args: &TelemetryArgs, urls: &[String]) -> Vec<String> {
    let names =
        |wanted: &[&str]| args.gpu_telemetry.iter().flatten().any(|item| wanted.contains(&item.as_str()));
    let mut warnings = Vec::new();
    if names(&COLLECTORS.map(|(name, _)| name)) && !urls.iter().all(|url| is_local(url)) {
        warnings.push(
            "--gpu-telemetry samples the GPUs of the daemon's host, but the server is on another host"
                .to_owned(),
        );
    }
    warnings
}

/// Whether a server is on this host, judged by its URL alone.
fn is_local(url: &str) -> bool {
    target(url, None, None).is_ok_and(|target| {
        let host = target.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// The URL of an exporter's metrics, derived as in AIPerf.
fn metrics_url(item: &str) -> String {
    let url = if item.starts_with("http") { item.to_owned() } else { format!("http://{item}") };
    let url = url.trim_end_matches('/');
    if url.ends_with("/metrics") { url.to_owned() } else { format!("{url}/metrics") }
}

/// AIPerf's names of collectors, and the daemon's.
const COLLECTORS: [(&str, &str); 2] = [("pynvml", "nvml"), ("amdsmi", "amdgpu")];
const DASHBOARD: &str = "dashboard";
/// AIPerf's name of the exporters.
const DCGM: &str = "dcgm";
/// Default addresses of DCGM exporters.
const DCGM_DEFAULTS: &[&str] = &["http://localhost:9400/metrics", "http://localhost:9401/metrics"];
/// Sampling interval, in milliseconds.
const INTERVAL_MS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};
    use std::ffi::OsString;

    fn found(flags: &str) -> Result<GpuSources, String> {
        let line = format!("aiperf-ctl profile --model m {flags}");
        let words = line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        let Ok(args) = parse(&words) else { panic!("{line}") };
        let Command::Profile(profile) = args.command else { panic!("profile") };
        let urls = profile.endpoint.urls.clone();
        let urls = if urls.is_empty() { vec!["http://localhost:8000".to_owned()] } else { urls };
        sources(&profile.telemetry, &urls).map_err(|refusal| refusal.0)
    }

    #[track_caller]
    fn check(flags: &str, collectors: &[&str], urls: &[&str]) {
        let found = found(flags).unwrap();
        let all = found.usual_urls.into_iter().chain(found.urls).collect::<Vec<_>>();
        assert_eq!((found.collectors, all), (owned(collectors), owned(urls)), "{flags}");
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn flags_select_the_sources() {
        let [first, second] = [DCGM_DEFAULTS[0], DCGM_DEFAULTS[1]];
        check("", &["nvml", "amdgpu"], &[first, second]);
        check("--url http://gpu-server:8000", &[], &[first, second]);
        check("--url http://gpu-server:8000 --gpu-telemetry", &["nvml", "amdgpu"], &[first, second]);
        check("--url http://[::1]:8000", &["nvml", "amdgpu"], &[first, second]);
        check("--no-gpu-telemetry", &[], &[]);
        check("--gpu-telemetry pynvml", &["nvml"], &[]);
        check("--gpu-telemetry dashboard amdsmi", &["amdgpu"], &[]);
        check("--gpu-telemetry dcgm", &[], &[first, second]);
        check("--gpu-telemetry node1:9401", &[], &[first, second, "http://node1:9401/metrics"]);
        check("--gpu-telemetry pynvml http://a:1/metrics", &["nvml"], &["http://a:1/metrics"]);
        let file = found("--gpu-telemetry metrics.csv").unwrap();
        assert_eq!(file.metrics_file, Some(PathBuf::from("metrics.csv")), "a file");
        assert!(found("--gpu-telemetry nonsense").unwrap_err().contains("pynvml"), "states what is expected");
    }
}
