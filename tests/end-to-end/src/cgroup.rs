//! A cgroup for a test's server that is observed.

use crate::patience;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A cgroup that is removed with the test; its processes are moved out.
#[derive(Debug)]
pub struct Own {
    path: PathBuf,
}

impl Own {
    /// Creates one.
    #[must_use]
    pub fn make() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let line = mounts.lines().find(|line| line.contains(" - cgroup2 ")).unwrap();
        let root = line.split(' ').nth(4).unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(root).join(format!("end-to-end-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self { path }
    }

    /// Its path below the hierarchy's root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    /// The file that a process writes its id to in order to join.
    #[must_use]
    pub fn processes(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The test's processes have exited by now, or are about to.
        fs::write(self.path.join("cgroup.kill"), "1").ok();
        patience::until("the cgroup to be empty", || fs::remove_dir(&self.path).ok());
    }
}

/// The cgroup of a daemon, if it exists.
#[must_use]
pub fn of_daemon(pid: u32) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    let path = Path::new(line.split(' ').nth(4)?).join(format!("aiperfd-{pid}"));
    path.exists().then_some(path)
}

static NUMBER: AtomicU32 = AtomicU32::new(0);
