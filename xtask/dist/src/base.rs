//! What an image needs besides the programs: the C library and the certificates of authorities, out of Debian's packages.
//!
//! They are fetched once, by the apt of this host with its own configuration, and kept under target/packages.

use crate::entry::{Entries, Entry};
use crate::process::{self, say};
use crate::project::{Project, Target};
use crate::sums::sha256;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files, and where they come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    /// Files by their path in the image.
    pub(crate) files: Entries,
    /// One line a package: its file's name and digest.
    pub(crate) origin: String,
}

/// The base of images for a machine; none where it can't be made.
pub(crate) fn get(project: &Project, target: Target) -> Result<Option<Base>> {
    let folder = project.packages().join("cache/base").join(target.architecture());
    fs::create_dir_all(&folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    match packages(&folder, target) {
        Ok(packages) => of_packages(&packages).map(Some),
        Err(error) if target == HOST => {
            say(&format!("image: no packages of Debian ({error:#}): taking the C library of this host"));
            of_host().map(Some)
        }
        Err(error) => {
            say(&format!(
                "no image: apt has no packages of Debian for {} ({error:#}); the other packages are made",
                target.architecture()
            ));
            Ok(None)
        }
    }
}

/// The packages, fetched if they are not there.
fn packages(folder: &Path, target: Target) -> Result<Vec<PathBuf>> {
    let found = |name: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_it = |path: &PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            file.starts_with(&format!("{name}_")) && file.ends_with(".deb")
        };
        entries.filter(is_it).max()
    };
    let missing = PACKAGES.iter().filter(|name| found(name).is_none()).collect::<Vec<_>>();
    if !missing.is_empty() {
        let names = missing.iter().map(|name| format!("{name}:{}", of_package(name, target)));
        process::run(Command::new("apt-get").current_dir(folder).args(["download", "-q"]).args(names))?;
    }
    let paths = PACKAGES.iter().map(|name| found(name).with_context(|| format!("apt-get left no {name}")));
    paths.collect()
}

/// The architecture that a package is for: certificates are for all.
fn of_package(name: &str, target: Target) -> &'static str {
    if name == "ca-certificates" { "all" } else { target.architecture() }
}

fn of_packages(packages: &[PathBuf]) -> Result<Base> {
    let mut base = Base::default();
    let mut authorities = Vec::new();
    for path in packages {
        let bytes = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        writeln!(base.origin, "{name} sha256:{}", sha256(&bytes)).ok();
        let tar = Command::new("dpkg-deb").arg("--fsys-tarfile").arg(path).output();
        let tar = tar.context("failed to start `dpkg-deb`")?;
        if !tar.status.success() {
            bail!("`{name}` is damaged: remove it from {}", path.display());
        }
        for (path, bytes) in unpacked(&tar.stdout)? {
            if path.starts_with("usr/share/ca-certificates/") {
                authorities.push((path, bytes));
            } else if let Some(place) = place(&path) {
                let entry = if is_loader(&path) { Entry::program(bytes) } else { Entry::file(bytes) };
                base.files.insert(place, entry);
            } else if path.ends_with("/copyright") {
                base.files.insert(path, Entry::file(bytes));
            }
        }
    }
    // What the package's own scripts make of its files.
    authorities.sort();
    let bundle = authorities.into_iter().flat_map(|(_, bytes)| bytes).collect::<Vec<_>>();
    base.files.insert(BUNDLE.to_owned(), Entry::file(bundle));
    checked(base)
}

/// Files of this host, where it keeps them.
fn of_host() -> Result<Base> {
    let mut base = Base { origin: "the build host\n".to_owned(), ..Base::default() };
    let folders = ["/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"];
    for name in LIBRARIES {
        let path = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
        if let Some(path) = path {
            let bytes = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
            let path = format!("lib/{name}");
            let entry = if is_loader(&path) { Entry::program(bytes) } else { Entry::file(bytes) };
            base.files.extend(place(&path).map(|place| (place, entry)));
        }
    }
    let bundles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
    if let Some(bytes) = bundles.iter().find_map(|path| fs::read(path).ok()) {
        base.files.insert(BUNDLE.to_owned(), Entry::file(bytes));
    }
    checked(base)
}

/// A base without the C library would make an image in which nothing starts.
fn checked(base: Base) -> Result<Base> {
    let has = |name: &str| base.files.keys().any(|path| path.ends_with(&format!("/{name}")));
    if let Some(lacking) = ["libc.so.6", "libm.so.6"].into_iter().find(|name| !has(name)) {
        bail!("`{lacking}` was not found for the image");
    }
    Ok(base)
}

/// Where a file of the C library goes in the image, if it is wanted.
fn place(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    if !LIBRARIES.contains(&name) || !path.contains("lib") {
        return None;
    }
    // The kernel looks for the loader by the path that programs name.
    Some(if is_loader(path) && name.contains("x86-64") {
        format!("lib64/{name}")
    } else if is_loader(path) {
        format!("lib/{name}")
    } else {
        format!("usr/lib/{name}")
    })
}

fn is_loader(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("ld-linux"))
}

/// Regular files of a tar file.
fn unpacked(tar: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(tar).entries().context("failed to read a package")? {
        let mut entry = entry.context("failed to read a package")?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).with_context(|| format!("failed to unpack `{path}`"))?;
            files.push((path, bytes));
        }
    }
    Ok(files)
}

const HOST: Target = if cfg!(target_arch = "aarch64") { Target::Aarch64 } else { Target::X86_64 };
const PACKAGES: [&str; 2] = ["ca-certificates", "libc6"];
/// What the programs are linked with, and what NVML's library asks for when it is loaded.
const LIBRARIES: &[&str] = &[
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_is_where_programs_name_it() {
        let check =
            |path: &str, expected: Option<&str>| assert_eq!(place(path).as_deref(), expected, "{path}");
        check("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", Some("lib64/ld-linux-x86-64.so.2"));
        check("lib/ld-linux-aarch64.so.1", Some("lib/ld-linux-aarch64.so.1"));
        check("lib/x86_64-linux-gnu/libc.so.6", Some("usr/lib/libc.so.6"));
        check("lib/x86_64-linux-gnu/libnss_hesiod.so.2", None);
    }

    #[test]
    fn a_base_without_a_c_library_is_refused() {
        assert!(checked(Base::default()).is_err(), "nothing would start");
    }
}
