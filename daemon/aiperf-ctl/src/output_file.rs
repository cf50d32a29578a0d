//! Writes a result to a file at a path that the user names: complete or not at all, and never over what holds a run.

use crate::plan::Refusal;
use anyhow::{Context, Result};
use std::fs::{File, FileType, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use store::{Folder, WholeFile};

/// A file that is written.
pub(crate) enum OutputFile {
    /// One that is there when it is whole.
    Whole(WholeFile),
    /// A pipe or a device, which is written to as it is.
    Open(File),
}

impl OutputFile {
    /// Begins a file; its directory is created if necessary.
    ///
    /// # Errors
    /// When the path of this flag names no file, or what must not be replaced, or it cannot be written.
    pub(crate) fn create(path: &Path, flag: &str) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Refusal(format!("{flag}: `{}` names no file", path.display())))?;
        let failed = || format!("{flag}: failed to write `{}`", path.display());
        if is_stream(path) {
            return Ok(Self::Open(OpenOptions::new().append(true).open(path).with_context(failed)?));
        }
        if let Ok(there) = path.symlink_metadata() {
            let kind = there.file_type();
            if !kind.is_file() && !kind.is_symlink() {
                return Err(Refusal(format!("{flag}: `{}` is not a file", path.display())).into());
            }
            if holds_a_run(name) {
                let why = format!("{flag}: `{}` is a file of a run: choose another name", path.display());
                return Err(Refusal(why).into());
            }
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => Folder::make(parent),
            _ => Folder::open(Path::new(".")),
        };
        Ok(Self::Whole(folder.with_context(failed)?.create(name).with_context(failed)?))
    }

    /// Ends it: from now on it is there.
    ///
    /// # Errors
    /// When it cannot be completed.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Whole(file) => drop(file.finish()?),
            Self::Open(mut file) => file.flush()?,
        }
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Whole(file) => file.write(bytes),
            Self::Open(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Whole(file) => file.flush(),
            Self::Open(file) => file.flush(),
        }
    }
}

/// Writes a file; its directory is created if necessary.
///
/// # Errors
/// As for [`OutputFile::create`].
pub(crate) fn write(path: &Path, flag: &str, bytes: &[u8]) -> Result<()> {
    let failed = || format!("{flag}: failed to write `{}`", path.display());
    let mut file = OutputFile::create(path, flag)?;
    file.write_all(bytes).with_context(failed)?;
    file.finish().with_context(failed)
}

/// Whether it is, or leads to, a pipe, a device, or an open file of this process (`/dev/stdout`): what must not be replaced. Other
/// symbolic links are replaced, and what they lead to stays.
fn is_stream(path: &Path) -> bool {
    let leads_to_own = path.read_link().is_ok_and(|to| to.starts_with("/proc"));
    let is_one = |kind: FileType| kind.is_fifo() || kind.is_char_device();
    leads_to_own || path.metadata().is_ok_and(|there| is_one(there.file_type()))
}

/// Whether a file of this name is one of those that a run, ours or of another tool, consists of.
fn holds_a_run(name: &str) -> bool {
    let is_record = [".parquet", ".jsonl", ".jsonl.gz"].iter().any(|ending| name.ends_with(ending));
    is_record || name == "run.json" || name.starts_with("profile_export")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(path: &Path) -> Vec<u8> {
        store::source::read(path, 1 << 20).unwrap()
    }

    #[test]
    fn what_holds_a_run_and_what_is_no_file_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["requests.parquet", "run.json", "profile_export_raw.jsonl"] {
            fs::write(path(name), "records").unwrap();
            let refused = write(&path(name), "--out", b"page").unwrap_err();
            assert!(refused.to_string().contains("is a file of a run"), "{refused}");
            assert_eq!(read(&path(name)), b"records", "{name}");
        }
        fs::create_dir(path("folder")).unwrap();
        assert!(write(&path("folder"), "--out", b"page").is_err(), "a directory");
        write(&path("page.html"), "--out", b"one").unwrap();
        write(&path("page.html"), "--out", b"two").unwrap();
        assert_eq!(read(&path("page.html")), b"two", "a page is replaced");
    }

    #[test]
    fn devices_are_written_to() {
        let null = Path::new("/dev/null");
        write(null, "--out", b"page").unwrap();
        assert!(fs::metadata(null).unwrap().file_type().is_char_device(), "it is one still");
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(null, &link).unwrap();
        write(&link, "--out", b"page").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink(), "so is what leads to it");
        let own = folder.path().join("own");
        std::os::unix::fs::symlink("/proc/self/fd/2", &own).unwrap();
        write(&own, "--out", b"").unwrap();
        assert!(own.symlink_metadata().unwrap().is_symlink(), "and to an open file");
        let full = write(Path::new("/dev/full"), "--out", b"page").unwrap_err();
        assert!(format!("{full:#}").contains("No space left"), "{full:#}");
    }
}
