//! Handles signals that request this process to end: one listener for the process's lifetime, to which every wait subscribes.
//!
//! ```text
//! SIGINT, SIGTERM, SIGHUP ──▶ a thread ──▶ count ──▶ next(), pause(), or(), unless(): waits end, and the program shuts down
//!                                            └──▶ beyond what the work handles: temporary files are deleted, the process exits
//! ```
//!
//! SIGTERM (`timeout`, Kubernetes, continuous integration) and SIGHUP end a command as Ctrl-C does: with a report of what was
//! measured. Ctrl-Z is not handled here: it stops the process, after a display that has the whole terminal has given it back
//! (`display/dashboard`). tokio never restores a signal's default action once it has listened for it, so no other module listens.

use crate::terminal;
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The user, or the parent process, requested this process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {}", name(*.signal))]
pub(crate) struct Interrupted {
    /// The first signal received.
    pub(crate) signal: Signal,
}

impl Interrupted {
    /// The exit status, by the convention of shells.
    pub(crate) fn status(self) -> u8 {
        u8::try_from(128 + self.signal.as_raw()).unwrap_or(crate::FAILED)
    }
}

/// Starts listening, in a separate thread; until it does, signals have their default action.
///
/// # Errors
/// When the thread cannot be started.
pub(crate) fn listen() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // `nohup` ignores SIGHUP, which must stay ignored.
    let handles_hang_ups = !is_ignored(Signal::HUP);
    let (started, has_started) = mpsc::channel();
    let listener = move || {
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut hang_up = if handles_hang_ups { Some(signal(SignalKind::hangup())?) } else { None };
            started.send(()).ok();
            loop {
                let hung_up = async {
                    match &mut hang_up {
                        Some(hang_up) => hang_up.recv().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    _ = interrupt.recv() => take(Signal::INT),
                    _ = terminate.recv() => take(Signal::TERM),
                    _ = hung_up => take(Signal::HUP),
                }
            }
            #[expect(unreachable_code, reason = "it names the type of what may fail")]
            std::io::Result::Ok(())
        })
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listener)
        .context("failed to start a thread")?;
    // A signal received before has its default action; a later one is handled.
    has_started.recv().context("failed to listen for signals")
}

/// Limits how many signals the current work handles before the process exits at once; restores the previous limit on drop.
#[derive(Debug)]
pub(crate) struct Orderly {
    before: u32,
}

/// From here on, `signals` more are handled, each by [`next`] or a similar wait; the one after them ends the process.
pub(crate) fn orderly(signals: u32) -> Orderly {
    let mut state = state();
    let taken_max = state.signals.saturating_add(signals);
    let before = std::mem::replace(&mut state.taken_max, taken_max);
    Orderly { before }
}

impl Drop for Orderly {
    fn drop(&mut self) {
        let mut state = state();
        let signals = state.signals;
        state.taken_max = self.before.max(signals);
    }
}

/// The first signal received, if any.
pub(crate) fn received() -> Option<Interrupted> {
    state().first.map(|signal| Interrupted { signal })
}

/// Fails if a signal was received.
///
/// # Errors
/// The signal received.
pub(crate) fn check() -> Result<(), Interrupted> {
    received().map_or(Ok(()), Err)
}

/// Waits for a signal after the first `seen` ones, and increments `seen`.
pub(crate) async fn next(seen: &mut u32) -> Interrupted {
    let mut changes = SHARED.changes.subscribe();
    // The sender is never dropped.
    if changes.wait_for(|signals| *signals > *seen).await.is_err() {
        std::future::pending::<()>().await;
    }
    *seen += 1;
    received().unwrap_or(Interrupted { signal: Signal::INT })
}

/// The number of signals received so far.
pub(crate) fn seen() -> u32 {
    state().signals
}

/// The result of a future, unless a signal is received first.
///
/// # Errors
/// The signal.
pub(crate) async fn or<T>(future: impl Future<Output = T>) -> Result<T, Interrupted> {
    or_since(&mut 0, future).await
}

/// Like [`or`], without the signals already seen.
///
/// # Errors
/// The signal.
pub(crate) async fn or_since<T>(seen: &mut u32, future: impl Future<Output = T>) -> Result<T, Interrupted> {
    tokio::select! {
        biased;
        done = future => Ok(done),
        interrupted = next(seen) => Err(interrupted),
    }
}

/// Sleeps, or returns early on a signal.
///
/// # Errors
/// The signal.
pub(crate) fn pause(time: Duration) -> Result<(), Interrupted> {
    let waited = SHARED.arrived.wait_timeout_while(state(), time, |state| state.first.is_none());
    drop(waited.unwrap_or_else(PoisonError::into_inner));
    check()
}

/// Runs blocking work that cannot be cancelled, such as a request to a server, in a thread that is abandoned when a signal is
/// received first. Earlier signals are ignored, so that cleanup after them still completes.
///
/// # Errors
/// The signal, or the failure to start a thread.
pub(crate) fn unless<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let seen = seen();
    let (to, from) = mpsc::channel();
    let work = move || {
        // The caller may have stopped waiting.
        to.send(work()).ok();
    };
    std::thread::Builder::new().name("call".to_owned()).spawn(work).context("failed to start a thread")?;
    loop {
        match from.recv_timeout(LOOK) {
            Ok(done) => return Ok(done),
            Err(mpsc::RecvTimeoutError::Timeout) if state().signals > seen => check()?,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => anyhow::bail!("a thread ended without its result"),
        }
    }
}

/// A temporary directory that is deleted on drop, and also when a signal ends the process at once.
#[derive(Debug)]
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// Creates one in a directory.
    ///
    /// # Errors
    /// When the directory is not writable.
    pub(crate) fn within(directory: &Path) -> Result<Self> {
        let made = tempfile::Builder::new().prefix(".aiperf-").tempdir_in(directory);
        Self::of(made).with_context(|| format!("failed to create a directory in `{}`", directory.display()))
    }

    /// Creates one in the system's directory for temporary files.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn anywhere() -> Result<Self> {
        Self::of(tempfile::tempdir()).context("failed to create a temporary directory")
    }

    fn of(made: std::io::Result<TempDir>) -> std::io::Result<Self> {
        let made = made?;
        state().scratch.insert(made.path().to_owned());
        Ok(Self(made))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        state().scratch.remove(self.0.path());
    }
}

/// A temporary file for uploads, deleted like a [`Scratch`].
#[derive(Debug)]
pub(crate) struct ScratchFile(NamedTempFile);

impl ScratchFile {
    /// Creates an empty one.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn new() -> std::io::Result<Self> {
        let made = NamedTempFile::new()?;
        state().scratch.insert(made.path().to_owned());
        Ok(Self(made))
    }

    /// The file.
    pub(crate) fn as_file(&self) -> &File {
        self.0.as_file()
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        state().scratch.remove(self.0.path());
    }
}

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    changes: watch::Sender<u32>,
}

#[derive(Default)]
struct State {
    signals: u32,
    first: Option<Signal>,
    /// With more signals than this, the process exits at once.
    taken_max: u32,
    /// Files and directories to delete at exit.
    scratch: BTreeSet<PathBuf>,
}

fn state() -> MutexGuard<'static, State> {
    SHARED.state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take(signal: Signal) {
    let mut state = state();
    state.signals = state.signals.saturating_add(1);
    let first = *state.first.get_or_insert(signal);
    if state.signals > state.taken_max {
        store::remove_unfinished();
        for path in &state.scratch {
            std::fs::remove_file(path).or_else(|_no_file| std::fs::remove_dir_all(path)).ok();
        }
        terminal::give_back();
        std::process::exit(i32::from(Interrupted { signal: first }.status()));
    }
    SHARED.changes.send_replace(state.signals);
    drop(state);
    SHARED.arrived.notify_all();
}

fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::INT => "Ctrl-C (SIGINT)",
        Signal::TERM => "SIGTERM",
        Signal::HUP => "SIGHUP",
        _ => "a signal",
    }
}

/// Whether this process was started with the signal ignored (proc_pid_status(5)).
#[expect(clippy::disallowed_methods, reason = "the path is fixed and in the kernel's file system")]
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal.as_raw() - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| Shared {
    state: Mutex::default(),
    arrived: Condvar::new(),
    changes: watch::Sender::new(0),
});
/// Signals that are handled where a wait ends at once.
pub(crate) const OF_A_WAIT: u32 = 1;
/// Signals that a run handles: the first waits for requests in flight, the second does not. One more ends all waits.
pub(crate) const OF_A_RUN: u32 = 2;
/// Polling interval for signals while a call is running.
const LOOK: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_the_statuses_of_shells() {
        for (signal, status, text) in [
            (Signal::INT, 130, "stopped by Ctrl-C (SIGINT)"),
            (Signal::TERM, 143, "stopped by SIGTERM"),
            (Signal::HUP, 129, "stopped by SIGHUP"),
        ] {
            let interrupted = Interrupted { signal };
            assert_eq!(
                (interrupted.status(), interrupted.to_string().as_str()),
                (status, text),
                "{signal:?}"
            );
        }
    }

    #[test]
    fn a_directory_is_deleted_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::within(folder.path()).unwrap();
        let path = scratch.path().to_owned();
        assert!(path.is_dir() && state().scratch.contains(&path), "created and registered");
        drop(scratch);
        assert!(!path.exists() && !state().scratch.contains(&path), "deleted and unregistered");
    }

    #[test]
    fn calls_give_their_results() {
        assert_eq!(unless(|| 7).unwrap(), 7, "without a signal");
        assert!(pause(Duration::from_millis(1)).is_ok(), "without a signal");
    }
}
