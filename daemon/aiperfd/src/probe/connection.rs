//! Probe `connection`: one sock_ops program.

use super::Probe;
use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::{CgroupAttachMode, SockOps};
use std::fs::File;

/// Reports connections that open, retransmit and close.
pub(super) const PROBE: Probe = Probe { name: "connection", attach };

fn attach(programs: &mut Ebpf, cgroup: &File) -> Result<()> {
    let program =
        programs.program_mut("connection_step").context("the object has no program `connection_step`")?;
    let program: &mut SockOps = program.try_into()?;
    program.load()?;
    program.attach(cgroup, CgroupAttachMode::Single)?;
    Ok(())
}
