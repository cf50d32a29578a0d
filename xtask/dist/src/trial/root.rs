//! A Debian of its own for a trial: made once, unpacked into memory, gone with the trial.

use crate::process::{self, say};
use crate::project::Project;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder with a system in it.
#[derive(Debug)]
pub(super) struct Root {
    folder: TempDir,
}

/// Who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    /// User 0.
    Root,
    /// A person without privilege, of these groups besides.
    Plain(&'static str),
}

impl Root {
    /// A Debian 12.
    pub(super) fn debian(project: &Project) -> Result<Self> {
        let root = Self::empty()?;
        let mut tar = Command::new("tar");
        process::output(tar.arg("--extract").arg("--file").arg(cached(project)).arg("-C").arg(root.path()))?;
        root.with_kernel()?;
        root.sh(User::Root, &format!("useradd --uid {PLAIN} --create-home tester"))?;
        Ok(root)
    }

    /// An empty folder in memory. Its mounts are this process's own.
    pub(super) fn empty() -> Result<Self> {
        let folder = tempfile::tempdir().context("failed to make a folder")?;
        let mut mount = Command::new("mount");
        process::output(mount.args(["-t", "tmpfs", "-o", "size=4g,mode=755", "trial"]).arg(folder.path()))?;
        Ok(Self { folder })
    }

    /// Puts what the kernel shows of itself where programs look for it.
    pub(super) fn with_kernel(&self) -> Result<()> {
        for name in ["proc", "sys", "dev"] {
            let to = self.path().join(name);
            fs::create_dir_all(&to).with_context(|| format!("failed to create `{}`", to.display()))?;
            process::output(Command::new("mount").args(["--rbind", &format!("/{name}")]).arg(&to))?;
        }
        Ok(())
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Copies a file into the folder `/packages`.
    pub(super) fn give(&self, file: &Path) -> Result<()> {
        let folder = self.path().join("packages");
        fs::create_dir_all(&folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
        let to = folder.join(file.file_name().unwrap_or_default());
        fs::copy(file, &to).with_context(|| format!("failed to copy `{}`", file.display()))?;
        Ok(())
    }

    /// Runs commands of a shell; gives what they print.
    pub(super) fn sh(&self, user: User, script: &str) -> Result<String> {
        say(&indented(script));
        let script = format!("set -e\nsudo() {{ \"$@\"; }}\n{script}");
        let mut command = self.command(user, "/bin/sh");
        process::output(command.args(["-c", &script]))
    }

    /// A program in it, with an environment like that of a login.
    pub(super) fn command(&self, user: User, program: &str) -> Command {
        let mut command = Command::new("chroot");
        if let User::Plain(groups) = user {
            command.args([format!("--userspec={PLAIN}:{PLAIN}"), format!("--groups={groups}")]);
        }
        command.arg(self.path()).arg(program).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .env("USER", "tester")
            .env("HOME", "/tmp")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// Every path of it but those of the kernel and of trials.
    pub(super) fn files(&self) -> Result<Vec<String>> {
        let mut find = Command::new("find");
        find.arg(self.path()).args(["-xdev", "-mindepth", "1", "-printf", "%P\\n"]);
        let mut files = process::output(&mut find)?.lines().map(str::to_owned).collect::<Vec<_>>();
        files.retain(|path| !["packages", "tmp"].iter().any(|folder| path.starts_with(folder)));
        files.sort();
        Ok(files)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // Lazily: what still runs in it ends by itself. A folder that is a mount can't be removed.
        Command::new("umount").args(["--lazy", "--recursive"]).arg(self.path()).status().ok();
    }
}

/// Makes the Debian that trials start from, if it is not there. Takes the archive that this host's apt is configured for.
pub(super) fn make(project: &Project) -> Result<()> {
    let path = cached(project);
    if path.is_file() {
        return Ok(());
    }
    let sources = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];
    let Some(sources) = sources.iter().find(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0))
    else {
        bail!("this host's apt names no archive of Debian: packages can be tried on Debian only");
    };
    say("making a Debian to try packages in: a few minutes, once");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    }
    let part = path.with_extension("part.tar");
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase", &format!("--include={INCLUDED}"), RELEASE]);
    process::run(command.arg(&part).arg(sources))?;
    fs::rename(&part, &path).with_context(|| format!("failed to keep `{}`", path.display()))
}

fn cached(project: &Project) -> PathBuf {
    project.packages().join("cache").join(format!("{RELEASE}.tar"))
}

fn indented(script: &str) -> String {
    script.lines().map(|line| format!("  $ {line}")).collect::<Vec<_>>().join("\n")
}

/// The number of a person without privilege.
pub(super) const PLAIN: u32 = 1000;
const RELEASE: &str = "bookworm";
const INCLUDED: &str = "systemd,lintian,man-db";
