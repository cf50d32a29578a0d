//! Reads the user's files, with the user's rights: makes of a checked run one that can be sent, and again.
//!
//! ```text
//! flags, configuration ──▶ Given (args) ── plan ──▶ Checked ── resolve ──▶ Resolved ──▶ Session
//! ```

use crate::args::ProfileArgs;
use crate::dataset;
use crate::once;
use crate::plain_file;
use crate::plan::fault::refusal;
use crate::plan::{Checked, Profile, Refusal};
use crate::series;
use crate::tokenizer_file;
use crate::upload::Upload;
use anyhow::Result;
use bytes::Bytes;
use std::path::Path;

/// A file for the daemon: its name there, and its content.
pub(crate) type Input = (&'static str, Upload);

/// A run of which everything is known but its server's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// The run.
    pub(crate) profile: Profile,
    /// What is uploaded for it.
    pub(crate) inputs: Vec<Input>,
}

/// Reads what a checked run names: the template, rates, the dataset, certificates, the tokenizer.
///
/// # Errors
/// When a file cannot be read or used, by the flag that names it.
pub(crate) fn resolve(args: &ProfileArgs, checked: Checked) -> Result<Resolved> {
    let Checked { mut profile, series, .. } = checked;
    if let Some(template) = &mut profile.plan.endpoint.dialect.template
        && let Some(text) = plain_file::read(template)
    {
        *template = text;
    }
    for file in series {
        let points = series::points(&read(&file.path, "--request-rate-series")?)?;
        if let Some(phase) = profile.plan.load.phases.get_mut(file.phase) {
            phase.request_rate_series = points;
        }
    }
    let mut inputs = dataset::media(args, &profile.plan)?;
    let plugins = profile.observers.plugins.clone();
    inputs.extend(dataset::read(args, &mut profile.plan, plugins.as_ref())?.map(|rows| ("dataset", rows)));
    profile.plan.check().map_err(|fault| refusal(args, &profile.plan.load.phases, &fault))?;
    inputs.extend(named(&profile, args.tokenizer.tokenizer_revision.as_deref())?);
    Ok(Resolved { profile, inputs })
}

/// The certificate authorities, the tokenizer and its chat template.
fn named(profile: &Profile, revision: Option<&str>) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    if let Some(file) = &profile.authorities {
        inputs.push(("authorities", read(file, "--ca-certificate")?.into()));
    }
    let applies_template = profile.plan.endpoint.dialect.applies_chat_template;
    if let Some(directory) = &profile.tokenizer_dir {
        let file = tokenizer_file::of(directory, revision);
        inputs.push(("tokenizer", tokenizer_file::read(directory, revision)?.into()));
        if applies_template {
            inputs.push(("chat_template", Bytes::from(tokenizer_file::chat_template(&file)?).into()));
        }
    } else if applies_template {
        let why = "--apply-chat-template needs --tokenizer with a directory or a name in the local Hugging Face cache";
        return Err(Refusal(why.to_owned()).into());
    }
    Ok(inputs)
}

/// Reads a file that a flag names.
///
/// # Errors
/// When it cannot be read.
fn read(path: &Path, flag: &str) -> Result<Bytes> {
    match once::read(path, tokenizer_file::BYTES_MAX) {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Refusal(format!("{flag}: failed to read `{}`: {error}", path.display())).into()),
    }
}
