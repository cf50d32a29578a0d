//! What an experiment has measured, in its directory: a command that is repeated measures only what is missing.
//!
//! Each run has a digest of everything that makes it what it is: its plan with the seed, the files that it reads, and the version of
//! this program. A line is written when a run has ended. A run that ended without its line, because this program was killed, is found
//! by its own results.

use super::results::Row;
use super::{Step, is_complete};
use crate::observer::Certain;
use crate::plan::{Profile, Refusal};
use crate::report::Reported;
use crate::resolve::Resolved;
use crate::upload::Upload;
use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use spec::Plan;
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use store::{source, visible_within};

/// The journal of an experiment.
pub(super) struct Journal {
    file: File,
    header: Header,
    entries: Vec<Entry>,
}

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    /// The version of the journal's form.
    journal: u32,
    /// The seed that runs' seeds are derived from.
    seed: u64,
    /// What distinguishes this experiment from one that was measured in the same directory before.
    id: String,
    /// What a search looks for, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<String>,
    /// What the servers reported that they are, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

/// What a new experiment is.
#[derive(Clone)]
pub(super) struct Begun {
    /// The seed that runs' seeds are derived from.
    pub(super) seed: u64,
    /// What a search looks for, and where.
    pub(super) search: Option<String>,
    /// What the servers say they are.
    pub(super) server: Option<String>,
}

/// A run that has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// What it was.
    digest: String,
    trial: u32,
    label: String,
    /// Where its results are, below the experiment's directory.
    directory: String,
    status: u8,
    /// Its verdict, if it has results.
    verdict: Option<String>,
    /// Why it has no results.
    error: Option<String>,
    /// What is certain of the limits, if it was ended early for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certain: Option<Certain>,
}

impl Entry {
    pub(super) fn of(digest: &str, trial: u32, label: &str, directory: &Path, row: &Row) -> Self {
        Self {
            digest: digest.to_owned(),
            trial,
            label: label.to_owned(),
            directory: directory.display().to_string(),
            status: row.status,
            verdict: row.verdict.clone(),
            error: row.error.clone(),
            certain: row.certain.clone(),
        }
    }
}

impl Journal {
    /// The journal of a directory: a new one with this seed, if there is none or if everything is measured again.
    ///
    /// # Errors
    /// When the directory is not writable, or the journal is damaged.
    pub(super) fn open(directory: &Path, restart: bool, begun: Begun) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|error| {
            Refusal(format!("--artifact-dir: failed to create `{}`: {error}", directory.display()))
        })?;
        let path = directory.join(NAME);
        let shown = path.display().to_string();
        let refused = |error: &dyn Display| {
            Refusal(format!("`{shown}` {error}: use --restart, or another --artifact-dir"))
        };
        if restart && path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            std::fs::remove_file(&path).map_err(|error| {
                Refusal(format!("failed to remove `{shown}`: {error}: remove it yourself"))
            })?;
        }
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .custom_flags(flags)
            .open(&path)
            .map_err(|error| refused(&format!("cannot be written: {error}")))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(Refusal(format!("another command is measuring in `{}`", directory.display())).into());
        }
        if restart {
            file.set_len(0)?;
        }
        let text = source::read_text(&path, BYTES_MAX)
            .map_err(|error| refused(&format!("cannot be read: {error}")))?;
        let (header, entries) =
            parsed(&text).map_err(|error| refused(&format!("is no journal of an experiment: {error:#}")))?;
        let header = match header {
            Some(header) => header,
            None => {
                // What was cut off by the end of the program is no line.
                file.set_len(0)?;
                let Begun { seed, search, server } = begun.clone();
                let header = Header { journal: FORM, seed, id: drawn_id(), search, server };
                line(&mut file, &header)?;
                header
            }
        };
        // A line that was cut off by the end of the program is finished, so that the next one stands alone.
        if !text.is_empty() && !text.ends_with('\n') && text.contains('\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self { file, header, entries })
    }

    /// What a run has in its plan: the experiment and the run.
    pub(super) fn name_of(&self, digest: &str) -> String {
        format!("{}/{digest}", self.header.id)
    }

    /// The seed that runs' seeds are derived from.
    pub(super) const fn seed(&self) -> u64 {
        self.header.seed
    }

    /// Checks that the results that are there belong to this experiment.
    ///
    /// # Errors
    /// When a run with results was another one.
    pub(super) fn check(&self, digests: &BTreeMap<Step, String>, begun: &Begun) -> Result<(), Refusal> {
        let Begun { search, server, .. } = begun;
        if let (Some(then), Some(now)) = (&self.header.server, server)
            && then != now
        {
            return Err(Refusal(format!(
                "the directory was measured with another server (then: {}; now: {}): use --restart to measure everything again, or \
                 another --artifact-dir",
                visible_within(then, SERVER_MAX),
                visible_within(now, SERVER_MAX)
            )));
        }
        if self.header.search != *search {
            return Err(Refusal(
                "the directory holds another experiment (a search, or one for something else): use --restart to measure everything \
                 again, or another --artifact-dir"
                    .to_owned(),
            ));
        }
        let is_other =
            |entry: &&Entry| entry.error.is_none() && digests.values().all(|digest| *digest != entry.digest);
        // What a search asks for follows from what it measured.
        let others = self.entries.iter().filter(|_| search.is_none());
        let Some(other) = others.clone().find(is_other) else { return Ok(()) };
        Err(Refusal(format!(
            "the directory holds runs of another experiment (`{}` in {} was measured with another plan): use --restart to measure \
             everything again, or another --artifact-dir",
            other.label, other.directory
        )))
    }

    /// The results of a run that has been measured, if they are complete, or were ended early for what is returned too.
    ///
    /// A run that failed is measured again.
    pub(super) fn measured(&self, digest: &str, profile: &Profile) -> Option<(Reported, Option<Certain>)> {
        let known = self.entries.iter().rfind(|entry| entry.digest == digest);
        let directory = &profile.artifact_dir;
        if known.is_some_and(|entry| entry.error.is_some()) || !directory.join("run.json").is_file() {
            return None;
        }
        let reported = Reported::compute(directory).ok()?;
        // The results say what they are of, also where the line is missing.
        let is_it =
            reported.run.plan.output.other.get(DIGEST).is_some_and(|known| *known == self.name_of(digest));
        let certain = known.and_then(|entry| entry.certain.clone());
        let may_be_cut = !profile.observers.limits.is_empty();
        let is_whole = is_complete(&reported) || (certain.is_some() && may_be_cut);
        let is_usable = is_it && is_whole && reported.no_response().is_none();
        is_usable.then_some((reported, certain))
    }

    /// Adds a run that has ended.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<()> {
        line(&mut self.file, entry)?;
        self.entries.push(entry.clone());
        Ok(())
    }
}

/// The runs in a sweep's directory that have no results: their directories below it, and why, as far as its journal says.
pub(crate) fn failures(directory: &Path) -> Vec<(String, String)> {
    let text = source::read_text(&directory.join(NAME), BYTES_MAX).unwrap_or_default();
    let (_, entries) = parsed(&text).unwrap_or_default();
    let failed = entries.into_iter().filter_map(|entry| Some((entry.directory, entry.error?)));
    failed.collect()
}

/// The lines of a journal; one that was cut off is left out.
fn parsed(text: &str) -> Result<(Option<Header>, Vec<Entry>)> {
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return Ok((None, Vec::new())) };
    let header: Header = match serde_json::from_str(first) {
        Ok(header) => header,
        Err(_) if !text.contains('\n') && first.len() < FIRST_BYTES_MAX => return Ok((None, Vec::new())),
        Err(error) => return Err(error.into()),
    };
    anyhow::ensure!(header.journal == FORM, "it has version {}", header.journal);
    let entries = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok((Some(header), entries))
}

fn line(file: &mut File, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    file.write_all(&text).and_then(|()| file.sync_data()).context("failed to write the experiment's journal")
}

/// What a run's digest is called in its plan.
pub(super) const DIGEST: &str = "experiment_run";

/// What a run is, as 64 hexadecimal digits.
///
/// # Errors
/// When a file that it reads can no longer be read.
pub(super) fn digest(run: &Resolved) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(essence(&run.profile.plan)?.to_string());
    for (name, value) in &run.profile.secret_headers {
        // Another key is the same run; what other headers say may change it.
        if !KEYS.iter().any(|key| name.eq_ignore_ascii_case(key)) {
            hash.update(format!("{name}: {value}\n"));
        }
    }
    for (name, input) in &run.inputs {
        hash.update(name);
        match input {
            Upload::Bytes(bytes) => hash.update(bytes),
            Upload::File(path) => content(path, &mut hash)?,
            Upload::Temporary(file) => content(file.path(), &mut hash)?,
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn content(path: &Path, hash: &mut Sha256) -> Result<()> {
    let mut file = source::open(path, crate::upload::FILE_BYTES_MAX)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            count => hash.update(&piece[..count]),
        }
    }
}

/// A plan without what does not change a run and its metrics: where its results go, how it was written, and what observes it.
fn essence(plan: &Plan) -> Result<Value> {
    let mut value = serde_json::to_value(plan)?;
    if let Value::Object(fields) = &mut value {
        for name in ["command_line", "given", "observers", "workers"] {
            fields.remove(name);
        }
        // What is waited for does not change a run; what it finds in the cache does.
        if let Some(Value::Object(preparation)) = fields.get_mut("preparation") {
            preparation.retain(|name, _| name == "cache");
        }
        // What the metrics are computed by stays: a stored run keeps the limits that it was reported with.
        if let Some(Value::Object(output)) = fields.get_mut("output") {
            for name in ["artifact_dir", "fail_on", "other", "server_metrics_formats", "without_html"] {
                output.remove(name);
            }
        }
    }
    Ok(value)
}

/// An id that no other experiment has: the standard library seeds its hashers from the kernel's random generator.
fn drawn_id() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// Headers that hold keys.
const KEYS: &[&str] = &["authorization", "x-api-key", "api-key"];
/// The journal's name in the directory of an experiment.
pub(crate) const NAME: &str = "experiment.jsonl";
const FORM: u32 = 1;
/// Most characters of what a server says that it is.
const SERVER_MAX: usize = 200;
/// A limit that no journal reaches.
const BYTES_MAX: u64 = 1 << 28;
/// A first line that was cut off is shorter.
const FIRST_BYTES_MAX: usize = 200;
