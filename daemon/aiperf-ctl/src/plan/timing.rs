//! Plans where the load generator runs, and the source of timestamps.

use super::{Planned, Refusal, refuse};
use crate::args::{TimestampsArg, TimingArgs};
use spec::{Load, Timestamps, Wait, Workers};

/// `--workers` is a maximum: no more are started than there are concurrent sessions or available cores.
pub(super) fn workers(
    args: &TimingArgs,
    load: &Load,
    cores: u32,
    warnings: &mut Vec<String>,
) -> Planned<Workers> {
    let fewest = load.phases.iter().filter_map(spec::Phase::fewest_at_once).min().unwrap_or(u32::MAX);
    let cpus = args.cpus.as_deref().map_or_else(|| Ok(Vec::new()), cpus)?;
    if cpus.len() > fewest as usize {
        return refuse(format!(
            "--cpus names {} cores for {fewest} concurrent sessions: give fewer",
            cpus.len()
        ));
    }
    let wanted = args.workers.min(fewest);
    let workers = if wanted > cores { cores.saturating_sub(1).max(1) } else { wanted };
    if workers < wanted && cpus.is_empty() {
        warnings.push(format!(
            "--workers {}: this host has {cores} cores, so {workers} are started",
            args.workers
        ));
    }
    Ok(Workers { cpus, workers, wait: if args.spin { Wait::Spin } else { Wait::Block } })
}

pub(super) fn timestamps(args: &TimingArgs) -> Timestamps {
    match args.timestamps {
        TimestampsArg::Auto => Timestamps::Auto,
        TimestampsArg::Ebpf => Timestamps::Ebpf,
        TimestampsArg::SoTimestamping => Timestamps::SoTimestamping,
        TimestampsArg::User => Timestamps::User,
    }
}

/// Parses `2,4-5` to numbers, each at most once.
fn cpus(list: &str) -> Planned<Vec<u32>> {
    let malformed = || Refusal(format!("--cpus `{list}` is not a list of cores such as 2,4-5"));
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (
            first.trim().parse().map_err(|_unparsed| malformed())?,
            last.trim().parse().map_err(|_unparsed| malformed())?,
        );
        if last < first || last > 4095 {
            return Err(malformed());
        }
        for cpu in first..=last {
            if cpus.contains(&cpu) {
                return refuse(format!("--cpus names core {cpu} twice"));
            }
            cpus.push(cpu);
        }
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};
    use spec::Phase;
    use std::ffi::OsString;

    fn check(flags: &str, cores: u32, limits: &[Option<u32>], expected: (u32, bool)) {
        let line = format!("aiperf-ctl profile --model m {flags}");
        let words = line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let Ok(Command::Profile(args)) = parse(&words).map(|args| args.command) else { panic!("{line}") };
        let phases = limits
            .iter()
            .map(|limit| Phase { concurrency: *limit, ..Phase::new("", spec::Shape::Concurrency) });
        let load = Load { phases: phases.collect(), ..Load::of(Phase::new("", spec::Shape::Concurrency)) };
        let mut warnings = Vec::new();
        let workers = workers(&args.timing, &load, cores, &mut warnings).unwrap().workers;
        assert_eq!((workers, !warnings.is_empty()), expected, "{flags} on {cores} cores, {limits:?} at once");
    }

    #[test]
    fn workers_are_limited_by_sessions_and_cores() {
        check("--workers 8", 16, &[Some(3)], (3, false));
        check("--workers 8", 16, &[Some(30), Some(2)], (2, false));
        check("--workers 8", 16, &[None], (8, false));
        check("--workers-max 8", 2, &[None], (1, true));
        check("--workers-max 8", 6, &[Some(100)], (5, true));
        check("--workers 2", 2, &[None], (2, false));
    }
}
