//! nginx before the scripted server. Its proxy buffers hold nothing back that comes slowly; its gzip does, as long as they are on.

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
    let program = debian_program("nginx", "nginx-light")?;
    let configured = |way: &Way, work: &Path, [address, scripted]: [SocketAddr; 2]| {
        let path = work.join("nginx.conf");
        fs::write(&path, configuration(address, scripted, way.directives))
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        let mut command = Command::new(&program);
        command.arg("-p").arg(work).args(["-c", "nginx.conf", "-e", "error.log"]);
        Ok(command)
    };
    proxy::each(rig, "nginx", WAYS, configured, findings)
}

fn configuration(address: SocketAddr, scripted: SocketAddr, directives: &str) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|what| format!("{what}_temp_path {what};")).join(" ");
    format!(
        "daemon off; master_process off; pid pid; error_log error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; {temporary} keepalive_requests 100000;
  upstream scripted {{ server {scripted}; keepalive 64; }}
  server {{ listen {address};
    location / {{ proxy_pass http://scripted; proxy_http_version 1.1; proxy_set_header Connection \"\"; {directives} }} }} }}
"
    )
}

const WAYS: &[Way] = &[
    Way {
        case: "nginx-unbuffered",
        directives: "proxy_buffering off;",
        arrival: OneByOne,
        coding: Coding::Plain,
    },
    Way {
        case: "nginx-buffered",
        directives: "proxy_buffering on;",
        arrival: OneByOne,
        coding: Coding::Plain,
    },
    Way {
        case: "nginx-unbuffered-gzip",
        directives: "proxy_buffering off; gzip on; gzip_min_length 1; gzip_types text/event-stream;",
        arrival: OneByOne,
        coding: Coding::Gzip,
    },
    Way {
        case: "nginx-buffered-gzip",
        directives: "proxy_buffering on; gzip on; gzip_min_length 1; gzip_types text/event-stream;",
        arrival: Together,
        coding: Coding::Gzip,
    },
];
