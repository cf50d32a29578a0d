//! What a program was built from: version, commit, kernel programs.

use std::fmt;

/// What a program was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// The version of all programs.
    pub version: &'static str,
    /// The commit of the sources, 40 hexadecimal digits, or `unknown`.
    pub commit: &'static str,
    /// SHA-256 of the object with the kernel programs, 64 hexadecimal digits, or `none`.
    pub kernel_object: &'static str,
}

impl fmt::Display for Build {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digits: &'static str| digits.get(..SHORT).unwrap_or(digits);
        write!(
            formatter,
            "{} (commit {}, kernel programs {})",
            self.version,
            short(self.commit),
            short(self.kernel_object)
        )
    }
}

impl Build {
    /// What `--version` prints, for a program of this name.
    #[must_use]
    pub fn line(&self, program: &str) -> String {
        format!("{program} {self}\n")
    }

    /// What `--version --json` prints, for a program of this name.
    #[must_use]
    pub fn json(&self, program: &str) -> String {
        let value = serde_json::json!({
            "program": program,
            "version": self.version,
            "commit": self.commit,
            "kernel_object_sha256": self.kernel_object,
        });
        format!("{value}\n")
    }
}

/// Digits of a commit's hash that are shown.
const SHORT: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_short_for_readers_and_whole_for_programs() {
        let build = Build { version: "1.2.3", commit: "0123456789abcdef", kernel_object: "none" };
        assert_eq!(build.to_string(), "1.2.3 (commit 0123456789ab, kernel programs none)", "for readers");
        let json: serde_json::Value = serde_json::from_str(&build.json("aiperfd")).unwrap();
        assert_eq!(json["commit"], "0123456789abcdef", "for programs");
        assert_eq!(json["program"], "aiperfd", "which one");
    }
}
