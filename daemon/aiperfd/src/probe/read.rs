//! Probe `read`: a program on the tracepoint `sock_recv_length`, which needs the kernel's type information.

use super::Probe;
use anyhow::{Context, Result};
use aya::programs::BtfTracePoint;
use aya::{Btf, Ebpf};
use std::fs::File;

/// Reports when a process reads bytes from a watched socket.
pub(super) const PROBE: Probe = Probe { name: "read", attach };

fn attach(programs: &mut Ebpf, _cgroup: &File) -> Result<()> {
    let types =
        Btf::from_sys_fs().context("the kernel has no type information in /sys/kernel/btf/vmlinux")?;
    let program = programs.program_mut("socket_read").context("the object has no program `socket_read`")?;
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load(TRACEPOINT, &types).with_context(|| {
        format!("--socket-wait: the tracepoint `{TRACEPOINT}` (Linux 6.3 or newer) is not available")
    })?;
    program.attach()?;
    Ok(())
}

const TRACEPOINT: &str = "sock_recv_length";
