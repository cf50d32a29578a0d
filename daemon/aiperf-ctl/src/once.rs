//! Reads user files whose content is needed several times: the content of a pipe, such as a shell's `<(...)`, can be read only
//! once and is kept in memory.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use store::source::{self, Bounded, Opened};

/// The content of a file or pipe, which may be read repeatedly.
///
/// # Errors
/// Those of [`source::read`].
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Bytes> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bytes) = kept.get(path) {
        return Ok(bytes.clone());
    }
    let mut bytes = Vec::new();
    match source::open_any(path, bytes_max)? {
        Opened::File(file) => {
            Bounded::new(file, bytes_max).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        }
        Opened::Pipe(pipe) => {
            Bounded::new(pipe, bytes_max).read_to_end(&mut bytes)?;
            let bytes = Bytes::from(bytes);
            kept.insert(path.to_owned(), bytes.clone());
            Ok(bytes)
        }
    }
}

static KEPT: LazyLock<Mutex<BTreeMap<PathBuf, Bytes>>> = LazyLock::new(Mutex::default);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_pipe_can_be_read_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let writer = {
            let path = path.clone();
            std::thread::spawn(move || {
                std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all(b"text").unwrap();
            })
        };
        assert_eq!(&*read(&path, 9).unwrap(), b"text", "the pipe's content");
        writer.join().unwrap();
        assert_eq!(&*read(&path, 9).unwrap(), b"text", "although the writer has closed it");
        let file = directory.path().join("file");
        std::fs::write(&file, "one").unwrap();
        assert_eq!(&*read(&file, 9).unwrap(), b"one", "a file");
        std::fs::write(&file, "two").unwrap();
        assert_eq!(&*read(&file, 9).unwrap(), b"two", "is read again");
    }
}
