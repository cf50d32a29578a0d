//! `--server-profiler`: runs the server's own profiler during the run.

use super::{Checked, Observer, Setup};
use crate::server_calls::ServerCalls;
use crate::terminal::print_warning;
use anyhow::{Context, Result};
use spec::ServerCall;

/// The profilers of the run's servers.
struct Profiler<'a> {
    wanted: &'a spec::Profiler,
    calls: &'a ServerCalls<'a>,
    running: Option<Running<'a>>,
}

/// Profilers that were started; dropping this value stops them.
struct Running<'a> {
    stop: &'a ServerCall,
    calls: &'a ServerCalls<'a>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let Some(wanted) = &setup.profile.observers.profiler else { return Ok(None) };
    Ok(Some(Box::new(Profiler { wanted, calls: setup.calls, running: None })))
}

impl Observer for Profiler<'_> {
    fn prepare(&mut self) -> Result<()> {
        let Self { wanted, calls, .. } = self;
        calls.everywhere(&wanted.start).context("--server-profiler: the server's profiler did not start")?;
        self.running = Some(Running { stop: &wanted.stop, calls });
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
        if let Err(error) = self.calls.everywhere(self.stop) {
            print_warning(&format!("--server-profiler: the server's profiler did not stop: {error:#}"));
        }
    }
}
