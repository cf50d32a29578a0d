//! The host as files below a root, what is required of it, and the two questions that no file answers.

use io_uring::{IoUring, cqueue, squeue};
use rustix::fs::Access;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A host that is examined.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
    /// What is required of it.
    pub wanted: Wanted,
    /// What no file answers.
    pub probes: Probes,
}

/// What is required of a host.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Connections at the same time.
    pub concurrency: Option<u32>,
    /// The cores that the load generator is to have, where they are known.
    pub hot_cpus: Vec<u32>,
    /// Where files are written.
    pub folders: Vec<Folder>,
    /// Who would stamp, and how.
    pub offer: Offer,
    /// NVML's library, if it is not where the linker finds it.
    pub nvml_library: Option<PathBuf>,
}

/// A folder that is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// What it is for: `artifacts`.
    pub name: &'static str,
    /// Where it is, or will be.
    pub path: PathBuf,
}

/// What a daemon offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Offer {
    /// None listens: each run starts a private one, with the rights of the user.
    #[default]
    Private,
    /// One listens there, and this user may not connect.
    Refused {
        /// Its socket.
        socket: String,
    },
    /// One listens there, and did not answer as it should.
    Broken {
        /// Its socket.
        socket: String,
        /// What happened.
        why: String,
    },
    /// One answered.
    Offered {
        /// Its socket.
        socket: String,
        /// Its version.
        version: String,
        /// The best timestamp source that it has.
        timestamps: String,
        /// Why not a better one.
        reason: Option<String>,
    },
    /// The calling process is the daemon.
    Own {
        /// The best timestamp source that it has.
        timestamps: String,
        /// Why not a better one.
        reason: Option<String>,
    },
}

/// What no file answers.
#[derive(Clone, Copy, Debug)]
pub struct Probes {
    /// Sets up an io_uring as the load generator does; the number of the error if that fails.
    pub io_uring: fn() -> Result<(), i32>,
    /// What is free in the file system of a folder that exists.
    pub space: fn(&Path) -> Option<Space>,
}

/// What is free in a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes for an ordinary user.
    pub bytes: u64,
    /// Files that can still be made; none where the file system has no such limit.
    pub inodes: Option<u64>,
}

/// A limit of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What counts.
    pub(crate) soft: u64,
    /// How far the process may raise it.
    pub(crate) hard: u64,
}

impl Host {
    /// The host on which this process runs.
    #[must_use]
    pub fn here(wanted: Wanted) -> Self {
        Self::at(Path::new("/"), wanted, Probes { io_uring: probe_io_uring, space: probe_space })
    }

    /// A host whose files lie below a folder.
    #[must_use]
    pub fn at(root: &Path, wanted: Wanted, probes: Probes) -> Self {
        Self { root: root.to_owned(), wanted, probes }
    }

    /// Where a file of the host is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A file's text without blanks at its ends; none if it can't be read.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = self.bytes(path).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// What a file holds, up to [`FILE_BYTES_MAX`].
    pub(crate) fn bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(self.path(path))?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The number that is all a file holds.
    pub(crate) fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    pub(crate) fn is_there(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>();
        names.sort();
        names
    }

    /// A line of this process's `/proc/self/status`.
    pub(crate) fn status(&self, field: &str) -> Option<String> {
        let status = self.text("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.map(|value| value.trim().to_owned())
    }

    /// A line of this process's `/proc/self/limits`.
    pub(crate) fn limit(&self, name: &str) -> Option<Limit> {
        let limits = self.text("/proc/self/limits")?;
        let mut values =
            limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().map(|value| {
                match value {
                    "unlimited" => Some(u64::MAX),
                    number => number.parse().ok(),
                }
            });
        Some(Limit { soft: values.next()??, hard: values.next()?? })
    }

    /// The nearest folder above a path that exists, the path itself first.
    pub(crate) fn existing(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix("/").unwrap_or(path);
        let whole = if path.is_absolute() { self.root.join(below) } else { path.to_owned() };
        let found = whole.ancestors().find(|path| path.is_dir()).map(Path::to_owned);
        found.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| PathBuf::from("."))
    }
}

/// Whether this process may write to a folder that exists.
pub(crate) fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// A text from outside as one short line.
pub(crate) fn short(text: &str) -> String {
    let plain = text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(TEXT_MAX);
    plain.collect::<String>().trim().to_owned()
}

/// Sets up a ring with the flags of the load generator's: SINGLE_ISSUER since Linux 6.0, DEFER_TASKRUN since 6.1.
fn probe_io_uring() -> Result<(), i32> {
    let built = IoUring::<squeue::Entry, cqueue::Entry>::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(8);
    built.map(drop).map_err(|error| error.raw_os_error().unwrap_or(0))
}

fn probe_space(folder: &Path) -> Option<Space> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let inodes = (found.f_files > 0).then_some(found.f_favail);
    Some(Space { bytes: found.f_bavail.saturating_mul(found.f_frsize), inodes })
}

/// More than any file that is read here has: `/proc/cpuinfo` of a thousand cores.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Characters of a text from outside that are shown.
const TEXT_MAX: usize = 80;
