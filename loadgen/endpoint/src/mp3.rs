//! How long an MP3 file lasts: its frames, counted.

/// Seconds; `None` if no frame is found where one must be.
pub(crate) fn seconds(bytes: &[u8]) -> Option<f64> {
    let mut rest = bytes.get(tag_length(bytes)..)?;
    let mut seconds = 0.0;
    while let Some(frame) = Frame::at(rest) {
        let (whole, later) = rest.split_at(frame.length.min(rest.len()));
        // Encoders put what they know of the whole file into a first frame, which is silent.
        if seconds > 0.0 || !is_about_the_file(whole) {
            seconds += frame.seconds;
        }
        rest = later;
    }
    (seconds > 0.0).then_some(seconds)
}

struct Frame {
    length: usize,
    seconds: f64,
}

impl Frame {
    /// The frame of MPEG-1, MPEG-2 or MPEG-2.5 Layer III with which the bytes start (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3,
    /// 2.4.2.3).
    fn at(bytes: &[u8]) -> Option<Self> {
        let [0xff, version, rates, ..] = *bytes else { return None };
        if version & 0b1110_0110 != 0b1110_0010 {
            return None;
        }
        let (bit_rates, samples, rate_divisor) = match version >> 3 & 3 {
            3 => (BIT_RATES, 1152, 1),
            2 => (LOW_BIT_RATES, 576, 2),
            0 => (LOW_BIT_RATES, 576, 4),
            _ => return None,
        };
        let bit_rate = 1000 * bit_rates.get(usize::from(rates >> 4)).filter(|kilobits| **kilobits > 0)?;
        let sample_rate = SAMPLE_RATES.get(usize::from(rates >> 2 & 3))? / rate_divisor;
        let length = samples / 8 * bit_rate / sample_rate + u32::from(rates >> 1 & 1);
        Some(Self { length: length as usize, seconds: f64::from(samples) / f64::from(sample_rate) })
    }
}

fn is_about_the_file(frame: &[u8]) -> bool {
    let begin = frame.get(..frame.len().min(INFO_WITHIN)).unwrap_or_default();
    begin.windows(4).any(|word| word == b"Xing" || word == b"Info")
}

/// The length of the tag with which a file may start (ID3v2, 3.1).
fn tag_length(bytes: &[u8]) -> usize {
    match *bytes {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] => {
            10 + [a, b, c, d].into_iter().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f))
        }
        _ => 0,
    }
}

/// Kilobits a second of MPEG-1, by their number in a frame's header; 0 is none.
const BIT_RATES: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// Those of MPEG-2 and MPEG-2.5.
const LOW_BIT_RATES: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// Samples a second of MPEG-1.
const SAMPLE_RATES: [u32; 3] = [44_100, 48_000, 32_000];
/// Header, checksum and side information come first.
const INFO_WITHIN: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of zeros behind this header.
    fn frame(header: [u8; 4], length: usize) -> Vec<u8> {
        let mut frame = vec![0; length];
        frame[..4].copy_from_slice(&header);
        frame
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<f64>) {
        match (seconds(bytes), expected) {
            (Some(seconds), Some(expected)) => {
                assert!((seconds - expected).abs() < 1e-9, "{seconds} s for {expected}");
            }
            (seconds, expected) => assert_eq!(seconds, expected, "{} bytes", bytes.len()),
        }
    }

    #[test]
    fn frames_are_counted() {
        let one = frame([0xff, 0xfb, 0x90, 0x00], 417);
        check(&one.repeat(3), Some(3.0 * 1152.0 / 44_100.0));
        check(
            &[&frame([0xff, 0xfb, 0x92, 0x00], 418), one.as_slice()].concat(),
            Some(2.0 * 1152.0 / 44_100.0),
        );
        check(&frame([0xff, 0xf3, 0x88, 0x64], 288).repeat(2), Some(2.0 * 576.0 / 16_000.0));
        check(&frame([0xff, 0xe3, 0x88, 0x64], 576), Some(576.0 / 8000.0));
        let tagged = [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[0; 130], &one].concat();
        check(&tagged, Some(1152.0 / 44_100.0));
        let mut about = one.clone();
        about[36..40].copy_from_slice(b"Info");
        check(&[about, one].concat(), Some(1152.0 / 44_100.0));
    }

    #[test]
    fn what_is_no_mp3_lasts_no_time() {
        for bytes in [
            &b""[..],
            b"RIFF",
            b"\xff\xfb",
            b"\xff\xfb\xf0\0",
            b"\xff\xfb\x9c\0",
            b"\xff\xeb\x90\0",
            b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        ] {
            check(bytes, None);
        }
    }
}
