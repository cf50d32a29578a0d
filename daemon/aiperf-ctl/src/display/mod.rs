//! What a command shows while its runs go on.
//!
//! ```text
//! profile, observe ── Display ──▶ now.rs  what is going on, as data, bounded; course.rs how it has been
//!                                   ├─▶ bar.rs      --ui simple: a bar on a terminal, lines elsewhere
//!                                   ├─▶ dashboard/  --ui dashboard: the whole terminal
//!                                   └─▶ web/        --web: a page, from a thread of its own
//! ```
//!
//! A display costs the run nothing: it reads what the daemon sends twice a second, and one that stalls holds up nobody.

mod bar;
mod course;
mod dashboard;
mod now;
mod web;

pub(crate) use dashboard::guard;
pub(crate) use now::Place;

use crate::args::Ui;
use crate::plan::Profile;
use crate::report::Reported;
use crate::terminal::{self, print_warning};
use anyhow::Result;
use bar::Bar;
use control::Progress;
use dashboard::Dashboard;
use now::{Message, Now};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use web::Web;

/// The displays of a command.
pub(crate) struct Display {
    now: Shared,
    ui: Ui,
    /// Serves its page until the command ends.
    _web: Option<Web>,
    /// What has the whole terminal.
    dashboard: Option<Dashboard>,
}

/// What is going on, shared by the command and its displays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Now>>);

impl Shared {
    /// What is going on; held only for as long as it takes to read or change it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Display {
    /// Opens the displays that the user selected.
    ///
    /// # Errors
    /// When one of them cannot be.
    pub(crate) fn open(ui: Option<Ui>, web: Option<Option<SocketAddr>>) -> Result<Self> {
        let now = Shared::default();
        let listening = now.clone();
        terminal::listen(Some(Box::new(move |is_warning, text| {
            listening.lock().message(Message { is_warning, text: text.to_owned() });
        })));
        let web = web.map(|address| Web::open(address, &now)).transpose()?;
        let ui = match &web {
            // A dashboard would cover the address.
            Some(web) if web.has_token && ui.is_none() => Ui::Simple,
            _ => selected(ui),
        };
        let dashboard = (ui == Ui::Dashboard).then(|| Dashboard::open(now.clone())).transpose()?;
        Ok(Self { now, ui, dashboard, _web: web })
    }

    /// Shows which run of several is the next.
    pub(crate) fn next_is(&self, place: Place) {
        self.now.lock().next_is(place);
    }

    /// Shows a run that begins, until what is returned is dropped.
    pub(crate) fn run(&self, profile: &Profile) -> Shown<'_> {
        self.now.lock().begin(profile);
        self.shown()
    }

    /// Shows an observation that begins, until what is returned is dropped.
    pub(crate) fn watch(&self, title: Vec<String>, directory: &Path) -> Shown<'_> {
        self.now.lock().begin_watch(title, directory.display().to_string());
        self.shown()
    }

    fn shown(&self) -> Shown<'_> {
        let bar = (self.ui == Ui::Simple).then(Bar::new);
        Shown { now: &self.now, bar, is_noticed: false, has_failed: false }
    }

    /// Shows how the run has ended.
    pub(crate) fn ends(&self, reported: &Reported) {
        self.now.lock().end(reported);
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        terminal::listen(None);
        self.now.lock().finish();
        // The terminal is restored, and what was held back is printed.
        drop(self.dashboard.take());
    }
}

/// The display that the user selected, or the best one that this terminal can show.
fn selected(ui: Option<Ui>) -> Ui {
    match (ui, dashboard::unfit()) {
        (None, None) => Ui::Dashboard,
        (None, Some(_)) => Ui::Simple,
        (Some(Ui::Dashboard), Some(why)) => {
            print_warning(&format!("--ui dashboard: {why}; progress is shown as by --ui simple"));
            Ui::Simple
        }
        (Some(ui), _) => ui,
    }
}

/// A run that is shown.
pub(crate) struct Shown<'a> {
    now: &'a Shared,
    bar: Option<Bar>,
    is_noticed: bool,
    /// Whether it was shown what the first request failed with.
    has_failed: bool,
}

impl Shown<'_> {
    /// Shows its progress.
    pub(crate) fn update(&mut self, progress: &Progress) {
        if let Some(notice) = progress.notice.as_ref().filter(|_| !self.is_noticed) {
            self.is_noticed = true;
            print_warning(notice);
        }
        if let Some(failure) = progress.first_failure.as_ref().filter(|_| !self.has_failed) {
            self.has_failed = true;
            print_warning(&format!("a request failed: {failure}"));
        }
        self.now.lock().take(progress);
        if let Some(bar) = &mut self.bar {
            bar.update(progress);
        }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.bar.iter().for_each(Bar::finish);
    }
}
