//! Which GPUs are read, and where: on the daemon's host by their drivers, elsewhere by exporters.

use super::{Checked, refuse};
use crate::args::TelemetryArgs;
use common::clock::DurationNs;
use endpoint::target;
use spec::Gpu;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where the user wants GPUs to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GpuSources {
    /// By the daemon, with these collectors.
    pub(crate) collectors: Vec<String>,
    /// By this process, from these exporters, which the user named.
    pub(crate) urls: Vec<String>,
    /// By this process, from exporters where they usually are.
    pub(crate) usual_urls: Vec<String>,
    /// A file with more of the exporters' metrics.
    pub(crate) metrics_file: Option<PathBuf>,
}

/// What the plan says of GPUs; nothing if the daemon is to read none.
pub(super) fn gpu(args: &TelemetryArgs, urls: &[String]) -> Checked<Option<Gpu>> {
    let GpuSources { collectors, .. } = sources(args, urls)?;
    let millis = args.gpu_sample_interval.unwrap_or(INTERVAL_MS);
    let sample_interval = DurationNs::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
    let is_explicit = args.gpu_telemetry.is_some();
    Ok((!collectors.is_empty()).then_some(Gpu { collectors, sample_interval, is_explicit }))
}

/// Which sources the flags mean. Without any, GPUs are read where the server is on this host.
pub(crate) fn sources(args: &TelemetryArgs, urls: &[String]) -> Checked<GpuSources> {
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
                "--gpu-telemetry {item}: want pynvml, amdsmi, dashboard, URLs of DCGM exporters, or a .csv file with metrics"
            ));
        }
    }
    found.collectors.dedup();
    if found.collectors.is_empty() {
        found.usual_urls = defaults().filter(|url| !found.urls.contains(url)).collect();
    }
    Ok(found)
}

/// Whether the flags ask for the dashboard, which is not there.
pub(crate) fn wants_dashboard(args: &TelemetryArgs) -> bool {
    args.gpu_telemetry.iter().flatten().any(|item| item == DASHBOARD)
}

/// Whether a server is on this host, by its URL alone.
pub(crate) fn is_local(url: &str) -> bool {
    target(url, None, None).is_ok_and(|target| {
        let host = target.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// The address of an exporter's metrics, as AIPerf makes it.
fn metrics_url(item: &str) -> String {
    let url = if item.starts_with("http") { item.to_owned() } else { format!("http://{item}") };
    let url = url.trim_end_matches('/');
    if url.ends_with("/metrics") { url.to_owned() } else { format!("{url}/metrics") }
}

/// AIPerf's names of collectors, and ours.
const COLLECTORS: &[(&str, &str)] = &[("pynvml", "nvml"), ("amdsmi", "amdgpu")];
const DASHBOARD: &str = "dashboard";
/// AIPerf's name of the exporters.
const DCGM: &str = "dcgm";
/// Where DCGM exporters listen.
const DCGM_DEFAULTS: &[&str] = &["http://localhost:9400/metrics", "http://localhost:9401/metrics"];
/// Milliseconds from one reading to the next.
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
    fn sources_are_those_of_the_flags() {
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
        assert!(found("--gpu-telemetry nonsense").unwrap_err().contains("pynvml"), "says what it wants");
    }
}
