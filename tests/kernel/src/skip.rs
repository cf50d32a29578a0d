//! What a host must have for these tests, and what happens where it lacks it.

use std::io::Write;

/// Prints why a test does not run. In CI, where everything has to be there, that is a failure.
///
/// # Panics
/// With the environment variable `CI` set to `true`.
pub fn skip(reason: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "skipped in CI: {reason}");
    writeln!(std::io::stderr(), "skipped: {reason}").ok();
    // `cargo xtask test` reports at its end what was left out.
    if let Some(path) = std::env::var_os("AIPERFD_SKIPPED") {
        let list = std::fs::OpenOptions::new().append(true).open(path);
        list.and_then(|mut list| list.write_all(format!("{reason}\n").as_bytes())).ok();
    }
}

/// Why the kernel programs can't be loaded and attached here, if so.
#[must_use]
pub fn lacks_probes() -> Option<String> {
    let missing = aiperfd::privileges::missing();
    if !missing.is_empty() {
        return Some(format!("the kernel programs need {}", missing.join(", ")));
    }
    aiperfd::probe::Object::find(None).err().map(|error| format!("{error:#}"))
}

/// Why network namespaces with packet filters can't be made here, if so.
#[must_use]
pub fn lacks_network() -> Option<String> {
    if let Some(why) = lacks_probes() {
        return Some(why);
    }
    let lacking = ["ip", "nft"].into_iter().find(|program| {
        let version = std::process::Command::new(program).arg("-V").output();
        !version.is_ok_and(|output| output.status.success())
    });
    lacking.map(|program| format!("the program `{program}` is not there"))
}
