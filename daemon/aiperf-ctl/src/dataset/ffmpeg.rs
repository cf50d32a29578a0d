//! The program `ffmpeg`, which encodes what nothing inside can: raw media in through a pipe, a file out through another. It
//! runs as the user.

use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use export::source;
use std::io::{self, ErrorKind, Write};
use std::process::{ChildStdin, Command, Stdio};

/// Encodes what `raw` writes; `told` is what `ffmpeg` is told of it, and of what it shall become. The same input gives the
/// same bytes: nothing tells when they were made, or by which version.
///
/// # Errors
/// When the program is not there, or lacks the encoder.
pub(super) fn encoded(
    what: &str,
    told: &str,
    raw: impl FnOnce(&mut ChildStdin) -> io::Result<()> + Send,
) -> Result<Vec<u8>, Refusal> {
    run(what, words(told).chain(["pipe:1"]), raw)
}

/// The same of a container that is completed at its begin once its end is known, such as with its duration: written to a
/// file, in which `ffmpeg` can go back.
///
/// # Errors
/// As [`encoded`].
pub(super) fn encoded_whole(
    what: &str,
    told: &str,
    raw: impl FnOnce(&mut ChildStdin) -> io::Result<()> + Send,
) -> Result<Vec<u8>, Refusal> {
    let failed = |error: io::Error| Refusal(format!("{what}: {error}"));
    let made = ScratchFile::new().map_err(failed)?;
    let path = format!("file:{}", made.path().display());
    run(what, words(told).chain(["-y", path.as_str()]), raw)?;
    let bytes = source::read(made.path(), ENCODED_BYTES_MAX).map_err(failed)?;
    if bytes.is_empty() { Err(Refusal(format!("{what}: `ffmpeg` made nothing"))) } else { Ok(bytes) }
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
                // Why it reads no more, it says itself.
                raw(&mut input).and_then(|()| input.flush()).ok();
            }
        });
        process.wait_with_output()
    });
    let output = output.map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it says nothing");
        let what_to_do = if last.starts_with("Unknown encoder") { LACKS_ENCODER } else { "" };
        return Err(Refusal(format!("{what}: `ffmpeg` failed: {last}{what_to_do}")));
    }
    Ok(output.stdout)
}

/// The words of its command line, but for where its output goes.
pub(super) fn words(told: &str) -> impl Iterator<Item = &str> {
    const BEFORE: &str = "-hide_banner -nostdin -loglevel error";
    const AFTER: &str = "-fflags +bitexact -flags +bitexact -map_metadata -1";
    [BEFORE, told, AFTER].into_iter().flat_map(str::split_ascii_whitespace)
}

/// More than a made-up video has.
const ENCODED_BYTES_MAX: u64 = 4 << 30;
const MISSING: &str = "the program `ffmpeg` is not there: install it (such as by `apt install ffmpeg`), or bring files of your \
                       own by --input-file";
const LACKS_ENCODER: &str =
    "; this `ffmpeg` was built without it: install another one (such as by `apt install ffmpeg`)";
