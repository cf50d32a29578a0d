//! Requests to end that reach this process as signals: one listener for its whole life, which every wait listens to.
//!
//! ```text
//! SIGINT, SIGTERM, SIGHUP ──▶ a thread ──▶ count ──▶ next(), pause(), or(), unless(): whoever waits ends in order
//!                                            └──▶ more than whoever works takes: temporary files go, the process ends
//! ```
//!
//! SIGTERM (`timeout`, Kubernetes, continuous integration) and SIGHUP end a command as Ctrl-C does: with a report of what
//! there is. tokio never gives a signal back to the system once it has listened for it, so nothing else here listens.

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

/// The user, or whatever started this process, wants it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {}", name(*.signal))]
pub(crate) struct Interrupted {
    /// Which signal came first.
    pub(crate) signal: Signal,
}

impl Interrupted {
    /// The exit status, as shells have it.
    pub(crate) fn status(self) -> u8 {
        u8::try_from(128 + self.signal.as_raw()).unwrap_or(crate::FAILED)
    }
}

/// Begins to listen, in a thread of its own; until it does, signals have their usual effect.
///
/// # Errors
/// When there is no thread for it.
pub(crate) fn listen() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Under `nohup` a hang-up is ignored, and must stay so.
    let hears_hang_ups = !is_ignored(Signal::HUP);
    let (begun, has_begun) = mpsc::channel();
    let heard = move || {
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut hang_up = if hears_hang_ups { Some(signal(SignalKind::hangup())?) } else { None };
            begun.send(()).ok();
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
        .spawn(heard)
        .context("failed to start a thread")?;
    // A signal that comes meanwhile still has its usual effect; one that comes later is heard.
    has_begun.recv().context("failed to listen for signals")
}

/// How many signals whoever works takes before the process ends at once; as before when this value goes.
#[derive(Debug)]
pub(crate) struct Orderly {
    before: u32,
}

/// From here on `signals` more are taken: each is waited for by [`next`] and its like, the one after them ends the process.
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

/// The first signal that came, if one did.
pub(crate) fn came() -> Option<Interrupted> {
    state().first.map(|signal| Interrupted { signal })
}

/// Ends what is done if a signal has come.
///
/// # Errors
/// That it has.
pub(crate) fn check() -> Result<(), Interrupted> {
    came().map_or(Ok(()), Err)
}

/// Waits for a signal that came behind the first `seen` ones, and counts it as seen.
pub(crate) async fn next(seen: &mut u32) -> Interrupted {
    let mut changes = SHARED.changes.subscribe();
    // The sender lives as long as the process.
    if changes.wait_for(|signals| *signals > *seen).await.is_err() {
        std::future::pending::<()>().await;
    }
    *seen += 1;
    came().unwrap_or(Interrupted { signal: Signal::INT })
}

/// The signals that have come so far.
pub(crate) fn seen() -> u32 {
    state().signals
}

/// The result of a future, unless a signal comes before it.
///
/// # Errors
/// The signal.
pub(crate) async fn or<T>(future: impl Future<Output = T>) -> Result<T, Interrupted> {
    or_since(&mut 0, future).await
}

/// The same, but for the signals that were seen before.
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

/// Waits so long, or until a signal comes.
///
/// # Errors
/// The signal.
pub(crate) fn pause(time: Duration) -> Result<(), Interrupted> {
    let waited = SHARED.came.wait_timeout_while(state(), time, |state| state.first.is_none());
    drop(waited.unwrap_or_else(PoisonError::into_inner));
    check()
}

/// Work that blocks and can't be called off, such as a call of a server: done by a thread, which is left behind when a
/// signal comes before it is done. Signals that came earlier are others': what is put in order after them is still done.
///
/// # Errors
/// The signal, or that there is no thread.
pub(crate) fn unless<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let seen = seen();
    let (to, from) = mpsc::channel();
    let work = move || {
        // Whoever waited may be gone.
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

/// A directory that goes with this value, and also when a signal ends the process at once.
#[derive(Debug)]
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// A new one in a directory.
    ///
    /// # Errors
    /// When that can't be written to.
    pub(crate) fn within(directory: &Path) -> Result<Self> {
        let made = tempfile::Builder::new().prefix(".aiperf-").tempdir_in(directory);
        Self::of(made).with_context(|| format!("failed to make a directory in `{}`", directory.display()))
    }

    /// A new one where temporary files are.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn anywhere() -> Result<Self> {
        Self::of(tempfile::tempdir()).context("failed to make a temporary directory")
    }

    fn of(made: std::io::Result<TempDir>) -> std::io::Result<Self> {
        let made = made?;
        state().scratch.insert(made.path().to_owned());
        Ok(Self(made))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        state().scratch.remove(self.0.path());
    }
}

/// A file for what is uploaded, which goes as a [`Scratch`] does.
#[derive(Debug)]
pub(crate) struct ScratchFile(NamedTempFile);

impl ScratchFile {
    /// A new one, empty.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn new() -> std::io::Result<Self> {
        let made = NamedTempFile::new()?;
        state().scratch.insert(made.path().to_owned());
        Ok(Self(made))
    }

    /// The file.
    pub(crate) fn as_file(&self) -> &File {
        self.0.as_file()
    }

    /// Where it is.
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
    came: Condvar,
    changes: watch::Sender<u32>,
}

#[derive(Default)]
struct State {
    signals: u32,
    first: Option<Signal>,
    /// With more than these the process ends at once.
    taken_max: u32,
    /// Files and directories that must not stay.
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
        export::remove_unfinished();
        for path in &state.scratch {
            std::fs::remove_file(path).or_else(|_no_file| std::fs::remove_dir_all(path)).ok();
        }
        std::process::exit(i32::from(Interrupted { signal: first }.status()));
    }
    SHARED.changes.send_replace(state.signals);
    drop(state);
    SHARED.came.notify_all();
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
#[expect(clippy::disallowed_methods, reason = "the path is the kernel's, and nobody's to choose")]
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal.as_raw() - 1).is_ok_and(|bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| Shared {
    state: Mutex::default(),
    came: Condvar::new(),
    changes: watch::Sender::new(0),
});
/// Signals that are taken where a wait ends at once.
pub(crate) const OF_A_WAIT: u32 = 1;
/// Signals that a run takes: requests in flight may end, then they may not. With one more nothing is waited for.
pub(crate) const OF_A_RUN: u32 = 2;
/// How often a wait for a call looks for a signal.
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
    fn a_directory_goes_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::within(folder.path()).unwrap();
        let path = scratch.path().to_owned();
        assert!(path.is_dir() && state().scratch.contains(&path), "there, and known");
        drop(scratch);
        assert!(!path.exists() && !state().scratch.contains(&path), "gone, and forgotten");
    }

    #[test]
    fn calls_give_their_results() {
        assert_eq!(unless(|| 7).unwrap(), 7, "without a signal");
        assert!(pause(Duration::from_millis(1)).is_ok(), "without a signal");
    }
}
