//! What a program asks of the host that runs it: shared libraries, and versions of glibc's symbols.

use anyhow::{Context, Result, bail};
use object::elf::FileHeader64;
use object::read::elf::{Dyn, FileHeader};
use object::{Endianness, FileKind};
use std::collections::BTreeSet;

/// What a program needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Names of shared libraries.
    pub(crate) libraries: BTreeSet<String>,
    /// Names of versions of their symbols, such as `GLIBC_2.28`.
    pub(crate) versions: BTreeSet<String>,
}

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc {
    /// The first number.
    pub(crate) major: u32,
    /// The second number.
    pub(crate) minor: u32,
}

impl Needs {
    /// Reads them from a program.
    pub(crate) fn of(program: &[u8]) -> Result<Self> {
        if !matches!(FileKind::parse(program), Ok(FileKind::Elf64)) {
            bail!("it is no 64-bit ELF file");
        }
        read(program).context("its ELF headers are broken")
    }

    /// The oldest glibc that it runs with. Other libraries than glibc's are refused: a package has to work where they are not.
    pub(crate) fn glibc(&self) -> Result<Glibc> {
        let foreign = self.libraries.iter().find(|name| !OF_GLIBC.contains(&name.as_str()));
        if let Some(library) = foreign {
            bail!("it needs `{library}`, which is not part of glibc");
        }
        let versions = self.versions.iter().filter_map(|name| name.strip_prefix("GLIBC_"));
        let versions = versions.map(Glibc::parse).collect::<Result<Vec<_>>>()?;
        versions.into_iter().max().context("it needs no version of glibc: is it linked dynamically?")
    }
}

impl Glibc {
    /// The newest that packages may need.
    pub(crate) const LIMIT: Self = Self { major: 2, minor: 28 };

    fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split('.').map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => bail!("`GLIBC_{text}` is no version that can be compared"),
        }
    }

    /// The tag of a wheel for a machine (PEP 600).
    pub(crate) fn tag(self, machine: &str) -> String {
        format!("manylinux_{}_{}_{machine}", self.major, self.minor)
    }
}

impl std::fmt::Display for Glibc {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

/// The oldest glibc that all of these programs run with.
pub(crate) fn oldest_glibc<'a>(programs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Glibc> {
    let mut oldest = Glibc { major: 2, minor: 0 };
    for (name, bytes) in programs {
        let needed = Needs::of(bytes).and_then(|needs| needs.glibc());
        let needed = needed.with_context(|| format!("`{name}` can't be packaged"))?;
        if needed > Glibc::LIMIT {
            bail!("`{name}` needs glibc {needed}, and packages may need {} at most", Glibc::LIMIT);
        }
        oldest = oldest.max(needed);
    }
    Ok(oldest)
}

fn read(program: &[u8]) -> Result<Needs> {
    let header = FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, program)?;
    let mut needs = Needs::default();
    if let Some((entries, strings)) = sections.dynamic(endian, program)? {
        let strings = sections.strings(endian, program, strings)?;
        for entry in entries.iter().filter(|entry| entry.tag(endian) == object::elf::DT_NEEDED) {
            needs.libraries.insert(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned());
        }
    }
    if let Some((mut libraries, strings)) = sections.gnu_verneed(endian, program)? {
        let strings = sections.strings(endian, program, strings)?;
        while let Some((_, mut versions)) = libraries.next()? {
            while let Some(version) = versions.next()? {
                needs.versions.insert(String::from_utf8_lossy(version.name(endian, strings)?).into_owned());
            }
        }
    }
    Ok(needs)
}

/// Libraries that are wherever glibc is.
const OF_GLIBC: &[&str] = &[
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(libraries: &[&str], versions: &[&str]) -> Needs {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Needs { libraries: set(libraries), versions: set(versions) }
    }

    #[test]
    fn the_tag_comes_from_the_newest_symbol() {
        let glibc = needs(&["libc.so.6"], &["GLIBC_2.9", "GLIBC_2.28", "GLIBC_2.2.5", "GCC_3.0"]).glibc();
        assert_eq!(glibc.unwrap().tag("x86_64"), "manylinux_2_28_x86_64", "numbers, not letters");
    }

    #[test]
    fn what_can_t_run_everywhere_is_refused() {
        let check = |needs: Needs, expected: &str| {
            let refused = format!("{:#}", needs.glibc().unwrap_err());
            assert!(refused.contains(expected), "{refused}");
        };
        check(needs(&["libc.so.6", "libssl.so.3"], &["GLIBC_2.2.5"]), "libssl.so.3");
        check(needs(&[], &[]), "linked dynamically");
        check(needs(&["libc.so.6"], &["GLIBC_PRIVATE"]), "no version");
    }

    #[test]
    fn this_test_is_a_program() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = Needs::of(&this).unwrap();
        assert!(needs.libraries.contains("libc.so.6"), "{needs:?}");
        assert!(needs.versions.iter().any(|version| version.starts_with("GLIBC_2.")), "{needs:?}");
        assert!(Needs::of(b"#!/bin/sh").is_err(), "a script is none");
    }
}
