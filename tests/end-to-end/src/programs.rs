//! Finds the programs that were built with this test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The directory of the programs.
#[must_use]
pub fn folder() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    // target/PROFILE/deps/TEST
    this.parent().and_then(Path::parent).unwrap().to_owned()
}

/// The programs in a directory where every user can run them, wherever the checkout is.
#[must_use]
pub fn for_all_users() -> TempDir {
    let readable = tempfile::tempdir().unwrap();
    for name in &PROGRAMS[..3] {
        let (from, to) = (folder().join(name), readable.path().join(name));
        // A hard link costs nothing, but is not possible across file systems.
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop)).unwrap();
    }
    fs::set_permissions(readable.path(), Permissions::from_mode(0o755)).unwrap();
    readable
}

/// A program in a Python environment that `cargo xtask setup` creates; skips the test with a message if it is missing.
#[must_use]
pub fn of_python(environment: &str, program: &str) -> Option<PathBuf> {
    let target = folder();
    let path = target.parent().unwrap().join(environment).join("bin").join(program);
    if !path.is_file() {
        kernel_tests::skip::skip(&format!("`{program}` does not exist: run `cargo xtask setup` first"));
        return None;
    }
    Some(path)
}

/// Why the programs cannot be run here, if so.
#[must_use]
pub fn lacking() -> Option<String> {
    let folder = folder();
    let lacking = PROGRAMS.iter().find(|name| !folder.join(name).is_file())?;
    Some(format!("`{lacking}` is not built: run `cargo build --workspace` first"))
}

/// The programs of the product, and the server that they measure.
pub const PROGRAMS: [&str; 4] = ["aiperf-ctl", "aiperfd", "aiperf-loadgen", "mock-server"];

/// Skips a test with a message if the programs are missing.
#[macro_export]
macro_rules! needs_programs {
    () => {
        if let Some(why) = $crate::programs::lacking() {
            return kernel_tests::skip::skip(&why);
        }
    };
}

/// Skips a test with a message if the programs or nginx are missing.
#[macro_export]
macro_rules! needs_nginx {
    () => {
        $crate::needs_programs!();
        if let Err(error) = std::process::Command::new("nginx").arg("-v").output() {
            return kernel_tests::skip::skip(&format!(
                "nginx is not available ({error}): `cargo xtask setup` installs it"
            ));
        }
    };
}

/// Skips a test with a message unless it runs as root.
#[macro_export]
macro_rules! needs_root {
    ($why:literal) => {
        if !rustix::process::geteuid().is_root() {
            return kernel_tests::skip::skip(concat!($why, " requires root"));
        }
    };
}

/// Skips a test with a message if the programs are missing or the kernel programs cannot be loaded.
#[macro_export]
macro_rules! needs_probes {
    () => {
        $crate::needs_programs!();
        if let Some(why) = kernel_tests::skip::lacks_probes() {
            return kernel_tests::skip::skip(&why);
        }
    };
}
