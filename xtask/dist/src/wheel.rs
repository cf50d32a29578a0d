//! The wheel: the programs alone, which pip and uv put where they put scripts. It needs no Python package.

use crate::contents::{Contents, SBOM, THIRD_PARTY};
use crate::entry::{Entries, Entry, Kind};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Writes it.
pub(crate) fn make(contents: &Contents, out: &Path) -> Result<Vec<PathBuf>> {
    let tag = tag(contents);
    let path = out.join(format!("aiperfd-{}-{tag}.whl", contents.version));
    let packed = packed(&entries(contents, &tag)?, contents.time)?;
    std::fs::write(&path, packed).with_context(|| format!("failed to write `{}`", path.display()))?;
    Ok(vec![path])
}

/// For any Python 3, with any ABI, on hosts whose glibc is at least that which the programs ask for.
fn tag(contents: &Contents) -> String {
    format!("py3-none-{}", contents.glibc.tag(contents.target.machine()))
}

fn entries(contents: &Contents, tag: &str) -> Result<Entries> {
    let (data, info) =
        (format!("aiperfd-{}.data", contents.version), format!("aiperfd-{}.dist-info", contents.version));
    let mut entries = Entries::new();
    for (name, bytes) in &contents.programs {
        entries.insert(format!("{data}/scripts/{name}"), Entry::program(bytes.as_slice()));
    }
    for name in ["LICENSE", THIRD_PARTY] {
        entries.insert(format!("{info}/licenses/{name}"), Entry::file(contents.document(name)?));
    }
    // PEP 770.
    entries.insert(format!("{info}/sboms/{SBOM}"), Entry::file(contents.document(SBOM)?));
    entries.insert(format!("{info}/METADATA"), Entry::file(metadata(contents)));
    let wheel = format!("Wheel-Version: 1.0\nGenerator: aiperfd dist\nRoot-Is-Purelib: false\nTag: {tag}\n");
    entries.insert(format!("{info}/WHEEL"), Entry::file(wheel));
    let record = format!("{info}/RECORD");
    entries.insert(record.clone(), Entry::file(lines_of_record(&entries, &record)));
    Ok(entries)
}

/// What pip and PyPI show. There is no `Requires-Dist`.
fn metadata(contents: &Contents) -> String {
    format!(
        "Metadata-Version: 2.4\n\
         Name: aiperfd\n\
         Version: {}\n\
         Summary: Measures LLM inference servers with kernel timestamps\n\
         License-Expression: Apache-2.0\n\
         License-File: LICENSE\n\
         License-File: {THIRD_PARTY}\n\
         Classifier: Environment :: Console\n\
         Classifier: Operating System :: POSIX :: Linux\n\
         Classifier: Topic :: System :: Benchmark\n\
         Requires-Python: >=3.9\n\
         Description-Content-Type: text/markdown\n\
         \n\
         {DESCRIPTION}",
        contents.version
    )
}

/// Each file's digest and size, and the list itself without.
fn lines_of_record(entries: &Entries, record: &str) -> String {
    let mut lines = String::new();
    for (path, entry) in entries {
        if let Kind::File(bytes) = &entry.kind {
            writeln!(lines, "{path},sha256={},{}", base64url(&Sha256::digest(bytes)), bytes.len()).ok();
        }
    }
    writeln!(lines, "{record},,").ok();
    lines
}

/// Base 64 for URLs, without padding.
fn base64url(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=chunk.len() {
            let letter = bits >> (18 - 6 * place) & 63;
            text.push(ALPHABET.chars().nth(letter as usize).unwrap_or('A'));
        }
    }
    text
}

fn packed(entries: &Entries, time: u64) -> Result<Vec<u8>> {
    let (year, month, day) = crate::sbom::calendar(time / 86_400);
    let date =
        DateTime::from_date_and_time(u16::try_from(year)?, u8::try_from(month)?, u8::try_from(day)?, 0, 0, 0)
            .context("a zip file's times begin in 1980")?;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, entry) in entries {
        let Kind::File(bytes) = &entry.kind else { continue };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(date)
            .unix_permissions(entry.mode);
        let added = archive.start_file(path, options).map_err(anyhow::Error::from);
        added
            .and_then(|()| Ok(archive.write_all(bytes)?))
            .with_context(|| format!("failed to put `{path}` into the wheel"))?;
    }
    Ok(archive.finish().context("failed to end the wheel")?.into_inner())
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DESCRIPTION: &str = "\
# aiperfd

Measures LLM inference servers with kernel timestamps: time to first token, inter-token latency, throughput, each as the
client saw it and as the kernel saw it, with a verdict whether the run may be used. The flags and files are those of NVIDIA
AIPerf.

    pip install aiperfd
    aiperf-ctl profile --model my-model --url localhost:8000 --streaming --concurrency 16 --request-count 1000

Kernel timestamps take root: `sudo $(which aiperf-ctl) profile ...`. Without, the kernel's socket timestamps are taken.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents;

    #[test]
    fn the_programs_are_scripts_and_nothing_is_required() {
        let contents = contents::example();
        assert_eq!(tag(&contents), "py3-none-manylinux_2_28_x86_64", "derived from the programs");
        let entries = entries(&contents, "t").unwrap();
        for name in crate::build::PROGRAMS {
            assert_eq!(entries[&format!("aiperfd-1.2.3.data/scripts/{name}")].mode, 0o755, "{name}");
        }
        let metadata = metadata(&contents);
        assert!(!metadata.contains("Requires-Dist"), "no dependencies");
        let Kind::File(record) = &entries["aiperfd-1.2.3.dist-info/RECORD"].kind else { panic!("a file") };
        let record = String::from_utf8(record.clone()).unwrap();
        assert_eq!(record.lines().count(), entries.len(), "every file is recorded: {record}");
        assert!(record.ends_with("aiperfd-1.2.3.dist-info/RECORD,,\n"), "the record itself");
    }

    #[test]
    fn digests_are_written_as_wheels_want_them() {
        assert_eq!(base64url(b""), "");
        assert_eq!(base64url(b"f"), "Zg");
        assert_eq!(base64url(b"fo"), "Zm8");
        assert_eq!(base64url(b"foo"), "Zm9v");
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8", "the letters of URLs");
    }

    #[test]
    fn a_wheel_is_the_same_again_and_keeps_permissions() {
        let contents = contents::example();
        let entries = entries(&contents, "t").unwrap();
        let bytes = packed(&entries, contents.time).unwrap();
        assert_eq!(bytes, packed(&entries, contents.time).unwrap(), "byte by byte");
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let program = archive.by_name("aiperfd-1.2.3.data/scripts/aiperfd").unwrap();
        assert_eq!(program.unix_mode(), Some(0o100_755), "executable");
    }
}
