//! `cargo xtask count-files`: how many files an addition touches. Each recipe of docs/recipes that promises a short way is followed
//! in a copy of the last commit, with something that does nothing; what is added must compile and be tidy.
//!
//! ```text
//! last commit ──git worktree──▶ copy ──steps of additions.rs──▶ files touched, by kind ──▶ cargo check, tidy
//! ```

mod additions;

use crate::process;
use crate::project::Project;
use crate::say::say;
use crate::tidy;
use additions::{ADDITIONS, Addition, Step};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the command.
pub(crate) fn run(project: &Project) -> Result<()> {
    let copy = Scratch::of(project)?;
    let mut too_many = Vec::new();
    for addition in ADDITIONS {
        let touched = touched_by(addition, &copy.root)?;
        say(&format!(
            "{}: {} files of at most {} ({})",
            addition.kind,
            touched.len(),
            addition.most,
            shown(&touched)
        ));
        if touched.len() > addition.most {
            too_many.push(addition.kind);
        }
    }
    let packages =
        ["spec", "endpoint", "aiperf-loadgen", "aiperf-ctl"].into_iter().flat_map(|name| ["-p", name]);
    let mut check = project.cargo();
    check.current_dir(&copy.root).args(["check", "--quiet", "--locked"]).args(packages);
    process::run(check.arg("--target-dir").arg(project.target.join("count-files")))?;
    tidy::check_folder(&copy.root).context("the additions are not tidy")?;
    if !too_many.is_empty() {
        bail!("more files than the limit: {}", too_many.join(", "));
    }
    Ok(())
}

/// Follows an addition's steps in a folder; returns the files that they touched.
fn touched_by(addition: &Addition, root: &Path) -> Result<BTreeSet<&'static str>> {
    let recipe = root.join(addition.recipe);
    anyhow::ensure!(recipe.is_file(), "the recipe `{}` is not there", addition.recipe);
    let mut touched = BTreeSet::new();
    for step in addition.steps {
        let file = step.file();
        follow(step, root).with_context(|| format!("failed to follow {}: `{file}`", addition.recipe))?;
        touched.insert(file);
    }
    Ok(touched)
}

fn follow(step: &Step, root: &Path) -> Result<()> {
    match step {
        Step::Copy { from, to, replaced } => {
            let text = fs::read_to_string(root.join(from))?;
            let text = replaced.iter().fold(text, |text, (from, to)| text.replace(from, to));
            create(&root.join(to), &text)
        }
        Step::Write { to, text } => create(&root.join(to), text),
        Step::Replace { file, from, to } => {
            let path = root.join(file);
            let text = fs::read_to_string(&path)?;
            anyhow::ensure!(text.contains(from), "nothing is `{from}`: {FOLLOW}");
            Ok(fs::write(path, text.replacen(from, to, 1))?)
        }
        Step::After { file, anchor, lines } => {
            let path = root.join(file);
            let text = inserted(&fs::read_to_string(&path)?, anchor, lines)?;
            Ok(fs::write(path, text)?)
        }
    }
}

fn create(path: &Path, text: &str) -> Result<()> {
    anyhow::ensure!(!path.exists(), "it is there already");
    Ok(fs::write(path, text)?)
}

/// A text with lines after the first one that is `anchor`, whatever its indentation, which they share.
fn inserted(text: &str, anchor: &str, lines: &[&str]) -> Result<String> {
    let mut wanted = Some(anchor);
    let mut result = String::with_capacity(text.len());
    for line in text.lines() {
        result.extend([line, "\n"]);
        if wanted == Some(line.trim()) {
            let indentation = &line[..line.len() - line.trim_start().len()];
            lines.iter().for_each(|line| result.extend([indentation, line, "\n"]));
            wanted = None;
        }
    }
    match wanted {
        Some(_) => bail!("no line is `{anchor}`: {FOLLOW}"),
        None => Ok(result),
    }
}

fn shown(touched: &BTreeSet<&str>) -> String {
    touched.iter().copied().collect::<Vec<_>>().join(", ")
}

/// A copy of the last commit, which goes when it is dropped.
struct Scratch {
    project: PathBuf,
    root: PathBuf,
}

impl Scratch {
    fn of(project: &Project) -> Result<Self> {
        let root = project.target.join("count-files-copy");
        let copy = Self { project: project.root.clone(), root };
        // One that an earlier call could not remove.
        copy.remove();
        process::run(
            copy.git().args(["worktree", "add", "--quiet", "--detach"]).arg(&copy.root).arg("HEAD"),
        )?;
        Ok(copy)
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.project);
        git
    }

    fn remove(&self) {
        process::output(self.git().args(["worktree", "remove", "--force"]).arg(&self.root));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

const FOLLOW: &str = "the steps in xtask/src/count_files/additions.rs must follow the code";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_their_anchor() {
        let text = "a {\n    b,\n}\nb,\n";
        assert_eq!(
            inserted(text, "b,", &["c,", "d,"]).unwrap(),
            "a {\n    b,\n    c,\n    d,\n}\nb,\n",
            "the first one"
        );
        let why = inserted(text, "e", &["f"]).unwrap_err().to_string();
        assert!(why.contains("no line is `e`"), "{why}");
    }

    /// Every step finds its place in the files as they are, and no kind exceeds its limit.
    #[test]
    fn additions_follow_the_code() {
        let root = crate::project::root().unwrap();
        let copy = tempfile::tempdir().unwrap();
        for addition in ADDITIONS {
            for file in addition.steps.iter().flat_map(Step::files).chain([addition.recipe]) {
                let to = copy.path().join(file);
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                if !to.exists() && root.join(file).exists() {
                    fs::copy(root.join(file), to).unwrap();
                }
            }
            let touched = touched_by(addition, copy.path()).unwrap();
            assert!(touched.len() <= addition.most, "{}: {touched:?}", addition.kind);
        }
    }

    #[test]
    fn a_file_too_many_is_counted() {
        let copy = tempfile::tempdir().unwrap();
        fs::write(copy.path().join("recipe.md"), "").unwrap();
        fs::write(copy.path().join("list"), "one\n").unwrap();
        let after = |lines| Step::After { file: "list", anchor: "one", lines };
        let steps = [after(&["two"]), after(&["three"]), Step::Write { to: "new", text: "" }];
        let addition = Addition { kind: "thing", recipe: "recipe.md", most: 1, steps: steps.to_vec().leak() };
        let touched = touched_by(&addition, copy.path()).unwrap();
        assert_eq!(shown(&touched), "list, new", "each file once");
        assert!(touched_by(&addition, copy.path()).is_err(), "it is there already");
    }
}
