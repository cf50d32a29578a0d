//! Waits with a generous timeout: tests never depend on how long something takes, only on whether it happens.

use std::process::{Child, ExitStatus};
use std::time::Duration;

/// Polls until there is a value.
///
/// # Panics
/// When there never is one.
#[track_caller]
pub fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    for _ in 0..ATTEMPTS {
        if let Some(value) = poll() {
            return value;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("timed out waiting for {what}");
}

/// Waits for a process to exit, and kills it after a timeout.
pub fn end_of(process: &mut Child) -> Option<ExitStatus> {
    for _ in 0..ATTEMPTS {
        if let Some(status) = process.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(PAUSE);
    }
    process.kill().ok();
    process.wait().ok();
    None
}

/// Two minutes, longer than anything here takes, even while another test program has the other core.
const ATTEMPTS: u32 = 12_000;
const PAUSE: Duration = Duration::from_millis(10);
