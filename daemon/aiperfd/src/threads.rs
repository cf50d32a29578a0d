//! The daemon's threads: how they are started and waited for, and how they take the locks on what they share.

use anyhow::{Context, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Takes a lock. A thread that panics ends the whole program (`panic = "abort"` in the release profile), so no lock of the
/// product is ever poisoned; where panics unwind, as in tests, the value is used as the thread left it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a thread and returns its value.
///
/// # Errors
/// When it panicked, where panics unwind: what it was for ends with this reason.
pub(crate) fn join<T>(thread: JoinHandle<T>) -> Result<T> {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    thread.join().map_err(|_payload| anyhow::anyhow!("the thread `{name}` panicked"))
}

/// Starts a thread with a priority, -20 first to 19 last.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn spawn_with_priority<T: Send + 'static>(
    name: &str,
    priority: i32,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    let with_priority = move || {
        set_priority(priority);
        body()
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(with_priority).context("failed to start a thread")
}

/// Sets this thread's priority. A refused priority changes no result.
fn set_priority(priority: i32) {
    // On Linux a thread number identifies that thread alone (man 2 setpriority).
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), priority).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_panic_is_a_reason_and_poisons_no_lock() {
        let shared = Arc::new(Mutex::new(1));
        let held = Arc::clone(&shared);
        let thread = spawn_with_priority("x", 19, move || {
            *lock(&held) = 2;
            let _guard = lock(&held);
            panic!("for this test");
        });
        let ended: Result<()> = join(thread.unwrap());
        assert_eq!(ended.unwrap_err().to_string(), "the thread `x` panicked", "its reason");
        assert_eq!(*lock(&shared), 2, "as the thread left it");
    }
}
