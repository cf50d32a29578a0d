//! The Debian package: programs, the service, its user and group, manual pages and completions.
//!
//! What has to happen on the host stands in `packaging/`: `debian.postinst`, `debian.prerm`, `debian.postrm`.

use crate::contents::{self, Contents, SBOM, Shell, THIRD_PARTY};
use crate::entry::{self, Entries, Entry, Kind};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Writes it.
pub(crate) fn make(contents: &Contents, out: &Path) -> Result<Vec<PathBuf>> {
    let files = files(contents)?;
    let control = control(contents, &files)?;
    let path = out.join(format!("aiperfd_{}_{}.deb", contents.version, contents.target.architecture()));
    let packed = |entries| entry::gzip(&entry::tar(&entry::with_folders(entries), contents.time)?);
    let (control, files) = (packed(&control)?, packed(&files)?);
    let mut archive = ar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".as_slice()),
        ("control.tar.gz", control.as_slice()),
        ("data.tar.gz", files.as_slice()),
    ] {
        let mut header = ar::Header::new(name.into(), bytes.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(contents.time);
        archive.append(&header, bytes).with_context(|| format!("failed to put `{name}` into the package"))?;
    }
    let bytes = archive.into_inner().context("failed to end the package")?;
    std::fs::write(&path, bytes).with_context(|| format!("failed to write `{}`", path.display()))?;
    Ok(vec![path])
}

/// What it installs.
fn files(contents: &Contents) -> Result<Entries> {
    let mut entries = Entries::new();
    for (name, bytes) in &contents.programs {
        entries.insert(format!("usr/bin/{name}"), Entry::program(bytes.as_slice()));
    }
    for (name, path) in SYSTEM {
        entries.insert(path.to_owned(), Entry::file(contents.of_system(name)?));
    }
    for (name, bytes) in &contents.manuals {
        entries.insert(
            format!("usr/share/man/man{}/{name}.gz", contents::section(name)),
            Entry::file(entry::gzip(bytes)?),
        );
    }
    for (name, bytes) in &contents.completions {
        if let Some((shell, command)) = Shell::of(name) {
            entries.insert(format!("usr/{}", shell.place(command)), Entry::file(bytes.as_slice()));
        }
    }
    let documents = "usr/share/doc/aiperfd";
    for name in ["README.md", SBOM] {
        entries.insert(format!("{documents}/{name}"), Entry::file(contents.document(name)?));
    }
    let third_party = entry::gzip(&contents.document(THIRD_PARTY)?)?;
    entries.insert(format!("{documents}/{THIRD_PARTY}.gz"), Entry::file(third_party));
    entries.insert(
        format!("{documents}/changelog.gz"),
        Entry::file(entry::gzip(changelog(contents).as_bytes())?),
    );
    entries.insert(format!("{documents}/copyright"), Entry::file(COPYRIGHT));
    Ok(entries)
}

/// What dpkg reads.
fn control(contents: &Contents, files: &Entries) -> Result<Entries> {
    let sizes = files.values().map(|entry| match &entry.kind {
        Kind::File(bytes) => bytes.len().div_ceil(1024),
        Kind::Folder => 1,
    });
    let fields = format!(
        "Package: aiperfd\n\
         Version: {}\n\
         Architecture: {}\n\
         Maintainer: {MAINTAINER}\n\
         Installed-Size: {}\n\
         Depends: libc6 (>= {}), passwd\n\
         Recommends: ca-certificates\n\
         Suggests: ffmpeg\n\
         Section: net\n\
         Priority: optional\n\
         Description: {DESCRIPTION}",
        contents.version,
        contents.target.architecture(),
        sizes.sum::<usize>(),
        contents.glibc,
    );
    let mut entries = Entries::from([
        ("control".to_owned(), Entry::file(fields)),
        ("conffiles".to_owned(), Entry::file("/etc/aiperfd.toml\n")),
    ]);
    for script in ["postinst", "prerm", "postrm"] {
        entries.insert(script.to_owned(), Entry::program(contents.of_system(&format!("debian.{script}"))?));
    }
    Ok(entries)
}

/// Debian's own form of a history: one entry, which refers to ours.
fn changelog(contents: &Contents) -> String {
    let (year, month, day) = crate::sbom::calendar(contents.time / 86_400);
    let of_week = WEEKDAYS[usize::try_from(contents.time / 86_400 % 7).unwrap_or(0)];
    let month = MONTHS[usize::try_from(month).unwrap_or(1) - 1];
    format!(
        "aiperfd ({}) unstable; urgency=medium\n\n  * See the CHANGELOG of aiperfd {}.\n\n -- {MAINTAINER}  \
         {of_week}, {day:02} {month} {year} 00:00:00 +0000\n",
        contents.version, contents.version
    )
}

/// Files of `packaging/`, and where the host looks for them.
const SYSTEM: [(&str, &str); 5] = [
    ("aiperfd.service", "lib/systemd/system/aiperfd.service"),
    ("aiperfd.socket", "lib/systemd/system/aiperfd.socket"),
    ("aiperfd.sysusers.conf", "usr/lib/sysusers.d/aiperfd.conf"),
    ("aiperfd.tmpfiles.conf", "usr/lib/tmpfiles.d/aiperfd.conf"),
    ("aiperfd.toml", "etc/aiperfd.toml"),
];
const MAINTAINER: &str = "The developers of aiperfd <packages@aiperfd.invalid>";
const DESCRIPTION: &str = "\
benchmarks LLM inference servers with kernel timestamps
 A benchmark client reports when its own process noticed a token. Under load
 that is late by milliseconds to seconds. aiperfd stamps every network segment
 in the kernel and matches the stamps to requests and tokens, so each latency
 is reported as the client saw it and as the kernel saw it.
 .
 This package has the client aiperf-ctl, which takes the flags of NVIDIA
 AIPerf, the load generator aiperf-loadgen, and the daemon aiperfd, which lets
 members of the group aiperf measure without privilege.
";
/// Times are of UTC; 1970-01-01 was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: aiperfd
Comment: Libraries within the programs, with their licences:
 /usr/share/doc/aiperfd/THIRD-PARTY-LICENSES.txt.gz

Files: *
Copyright: 2025-2026 The developers of aiperfd
License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Contents {
        let mut contents = contents::example();
        for name in ["postinst", "prerm", "postrm"] {
            contents.system.insert(format!("debian.{name}"), name.into());
        }
        contents
    }

    #[test]
    fn the_fields_are_those_that_dpkg_wants() {
        let contents = example();
        let control = control(&contents, &files(&contents).unwrap()).unwrap();
        let Kind::File(fields) = &control["control"].kind else { panic!("a file") };
        let fields = String::from_utf8(fields.clone()).unwrap();
        for expected in [
            "Package: aiperfd\n",
            "Version: 1.2.3\n",
            "Architecture: amd64\n",
            "Depends: libc6 (>= 2.28), passwd\n",
        ] {
            assert!(fields.contains(expected), "{expected} in {fields}");
        }
        assert!(fields.ends_with('\n') && !fields.contains("\n\n"), "one paragraph: {fields}");
        assert_eq!(control["postinst"].mode, 0o755, "scripts can be run");
    }

    #[test]
    fn a_configuration_file_is_kept() {
        let contents = example();
        let files = files(&contents).unwrap();
        let control = control(&contents, &files).unwrap();
        assert_eq!(control["conffiles"], Entry::file("/etc/aiperfd.toml\n"));
        assert!(files.contains_key("etc/aiperfd.toml"), "and is there");
    }

    #[test]
    fn manual_pages_lie_in_their_sections() {
        let files = files(&example()).unwrap();
        for page in ["man1/aiperf-ctl.1.gz", "man8/aiperfd.8.gz"] {
            assert!(files.contains_key(&format!("usr/share/man/{page}")), "{page}");
        }
    }

    #[test]
    fn the_history_is_of_the_commits_day() {
        let text = changelog(&example());
        assert!(text.contains("Tue, 14 Nov 2023 00:00:00 +0000"), "{text}");
    }

    #[test]
    fn it_is_made_of_three_parts() {
        let folder = tempfile::tempdir().unwrap();
        let paths = make(&example(), folder.path()).unwrap();
        let bytes = std::fs::read(&paths[0]).unwrap();
        let mut archive = ar::Archive::new(bytes.as_slice());
        let mut names = Vec::new();
        while let Some(entry) = archive.next_entry() {
            names.push(String::from_utf8(entry.unwrap().header().identifier().to_vec()).unwrap());
        }
        assert_eq!(names, ["debian-binary", "control.tar.gz", "data.tar.gz"]);
    }
}
