//! `--server-profiler`: runs the server's own profiler during the run.

use super::{Checked, Observer, Setup};
use crate::args::EndpointArgs;
use crate::server_calls::{PATIENCE, ServerCalls};
use crate::terminal::print_warning;
use anyhow::{Context, Result};
use std::time::Duration;

/// The profilers of the run's servers.
struct Profiler<'a> {
    args: &'a EndpointArgs,
    calls: &'a ServerCalls<'a>,
    running: Option<Running<'a>>,
}

/// Profilers that were started; dropping this value stops them.
struct Running<'a> {
    args: &'a EndpointArgs,
    calls: &'a ServerCalls<'a>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let (args, calls) = (&setup.args.endpoint, setup.calls);
    // Its other flags imply it.
    let is_wanted = args.server_profiler
        || args.server_profiler_start_path.is_some()
        || args.server_profiler_stop_path.is_some()
        || args.server_profiler_timeout_seconds.is_some();
    if !is_wanted {
        return Ok(None);
    }
    Ok(Some(Box::new(Profiler { args, calls, running: None })))
}

impl Observer for Profiler<'_> {
    fn prepare(&mut self) -> Result<()> {
        let path = self.args.server_profiler_start_path.as_deref().unwrap_or("/start_profile");
        self.calls
            .everywhere(path, patience(self.args))
            .context("--server-profiler: the server's profiler did not start")?;
        self.running = Some(Running { args: self.args, calls: self.calls });
        Ok(())
    }

    fn finish(&mut self) {
        self.running = None;
    }

    fn discard(&mut self) {
        self.running = None;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let path = self.args.server_profiler_stop_path.as_deref().unwrap_or("/stop_profile");
        if let Err(error) = self.calls.everywhere(path, patience(self.args)) {
            print_warning(&format!("--server-profiler: the server's profiler did not stop: {error:#}"));
        }
    }
}

fn patience(args: &EndpointArgs) -> Duration {
    args.server_profiler_timeout_seconds.map_or(PATIENCE, Duration::from_secs_f64)
}
