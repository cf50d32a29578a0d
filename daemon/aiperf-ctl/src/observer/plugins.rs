//! The plugins of a run: started before it, called about its phases and requests while it goes on, and about its results after it.

use super::{Checked, Following, Observer, Setup, Start};
use crate::follow::Run;
use crate::plugin::{Findings, PhaseEvents, Started, Wanted, find};
use crate::report::Reported;
use crate::terminal::print_warning;
use anyhow::{Context, Result};
use control::{LiveRequest, Progress};
use std::cell::Cell;
use std::path::Path;
use store::Folder;

struct Plugins<'a> {
    wanted: Wanted,
    directory: &'a Path,
    started: Started,
    events: PhaseEvents,
    /// Requests that the run has recorded so far.
    recorded: Cell<u64>,
}

pub(super) fn check(setup: Setup<'_>) -> Checked<'_> {
    let Some(plugins) = &setup.profile.observers.plugins else { return Ok(None) };
    let wanted = find(plugins)?;
    Ok(Some(Box::new(Plugins {
        wanted,
        directory: &setup.profile.artifact_dir,
        started: Started::default(),
        events: PhaseEvents::default(),
        recorded: Cell::default(),
    })))
}

impl Observer for Plugins<'_> {
    fn start(&mut self, _start: &mut Start<'_>) -> Result<()> {
        self.started = self.wanted.start(self.directory)?;
        self.started.go_live()
    }

    fn follow<'a>(&'a mut self, run: &'a Run) -> Following<'a> {
        Box::pin(async {
            let inboxes = self.started.inboxes_of_rows();
            if inboxes.is_empty() {
                return Ok(None);
            }
            let mut lines = run.daemon.client.lines(&format!("{}/requests", run.path())).await?;
            Ok(Some(tokio::spawn(async move {
                let mut missed = 0;
                while let Ok(Some(request)) = lines.next::<LiveRequest>().await {
                    let more = request.dropped.saturating_sub(missed);
                    missed = request.dropped;
                    for inbox in &inboxes {
                        inbox.missed(more);
                        inbox.row(request.clone());
                    }
                }
            })))
        })
    }

    fn progress(&self, progress: &Progress) {
        self.recorded.set(progress.requests_recorded);
        self.events.pass_on(progress, &self.started);
    }

    fn finish(&mut self) {
        self.started.come_back(self.recorded.get());
    }

    fn after(&mut self, reported: &mut Reported, directory: &Path, width: u32) -> Result<String> {
        let findings = self.started.after(reported, directory, width).context("plugins")?;
        let used = self.started.used();
        for (plugin, fault) in used.iter().flat_map(|used| used.faults.iter().map(move |fault| (used, fault)))
        {
            print_warning(&format!("the plugin `{}`: {fault}", plugin.name));
        }
        reported.add_plugins(used, self.started.reasons(), directory)?;
        Ok(Findings::text(&findings))
    }

    fn discard(&mut self) {
        self.started.come_back(0);
        // What they have printed may say why.
        if let Ok(folder) = Folder::open(self.directory) {
            self.started.write_logs(&folder).ok();
        }
    }
}
