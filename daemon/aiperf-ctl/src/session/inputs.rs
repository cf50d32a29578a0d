//! The user's files that are uploaded to the daemon with a run, read with the user's rights.

use crate::once;
use crate::plan::{Profile, Refusal};
use crate::tokenizer_file;
use crate::upload::Upload;
use anyhow::Result;
use bytes::Bytes;
use std::path::Path;

/// A file for the daemon: its name there, and its content.
pub(crate) type Input = (&'static str, Upload);

/// Adds the certificate authorities, the tokenizer and its chat template to the uploads.
///
/// # Errors
/// When a file that a flag names cannot be read.
pub(super) fn of(profile: &Profile, uploads: Vec<Input>, revision: Option<&str>) -> Result<Vec<Input>> {
    let mut inputs = uploads;
    if let Some(file) = &profile.authorities {
        inputs.push(("authorities", read(file, "--ca-certificate")?.into()));
    }
    if let Some(directory) = &profile.tokenizer_dir {
        let file = tokenizer_file::of(directory, revision);
        inputs.push(("tokenizer", tokenizer_file::read(directory, revision)?.into()));
        if profile.plan.endpoint.dialect.applies_chat_template {
            inputs.push(("chat_template", Bytes::from(tokenizer_file::chat_template(&file)?).into()));
        }
    } else if profile.plan.endpoint.dialect.applies_chat_template {
        let why = "--apply-chat-template needs --tokenizer with a directory or a name in the local Hugging Face cache";
        return Err(Refusal(why.to_owned()).into());
    }
    Ok(inputs)
}

/// Reads a file that a flag names.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &Path, flag: &str) -> Result<Bytes> {
    match once::read(path, tokenizer_file::BYTES_MAX) {
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Refusal(format!("{flag}: failed to read `{}`: {error}", path.display())).into()),
    }
}
