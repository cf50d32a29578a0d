//! What every package holds, before each puts it where its readers look for it.

use crate::build::Built;
use crate::elf::{self, Glibc};
use crate::metadata::Crates;
use crate::project::{Project, Target};
use crate::sbom;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The contents of packages.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// The version.
    pub(crate) version: String,
    /// The time of every file.
    pub(crate) time: u64,
    /// The machine.
    pub(crate) target: Target,
    /// The oldest glibc that the programs run with.
    pub(crate) glibc: Glibc,
    /// Programs by name.
    pub(crate) programs: BTreeMap<&'static str, Vec<u8>>,
    /// Debug information by the program's name.
    pub(crate) debug: BTreeMap<&'static str, Vec<u8>>,
    /// Texts for people: README.md, INSTALL.md, LICENSE and [`THIRD_PARTY`], [`SBOM`].
    pub(crate) documents: BTreeMap<String, Vec<u8>>,
    /// Files of `packaging/` by name.
    pub(crate) system: BTreeMap<String, Vec<u8>>,
    /// Man pages by name, such as `aiperfd.1`.
    pub(crate) manuals: BTreeMap<String, Vec<u8>>,
    /// Completions by name.
    pub(crate) completions: BTreeMap<String, Vec<u8>>,
    /// Where images get the C library from.
    pub(crate) project: Project,
}

/// A shell that completes commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    /// Bash.
    Bash,
    /// Fish.
    Fish,
    /// Zsh.
    Zsh,
}

impl Contents {
    /// Gathers it from the repository, the crates and a build.
    pub(crate) fn gather(project: &Project, built: &Built) -> Result<Self> {
        let root = &project.root;
        let crates = Crates::of_programs(project, built.target)?;
        let checksums = sbom::checksums(&text(&root.join("Cargo.lock"))?);
        let mut documents = BTreeMap::from([
            (SBOM.to_owned(), sbom::cyclonedx(&crates, project, &checksums).into_bytes()),
            (THIRD_PARTY.to_owned(), sbom::licences(&crates)?.into_bytes()),
        ]);
        for path in ["README.md", "LICENSE", "CHANGELOG.md", "docs/INSTALL.md"] {
            let name = path.rsplit('/').next().unwrap_or(path);
            documents.insert(name.to_owned(), text(&root.join(path))?.into_bytes());
        }
        let programs = built.programs.iter().map(|(name, bytes)| (*name, bytes.as_slice()));
        let glibc = elf::oldest_glibc(programs)?;
        Ok(Self {
            version: project.version.clone(),
            time: project.time,
            target: built.target,
            glibc,
            programs: built.programs.clone(),
            debug: built.debug.clone(),
            documents,
            system: files(&root.join("packaging"))?,
            manuals: optional(&root.join("docs/man"))?,
            completions: optional(&root.join("docs/completions"))?,
            project: project.clone(),
        })
    }

    /// A file of `packaging/`.
    pub(crate) fn of_system(&self, name: &str) -> Result<Vec<u8>> {
        self.system.get(name).cloned().with_context(|| format!("`packaging/{name}` is not there"))
    }

    /// What a file for people holds.
    pub(crate) fn document(&self, name: &str) -> Result<Vec<u8>> {
        self.documents.get(name).cloned().with_context(|| format!("`{name}` is not there"))
    }
}

impl Shell {
    /// The shell that a file of completions is for, and the command that it completes, by what generators call such files.
    pub(crate) fn of(name: &str) -> Option<(Self, &str)> {
        if let Some(command) = name.strip_suffix(".bash") {
            return Some((Self::Bash, command));
        }
        if let Some(command) = name.strip_suffix(".fish") {
            return Some((Self::Fish, command));
        }
        name.strip_prefix('_').map(|command| (Self::Zsh, command))
    }

    /// Where the shell looks for it below `/usr`.
    pub(crate) fn place(self, command: &str) -> String {
        match self {
            Self::Bash => format!("share/bash-completion/completions/{command}"),
            Self::Fish => format!("share/fish/vendor_completions.d/{command}.fish"),
            Self::Zsh => format!("share/zsh/vendor-completions/_{command}"),
        }
    }
}

/// The folder of a manual page below `man`, by the section that ends its name.
pub(crate) fn section(page: &str) -> &str {
    page.rsplit('.').next().unwrap_or("1")
}

/// Files of a folder; none if there is no such folder.
fn optional(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    if folder.is_dir() { files(folder) } else { Ok(BTreeMap::new()) }
}

fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let read = || format!("failed to read `{}`", folder.display());
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(read)? {
        let path = entry.with_context(read)?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let bytes = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
            found.insert(name, bytes);
        }
    }
    Ok(found)
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))
}

/// The name of the bill of materials.
pub(crate) const SBOM: &str = "aiperfd.cdx.json";
/// The name of the list of licences.
pub(crate) const THIRD_PARTY: &str = "THIRD-PARTY-LICENSES.txt";

#[cfg(test)]
pub(crate) fn example() -> Contents {
    use std::path::PathBuf;
    let bytes = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect::<BTreeMap<_, _>>()
    };
    let programs = crate::build::PROGRAMS.map(|name| (name, name.as_bytes().to_vec()));
    let nowhere = PathBuf::from("nowhere");
    let system = ["service", "socket", "sysusers.conf", "tmpfiles.conf", "toml"];
    let system = system.map(|end| format!("aiperfd.{end}"));
    Contents {
        version: "1.2.3".to_owned(),
        time: 1_700_000_000,
        target: Target::X86_64,
        glibc: Glibc { major: 2, minor: 28 },
        programs: programs.clone().into(),
        debug: programs.into(),
        documents: bytes(&["README.md", "INSTALL.md", "LICENSE", "CHANGELOG.md", SBOM, THIRD_PARTY]),
        system: bytes(&system.each_ref().map(String::as_str)),
        manuals: bytes(&["aiperf-ctl.1", "aiperfd.8"]),
        completions: bytes(&["aiperf-ctl.bash", "aiperf-ctl.fish", "_aiperf-ctl"]),
        project: Project { root: nowhere.clone(), target: nowhere, version: "1.2.3".to_owned(), time: 1 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_go_where_shells_look() {
        let check = |name: &str, expected: &str| {
            let (shell, command) = Shell::of(name).unwrap();
            assert_eq!(shell.place(command), expected, "{name}");
        };
        check("aiperf-ctl.bash", "share/bash-completion/completions/aiperf-ctl");
        check("_aiperf-ctl", "share/zsh/vendor-completions/_aiperf-ctl");
        check("aiperf-ctl.fish", "share/fish/vendor_completions.d/aiperf-ctl.fish");
        assert_eq!(Shell::of("README"), None, "anything else");
    }
}
