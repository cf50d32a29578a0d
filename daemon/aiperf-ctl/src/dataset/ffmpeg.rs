//! Runs the program `ffmpeg`, which encodes formats that are not built in: raw media is written to one pipe, the encoded file
//! read from another. It runs as the user.

use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use std::io::{self, ErrorKind, Write};
use std::process::{ChildStdin, Command, Stdio};
use store::source;

/// Encodes what `raw` writes; `arguments` describe the input and the output format to `ffmpeg`. The same input gives the same
/// bytes: the output contains neither a time nor a version.
///
/// # Errors
/// When the program is not installed, or lacks the encoder.
pub(super) fn encoded(
    what: &str,
    arguments: &str,
    raw: impl FnOnce(&mut ChildStdin) -> io::Result<()> + Send,
) -> Result<Vec<u8>, Refusal> {
    run(what, words(arguments).chain(["pipe:1"]), raw)
}

/// Like [`encoded`], for a container whose header is completed at the end, such as with the duration: written to a file, in
/// which `ffmpeg` can seek back.
///
/// # Errors
/// As [`encoded`].
pub(super) fn encoded_whole(
    what: &str,
    arguments: &str,
    raw: impl FnOnce(&mut ChildStdin) -> io::Result<()> + Send,
) -> Result<Vec<u8>, Refusal> {
    let failed = |error: io::Error| Refusal(format!("{what}: {error}"));
    let made = ScratchFile::new().map_err(failed)?;
    let path = format!("file:{}", made.path().display());
    run(what, words(arguments).chain(["-y", path.as_str()]), raw)?;
    let bytes = source::read(made.path(), ENCODED_BYTES_MAX).map_err(failed)?;
    if bytes.is_empty() { Err(Refusal(format!("{what}: `ffmpeg` produced no output"))) } else { Ok(bytes) }
}

fn run<'a>(
    what: &str,
    words: impl Iterator<Item = &'a str>,
    raw: impl FnOnce(&mut ChildStdin) -> io::Result<()> + Send,
) -> Result<Vec<u8>, Refusal> {
    let failed = |error: io::Error| {
        Refusal(match error.kind() {
            ErrorKind::NotFound => format!("{what}: {MISSING}"),
            _ => format!("{what}: failed to run `ffmpeg`: {error}"),
        })
    };
    let mut command = Command::new("ffmpeg");
    command.args(words);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = pipes.spawn().map_err(failed)?;
    let input = process.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut input) = input {
                // When it stops reading early, its own error message states why.
                raw(&mut input).and_then(|()| input.flush()).ok();
            }
        });
        process.wait_with_output()
    });
    let output = output.map_err(failed)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().last().unwrap_or("without an error message");
        let what_to_do = if last.starts_with("Unknown encoder") { LACKS_ENCODER } else { "" };
        return Err(Refusal(format!("{what}: `ffmpeg` failed: {last}{what_to_do}")));
    }
    Ok(output.stdout)
}

/// The arguments of its command line, except the output.
pub(super) fn words(arguments: &str) -> impl Iterator<Item = &str> {
    const BEFORE: &str = "-hide_banner -nostdin -loglevel error";
    const AFTER: &str = "-fflags +bitexact -flags +bitexact -map_metadata -1";
    [BEFORE, arguments, AFTER].into_iter().flat_map(str::split_ascii_whitespace)
}

/// A limit that no synthetic video reaches.
const ENCODED_BYTES_MAX: u64 = 4 << 30;
const MISSING: &str = "the program `ffmpeg` is not installed: install it (such as by `apt install ffmpeg`), or use your own \
                       files with --input-file";
const LACKS_ENCODER: &str =
    "; this `ffmpeg` was built without that encoder: install another build (such as by `apt install ffmpeg`)";
