//! Restricts results to one directory: files below it are given by name, never by path, and no link leads out of it.
//!
//! Names may be foreign, such as the prefix in a fetched `run.json`. The directory itself is the user's choice and may be a
//! link; it is opened once, so renaming or replacing it later has no effect.

use crate::error::StoreError;
use crate::file::WholeFile;
use crate::names::check_name;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory for results.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    directory: Arc<OwnedFd>,
}

impl Folder {
    /// Opens an existing directory.
    ///
    /// # Errors
    /// When it does not exist, or is not a directory.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let of = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let directory = rustix::fs::open(of, OPEN, Mode::empty());
        let directory = directory.map_err(|error| StoreError::disk("open", path)(error.into()))?;
        Ok(Self { path: path.to_owned(), directory: Arc::new(directory) })
    }

    /// Opens a directory, creating it if necessary.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn make(path: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(StoreError::disk("create", path))?;
        Self::open(path)
    }

    /// Opens a subdirectory, creating it if necessary.
    ///
    /// # Errors
    /// When the name is a path, or an existing entry of that name is not a directory; a link to one is not either.
    pub fn within(&self, name: &str) -> Result<Self, StoreError> {
        let path = self.place(name)?;
        let made = match mkdirat(&*self.directory, name, Mode::from_raw_mode(0o777)) {
            Err(Errno::EXIST) => Ok(()),
            other => other,
        };
        let opened = made.and_then(|()| self.beneath(name, OPEN, Mode::empty()));
        let directory = opened.map_err(|error| StoreError::disk("create", &path)(error.into()))?;
        Ok(Self { path, directory: Arc::new(directory) })
    }

    /// Starts a file in it.
    ///
    /// # Errors
    /// When the name is a path, or the file cannot be created.
    pub fn create(&self, name: &str) -> Result<WholeFile, StoreError> {
        self.place(name)?;
        WholeFile::within(self, name)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory and the name of a file.
    pub(crate) fn of_file(path: &Path) -> Result<(Self, String), StoreError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| StoreError::disk("create", path)(io::ErrorKind::InvalidFilename.into()))?;
        Ok((Self::open(path.parent().unwrap_or_else(|| Path::new(".")))?, name.to_owned()))
    }

    pub(crate) const fn directory(&self) -> &Arc<OwnedFd> {
        &self.directory
    }

    /// A newly created file: an existing one is removed first, also a link.
    pub(crate) fn new_file(&self, name: &str) -> Result<File, StoreError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let mut opened = self.beneath(name, flags, mode);
        if matches!(opened, Err(Errno::EXIST)) {
            opened = unlinkat(&*self.directory, name, AtFlags::empty())
                .and_then(|()| self.beneath(name, flags, mode));
        }
        let failed = |error: Errno| StoreError::disk("create", &self.path.join(name))(error.into());
        Ok(File::from(opened.map_err(failed)?))
    }

    /// Opens a name that is not a path; the kernel guarantees that it does not lead elsewhere.
    fn beneath(&self, name: &str, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(&*self.directory, name, flags, mode, beneath) {
            // Some sandboxes have no openat2: for a name without slashes, NOFOLLOW is equivalent.
            Err(Errno::NOSYS | Errno::PERM) => openat(&*self.directory, name, flags | OFlags::NOFOLLOW, mode),
            opened => opened,
        }
    }

    fn place(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_name(name)?;
        Ok(self.path.join(name))
    }
}

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_is_written_outside() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::make(&outer.path().join("inner")).unwrap();
        for name in
            ["../out.json", "/tmp/out.json", "a/b", "..", ".", "", "-o", "a\0b", "a\nb", &"x".repeat(300)]
        {
            assert!(folder.create(name).is_err() && folder.within(name).is_err(), "{name:?} is not a name");
        }
        symlink(outer.path(), folder.path().join("link")).unwrap();
        assert!(folder.within("link").is_err(), "a link to a folder is not followed");
        let mut file = folder.within("made").unwrap().create("out.json").unwrap();
        file.write_all(b"{}").unwrap();
        assert_eq!(file.finish().unwrap(), outer.path().join("inner/made/out.json"), "below the directory");
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1, "nothing next to it");
    }

    #[test]
    fn a_folder_that_is_moved_stays_the_same() {
        let outer = tempfile::tempdir().unwrap();
        let (here, there) = (outer.path().join("here"), outer.path().join("there"));
        let folder = Folder::make(&here).unwrap();
        let file = folder.create("x").unwrap();
        std::fs::rename(&here, &there).unwrap();
        symlink("/nowhere", &here).unwrap();
        file.finish().unwrap();
        assert!(there.join("x").is_file(), "in the moved directory");
    }
}
