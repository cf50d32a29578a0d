//! Files that hold what was collected until it is processed: memory stays flat, however far the reader is behind.
//!
//! A spool file is kept whole up to a number of bytes: as long as it is, a daemon that was killed loses nothing. Beyond that,
//! or when the disk runs short, the disk space of what was read is freed as soon as it is in complete parts of the results,
//! and a mark in the folder records that.

use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Appends to a spool file, buffered until it is published.
#[derive(Debug)]
pub struct Writer {
    file: File,
    buffer: Vec<u8>,
    /// Bytes in the file.
    written: u64,
    /// What a reader in this process may read.
    published: Arc<AtomicU64>,
    /// What is freed, and when.
    keeping: Keeping,
    durable: Durable,
    /// How far it was read at the last look.
    read: u64,
}

/// How much of a run's spool files is kept once it was read. All files of a run, and its pipeline, share it.
#[derive(Clone, Debug)]
pub struct Keeping(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    /// Bytes that each file may have before anything is freed.
    bytes: u64,
    /// The mark that something was freed.
    mark: PathBuf,
    /// Whether parts are short, so that something can be freed soon.
    is_short: AtomicBool,
    /// Whether something was freed.
    is_cut: AtomicBool,
    /// How often the pipeline has ended its parts.
    parts: AtomicU64,
}

/// How far one file may be freed: what was read before the parts were ended twice is in complete ones.
#[derive(Debug, Default)]
struct Durable {
    parts: u64,
    /// How far it had been read when the parts were ended last.
    read: u64,
    /// How far it had been read when they were ended the time before.
    safe: u64,
    /// Bytes from the file's start whose disk space has been freed.
    freed: u64,
}

impl Keeping {
    /// Up to so many bytes of each file are kept; the mark is made in this folder.
    #[must_use]
    pub fn new(folder: &Path, bytes: u64) -> Self {
        Self(Arc::new(Kept {
            bytes,
            mark: folder.join(CUT),
            is_short: AtomicBool::new(bytes == 0),
            is_cut: AtomicBool::new(false),
            parts: AtomicU64::new(0),
        }))
    }

    /// Nothing is kept that is in complete parts, and the mark is there from the start.
    ///
    /// # Errors
    /// When the mark can't be made.
    pub fn nothing(folder: &Path) -> io::Result<Self> {
        let keeping = Self::new(folder, 0);
        File::create(&keeping.0.mark)?;
        keeping.0.is_cut.store(true, Ordering::Relaxed);
        Ok(keeping)
    }

    /// Keeps no more than parts lack: the disk runs short.
    pub fn press(&self) {
        self.0.is_short.store(true, Ordering::Relaxed);
    }

    /// Whether parts are to be short: then only complete ones survive a kill, or soon will.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.0.is_short.load(Ordering::Relaxed)
    }

    /// The pipeline has ended its parts.
    pub fn ended_parts(&self) {
        self.0.parts.fetch_add(1, Ordering::Release);
    }

    /// Frees what is in complete parts of a file that has been read up to `read`.
    fn give_back(&self, file: &File, durable: &mut Durable, read: u64) -> io::Result<()> {
        if read > self.0.bytes {
            self.press();
        }
        let parts = self.0.parts.load(Ordering::Acquire);
        if parts != durable.parts {
            durable.parts = parts;
            durable.safe = durable.read;
            durable.read = read;
        }
        let least = if self.0.bytes == 0 { FREE_BYTES } else { PRESSED_BYTES };
        if !self.is_short() || durable.safe.saturating_sub(durable.freed) < least {
            return Ok(());
        }
        // The mark is on the disk before the first bytes are freed.
        if !self.0.is_cut.swap(true, Ordering::Relaxed) {
            File::create(&self.0.mark)?;
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match fallocate(file, flags, durable.freed, durable.safe - durable.freed) {
            // A file system without holes keeps everything.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {
                durable.freed = durable.safe;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether all that was collected is still in the spool files of this folder.
#[must_use]
pub fn is_whole(folder: &Path) -> bool {
    folder.is_dir() && !folder.join(CUT).exists()
}

/// Reads a spool file in this process.
#[derive(Debug)]
pub struct Reader {
    file: File,
    published: Arc<AtomicU64>,
    buffer: Vec<u8>,
    /// How much of the buffer has been consumed.
    taken: usize,
    /// The offset in the file after the buffer.
    place: u64,
    durable: Durable,
    /// How far another process has read, if one reads too: what it has not read is not freed.
    other: Option<Arc<AtomicU64>>,
    /// What is freed; nothing of a file that is read again.
    keeping: Option<Keeping>,
}

impl Writer {
    /// Makes a spool file.
    ///
    /// # Errors
    /// When the file can't be made.
    pub fn create(path: &Path, keeping: Keeping) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Self {
            file,
            buffer,
            written: 0,
            published: Arc::default(),
            keeping,
            durable: Durable::default(),
            read: 0,
        })
    }

    /// A reader of this file, in this process.
    ///
    /// # Errors
    /// When the file's descriptor can't be duplicated.
    pub fn reader(&self) -> io::Result<Reader> {
        Ok(Reader {
            file: self.file.try_clone()?,
            published: Arc::clone(&self.published),
            buffer: Vec::new(),
            taken: 0,
            place: 0,
            durable: Durable::default(),
            other: None,
            keeping: Some(self.keeping.clone()),
        })
    }

    /// The same for a file that another process reads too, as far as `other` holds.
    ///
    /// # Errors
    /// When the file's descriptor can't be duplicated.
    pub fn reader_behind(&self, other: Arc<AtomicU64>) -> io::Result<Reader> {
        Ok(Reader { other: Some(other), ..self.reader()? })
    }

    /// Appends bytes; they can be read after the next [`Writer::publish`].
    ///
    /// # Errors
    /// When the disk is full or broken.
    #[inline]
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Lets readers read what was appended.
    ///
    /// # Errors
    /// When the disk is full or broken.
    pub fn publish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.published.store(self.written, Ordering::Release);
        Ok(())
    }

    /// Bytes in the file.
    pub const fn length(&self) -> u64 {
        self.written
    }

    /// Frees the disk space of bytes before this place, once they are in complete parts.
    ///
    /// # Errors
    /// When the file system fails for another reason than that it does not support this.
    pub fn free_before(&mut self, place: u64) -> io::Result<()> {
        self.read = place;
        self.keeping.give_back(&self.file, &mut self.durable, place)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut attempt = 0;
        loop {
            match self.file.write_all_at(&self.buffer, self.written) {
                Ok(()) => break,
                // What is in complete parts soon makes room; the rings hold what arrives meanwhile.
                Err(error) if attempt < FULL_ATTEMPTS && error.kind() == io::ErrorKind::StorageFull => {
                    attempt += 1;
                    self.keeping.press();
                    std::thread::sleep(FULL_PAUSE);
                    self.keeping.give_back(&self.file, &mut self.durable, self.read).ok();
                }
                Err(error) => return Err(error),
            }
        }
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Reader {
    /// Reads a file that a dead daemon has left, to its end.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn again(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            published: Arc::new(AtomicU64::new(length)),
            buffer: Vec::new(),
            taken: 0,
            place: 0,
            durable: Durable::default(),
            other: None,
            keeping: None,
        })
    }

    /// The next `count` bytes, if they are there already.
    ///
    /// # Errors
    /// When the disk is broken.
    pub fn peek(&mut self, count: usize) -> io::Result<Option<&[u8]>> {
        if self.buffer.len() - self.taken < count {
            self.fill()?;
        }
        Ok(self.buffer.get(self.taken..self.taken + count))
    }

    /// Skips bytes that were peeked at.
    pub const fn take(&mut self, count: usize) {
        self.taken += count;
    }

    fn fill(&mut self) -> io::Result<()> {
        let there = self.published.load(Ordering::Acquire).saturating_sub(self.place);
        let count = usize::try_from(there).unwrap_or(usize::MAX).min(BUFFER_BYTES);
        if count == 0 {
            return Ok(());
        }
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + count, 0);
        self.file.read_exact_at(&mut self.buffer[kept..], self.place)?;
        self.place += count as u64;
        // A buffer behind the place has been consumed; freeing its disk space may fail and costs space only.
        let other = self.other.as_ref().map_or(u64::MAX, |other| other.load(Ordering::Acquire));
        let taken = (self.place - kept as u64 - count as u64).min(other);
        if let Some(keeping) = &self.keeping {
            keeping.give_back(&self.file, &mut self.durable, taken).ok();
        }
        Ok(())
    }
}

/// The mark that something was freed.
const CUT: &str = "cut";
/// Bytes that are buffered before they are written to the file.
const BUFFER_BYTES: usize = 256 << 10;
/// How much disk space is freed at once.
const FREE_BYTES: u64 = 64 << 20;
/// The same when the disk runs short, or much was collected.
const PRESSED_BYTES: u64 = 1 << 20;
/// A full disk is tried again for three seconds.
const FULL_ATTEMPTS: u32 = 150;
const FULL_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_can_be_read_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer =
            Writer::create(&directory.path().join("spool"), Keeping::new(directory.path(), 1 << 30)).unwrap();
        let mut reader = writer.reader().unwrap();
        writer.append(b"abcd").unwrap();
        assert_eq!(reader.peek(4).unwrap(), None, "not published");
        writer.publish().unwrap();
        assert_eq!(reader.peek(4).unwrap(), Some(b"abcd".as_slice()), "published");
        reader.take(4);
        writer.append(&vec![7; BUFFER_BYTES + 5]).unwrap();
        writer.publish().unwrap();
        assert_eq!(reader.peek(3).unwrap(), Some([7; 3].as_slice()), "in order");
        assert_eq!(writer.length(), 4 + 5 + (BUFFER_BYTES as u64), "all of it is in the file");
    }

    #[test]
    fn what_is_kept_is_whole_until_it_is_too_much() {
        let directory = tempfile::tempdir().unwrap();
        let keeping = Keeping::new(directory.path(), 8 << 20);
        let mut writer = Writer::create(&directory.path().join("spool"), keeping.clone()).unwrap();
        let mut write = |mebibytes: u64| {
            for _ in 0..mebibytes {
                writer.append(&vec![7; 1 << 20]).unwrap();
            }
            writer.publish().unwrap();
            let length = writer.length();
            writer.free_before(length).unwrap();
        };
        write(4);
        keeping.ended_parts();
        write(2);
        keeping.ended_parts();
        write(1);
        assert!(is_whole(directory.path()) && !keeping.is_short(), "nothing was freed");
        let mut again = Reader::again(&directory.path().join("spool")).unwrap();
        assert_eq!(again.peek(1).unwrap(), Some([7].as_slice()), "it can be read again");
        write(4);
        assert!(keeping.is_short() && !is_whole(directory.path()), "what is in complete parts is freed");
    }

    #[test]
    fn what_is_put_away_meanwhile_is_never_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let keeping = Keeping::nothing(directory.path()).unwrap();
        assert!(keeping.is_short() && !is_whole(directory.path()), "from the start");
    }

    #[test]
    fn a_disk_that_runs_short_is_helped() {
        let directory = tempfile::tempdir().unwrap();
        let keeping = Keeping::new(directory.path(), 1 << 30);
        let mut writer = Writer::create(&directory.path().join("spool"), keeping.clone()).unwrap();
        writer.append(&vec![7; 4 << 20]).unwrap();
        writer.publish().unwrap();
        for _ in 0..2 {
            keeping.ended_parts();
            writer.free_before(4 << 20).unwrap();
        }
        assert!(is_whole(directory.path()), "there is room");
        keeping.press();
        writer.free_before(4 << 20).unwrap();
        assert!(!is_whole(directory.path()), "there is none");
    }
}
