//! The sizes and digests of what was made, and the limit that each package keeps.

use crate::process::say;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// Writes `SHA256SUMS` and says what there is.
pub(crate) fn write(out: &Path, mut files: Vec<PathBuf>) -> Result<()> {
    files.sort();
    let mut sums = String::new();
    let mut large = Vec::new();
    for path in &files {
        let bytes = fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sum = sha256(&bytes);
        say(&format!("{:>10}  {sum}  {name}", bytes.len()));
        writeln!(sums, "{sum}  {name}").ok();
        if bytes.len() > LIMIT && !name.contains("-debug") {
            large.push(name);
        }
    }
    let path = out.join("SHA256SUMS");
    fs::write(&path, sums).with_context(|| format!("failed to write `{}`", path.display()))?;
    if !large.is_empty() {
        bail!("larger than {LIMIT} bytes: {}", large.join(", "));
    }
    say(&format!("packages are in {}", out.display()));
    Ok(())
}

/// What a package may weigh.
const LIMIT: usize = 25_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_standard() {
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), of_nothing, "FIPS 180-2");
    }
}
