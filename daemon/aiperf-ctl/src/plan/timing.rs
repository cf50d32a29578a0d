//! Where the load generator runs, and where stamps come from.

use super::{Checked, Refusal, refuse};
use crate::args::{TimestampsArg, TimingArgs};
use common::plan::{Timestamps, Wait, Workers};

pub(super) fn workers(args: &TimingArgs) -> Checked<Workers> {
    Ok(Workers {
        cpus: args.cpus.as_deref().map_or_else(|| Ok(Vec::new()), cpus)?,
        workers: args.workers,
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
