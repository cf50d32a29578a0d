//! Finds the commit of the checkout and the digest of the kernel object, by reading files alone.
//!
//! `AIPERFD_COMMIT` in the environment goes before the checkout: sources without one are built with it. What is not
//! committed changes nothing here, so the same commit makes the same programs.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let root = manifest.join("../..");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=AIPERFD_COMMIT");
    let given = env::var("AIPERFD_COMMIT").ok().filter(|commit| is_plain(commit));
    let commit = given.or_else(|| commit(&root)).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=AIPERFD_COMMIT={commit}");
    let object = kernel_object(&root).unwrap_or_else(|| "none".to_owned());
    println!("cargo::rustc-env=AIPERFD_KERNEL_OBJECT={object}");
    Ok(())
}

/// The commit that is checked out.
fn commit(root: &Path) -> Option<String> {
    let git = git_folder(root)?;
    let head = read(&git.join("HEAD"))?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return digits(head.trim()) };
    // A worktree has a HEAD of its own; branches are where its repository is.
    let shared = read(&git.join("commondir")).map(|path| git.join(path.trim())).unwrap_or(git);
    let branch = shared.join(name);
    // A branch that is only in the packed list gets a file with its next commit.
    let folder = branch.parent().filter(|folder| !branch.is_file() && folder.is_dir());
    folder.inspect(|folder| println!("cargo::rerun-if-changed={}", folder.display()));
    if let Some(commit) = read(&branch) {
        return digits(commit.trim());
    }
    let packed = read(&shared.join("packed-refs"))?;
    let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
    digits(lines.find(|(_, of)| *of == name)?.0)
}

/// `.git`, or the folder that it names where it is a file.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    Some(root.join(read(&git)?.trim().strip_prefix("gitdir: ")?))
}

/// The digest that is recorded next to the kernel object.
fn kernel_object(root: &Path) -> Option<String> {
    let record = root.join("ebpf/aiperfd-ebpf.toml");
    // It may come later.
    println!("cargo::rerun-if-changed={}", record.display());
    let record = read(&record)?;
    let line = record.lines().find_map(|line| line.strip_prefix("object_sha256"))?;
    digits(line.trim_start_matches([' ', '=']).trim().trim_matches('"'))
}

/// A file's text; the build looks again when it changes.
fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text)
}

fn digits(text: &str) -> Option<String> {
    let is_digest = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| text.to_owned())
}

/// Whether a text from outside is safe in a line of the build's output.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
}
