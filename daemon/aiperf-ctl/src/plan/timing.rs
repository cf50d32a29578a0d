//! Where the load generator runs, and where stamps come from.

use super::{Checked, Refusal, refuse};
use crate::args::{TimestampsArg, TimingArgs};
use common::plan::{Load, Timestamps, Wait, Workers};

/// `--workers` is a most: no more than there are sessions to share.
pub(super) fn workers(args: &TimingArgs, load: &Load) -> Checked<Workers> {
    let limits = load.phases.iter();
    let limits = limits.flat_map(|phase| [phase.concurrency, phase.prefill_concurrency, phase.users]);
    let fewest = limits.flatten().min().unwrap_or(u32::MAX);
    let cpus = args.cpus.as_deref().map_or_else(|| Ok(Vec::new()), cpus)?;
    if cpus.len() > fewest as usize {
        return refuse(format!(
            "--cpus names {} cores for {fewest} sessions at once: name fewer",
            cpus.len()
        ));
    }
    Ok(Workers {
        cpus,
        workers: args.workers.min(fewest),
        wait: if args.spin { Wait::Spin } else { Wait::Block },
    })
}

pub(super) fn timestamps(args: &TimingArgs) -> Timestamps {
    match args.timestamps {
        TimestampsArg::Auto => Timestamps::Auto,
        TimestampsArg::Ebpf => Timestamps::Ebpf,
        TimestampsArg::SoTimestamping => Timestamps::SoTimestamping,
        TimestampsArg::User => Timestamps::User,
    }
}

/// `2,4-5` as numbers, each once.
fn cpus(list: &str) -> Checked<Vec<u32>> {
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
