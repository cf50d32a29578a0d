//! Probe `segment`: two cgroup_skb programs, one for each direction.

use super::Probe;
use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType};
use std::fs::File;

/// Stamps every segment with payload.
pub(super) const PROBE: Probe = Probe { name: "segment", attach };

fn attach(programs: &mut Ebpf, cgroup: &File) -> Result<()> {
    for (name, direction) in
        [("segment_ingress", CgroupSkbAttachType::Ingress), ("segment_egress", CgroupSkbAttachType::Egress)]
    {
        let program =
            programs.program_mut(name).with_context(|| format!("the object has no program `{name}`"))?;
        let program: &mut CgroupSkb = program.try_into()?;
        program.load()?;
        program.attach(cgroup, direction, CgroupAttachMode::Single)?;
    }
    Ok(())
}
