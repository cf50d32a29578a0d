//! Frames: a message with its body, after the lengths of both.

use std::io::{self, Read, Write};

/// A message and the bytes that it may come with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// JSON, UTF-8.
    pub message: Vec<u8>,
    /// What the method says it is; empty if it has none.
    pub body: Vec<u8>,
}

/// Most bytes of a message.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Most bytes of a body.
pub const BODY_BYTES_MAX: usize = 64 << 20;

impl Frame {
    /// Reads one; `None` at the end of the stream before its first byte.
    ///
    /// # Errors
    /// When the stream cannot be read or ends within a frame, or when a length is beyond its limit: nothing is allocated for it.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut lengths = [0; 8];
        let mut filled = 0;
        while filled < lengths.len() {
            match from.read(&mut lengths[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let [message, body] = lengths_of(lengths);
        if message > MESSAGE_BYTES_MAX || body > BODY_BYTES_MAX {
            let why = format!(
                "a frame of {message} and {body} bytes: a message has at most {MESSAGE_BYTES_MAX}, a body {BODY_BYTES_MAX}"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Some(Self { message: exactly(from, message)?, body: exactly(from, body)? }))
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the stream cannot be written, or when it is beyond the limits: nothing is written then.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        if self.message.len() > MESSAGE_BYTES_MAX || self.body.len() > BODY_BYTES_MAX {
            let why = format!("a frame of {} and {} bytes is too long", self.message.len(), self.body.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let [message, body] = [length(&self.message), length(&self.body)];
        to.write_all(&[message, body].concat())?;
        to.write_all(&self.message)?;
        to.write_all(&self.body)?;
        to.flush()
    }
}

fn lengths_of(bytes: [u8; 8]) -> [usize; 2] {
    let [a, b, c, d, e, f, g, h] = bytes;
    [[a, b, c, d], [e, f, g, h]].map(|length| u32::from_le_bytes(length) as usize)
}

/// Grows as bytes arrive, so that a length that is a lie costs nothing.
fn exactly(from: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(length).unwrap_or(u64::MAX);
    from.by_ref().take(limit).read_to_end(&mut bytes)?;
    if bytes.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let frame = Frame { message: b"{}".to_vec(), body: b"rows".to_vec() };
        let mut bytes = Vec::new();
        frame.write(&mut bytes).unwrap();
        assert_eq!(bytes, b"\x02\0\0\0\x04\0\0\0{}rows");
        let mut rest = bytes.as_slice();
        assert_eq!(Frame::read(&mut rest).unwrap(), Some(frame));
        assert_eq!(Frame::read(&mut rest).unwrap(), None, "the end");
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let read = |mut bytes: &[u8]| Frame::read(&mut bytes).unwrap_err().kind();
        assert_eq!(read(b"\x02\0\0"), io::ErrorKind::UnexpectedEof, "cut in a length");
        assert_eq!(read(b"\x02\0\0\0\0\0\0\0{"), io::ErrorKind::UnexpectedEof, "cut in a message");
        assert_eq!(read(b"\xff\xff\xff\xff\0\0\0\0"), io::ErrorKind::InvalidData, "4 GiB");
        assert_eq!(read(b"GET / HTTP/1.1\r\n"), io::ErrorKind::InvalidData, "another protocol");
        let long = Frame { message: vec![b' '; MESSAGE_BYTES_MAX + 1], body: Vec::new() };
        let mut written = Vec::new();
        assert!(long.write(&mut written).is_err() && written.is_empty(), "nothing is written");
    }
}
