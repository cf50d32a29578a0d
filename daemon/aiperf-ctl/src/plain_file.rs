//! Reads files given where literal text is accepted too: only if no path component is a symbolic link.

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// The text of a regular UTF-8 file, with `~/` for the home directory; `None` for anything else, which the caller uses as
/// literal text.
pub(crate) fn read(path: &str) -> Option<String> {
    let path = match path.strip_prefix("~/") {
        Some(rest) => PathBuf::from(std::env::var_os("HOME")?).join(rest),
        None => PathBuf::from(path),
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = openat2(CWD, &path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).ok()?;
    if FileType::from_raw_mode(fstat(&file).ok()?.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut text = String::new();
    let read = File::from(file).take(BYTES_MAX + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= BYTES_MAX).then_some(text)
}

/// A limit that no template reaches.
const BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_plain_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let path = |name: &str| root.join(name).to_str().unwrap().to_owned();
        std::fs::write(path("plain"), "text").unwrap();
        std::fs::write(path("binary"), [0xff, 0xfe]).unwrap();
        std::fs::create_dir(path("real")).unwrap();
        std::fs::write(path("real/file"), "text").unwrap();
        symlink(path("plain"), path("link")).unwrap();
        symlink(path("real"), path("linked")).unwrap();
        for (name, expected) in [
            ("plain", Some("text")),
            ("real/file", Some("text")),
            ("link", None),
            ("linked/file", None),
            ("real", None),
            ("binary", None),
            ("none", None),
        ] {
            assert_eq!(read(&path(name)).as_deref(), expected, "{name}");
        }
        assert_eq!(read("/dev/zero"), None, "a device");
        assert_eq!(read("{\"text\": {{ text }}}"), None, "literal text");
    }
}
