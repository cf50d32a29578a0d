//! Installs the command `aiperf`, a link to this program, and checks which `aiperf` a shell would start.

use crate::args::AliasArgs;
use crate::plan::Refusal;
use crate::terminal::{ALIAS, PROGRAM, print_result, print_warning};
use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Runs `install-alias`.
pub(crate) fn run(args: &AliasArgs) -> Result<u8> {
    let search = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let this = env::current_exe().context("failed to find this program's own path")?;
    let home = env::var_os("HOME").map(PathBuf::from);
    let called = env::args_os().next().unwrap_or_default();
    let folder = match &args.dir {
        Some(folder) => folder.clone(),
        None => default_folder(&found_in(&called, &search, &this), home.as_deref())?,
    };
    let alias = folder.join(ALIAS);
    if args.remove {
        return remove(&alias);
    }
    let others =
        search.iter().map(|folder| folder.join(ALIAS)).filter(|path| is_program(path) && !is_ours(path));
    let others = others.collect::<Vec<_>>();
    if let Some(first) = others.first() {
        let wins = winner(&search, &folder, first);
        if !args.force {
            return Err(Refusal(format!(
                "another `{ALIAS}` is on PATH: `{}`; --force installs this one in `{}` anyway, and then \
                 `{}` is what a shell starts",
                first.display(),
                folder.display(),
                wins.display()
            ))
            .into());
        }
        print_warning(&format!("two programs are called `{ALIAS}`: a shell starts `{}`", wins.display()));
    }
    install(&alias, &this)?;
    if !search.iter().any(|known| is_same(known, &folder)) {
        print_warning(&format!(
            "`{}` is not on PATH: add it, or use --dir to select another directory",
            folder.display()
        ));
    }
    Ok(0)
}

/// Creates the link, unless it already exists.
fn install(alias: &Path, this: &Path) -> Result<()> {
    if fs::read_link(alias).is_ok_and(|target| target == this) {
        print_result(&format!("`{}` already exists and runs `{}`\n", alias.display(), this.display()));
        return Ok(());
    }
    if fs::symlink_metadata(alias).is_ok() {
        if !is_ours(alias) {
            let why = format!(
                "`{}` exists and was not created by {PROGRAM}: remove it, or use --dir to select another directory",
                alias.display()
            );
            return Err(Refusal(why).into());
        }
        fs::remove_file(alias).with_context(|| format!("failed to replace `{}`", alias.display()))?;
    }
    if let Some(folder) = alias.parent() {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    }
    symlink(this, alias).with_context(|| format!("failed to create `{}`", alias.display()))?;
    print_result(&format!("`{}` runs `{}`\n", alias.display(), this.display()));
    Ok(())
}

fn remove(alias: &Path) -> Result<u8> {
    if fs::symlink_metadata(alias).is_err() {
        print_result(&format!("`{}` does not exist\n", alias.display()));
        return Ok(0);
    }
    if !is_ours(alias) {
        bail!("`{}` was not created by {PROGRAM} and is kept", alias.display());
    }
    fs::remove_file(alias).with_context(|| format!("failed to remove `{}`", alias.display()))?;
    print_result(&format!("removed `{}`\n", alias.display()));
    Ok(0)
}

/// The directory in which the user's shell found this program, which may be a link to the program.
fn found_in(called: &OsStr, search: &[PathBuf], this: &Path) -> PathBuf {
    let named = Path::new(called);
    let folder = match named.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => Some(folder.to_owned()),
        _ => search.iter().find(|folder| is_program(&folder.join(named))).cloned(),
    };
    folder.or_else(|| this.parent().map(Path::to_owned)).unwrap_or_default()
}

/// That directory if it is writable, else the user's own.
fn default_folder(found: &Path, home: Option<&Path>) -> Result<PathBuf> {
    if rustix::fs::access(found, rustix::fs::Access::WRITE_OK).is_ok() {
        return Ok(found.to_owned());
    }
    let home = home
        .context("the program's directory is not writable, and $HOME is not set: use --dir to select one")?;
    Ok(home.join(".local/bin"))
}

/// Which of two programs a shell starts: the one in this directory, or the other one.
fn winner(search: &[PathBuf], folder: &Path, other: &Path) -> PathBuf {
    let place = |folder: &Path| search.iter().position(|known| is_same(known, folder)).unwrap_or(usize::MAX);
    let others = other.parent().map_or(usize::MAX, place);
    if place(folder) < others { folder.join(ALIAS) } else { other.to_owned() }
}

/// Whether a path is a link to this program, even a dangling one.
fn is_ours(path: &Path) -> bool {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { return false };
        let target = path.parent().map_or_else(|| target.clone(), |folder| folder.join(&target));
        if target.file_name() == Some(OsStr::new(PROGRAM)) {
            return true;
        }
        path = target;
    }
    false
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || fs::canonicalize(one)
            .ok()
            .is_some_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

/// Maximum number of links that are followed.
const LINKS_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_our_program_are_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink(path("gone/aiperf-ctl"), path("direct")).unwrap();
        symlink("direct", path("indirect")).unwrap();
        symlink("python", path("other")).unwrap();
        symlink("loop", path("loop")).unwrap();
        fs::write(path("file"), "#!/usr/bin/env python3\n").unwrap();
        for (name, ours) in [
            ("direct", true),
            ("indirect", true),
            ("other", false),
            ("loop", false),
            ("file", false),
            ("absent", false),
        ] {
            assert_eq!(is_ours(&path(name)), ours, "{name}");
        }
    }

    #[test]
    fn the_first_on_path_wins() {
        let search = ["/a", "/b"].map(PathBuf::from);
        let other = Path::new("/b/aiperf");
        assert_eq!(winner(&search, Path::new("/a"), other), Path::new("/a/aiperf"), "before it");
        assert_eq!(winner(&search, Path::new("/c"), other), other, "not on PATH");
        assert_eq!(
            winner(&search, Path::new("/b"), Path::new("/a/aiperf")),
            Path::new("/a/aiperf"),
            "after it"
        );
    }

    #[test]
    fn the_folder_is_that_in_which_the_program_was_found() {
        let this = Path::new("/opt/lib/aiperf-ctl");
        assert_eq!(found_in(OsStr::new("/x/bin/aiperf-ctl"), &[], this), Path::new("/x/bin"), "by its path");
        assert_eq!(found_in(OsStr::new("aiperf-ctl"), &[], this), Path::new("/opt/lib"), "by itself");
        assert!(
            default_folder(Path::new("/no/such/folder"), Some(Path::new("/h")))
                .is_ok_and(|folder| folder.ends_with(".local/bin")),
            "closed"
        );
    }
}
