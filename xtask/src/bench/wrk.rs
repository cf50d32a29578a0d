//! wrk, the peer that records nothing: how many responses a second it takes from the same server with the same request.

use crate::process;
use crate::say::say;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// wrk, ready to send one request again and again.
#[derive(Debug)]
pub(super) struct Wrk<'a> {
    folder: &'a Path,
}

impl<'a> Wrk<'a> {
    /// wrk, if it is there or can be installed.
    pub(super) fn find(folder: &'a Path) -> Option<Self> {
        if process::find("wrk").is_none() {
            say("wrk is missing");
            let can = process::is_root() && process::find("apt-get").is_some();
            let mut install = Command::new("apt-get");
            install
                .args(["install", "-q", "-y", "--no-install-recommends", "wrk"])
                .env("DEBIAN_FRONTEND", "noninteractive");
            if !can || process::run(&mut install).is_err() {
                say("wrk can't be installed here: its column stays empty");
                return None;
            }
        }
        Some(Self { folder })
    }

    /// Responses a second over `connections`, from core 0. The request is the first one of the profile that was made
    /// last.
    pub(super) fn requests_per_second(&self, address: &str, connections: u32, seconds: u32) -> Result<f64> {
        let script = self.folder.join("post.lua");
        fs::write(&script, lua(&self.payload()?)).context("failed to write wrk's script")?;
        let mut command = Command::new("taskset");
        command.args(["-c", "0", "wrk", "-t1"]).arg(format!("-c{connections}")).arg(format!("-d{seconds}s"));
        command.arg("-s").arg(&script).arg(format!("http://{address}/v1/chat/completions"));
        let text = process::output(&mut command).context("wrk failed")?;
        let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        line.context("wrk printed no requests/s")?.trim().parse().context("wrk printed no number")
    }

    fn payload(&self) -> Result<String> {
        let text =
            fs::read(self.folder.join("profile/inputs.json")).context("failed to read `inputs.json`")?;
        let inputs: Value = serde_json::from_slice(&text).context("inputs.json is no JSON")?;
        let payload = &inputs["data"][0]["payloads"][0];
        anyhow::ensure!(payload.is_object(), "inputs.json has no payload");
        Ok(payload.to_string())
    }
}

/// A script that posts a body. Lua's long brackets take JSON as it is, for the body has no `]==]`.
fn lua(body: &str) -> String {
    format!(
        "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"Accept\"] = \"text/event-stream\"\nwrk.body = [==[{body}]==]\n"
    )
}
