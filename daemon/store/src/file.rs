//! Writes files atomically: to a temporary name next to the target, made durable, then renamed.

use crate::error::StoreError;
use crate::folder::Folder;
use rustix::fs::{AtFlags, renameat, unlinkat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file that appears under its name only when it is complete; dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct WholeFile {
    folder: Folder,
    name: String,
    temporary: String,
    /// Its key among the unfinished files.
    place: u64,
    out: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Starts a file at `path`, whose directory exists.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let (folder, name) = Folder::of_file(path)?;
        Self::within(&folder, &name)
    }

    /// Starts a file in a folder.
    pub(crate) fn within(folder: &Folder, name: &str) -> Result<Self, StoreError> {
        let temporary = format!("{name}.tmp");
        let file = folder.new_file(&temporary)?;
        let place = unfinished().add(Arc::clone(folder.directory()), temporary.clone());
        let out = Some(BufWriter::with_capacity(1 << 18, file));
        Ok(Self { folder: folder.clone(), name: name.to_owned(), temporary, place, out })
    }

    /// Makes it durable and renames it; an existing file or symbolic link of that name is replaced, and the link not followed.
    ///
    /// # Errors
    /// When it cannot be written.
    ///
    /// # Panics
    /// Never: the file is open until it is finished or dropped.
    pub fn finish(mut self) -> Result<PathBuf, StoreError> {
        let out = self.out.take().expect("open until finished");
        let directory = self.folder.directory();
        let result = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| Ok(renameat(directory, &self.temporary, directory, &self.name)?))
            // The new name survives a crash only once the directory is also on disk.
            .and_then(|()| Ok(rustix::fs::fsync(directory)?));
        let path = self.folder.path().join(&self.name);
        if let Err(source) = result {
            self.remove();
            return Err(StoreError::disk("write", &path)(source));
        }
        unfinished().files.remove(&self.place);
        Ok(path)
    }

    fn remove(&self) {
        unfinished().files.remove(&self.place);
        // A temporary file that cannot be removed does no harm: no program reads it.
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

/// Removes every unfinished file: for a process that exits without dropping its values.
pub fn remove_unfinished() {
    for (directory, temporary) in std::mem::take(&mut unfinished().files).into_values() {
        unlinkat(&directory, &temporary, AtFlags::empty()).ok();
    }
}

/// Unfinished files by order of creation.
#[derive(Default)]
struct Unfinished {
    created: u64,
    files: BTreeMap<u64, (Arc<OwnedFd>, String)>,
}

impl Unfinished {
    fn add(&mut self, directory: Arc<OwnedFd>, temporary: String) -> u64 {
        self.created += 1;
        self.files.insert(self.created, (directory, temporary));
        self.created
    }
}

fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished { created: 0, files: BTreeMap::new() });

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_complete_or_absent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.txt");
        let mut dropped = WholeFile::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left behind");
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
        // Both the file and its temporary name.
        symlink(path("other"), path("out.txt")).unwrap();
        symlink(path("other"), path("out.txt.tmp")).unwrap();
        let mut file = WholeFile::create(&path("out.txt")).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert_eq!(crate::source::read(&path("other"), 99).unwrap(), b"kept", "the target of the links");
        assert!(path("out.txt").symlink_metadata().unwrap().is_file(), "a file took the link's place");
        assert_eq!(crate::source::read(&path("out.txt"), 99).unwrap(), b"new", "with the bytes");
    }

    #[test]
    fn unfinished_files_can_be_removed_without_their_values() {
        let directory = tempfile::tempdir().unwrap();
        let file = WholeFile::create(&directory.path().join("out.txt")).unwrap();
        // As when a signal ends the process. Other tests' unfinished files would be removed too, so only this one is taken.
        let (there, temporary) = unfinished().files.remove(&file.place).unwrap();
        unlinkat(&there, &temporary, AtFlags::empty()).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
    }
}
