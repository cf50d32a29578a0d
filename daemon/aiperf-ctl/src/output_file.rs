//! Writes a result to a file at a path that the user names, complete or not at all.

use crate::plan::Refusal;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::Path;
use store::Folder;

/// Writes a file; its directory is created if necessary.
///
/// # Errors
/// When the path of this flag names no file, or it cannot be written.
pub(crate) fn write(path: &Path, flag: &str, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Refusal(format!("{flag}: `{}` names no file", path.display())))?;
    let failed = || format!("failed to write `{}`", path.display());
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => Folder::make(parent),
        _ => Folder::open(Path::new(".")),
    };
    let mut file = folder.with_context(failed)?.create(name).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.finish().with_context(failed)?;
    Ok(())
}
