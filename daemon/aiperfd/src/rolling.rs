//! Where the records of a watch without an end go: parts of a set length, of which only so many bytes are kept.
//!
//! ```text
//! STATE/observed/NAME/   requests-1790000000.parquet  tokens-1790000000.parquet   by the second in which the part ended
//! ```

use crate::parts::{Writers, join};
use crate::run_dirs::RunDir;
use anyhow::{Context, Result};
use common::clock::{DurationNs, MonoNs};
use std::fs;
use std::path::{Path, PathBuf};

/// What is kept, and where.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The folder of what is watched, which is there.
    pub directory: PathBuf,
    /// How long a part is.
    pub part: DurationNs,
    /// Bytes that are kept: the oldest parts go first.
    pub bytes: u64,
}

impl Kept {
    /// Stores the tables of a run that a killed daemon left as a part.
    ///
    /// # Errors
    /// On an error of the disk.
    pub fn take_up(&self, run: &RunDir) -> Result<()> {
        let second = clock::real().0 / 1_000_000_000;
        for stem in ["requests", "tokens", "responses", "payloads"] {
            if let Some(table) = run.file(&format!("{stem}.parquet")) {
                self.put(stem, &[table], second)?;
            }
        }
        prune(&self.directory, self.bytes)
    }

    fn put(&self, stem: &str, parts: &[PathBuf], second: u64) -> Result<()> {
        if parts.is_empty() {
            return Ok(());
        }
        let mut second = second;
        let named = |second: u64| self.directory.join(format!("{stem}-{second}.parquet"));
        while named(second).exists() {
            second += 1;
        }
        join(parts, &named(second), stem)?;
        for part in parts {
            fs::remove_file(part).with_context(|| format!("failed to remove `{}`", part.display()))?;
        }
        Ok(())
    }
}

/// The part that is being written.
#[derive(Debug)]
pub struct Rolling {
    kept: Kept,
    started: Option<MonoNs>,
}

impl Rolling {
    /// Nothing is written yet.
    pub const fn start(kept: Kept) -> Self {
        Self { kept, started: None }
    }

    /// Stores a part that is long enough when the next request arrives.
    ///
    /// # Errors
    /// On an error of the disk.
    pub fn take_if_due(&mut self, writers: &mut Writers, now: MonoNs) -> Result<()> {
        let started = *self.started.get_or_insert(now);
        if now - started < self.kept.part {
            return Ok(());
        }
        self.started = Some(now);
        self.take(writers)
    }

    /// Stores what is there as a part, and removes what is too old.
    ///
    /// # Errors
    /// On an error of the disk.
    pub fn take(&self, writers: &mut Writers) -> Result<()> {
        let second = clock::real().0 / 1_000_000_000;
        let mut parts =
            vec![("requests", writers.requests.take_parts()?), ("tokens", writers.tokens.take_parts()?)];
        if let Some(responses) = &mut writers.responses {
            parts.push(("responses", responses.take_parts()?));
        }
        if let Some(payloads) = &mut writers.payloads {
            parts.push(("payloads", payloads.take_parts()?));
        }
        for (stem, parts) in parts {
            self.kept.put(stem, &parts, second)?;
        }
        prune(&self.kept.directory, self.kept.bytes)
    }
}

/// Removes the oldest parts until no more than these bytes are left.
fn prune(directory: &Path, bytes: u64) -> Result<()> {
    let mut parts = Vec::new();
    for entry in
        fs::read_dir(directory).with_context(|| format!("failed to read `{}`", directory.display()))?
    {
        let entry = entry?;
        let name = entry.file_name();
        let second = name.to_str().and_then(second_of);
        if let Some(second) = second {
            parts.push((second, entry.metadata()?.len(), entry.path()));
        }
    }
    parts.sort();
    let mut left = parts.iter().map(|(_, length, _)| length).sum::<u64>();
    for (_, length, path) in &parts {
        if left <= bytes {
            break;
        }
        fs::remove_file(path).with_context(|| format!("failed to remove `{}`", path.display()))?;
        left -= length;
    }
    Ok(())
}

/// The second in a part's name.
fn second_of(name: &str) -> Option<u64> {
    name.strip_suffix(".parquet")?.rsplit_once('-')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_parts_go() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["requests-10.parquet", "tokens-10.parquet", "requests-9.parquet", "notes.txt"] {
            fs::write(folder.path().join(name), [0; 100]).unwrap();
        }
        prune(folder.path(), 200).unwrap();
        let mut left = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>();
        left.sort();
        assert_eq!(
            left,
            ["notes.txt", "requests-10.parquet", "tokens-10.parquet"],
            "the newest, and what is no part"
        );
    }
}
