//! Where runs are kept: one directory each, whose names the daemon chooses and no client can.
//!
//! ```text
//! STATE/runs/<run id>/   plan.json  inputs/  parts/  spool/  and, when it has ended, the files that clients fetch
//! ```

use anyhow::{Context, Result, bail};
use control::{Create, File, State, Status};
use record::Run;
use std::fs;
use std::path::{Path, PathBuf};

/// The directory of all runs.
#[derive(Clone, Debug)]
pub struct Store {
    runs: PathBuf,
}

/// The directory of one run.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl Store {
    /// The store below a state directory, made if it is not there.
    pub fn open(state_dir: &Path) -> Result<Self> {
        let runs = state_dir.join("runs");
        fs::create_dir_all(&runs).with_context(|| format!("failed to create `{}`", runs.display()))?;
        Ok(Self { runs })
    }

    /// Makes the directory of a new run.
    pub fn create(&self, run_id: &str) -> Result<RunDir> {
        let run = RunDir { path: self.runs.join(run_id) };
        for directory in ["", "inputs", "parts", "spool"] {
            let path = run.path.join(directory);
            fs::create_dir(&path).with_context(|| format!("failed to create `{}`", path.display()))?;
        }
        Ok(run)
    }

    /// The directory of a run that is there.
    pub fn get(&self, run_id: &str) -> Option<RunDir> {
        let named = run_id.len() == RUN_ID_LENGTH && run_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let run = RunDir { path: self.runs.join(run_id) };
        (named && run.path.is_dir()).then_some(run)
    }

    /// Runs that are there, the oldest first.
    pub fn list(&self) -> Vec<Status> {
        let Ok(entries) = fs::read_dir(&self.runs) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut runs = names.filter_map(|name| Some(self.get(&name)?.status(&name))).collect::<Vec<_>>();
        runs.sort_by_key(|status| status.created_unix_seconds);
        runs
    }
}

impl RunDir {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the run that a client may fetch; `None` for any other name.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let fetched = FETCHED.contains(&name);
        let path = self.path.join(name);
        (fetched && path.is_file()).then_some(path)
    }

    /// Where an input that a client uploads goes; `None` for a name that no input has.
    pub fn input(&self, name: &str) -> Option<PathBuf> {
        INPUTS.contains(&name).then(|| self.path.join("inputs").join(name))
    }

    /// Inputs that were uploaded.
    pub fn inputs(&self) -> Vec<(String, PathBuf)> {
        let named = INPUTS.iter().filter_map(|name| Some(((*name).to_owned(), self.input(name)?)));
        named.filter(|(_, path)| path.is_file()).collect()
    }

    /// Files that a client may fetch.
    pub fn files(&self) -> Vec<File> {
        let sized = |name: &&str| {
            let bytes = self.path.join(name).metadata().ok()?.len();
            Some(File { name: (*name).to_owned(), bytes })
        };
        FETCHED.iter().filter_map(sized).collect()
    }

    /// Keeps the request that made the run, without its secrets.
    pub fn write_plan(&self, create: &Create, status: &Status) -> Result<()> {
        write_json(&self.path.join("plan.json"), &(create.plan.clone(), status))
    }

    /// The plan and first status of the run.
    pub fn plan(&self) -> Result<(common::plan::Plan, Status)> {
        let path = self.path.join("plan.json");
        let text = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("failed to read `{}`", path.display()))
    }

    /// Writes `run.json`, whole or not at all.
    pub fn write_run(&self, run: &Run) -> Result<()> {
        write_json(&self.path.join("run.json"), run)
    }

    /// `run.json`, if the run has ended.
    pub fn run(&self) -> Option<Run> {
        serde_json::from_slice(&fs::read(self.path.join("run.json")).ok()?).ok()
    }

    /// Removes the run.
    pub fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.path).with_context(|| format!("failed to remove `{}`", self.path.display()))
    }

    /// Removes what a run needs only while it runs.
    pub fn remove_scratch(&self) {
        for directory in ["inputs", "parts", "spool"] {
            fs::remove_dir_all(self.path.join(directory)).ok();
        }
    }

    fn status(&self, run_id: &str) -> Status {
        let run = self.run();
        let state = if run.is_some() { State::Finished } else { State::Interrupted };
        let standing = run.map(|run| run.verdict.standing);
        match self.plan() {
            Ok((_, status)) => Status { state, standing, ..status },
            Err(_) => Status {
                run_id: run_id.to_owned(),
                state,
                created_ns: common::clock::MonoNs(0),
                created_unix_seconds: 0,
                target: String::new(),
                model: String::new(),
                standing,
                problem: None,
            },
        }
    }
}

/// A new run id: 12 hexadecimal digits from the kernel's generator.
pub fn new_run_id() -> Result<String> {
    let mut bytes = [0_u8; 6];
    let mut random = fs::File::open("/dev/urandom").context("failed to open `/dev/urandom`")?;
    std::io::Read::read_exact(&mut random, &mut bytes).context("failed to read `/dev/urandom`")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The number from which the ids of a run's requests are made.
pub fn run_number(run_id: &str) -> Result<u64> {
    match u64::from_str_radix(run_id, 16) {
        Ok(number) => Ok(number),
        Err(_) => bail!("`{run_id}` is no run id"),
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let text = serde_json::to_vec_pretty(value).context("failed to write JSON")?;
    fs::write(&temporary, text).with_context(|| format!("failed to write `{}`", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("failed to write `{}`", path.display()))
}

/// Files of a run that clients may fetch.
const FETCHED: &[&str] = &[
    "run.json",
    "inputs.json",
    "requests.parquet",
    "tokens.parquet",
    "responses.parquet",
    "payloads.parquet",
    "gpu.parquet",
    "loadgen.log",
];
/// Inputs that clients may upload.
const INPUTS: &[&str] =
    &["dataset", "tokenizer", "chat_template", "authorities", "pictures", "sounds", "videos"];
const RUN_ID_LENGTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_paths_lead_nowhere() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        let run = store.create("0123456789ab").unwrap();
        fs::write(run.path().join("run.json"), "{}").unwrap();
        assert!(run.file("run.json").is_some(), "a file of the run");
        for name in ["../../../etc/passwd", "plan.json", "spool", "/etc/passwd", ""] {
            assert!(run.file(name).is_none(), "{name} is not for clients");
            assert!(run.input(name).is_none(), "{name} is no input");
        }
        assert!(store.get("../runs/0123").is_none(), "a path is no run id");
        assert!(store.get("0123456789ab").is_some(), "the run");
    }
}
