//! Opens foreign files: only regular files or pipes, read only up to a size limit.
//!
//! A user's path may be a device without end, a pipe without a writer, or a kernel file whose reading has side effects. All of
//! them are refused at once, and the error states what it is.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, fstatfs};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::time::Duration;

/// Opens a regular file up to this size.
///
/// # Errors
/// When it does not exist, is something else, or is longer.
pub fn open(path: &Path, bytes_max: u64) -> io::Result<File> {
    match open_any(path, bytes_max)? {
        Opened::File(file) => Ok(file),
        Opened::Pipe(_) => Err(refused("it is a pipe, but must be a file")),
    }
}

/// Reads a whole file or pipe up to this size.
///
/// # Errors
/// When it does not exist, is something else, is longer, or delivers nothing.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match open_any(path, bytes_max)? {
        Opened::File(file) => Bounded::new(file, bytes_max).read_to_end(&mut bytes)?,
        Opened::Pipe(pipe) => Bounded::new(pipe, bytes_max).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// Like [`read`], for text.
///
/// # Errors
/// Also when it is not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read(path, bytes_max)?).map_err(|_not_text| refused("it is not UTF-8 text"))
}

/// A readable file or pipe.
#[derive(Debug)]
pub enum Opened {
    /// A regular file.
    File(File),
    /// A pipe, such as `/dev/stdin` or a shell's `<(...)`: it can be read only once.
    Pipe(Pipe),
}

/// Opens a regular file up to this size, or a pipe.
///
/// # Errors
/// When it does not exist, is something else, or is longer.
pub fn open_any(path: &Path, bytes_max: u64) -> io::Result<Opened> {
    // Without NONBLOCK, a pipe without a writer would block here.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NXIO) => return Err(refused("it is a socket, but must be a file")),
        opened => opened?,
    };
    let found = fstat(&file)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => {}
        FileType::Fifo => return Ok(Opened::Pipe(Pipe { file: File::from(file), has_data: false })),
        FileType::Directory => return Err(refused("it is a directory, but must be a file")),
        FileType::CharacterDevice | FileType::BlockDevice => {
            return Err(refused("it is a device, but must be a file"));
        }
        _ => return Err(refused("it is not a regular file")),
    }
    if KERNEL_FILE_SYSTEMS.contains(&fstatfs(&file)?.f_type) {
        return Err(refused("it is a file of a kernel file system, but must be on a disk"));
    }
    let length = u64::try_from(found.st_size).unwrap_or(0);
    if length > bytes_max {
        return Err(too_long(bytes_max));
    }
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(Opened::File(File::from(file)))
}

/// A pipe that is read with a timeout.
#[derive(Debug)]
pub struct Pipe {
    file: File,
    has_data: bool,
}

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut looked = 0;
        loop {
            match self.file.read(bytes) {
                // Its writer may not have opened it yet.
                Ok(0) if !self.has_data && looked < WRITER_LOOKS => std::thread::sleep(LOOK),
                Ok(0) if !self.has_data => return Err(refused("it is a pipe without a writer")),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && looked < SILENCE_LOOKS => {
                    self.wait()?
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(refused("it is a pipe, and no data arrived for 15 seconds"));
                }
                other => {
                    self.has_data = true;
                    return other;
                }
            }
            looked += 1;
        }
    }
}

impl Pipe {
    fn wait(&self) -> io::Result<()> {
        let time = rustix::event::Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads at most this many bytes and fails beyond them: a file may grow, or a compressed size be unknown.
#[derive(Debug)]
pub struct Bounded<R> {
    from: R,
    bytes_max: u64,
    left: u64,
}

impl<R> Bounded<R> {
    /// Limits `from` to `bytes_max`.
    pub const fn new(from: R, bytes_max: u64) -> Self {
        Self { from, bytes_max, left: bytes_max }
    }

    /// Restarts counting.
    pub const fn renew(&mut self) {
        self.left = self.bytes_max;
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // At the limit, only the end of the data is allowed.
            return match self.from.read(&mut [0; 1])? {
                0 => Ok(0),
                _ => Err(too_long(self.bytes_max)),
            };
        }
        let room = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.from.read(&mut bytes[..room])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Reads the next line without its line ending into a reused buffer; returns whether there was one.
///
/// # Errors
/// When it is longer than `bytes_max`, or cannot be read.
pub fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: usize) -> io::Result<bool> {
    line.clear();
    let read = from.by_ref().take(bytes_max as u64 + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > bytes_max {
        return Err(refused(format!("it has a line of more than {}", size(bytes_max as u64))));
    }
    Ok(read > 0)
}

/// The host's memory in bytes.
#[must_use]
pub fn host_memory() -> u64 {
    let host = rustix::system::sysinfo();
    // Both are as wide as the machine's words.
    (host.totalram as u64).saturating_mul(u64::from(host.mem_unit))
}

/// A number of bytes in readable form.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

fn too_long(bytes_max: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {}", size(bytes_max)))
}

fn refused(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.into())
}

/// Polling interval of a pipe.
const LOOK: Duration = Duration::from_millis(100);
/// One second.
const WRITER_LOOKS: u32 = 10;
/// 15 seconds.
const SILENCE_LOOKS: u32 = 150;
/// proc, sysfs, debugfs, tracefs (linux/magic.h): reading some of their files blocks, or consumes data that others need.
const KERNEL_FILE_SYSTEMS: [i64; 4] = [0x9fa0, 0x6265_6572, 0x6462_6720, 0x7472_6163];

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mknodat};
    use std::io::Write;

    #[test]
    fn other_kinds_of_files_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let _listener = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::fs::write(path("long"), [b'x'; 100]).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("zeros")).unwrap();
        let check = |path: &Path, expected: &str| {
            for refused in [open(path, 10).map(drop), read(path, 10).map(drop)] {
                assert!(refused.unwrap_err().to_string().contains(expected), "{}", path.display());
            }
        };
        for device in ["/dev/zero", "/dev/urandom", "/dev/null"] {
            check(Path::new(device), "it is a device");
        }
        check(&path("zeros"), "it is a device");
        check(Path::new("/proc/self/status"), "a file of a kernel file system");
        check(Path::new("/sys/kernel/notes"), "a file of a kernel file system");
        check(Path::new("/"), "it is a directory");
        check(&path("socket"), "it is a socket");
        check(&path("long"), "it is longer than 10 bytes");
        check(&path("none"), "No such file");
    }

    #[test]
    fn pipes_are_read_with_a_timeout() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(
            open(&fifo, 10).unwrap_err().to_string().contains("it is a pipe"),
            "where a file is required"
        );
        let to = fifo.clone();
        let writer = std::thread::spawn(move || {
            let mut pipe = std::fs::OpenOptions::new().write(true).open(to).unwrap();
            pipe.write_all(b"a text").unwrap();
        });
        assert_eq!(read_text(&fifo, 10).unwrap(), "a text", "as it was written");
        writer.join().unwrap();
        let refused = read(&fifo, 10).unwrap_err();
        assert!(refused.to_string().contains("without a writer"), "{refused}");
    }

    #[test]
    fn no_more_is_read_than_the_limit() {
        let read = |length: usize, bytes_max: u64| {
            let mut bytes = Vec::new();
            Bounded::new(&vec![7; length][..], bytes_max).read_to_end(&mut bytes).map(|_| bytes.len())
        };
        assert_eq!(read(10, 10).unwrap(), 10, "just enough");
        assert_eq!(read(11, 10).unwrap_err().to_string(), "it is longer than 10 bytes", "one more");
        let mut lines = &b"ab\nabcd\nx"[..];
        let mut line = Vec::new();
        assert!(next_line(&mut lines, &mut line, 4).unwrap() && line == b"ab", "short");
        assert!(next_line(&mut lines, &mut line, 4).unwrap() && line == b"abcd", "just long enough");
        assert!(next_line(&mut lines, &mut line, 4).unwrap() && line == b"x", "without an end");
        assert!(!next_line(&mut lines, &mut line, 4).unwrap(), "no more");
        assert!(next_line(&mut &b"abcde\n"[..], &mut line, 4).is_err(), "too long");
        assert_eq!(
            (size(3 << 30), size(5 << 20), size(1000)),
            ("3 GiB".into(), "5 MiB".into(), "1000 bytes".into()),
            "sizes"
        );
    }
}
