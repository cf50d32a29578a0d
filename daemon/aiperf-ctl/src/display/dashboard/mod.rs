//! `--ui dashboard`: the whole terminal shows how a command is doing.
//!
//! ```text
//! Now ── a copy of what is new ──▶ watcher.rs: Seen ──▶ screen.rs ──▶ a view a file ──▶ cells ──▶ terminal.rs
//!                                       keys.rs ──▶ View ──┘                  └─▶ picture.rs (ctrl+s)
//! terminal.rs ── its state, a byte each ──▶ guard.rs: another process, which restores the terminal when this one is gone
//! ```
//!
//! A thread of its own draws; it holds the lock of [`Now`] only to copy it, so a terminal that is slow, or does not
//! read at all, holds up nothing but the display. What is printed meanwhile is shown in the log and printed when the display closes.
//!
//! Keys come as they are typed and are not echoed, but those that make signals stay the terminal's: Ctrl-C is a SIGINT to this
//! process as without a display, and Ctrl-Z stops it.

mod bars;
mod colours;
mod gpu;
mod guard;
mod header;
mod keys;
mod latency;
mod load;
mod log;
mod metrics;
mod numbers;
mod picture;
mod progress;
mod runs;
mod screen;
mod terminal;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what they and this repository have written")]
mod tests;
mod text;
mod watcher;
mod workers;

pub(crate) use guard::run as guard;

use super::Shared;
use super::now::Now;
use crate::interrupt;
use crate::terminal::{Held, give_back, hold};
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clock::Moment;
use colours::Palette;
use keys::{Action, View};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Size;
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::emulate_default_handler;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, mpsc};
use std::time::Duration;
use terminal::{Input, Terminal};
use watcher::{Seen, Watcher};

/// Why the terminal cannot show it, if so.
pub(super) use terminal::unfit;

/// The dashboard of a command; closed on drop.
pub(super) struct Dashboard {
    closing: Arc<AtomicBool>,
    ended: mpsc::Receiver<()>,
    held: Option<Held>,
    terminal: Arc<Terminal>,
}

impl Dashboard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When the terminal, the process that guards it or the thread that draws is not available.
    pub(super) fn open(now: Shared) -> Result<Self> {
        let terminal = Arc::new(Terminal::open()?);
        let stop = Arc::<AtomicBool>::default();
        let closed = Arc::<AtomicBool>::default();
        // While it is open, the drawing thread stops the process; afterwards, the default action does.
        signal_hook::flag::register(SIGTSTP, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register_conditional_default(SIGTSTP, Arc::clone(&closed)))
            .context("failed to handle SIGTSTP")?;
        restore_on_panic();
        let ours = Arc::clone(&terminal);
        let held = hold(Box::new(move |waits| ours.give_back(waits)));
        let (ends, ended) = mpsc::channel();
        let closing = Arc::clone(&closed);
        let thread = Thread { now, terminal: Arc::clone(&terminal), stop, closing, _ends: ends };
        let dashboard = Self { closing: closed, ended, held: Some(held), terminal };
        std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(move || thread.run())
            .context("failed to start a thread")?;
        Ok(dashboard)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // The thread may wait for a terminal that does not read.
        self.ended.recv_timeout(CLOSE_PATIENCE).ok();
        drop(self.held.take());
        self.terminal.dismiss_guard();
    }
}

/// What draws.
struct Thread {
    now: Shared,
    terminal: Arc<Terminal>,
    /// Set by SIGTSTP.
    stop: Arc<AtomicBool>,
    closing: Arc<AtomicBool>,
    /// Dropped when the thread ends.
    _ends: mpsc::Sender<()>,
}

type Drawn = ratatui::Terminal<CrosstermBackend<BufWriter<File>>>;

impl Thread {
    fn run(self) {
        // What was printed is held until the display closes, also when the terminal is gone.
        self.draw().ok();
    }

    fn draw(&self) -> io::Result<()> {
        let palette = Palette::of_environment();
        let writer = BufWriter::with_capacity(FRAME_BYTES, self.terminal.writer()?);
        let mut drawn = ratatui::Terminal::new(CrosstermBackend::new(writer))?;
        let (mut view, mut watcher) = (View::default(), Watcher::default());
        let (opened, mut waited) = (Moment::now(), Moment::now());
        // What the newest frame shows, and when it was drawn.
        let mut frame = None;
        while !self.closing.load(Ordering::Relaxed) {
            if self.stop.swap(false, Ordering::Relaxed) {
                self.terminal.release();
                emulate_default_handler(SIGTSTP)?;
            }
            if !self.terminal.is_foreground() {
                self.terminal.forget();
                std::thread::sleep(TICK);
                continue;
            }
            // It was stopped, by SIGTSTP or SIGSTOP, or was in the background: the screen is another program's.
            let was_away = waited.elapsed() > AWAY;
            if self.terminal.take(was_away)? {
                let size = drawn.size()?;
                drawn.resize(size.into())?;
                frame = None;
            }
            waited = Moment::now();
            let time = opened.elapsed().as_secs_f64();
            let state = (self.now.lock().changes, interrupt::seen(), self.terminal.size());
            if frame.is_none_or(|(shown, since)| shown != state || time - since > FRAME_SECONDS) {
                frame = Some((state, time));
                let seen = watcher.see(self.now.lock().clone(), interrupt::seen(), time);
                drawn.draw(|frame| screen::draw(frame.buffer_mut(), &seen, &view, &palette))?;
            }
            match self.terminal.input(TICK)? {
                Input::Nothing => {}
                Input::HungUp => return Ok(()),
                Input::Keys(keys) => {
                    frame = None;
                    for action in keys::actions(&keys) {
                        self.act(action, &mut view, &mut watcher, &mut drawn, time)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn act(
        &self,
        action: Action,
        view: &mut View,
        watcher: &mut Watcher,
        drawn: &mut Drawn,
        time: f64,
    ) -> io::Result<()> {
        let notice = match action {
            Action::View(change) => {
                view.change(change);
                return Ok(());
            }
            Action::Copy => copy(&self.now.lock().clone(), drawn)?,
            Action::Picture => {
                let seen = watcher.see(self.now.lock().clone(), interrupt::seen(), time);
                save(&seen, view, drawn.size()?)
            }
        };
        watcher.notice(notice, time);
        Ok(())
    }
}

/// Copies the log; returns what the user should know.
fn copy(now: &Now, drawn: &mut Drawn) -> io::Result<String> {
    if now.messages.is_empty() {
        return Ok("the log is empty".to_owned());
    }
    // OSC 52, which most terminals take as the clipboard's new content.
    write!(drawn.backend_mut(), "\u{1b}]52;c;{}\u{7}", copied(&log::whole(now)))?;
    Write::flush(drawn.backend_mut())?;
    Ok("the log is copied, if the terminal accepts that (OSC 52)".to_owned())
}

/// Saves the screen; returns what the user should know.
fn save(seen: &Seen, view: &View, size: Size) -> String {
    match picture::write(seen, view, size) {
        Ok(path) => format!("the screen is saved as {path}"),
        Err(error) => format!("the screen is not saved: {error:#}"),
    }
}

/// The end of a text as base64, at most what terminals accept.
fn copied(text: &str) -> String {
    let mut start = text.len().saturating_sub(COPIED_MAX);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    STANDARD.encode(&text[start..])
}

/// A panic's message is printed on a restored terminal.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

/// Between two looks; a key is shown at once.
const TICK: Duration = Duration::from_millis(250);
/// A frame is drawn again after that time even if nothing has changed: what is stale is seen only then.
const FRAME_SECONDS: f64 = 2.0;
/// A wait that took longer was not only a wait.
const AWAY: Duration = Duration::from_millis(1500);
/// How long the thread may take to end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// More than a frame of a large terminal has, so that each is one write.
const FRAME_BYTES: usize = 1 << 18;
/// xterm accepts 100,000 bytes of base64.
const COPIED_MAX: usize = 70_000;
