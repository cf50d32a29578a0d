//! Waiting that comes to an end: nothing is said about how long something takes, only that it happens at all.

use std::process::{Child, ExitStatus};
use std::time::Duration;

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there never is one.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..ATTEMPTS {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("waited in vain for {what}");
}

/// Waits for the end of a process, and ends it when that never comes.
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

/// Half a minute: more than anything here takes.
const ATTEMPTS: u32 = 3000;
const PAUSE: Duration = Duration::from_millis(10);
