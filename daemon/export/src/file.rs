//! Files that are there whole or not at all: written beside their place, made durable, then renamed into it.

use crate::error::ExportError;
use crate::folder::Folder;
use rustix::fs::{AtFlags, renameat, unlinkat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file that takes its name only when it is whole; dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct WholeFile {
    folder: Folder,
    name: String,
    temporary: String,
    /// Its place among the unfinished.
    place: u64,
    out: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Begins a file that will be at `path`, whose directory is there.
    ///
    /// # Errors
    /// When the directory refuses.
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        let (folder, name) = Folder::of_file(path)?;
        Self::within(&folder, &name)
    }

    /// Begins a file of a folder.
    pub(crate) fn within(folder: &Folder, name: &str) -> Result<Self, ExportError> {
        let temporary = format!("{name}.tmp");
        let file = folder.new_file(&temporary)?;
        let place = unfinished().add(Arc::clone(folder.directory()), temporary.clone());
        let out = Some(BufWriter::with_capacity(1 << 18, file));
        Ok(Self { folder: folder.clone(), name: name.to_owned(), temporary, place, out })
    }

    /// Makes it durable and gives it its name; what had the name before, a symbolic link too, is replaced and not followed.
    ///
    /// # Errors
    /// When the disk refuses.
    ///
    /// # Panics
    /// Never: the file is open until it is finished or dropped.
    pub fn finish(mut self) -> Result<PathBuf, ExportError> {
        let out = self.out.take().expect("open until finished");
        let directory = self.folder.directory();
        let result = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| Ok(renameat(directory, &self.temporary, directory, &self.name)?))
            // The new name survives a crash only once the directory is on disk too.
            .and_then(|()| Ok(rustix::fs::fsync(directory)?));
        let path = self.folder.path().join(&self.name);
        if let Err(source) = result {
            self.remove();
            return Err(ExportError::disk("write", &path)(source));
        }
        unfinished().files.remove(&self.place);
        Ok(path)
    }

    fn remove(&self) {
        unfinished().files.remove(&self.place);
        // Nothing can be done about a temporary file that cannot be removed, and nobody reads it.
        unlinkat(self.folder.directory(), &self.temporary, AtFlags::empty()).ok();
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.as_mut().ok_or(std::io::ErrorKind::NotConnected)?.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.as_mut().ok_or(std::io::ErrorKind::NotConnected)?.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.out.is_some() {
            self.remove();
        }
    }
}

/// Removes every file that is not finished: for a process that ends without dropping its values.
pub fn remove_unfinished() {
    for (directory, temporary) in std::mem::take(&mut unfinished().files).into_values() {
        unlinkat(&directory, &temporary, AtFlags::empty()).ok();
    }
}

/// Files that are not finished, by the order in which they were begun.
#[derive(Default)]
struct Unfinished {
    begun: u64,
    files: BTreeMap<u64, (Arc<OwnedFd>, String)>,
}

impl Unfinished {
    fn add(&mut self, directory: Arc<OwnedFd>, temporary: String) -> u64 {
        self.begun += 1;
        self.files.insert(self.begun, (directory, temporary));
        self.begun
    }
}

fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished { begun: 0, files: BTreeMap::new() });

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.txt");
        let mut dropped = WholeFile::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left of it");
        let mut whole = WholeFile::create(&path).unwrap();
        whole.write_all(b"whole").unwrap();
        assert_eq!(whole.finish().unwrap(), path, "under its name");
        assert_eq!(crate::source::read(&path, 99).unwrap(), b"whole", "as written");
    }

    #[test]
    fn links_are_replaced_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("other"), b"kept").unwrap();
        // Both the file and what it is called until it is whole.
        symlink(path("other"), path("out.txt")).unwrap();
        symlink(path("other"), path("out.txt.tmp")).unwrap();
        let mut file = WholeFile::create(&path("out.txt")).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert_eq!(crate::source::read(&path("other"), 99).unwrap(), b"kept", "where the links led");
        assert!(path("out.txt").symlink_metadata().unwrap().is_file(), "a file took the link's place");
        assert_eq!(crate::source::read(&path("out.txt"), 99).unwrap(), b"new", "with the bytes");
    }

    #[test]
    fn what_is_unfinished_can_be_removed_without_its_value() {
        let directory = tempfile::tempdir().unwrap();
        let file = WholeFile::create(&directory.path().join("out.txt")).unwrap();
        // As when a signal ends the process: other tests' files may go too, so only this one is taken.
        let (there, temporary) = unfinished().files.remove(&file.place).unwrap();
        unlinkat(&there, &temporary, AtFlags::empty()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
    }
}
