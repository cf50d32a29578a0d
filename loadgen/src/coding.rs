//! Content codings of responses (RFC 9110 §8.4): gzip, deflate, brotli and zstd, decoded as their bytes arrive.
//!
//! ```text
//! bytes of a read ──▶ Decoder ──▶ at most 16 KiB at a time, each as soon as its last byte is there
//! ```
//!
//! Decoded bodies have bounds where they are used; here are the bounds of the memory and of the work of decoding.

use crate::bounds::{DECODED_BYTES_MAX, ZSTD_WINDOW_LOG_MAX};
use crate::wire::coding::Coding;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

/// Decodes one body.
pub struct Decoder {
    kind: Kind,
    scratch: Vec<u8>,
    /// Bytes decoded so far.
    produced: u64,
    /// Whether the end of the compressed data was found.
    is_whole: bool,
}

/// Why a body can't be decoded: the server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecoded {
    /// No such coding.
    #[error("the response has a content coding that is not decoded; gzip, deflate, br and zstd are")]
    Unknown,
    /// The bytes are not of the coding that the response names.
    #[error("the response's bytes do not match its content-encoding")]
    Broken,
    /// It needs more memory than any server's response does.
    #[error("the response needs a larger decompression window than browsers accept")]
    Window,
    /// It decodes to more than [`DECODED_BYTES_MAX`].
    #[error("the response decodes to more than {} MiB", DECODED_BYTES_MAX >> 20)]
    TooMuch,
}

enum Kind {
    Gzip(Gzip),
    /// `None` until the first bytes, which are kept, have shown which of the two formats it is.
    Deflate(Option<Decompress>, Vec<u8>),
    Brotli(Box<Brotli>),
    Zstd(Box<zstd::stream::raw::Decoder<'static>>),
}

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// Members of a gzip body, one after the other.
struct Gzip {
    inflate: Decompress,
    crc: Crc,
    part: Part,
    /// Bytes of a header or trailer that is not whole.
    carry: Vec<u8>,
}

/// The part of a member that the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Header,
    Body,
    Trailer,
}

impl Decoder {
    /// A decoder of a coding.
    ///
    /// # Errors
    /// When it is not decoded.
    pub fn new(coding: Coding) -> Result<Self, Undecoded> {
        let kind = match coding {
            Coding::Gzip => Kind::Gzip(Gzip::new()),
            Coding::Deflate => Kind::Deflate(None, Vec::new()),
            Coding::Brotli => {
                let [one, two, three] = [(); 3].map(|()| StandardAlloc::default());
                Kind::Brotli(Box::new(BrotliState::new_strict(one, two, three)))
            }
            Coding::Zstd => {
                let decoder = zstd::stream::raw::Decoder::new().and_then(|mut decoder| {
                    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).map(|()| decoder)
                });
                Kind::Zstd(Box::new(decoder.map_err(|_no_memory| Undecoded::Window)?))
            }
            Coding::Identity | Coding::Other => return Err(Undecoded::Unknown),
        };
        Ok(Self { kind, scratch: vec![0; SCRATCH_BYTES], produced: 0, is_whole: false })
    }

    /// Bytes of memory that decoding a body may need whose first byte is this one.
    #[must_use]
    pub const fn memory(coding: Coding, first: u8) -> usize {
        let window = match coding {
            Coding::Brotli => 1 << brotli_window(first),
            Coding::Zstd => 1 << ZSTD_WINDOW_LOG_MAX,
            Coding::Identity | Coding::Gzip | Coding::Deflate | Coding::Other => 0,
        };
        window + OTHER_BYTES
    }

    /// Decodes the next bytes.
    ///
    /// # Errors
    /// When they can't be decoded: nothing that follows can be either.
    pub fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(&[u8])) -> Result<(), Undecoded> {
        let mut rest = bytes;
        let (scratch, produced) = (&mut self.scratch, &mut self.produced);
        let mut give = |decoded: &[u8]| {
            *produced += decoded.len() as u64;
            if !decoded.is_empty() {
                out(decoded);
            }
            if *produced > DECODED_BYTES_MAX { Err(Undecoded::TooMuch) } else { Ok(()) }
        };
        match &mut self.kind {
            Kind::Gzip(gzip) => {
                while !rest.is_empty() {
                    gzip.step(&mut rest, scratch, &mut give)?;
                }
                self.is_whole = gzip.part == Part::Header && gzip.carry.is_empty();
            }
            Kind::Deflate(inflate, first) => {
                first.extend_from_slice(bytes);
                let inflate = match (inflate, first.as_slice()) {
                    (Some(inflate), _) => inflate,
                    (_, [] | [_]) => return Ok(()),
                    (inflate, [one, two, ..]) => inflate.insert(Decompress::new(is_zlib(*one, *two))),
                };
                let taken = std::mem::take(first);
                let mut rest = taken.as_slice();
                while !rest.is_empty() && !self.is_whole {
                    self.is_whole = inflated(inflate, &mut rest, scratch, &mut give)?;
                }
            }
            Kind::Brotli(state) => self.is_whole |= brotli(state, rest, scratch, &mut give)?,
            Kind::Zstd(decoder) => {
                let mut input = InBuffer::around(rest);
                let mut is_full = false;
                while input.pos() < rest.len() || is_full {
                    let mut output = OutBuffer::around(scratch.as_mut_slice());
                    let before = input.pos();
                    let left = decoder.run(&mut input, &mut output).map_err(|_broken| Undecoded::Broken)?;
                    let written = output.pos();
                    if written == 0 && input.pos() == before && !is_full {
                        return Err(Undecoded::Broken);
                    }
                    is_full = written == SCRATCH_BYTES;
                    self.is_whole = left == 0;
                    give(scratch.get(..written).unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }

    /// Whether the end of the compressed data was found: else the body was cut off.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Decoder").field("produced", &self.produced).finish_non_exhaustive()
    }
}

/// Decodes a whole body to at most `most` bytes.
///
/// # Errors
/// When it can't be decoded, is cut off, or is longer.
pub fn decoded(coding: Coding, bytes: &[u8], most: usize) -> Result<Vec<u8>, Undecoded> {
    let mut decoder = Decoder::new(coding)?;
    let mut decoded = Vec::new();
    let mut surplus = 0;
    // Piece by piece, so that little is decoded in vain.
    for piece in bytes.chunks(SCRATCH_BYTES) {
        decoder.feed(piece, |more| {
            let room = most.saturating_sub(decoded.len()).min(more.len());
            decoded.extend_from_slice(more.get(..room).unwrap_or_default());
            surplus += more.len() - room;
        })?;
        if surplus > 0 {
            return Err(Undecoded::TooMuch);
        }
    }
    if decoder.is_whole() { Ok(decoded) } else { Err(Undecoded::Broken) }
}

type Give<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Undecoded>;

/// Inflates once; returns whether that was the end.
fn inflated(
    inflate: &mut Decompress,
    rest: &mut &[u8],
    scratch: &mut [u8],
    give: Give<'_>,
) -> Result<bool, Undecoded> {
    loop {
        let before = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(rest, scratch, FlushDecompress::None);
        let status = status.map_err(|_broken| Undecoded::Broken)?;
        let (taken, written) =
            (narrow(inflate.total_in() - before.0), narrow(inflate.total_out() - before.1));
        *rest = rest.get(taken..).unwrap_or_default();
        give(scratch.get(..written).unwrap_or_default())?;
        match status {
            Status::StreamEnd => return Ok(true),
            // There may be more than had room.
            _ if written == scratch.len() => {}
            _ if rest.is_empty() => return Ok(false),
            _ if taken == 0 && written == 0 => return Err(Undecoded::Broken),
            _ => {}
        }
    }
}

/// Decodes brotli; returns whether that was the end.
fn brotli(state: &mut Brotli, bytes: &[u8], scratch: &mut [u8], give: Give<'_>) -> Result<bool, Undecoded> {
    let (mut left, mut offset) = (bytes.len(), 0);
    loop {
        let (mut room, mut written, mut total) = (scratch.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut offset,
            bytes,
            &mut room,
            &mut written,
            scratch,
            &mut total,
            state,
        );
        give(scratch.get(..written).unwrap_or_default())?;
        match result {
            BrotliResult::ResultSuccess => return Ok(true),
            BrotliResult::NeedsMoreInput => return Ok(false),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(Undecoded::Broken),
        }
    }
}

impl Gzip {
    fn new() -> Self {
        Self { inflate: Decompress::new(false), crc: Crc::new(), part: Part::Header, carry: Vec::new() }
    }

    /// Consumes the bytes of one part.
    fn step(&mut self, rest: &mut &[u8], scratch: &mut [u8], give: Give<'_>) -> Result<(), Undecoded> {
        match self.part {
            Part::Header => {
                let before = self.carry.len();
                self.carry.extend_from_slice(&rest[..rest.len().min(GZIP_HEADER_MAX)]);
                match gzip_header(&self.carry)? {
                    Some(length) => {
                        *rest = rest.get(length - before..).unwrap_or_default();
                        self.carry.clear();
                        self.part = Part::Body;
                    }
                    None if self.carry.len() > GZIP_HEADER_MAX => return Err(Undecoded::Broken),
                    None => *rest = &[],
                }
            }
            Part::Body => {
                let crc = &mut self.crc;
                let mut take = |decoded: &[u8]| {
                    crc.update(decoded);
                    give(decoded)
                };
                if inflated(&mut self.inflate, rest, scratch, &mut take)? {
                    self.part = Part::Trailer;
                }
            }
            Part::Trailer => {
                let missing = (GZIP_TRAILER - self.carry.len()).min(rest.len());
                let (taken, after) = rest.split_at(missing);
                self.carry.extend_from_slice(taken);
                *rest = after;
                if let Ok([a, b, c, d, e, f, g, h]) = <[u8; GZIP_TRAILER]>::try_from(self.carry.as_slice()) {
                    let (sum, amount) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
                    if sum != self.crc.sum() || amount != self.crc.amount() {
                        return Err(Undecoded::Broken);
                    }
                    *self = Self::new();
                }
            }
        }
        Ok(())
    }
}

/// The length of a member's header (RFC 1952 §2.3), once it is whole.
fn gzip_header(bytes: &[u8]) -> Result<Option<usize>, Undecoded> {
    if bytes.iter().zip([0x1f, 0x8b, 8]).any(|(found, wanted)| *found != wanted) {
        return Err(Undecoded::Broken);
    }
    let Some(flags) = bytes.get(3).filter(|_| bytes.len() >= GZIP_FIXED) else { return Ok(None) };
    let mut length = GZIP_FIXED;
    if flags & 4 != 0 {
        let Some([low, high]) = bytes.get(length..length + 2) else { return Ok(None) };
        length += 2 + usize::from(u16::from_le_bytes([*low, *high]));
    }
    // A name and a comment, each ended by a zero.
    for flag in [8, 16] {
        if flags & flag != 0 {
            let rest = bytes.get(length..).unwrap_or_default();
            let Some(end) = memchr::memchr(0, rest) else { return Ok(None) };
            length += end + 1;
        }
    }
    length += usize::from(flags & 2);
    Ok((bytes.len() >= length).then_some(length))
}

/// Whether these are the first bytes of a zlib stream (RFC 1950 §2.2); else it is deflate alone.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0
}

/// The logarithm of the window that a brotli stream has by its first byte (RFC 7932 §9.1).
const fn brotli_window(first: u8) -> u8 {
    let (is_long, seven, three) = (first & 1 != 0, (first >> 1) & 7, (first >> 4) & 7);
    match (is_long, seven, three) {
        (false, ..) => 16,
        (true, 0, 0 | 1) => 17,
        (true, 0, less) => 8 + less,
        (true, more, _) => 17 + more,
    }
}

fn narrow(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Bytes that are decoded at a time.
const SCRATCH_BYTES: usize = 16 << 10;
/// Memory that a decoder needs besides its window, generously.
const OTHER_BYTES: usize = 256 << 10;
/// The fixed part of a gzip header, its trailer, and the longest header that is accepted.
const GZIP_FIXED: usize = 10;
const GZIP_TRAILER: usize = 8;
const GZIP_HEADER_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use proptest::prelude::*;
    use std::io::Write;

    /// Three events, each flushed, in one coding.
    fn coded(coding: Coding) -> (Vec<u8>, Vec<usize>) {
        let mut ends = Vec::new();
        macro_rules! flushed {
            ($encoder:expr) => {{
                let mut encoder = $encoder;
                for text in EVENTS {
                    encoder.write_all(text.as_bytes()).unwrap();
                    encoder.flush().unwrap();
                    ends.push(encoder.get_ref().len());
                }
                (encoder.finish().unwrap(), ends)
            }};
        }
        match coding {
            Coding::Gzip => flushed!(flate2::write::GzEncoder::new(Vec::new(), Compression::fast())),
            Coding::Deflate => flushed!(flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast())),
            Coding::Zstd => flushed!(zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap()),
            _ => (BROTLI.to_vec(), vec![14, 30, 50]),
        }
    }

    /// The events as Google's encoder writes them, each flushed: there is no encoder here.
    const BROTLI: &[u8] = &[
        0x0b, 0x05, 0x80, 0x64, 0x61, 0x74, 0x61, 0x3a, 0x20, 0x6f, 0x6e, 0x65, 0x0a, 0x0a, 0x50, 0x00, 0x00,
        0x40, 0x5a, 0xe1, 0x8d, 0xee, 0x4e, 0x11, 0xa2, 0x4a, 0x04, 0xb6, 0x60, 0x00, 0x68, 0x00, 0x00, 0x40,
        0xc0, 0x43, 0xd6, 0x5f, 0x33, 0x95, 0x75, 0x53, 0x04, 0xe8, 0x12, 0x80, 0xa6, 0xc6, 0x07, 0x03, 0x03,
    ];
    const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: [DONE]\n\n"];
    const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    #[test]
    fn each_event_is_there_when_its_last_byte_is() {
        for coding in CODINGS {
            let (bytes, ends) = coded(coding);
            let mut decoder = Decoder::new(coding).unwrap();
            let mut text = Vec::new();
            for (place, byte) in bytes.iter().enumerate() {
                decoder.feed(&[*byte], |more| text.extend_from_slice(more)).unwrap();
                let flushed = ends.iter().take_while(|end| **end <= place + 1).count();
                let wanted = EVENTS[..flushed].concat();
                assert!(text.starts_with(wanted.as_bytes()), "{coding:?}: {place} bytes");
            }
            assert_eq!(String::from_utf8(text).unwrap(), EVENTS.concat(), "{coding:?}");
            assert!(decoder.is_whole(), "{coding:?}: its end has come");
        }
    }

    #[test]
    fn deflate_is_taken_with_and_without_a_header() {
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(b"hello").unwrap();
        assert_eq!(decoded(Coding::Deflate, &raw.finish().unwrap(), 9).unwrap(), b"hello", "as some send it");
        assert_eq!(
            decoded(Coding::Deflate, &coded(Coding::Deflate).0, 99).unwrap(),
            EVENTS.concat().as_bytes()
        );
    }

    #[test]
    fn members_of_gzip_follow_each_other() {
        let twice = [coded(Coding::Gzip).0, coded(Coding::Gzip).0].concat();
        assert_eq!(decoded(Coding::Gzip, &twice, 999).unwrap(), EVENTS.concat().repeat(2).as_bytes(), "both");
        let mut named = flate2::GzBuilder::new()
            .filename("a")
            .comment("b")
            .extra("cc")
            .write(Vec::new(), Compression::none());
        named.write_all(b"x").unwrap();
        let mut named = named.finish().unwrap();
        assert_eq!(decoded(Coding::Gzip, &named, 9).unwrap(), b"x", "with a long header");
        if let Some(last) = named.iter_mut().rev().nth(5) {
            *last ^= 1;
        }
        assert_eq!(decoded(Coding::Gzip, &named, 9), Err(Undecoded::Broken), "another sum");
    }

    #[test]
    fn what_is_cut_off_or_too_much_is_refused() {
        for coding in CODINGS {
            let (bytes, _) = coded(coding);
            let cut = &bytes[..bytes.len() - 1];
            assert_eq!(decoded(coding, cut, 999), Err(Undecoded::Broken), "{coding:?} cut off");
            assert_eq!(
                decoded(coding, &bytes, 20),
                Err(Undecoded::TooMuch),
                "{coding:?} of more than 20 bytes"
            );
        }
        assert_eq!(decoded(Coding::Other, b"x", 9), Err(Undecoded::Unknown), "an unknown one");
    }

    #[test]
    fn a_bomb_is_given_up() {
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..(DECODED_BYTES_MAX >> 20) + 1 {
            bomb.write_all(&[0; 1 << 20]).unwrap();
        }
        let bomb = bomb.finish().unwrap();
        let (mut largest, mut sum) = (0, 0_u64);
        let mut decoder = Decoder::new(Coding::Gzip).unwrap();
        let result = decoder.feed(&bomb, |more| {
            largest = largest.max(more.len());
            sum += more.len() as u64;
        });
        assert_eq!(result, Err(Undecoded::TooMuch), "{sum} bytes");
        assert!(
            largest <= SCRATCH_BYTES && sum <= DECODED_BYTES_MAX + (SCRATCH_BYTES as u64),
            "{largest} {sum}"
        );
    }

    #[test]
    fn windows_are_known_before_there_is_memory_for_them() {
        for (first, expected) in [(0x0c, 16), (0x01, 17), (0x21, 10), (0x71, 15), (0x03, 18), (0x0f, 24)] {
            assert_eq!(brotli_window(first), expected, "{first:#x}");
        }
        let large = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0, 0, 0];
        let mut decoder = Decoder::new(Coding::Zstd).unwrap();
        assert!(decoder.feed(&large, |_| {}).is_err(), "1 GiB of window");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), place in 0_usize..4, cut in any::<prop::sample::Index>()) {
            let coding = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd][place];
            let (one, other) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut decoder = Decoder::new(coding).unwrap();
            if decoder.feed(one, |_| {}).is_ok() {
                decoder.feed(other, |_| {}).ok();
            }
        }
    }
}
