//! The tarball: everything in one folder, to be unpacked anywhere. Debug information is in another one.

use crate::contents::{self, Contents};
use crate::entry::{self, Entries, Entry};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Writes both.
pub(crate) fn make(contents: &Contents, out: &Path) -> Result<Vec<PathBuf>> {
    let name = format!("aiperfd-{}-{}-linux", contents.version, contents.target.machine());
    let debug =
        contents.debug.iter().map(|(name, bytes)| (format!("{name}.debug"), Entry::file(bytes.as_slice())));
    let written = |name: &str, entries: Entries| {
        let below = |(path, entry)| (format!("{name}/{path}"), entry);
        let entries = entry::with_folders(&entries.into_iter().map(below).collect());
        let path = out.join(format!("{name}.tar.gz"));
        std::fs::write(&path, entry::gzip(&entry::tar(&entries, contents.time)?)?)
            .with_context(|| format!("failed to write `{}`", path.display()))?;
        Ok::<_, anyhow::Error>(path)
    };
    Ok(vec![written(&name, entries(contents)?)?, written(&format!("{name}-debug"), debug.collect())?])
}

fn entries(contents: &Contents) -> Result<Entries> {
    let mut entries = Entries::new();
    for (name, bytes) in &contents.programs {
        entries.insert(format!("bin/{name}"), Entry::program(bytes.as_slice()));
    }
    for (name, bytes) in &contents.documents {
        entries.insert(name.clone(), Entry::file(bytes.as_slice()));
    }
    for (name, bytes) in &contents.manuals {
        entries.insert(format!("man/man{}/{name}", contents::section(name)), Entry::file(bytes.as_slice()));
    }
    for (name, bytes) in &contents.completions {
        entries.insert(format!("completions/{name}"), Entry::file(bytes.as_slice()));
    }
    for name in SYSTEM {
        entries.insert(format!("system/{name}"), Entry::file(contents.of_system(name)?));
    }
    Ok(entries)
}

/// Files of `packaging/` that an administrator installs.
const SYSTEM: [&str; 5] =
    ["aiperfd.service", "aiperfd.socket", "aiperfd.sysusers.conf", "aiperfd.tmpfiles.conf", "aiperfd.toml"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_lie_beside_each_other() {
        let entries = entries(&contents::example()).unwrap();
        for name in crate::build::PROGRAMS {
            assert_eq!(entries[&format!("bin/{name}")].mode, 0o755, "{name}");
        }
        let others = ["LICENSE", "INSTALL.md", contents::SBOM, contents::THIRD_PARTY, "man/man8/aiperfd.8"];
        for name in others {
            assert!(entries.contains_key(name), "{name}");
        }
    }
}
