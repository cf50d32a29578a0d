//! Files that are there whole or not at all: written beside their place, made durable, then renamed into it.

use crate::error::ExportError;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that takes its name only when it is whole; dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    temporary: PathBuf,
    out: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Begins a file that will be at `path`.
    ///
    /// # Errors
    /// When the directory refuses.
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).map_err(ExportError::disk("create", &temporary))?;
        Ok(Self { path: path.to_owned(), temporary, out: Some(BufWriter::with_capacity(1 << 18, file)) })
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// When the disk refuses.
    ///
    /// # Panics
    /// Never: the file is open until it is finished or dropped.
    pub fn finish(mut self) -> Result<PathBuf, ExportError> {
        let out = self.out.take().expect("open until finished");
        let result = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&self.temporary, &self.path))
            .and_then(|()| sync_directory(&self.path));
        if let Err(source) = result {
            self.remove();
            return Err(ExportError::disk("write", &self.path)(source));
        }
        Ok(std::mem::take(&mut self.path))
    }

    fn remove(&self) {
        // Nothing can be done about a temporary file that cannot be removed, and nobody reads it.
        drop(std::fs::remove_file(&self.temporary));
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

/// The new name survives a crash only once the directory is on disk too.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(std::fs::read(&path).unwrap(), b"whole", "as written");
    }
}
