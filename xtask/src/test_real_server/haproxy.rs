//! HAProxy before the scripted server. Without `option http-no-delay` it holds a stream's events back for up to 200 ms each time. Its
//! gzip keeps the last bytes of an event until the next one comes, so each is whole only then.

use super::checks::Arrival::{OneByOne, Together};
use super::findings::Findings;
use super::proxy::{self, Coding, Way};
use super::{Rig, debian_program};
use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Measures it each way.
pub(super) fn measure(rig: &Rig, findings: &mut Findings) -> Result<()> {
    let program = debian_program("haproxy", "haproxy")?;
    let configured = |way: &Way, work: &Path, [address, scripted]: [SocketAddr; 2]| {
        let path = work.join("haproxy.cfg");
        fs::write(&path, configuration(address, scripted, way.directives))
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        let mut command = Command::new(&program);
        command.args(["-db", "-f"]).arg(&path);
        Ok(command)
    };
    proxy::each(rig, "haproxy", WAYS, configured, findings)
}

fn configuration(address: SocketAddr, scripted: SocketAddr, directives: &str) -> String {
    format!(
        "defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend here
  bind {address}
  default_backend scripted
  {directives}
backend scripted
  server one {scripted}
"
    )
}

const WAYS: &[Way] = &[
    Way {
        case: "haproxy-no-delay",
        directives: "option http-no-delay",
        arrival: OneByOne,
        coding: Coding::Plain,
    },
    Way { case: "haproxy", directives: "", arrival: Together, coding: Coding::Plain },
    Way {
        case: "haproxy-gzip-no-delay",
        directives: "option http-no-delay\n  compression algo gzip\n  compression type text/event-stream",
        arrival: OneByOne,
        coding: Coding::Gzip,
    },
    Way {
        case: "haproxy-gzip",
        directives: "compression algo gzip\n  compression type text/event-stream",
        arrival: Together,
        coding: Coding::Gzip,
    },
    Way {
        case: "haproxy-wait-for-body",
        directives: "option http-no-delay\n  http-response wait-for-body time 10s",
        arrival: Together,
        coding: Coding::Plain,
    },
];
