//! What this build was made of. Only the programs link it, so that a new commit compiles nothing but them.
#![forbid(unsafe_code)]

use record::Build;

/// What this build was made of.
pub const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: env!("AIPERFD_COMMIT"),
    kernel_object: env!("AIPERFD_KERNEL_OBJECT"),
};

#[cfg(test)]
mod tests {
    use super::BUILD;

    #[test]
    fn the_digest_is_that_of_the_record_beside_the_object() {
        let record = include_str!("../../../ebpf/aiperfd-ebpf.toml");
        let line = format!("object_sha256 = \"{}\"", BUILD.kernel_object);
        assert!(record.lines().any(|of_record| of_record == line), "{line}");
    }
}
