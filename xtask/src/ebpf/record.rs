//! What the committed object was made of: the digest of each source, the compiler, the flags.

use super::compiler::FLAGS;
use super::{OBJECT, RECORD};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The record beside the object.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// SHA-256 of the object.
    object_sha256: String,
    /// The versions of rustc, LLVM and linker.
    pub(super) compiler: String,
    /// What cargo was asked for.
    flags: String,
    /// SHA-256 of every file that was read, by its path from the repository's top folder.
    sources: BTreeMap<String, String>,
}

impl Record {
    /// The record of an object that was just made of these sources.
    pub(super) fn new(root: &Path, sources: &[String], object: &[u8], compiler: String) -> Result<Self> {
        let digest = |path: &String| -> Result<(String, String)> {
            let bytes = fs::read(root.join(path)).with_context(|| format!("failed to read `{path}`"))?;
            Ok((path.clone(), sha256(&bytes)))
        };
        let sources = sources.iter().map(digest).collect::<Result<_>>()?;
        Ok(Self { object_sha256: sha256(object), compiler, flags: FLAGS.join(" "), sources })
    }

    /// A record of nothing, by this compiler.
    #[cfg(test)]
    pub(super) fn of(compiler: &str) -> Self {
        let (object_sha256, flags) = (String::new(), String::new());
        Self { object_sha256, compiler: compiler.to_owned(), flags, sources: BTreeMap::new() }
    }

    /// The record in the repository.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(root.join(RECORD)).with_context(|| format!("failed to read `{RECORD}`"))?;
        toml::from_str(&text).with_context(|| format!("`{RECORD}` is not what `cargo xtask ebpf` writes"))
    }

    /// The file's text.
    pub(super) fn text(&self) -> Result<String> {
        Ok(format!("{HEAD}{}", toml::to_string(self)?))
    }

    /// What is not as it was when the object was made: nothing, if the object is that of these sources.
    pub(super) fn stale(&self, root: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut hold = |path: &str, expected: &str| match fs::read(root.join(path)) {
            Ok(bytes) if sha256(&bytes) == expected => {}
            Ok(_) => found.push(format!("{path} has changed")),
            Err(error) => found.push(format!("{path}: {error}")),
        };
        hold(OBJECT, &self.object_sha256);
        self.sources.iter().for_each(|(path, digest)| hold(path, digest));
        if self.flags != FLAGS.join(" ") {
            found.push("the flags have changed".to_owned());
        }
        found
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

const HEAD: &str = "# Made by `cargo xtask ebpf`; do not edit. What ebpf/aiperfd-ebpf.o was made of.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_in_the_repository_is_that_of_its_sources() {
        let root = crate::project::root().unwrap();
        let stale = Record::read(&root).unwrap().stale(&root);
        assert!(stale.is_empty(), "run `cargo xtask ebpf`: {stale:?}");
    }

    #[test]
    fn whatever_changes_is_named() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
            fs::write(root.path().join(path), text).unwrap();
        };
        write(OBJECT, "object");
        write("ebpf/src/main.rs", "source");
        let record =
            Record::new(root.path(), &["ebpf/src/main.rs".to_owned()], b"object", "c".to_owned()).unwrap();
        write(RECORD, &record.text().unwrap());
        assert_eq!(Record::read(root.path()).unwrap(), record, "what is written is read");
        assert!(record.stale(root.path()).is_empty(), "as it was made");
        write("ebpf/src/main.rs", "other");
        assert_eq!(record.stale(root.path()), ["ebpf/src/main.rs has changed"], "another source");
        write("ebpf/src/main.rs", "source");
        write(OBJECT, "tampered");
        assert_eq!(record.stale(root.path()), [format!("{OBJECT} has changed")], "another object");
        fs::remove_file(root.path().join("ebpf/src/main.rs")).unwrap();
        assert_eq!(record.stale(root.path()).len(), 2, "a source that is gone");
    }
}
