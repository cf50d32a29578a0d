//! A plugin while a run goes on: a thread of its own gives it what waits in its inbox.

use super::inbox::{Inbox, Next};
use super::kinds::Kind;
use super::rows;
use super::running::{Component, Fault, Plugin};
use aiperfd_plugin::message::{PhaseEvent, Rows};
use anyhow::{Context, Result};
use clock::mono;
use control::LiveRequest;
use serde_json::Value;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A plugin with the components that it has open.
pub(super) struct Opened {
    /// The plugin.
    pub(super) plugin: Plugin,
    /// Its components, in the order in which hooks are called.
    pub(super) components: Vec<Component>,
    /// The digest of its package.
    pub(super) digest: Option<String>,
    /// Rows that it was not given.
    pub(super) dropped: u64,
}

/// The thread of a plugin.
pub(super) struct Live {
    /// What waits for it.
    pub(super) inbox: Arc<Inbox>,
    /// Whether it has stream exporters.
    pub(super) takes_rows: bool,
    /// The plugin's name.
    pub(super) name: String,
    thread: JoinHandle<Opened>,
}

impl Opened {
    fn of(&self, kind: Kind) -> Vec<Component> {
        self.components.iter().filter(|component| component.kind == kind).cloned().collect()
    }

    /// Gives it to a thread.
    ///
    /// # Errors
    /// When this host has no more threads.
    pub(super) fn live(self) -> Result<Live> {
        let inbox = Arc::<Inbox>::default();
        let from = Arc::clone(&inbox);
        let takes_rows = !self.of(Kind::StreamExporter).is_empty();
        let name = self.plugin.name.clone();
        let thread = std::thread::Builder::new().name("plugin".to_owned());
        let thread = thread.spawn(move || self.serve(&from)).context("failed to start a plugin's thread")?;
        Ok(Live { inbox, takes_rows, name, thread })
    }

    fn serve(mut self, inbox: &Inbox) -> Self {
        let (hooks, exporters) = (self.of(Kind::PhaseHook), self.of(Kind::StreamExporter));
        loop {
            match inbox.next() {
                Next::Event(method, event) => self.event(&hooks, method, &event),
                Next::Rows(rows, dropped) => self.rows(&exporters, &rows, dropped),
                Next::Closed(dropped) => {
                    self.finish(&exporters, dropped);
                    return self;
                }
            }
        }
    }

    fn event(&mut self, hooks: &[Component], method: &'static str, event: &PhaseEvent) {
        for hook in hooks {
            let event = PhaseEvent { handle: hook.opened.handle, ..event.clone() };
            let _nothing: Option<Value> = self.plugin.call(hook, method, &event, Vec::new());
        }
    }

    fn rows(&mut self, exporters: &[Component], rows: &[LiveRequest], dropped: u64) {
        for exporter in exporters.iter().filter(|_| self.plugin.is_there()).cloned().collect::<Vec<_>>() {
            let params = Rows { handle: exporter.opened.handle, dropped };
            match rows::encoded(rows, exporter.opened.rows) {
                Ok(body) => {
                    let _nothing: Option<Value> =
                        self.plugin.call(&exporter, "stream_exporter.rows", &params, body);
                }
                Err(error) => {
                    let text = format!("{} requests could not be encoded for it: {error:#}", rows.len());
                    self.plugin.faults.push(Fault { is_late: false, text });
                }
            }
        }
        if !self.plugin.is_there() {
            self.dropped += rows.len() as u64;
        }
    }

    fn finish(&mut self, exporters: &[Component], dropped: u64) {
        self.dropped += dropped;
        for exporter in exporters {
            let params = Rows { handle: exporter.opened.handle, dropped: self.dropped };
            let _nothing: Option<Value> =
                self.plugin.call(exporter, "stream_exporter.finish", &params, Vec::new());
        }
        if self.dropped > 0 && !exporters.is_empty() && self.plugin.faults.is_empty() {
            let text = format!("{} requests were not given to it in time", self.dropped);
            self.plugin.faults.push(Fault { is_late: true, text });
        }
    }
}

impl Live {
    /// Waits until it has been given everything, for as long as rows may take; then takes it back. Of `recorded` requests those that
    /// have not come by now are dropped.
    ///
    /// # Errors
    /// The plugin's name, when its thread has panicked.
    pub(super) fn end(self, recorded: u64) -> Result<Opened, String> {
        self.inbox.close(if self.takes_rows { recorded } else { 0 });
        let begin = mono();
        while !self.thread.is_finished() {
            std::thread::sleep(LOOK);
            if (mono() - begin).as_seconds() > DRAIN_SECONDS {
                self.inbox.give_up();
            }
        }
        self.thread.join().map_err(|_panicked| self.name)
    }
}

/// How long rows that wait at the end of a run are still sent.
const DRAIN_SECONDS: f64 = 5.0;
/// How often it is looked at.
const LOOK: std::time::Duration = std::time::Duration::from_millis(5);
