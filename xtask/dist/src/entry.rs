//! Files of a package and the archives that hold them: sorted, of user 0, all of one time.

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Files by their path, without a leading slash.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its permissions.
    pub(crate) mode: u32,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its user and group, by number.
    pub(crate) owner: u32,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File(Vec<u8>),
    /// A folder.
    Folder,
}

impl Entry {
    /// A file that everybody may read.
    pub(crate) fn file(bytes: impl Into<Vec<u8>>) -> Self {
        Self { mode: 0o644, kind: Kind::File(bytes.into()), owner: 0 }
    }

    /// A file that everybody may run.
    pub(crate) fn program(bytes: impl Into<Vec<u8>>) -> Self {
        Self { mode: 0o755, ..Self::file(bytes) }
    }

    /// A folder of a user.
    pub(crate) const fn folder(mode: u32, owner: u32) -> Self {
        Self { mode, kind: Kind::Folder, owner }
    }
}

/// Adds the folders that files lie in.
pub(crate) fn with_folders(entries: &Entries) -> Entries {
    let mut all = entries.clone();
    for path in entries.keys() {
        for parent in Path::new(path).ancestors().skip(1).filter(|parent| *parent != Path::new("")) {
            let parent = parent.to_string_lossy().into_owned();
            all.entry(parent).or_insert(Entry::folder(0o755, 0));
        }
    }
    all
}

/// A tar file.
pub(crate) fn tar(entries: &Entries, time: u64) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, entry) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_mtime(time);
        header.set_uid(entry.owner.into());
        header.set_gid(entry.owner.into());
        let added = match &entry.kind {
            Kind::File(bytes) => {
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, path, bytes.as_slice())
            }
            Kind::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                archive.append_data(&mut header, format!("{path}/"), std::io::empty())
            }
        };
        added.with_context(|| format!("failed to put `{path}` into an archive"))?;
    }
    archive.into_inner().context("failed to end an archive")
}

/// Compressed by gzip, without a time or a name.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed =
        GzBuilder::new().mtime(0).operating_system(OS_UNKNOWN).write(Vec::new(), Compression::best());
    packed.write_all(bytes).and_then(|()| packed.finish()).context("failed to compress")
}

/// The byte of a gzip header that names the operating system: left unknown.
const OS_UNKNOWN: u8 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Entries {
        let text = ("usr/bin/b".to_owned(), Entry::file("y"));
        Entries::from([("usr/bin/a".to_owned(), Entry::program("x")), text])
    }

    #[test]
    fn an_archive_is_the_same_again() {
        let once = gzip(&tar(&with_folders(&entries()), 7).unwrap()).unwrap();
        let again = gzip(&tar(&with_folders(&entries()), 7).unwrap()).unwrap();
        assert_eq!(once, again, "byte by byte");
        assert_eq!(once[3..10], [0, 0, 0, 0, 0, 2, 255], "no name, no time, best compression, no system");
    }

    #[test]
    fn an_archive_holds_what_was_given() {
        let bytes = tar(&with_folders(&entries()), 7).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            (path, header.mode().unwrap(), header.uid().unwrap(), header.mtime().unwrap())
        });
        let expected = [("usr/", 0o755), ("usr/bin/", 0o755), ("usr/bin/a", 0o755), ("usr/bin/b", 0o644)];
        let expected = expected.map(|(path, mode)| (path.to_owned(), mode, 0, 7));
        assert_eq!(found.collect::<Vec<_>>(), expected, "folders first, of user 0, of the given time");
    }
}
