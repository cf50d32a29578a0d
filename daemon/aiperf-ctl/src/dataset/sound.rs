//! Made-up sounds as MP3: noise drawn here, encoded by the program `ffmpeg`. As WAV the load generator makes them itself.

use super::ffmpeg;
use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use crate::say::say_aside;
use crate::upload::Upload;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};
use spec::Audios;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

/// As many different sounds as are wanted, each on a line of its own as its format and its bytes.
pub(super) fn sounds(wanted: &Audios, count: u32, seed: u64) -> Result<Upload, Refusal> {
    let failed = |error: io::Error| Refusal(format!("{WHAT}: {error}"));
    let different = count.clamp(1, DIFFERENT_MAX);
    if different < count {
        say_aside(&format!("{different} different sounds are made, and sent in turn"));
    }
    let made = ScratchFile::new().map_err(failed)?;
    for number in 0..different {
        let noise = Noise::drawn(wanted, StdRng::seed_from_u64(seed.wrapping_add(u64::from(number))));
        writeln!(made.as_file(), "mp3,{}", STANDARD.encode(noise.encoded()?)).map_err(failed)?;
    }
    Ok(Upload::Made(Arc::new(made)))
}

/// A sound before it is encoded.
struct Noise {
    depth: u16,
    rate: u32,
    channels: u16,
    /// Of each channel.
    samples: u64,
    generator: StdRng,
}

impl Noise {
    fn drawn(wanted: &Audios, mut generator: StdRng) -> Self {
        let depth = chosen(&wanted.depths, &mut generator).unwrap_or(16);
        let rate = chosen(&wanted.sample_rates_hz, &mut generator).unwrap_or(16_000);
        let seconds = match Normal::new(wanted.seconds.mean, wanted.seconds.stddev) {
            Ok(normal) if wanted.seconds.stddev > 0.0 => normal.sample(&mut generator),
            _ => wanted.seconds.mean,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
        let samples = (seconds.max(SECONDS_MIN) * f64::from(rate)).round() as u64;
        Self { depth, rate, channels: wanted.channels, samples, generator }
    }

    fn encoded(mut self) -> Result<Vec<u8>, Refusal> {
        let told = self.told();
        ffmpeg::encoded(WHAT, &told, move |input| self.write(&mut BufWriter::new(input)))
    }

    /// A constant bit rate, so that a sound's length can be told from its bytes.
    fn told(&self) -> String {
        let Self { rate, channels, .. } = self;
        let kilobits = if *rate < 32_000 { 64 } else { 128 };
        format!(
            "-f s32le -ar {rate} -ac {channels} -i pipe:0 -c:a libmp3lame -b:a {kilobits}k -write_xing 0 -id3v2_version 0 -f mp3"
        )
    }

    /// Samples of four bytes, of which as many bits are used as the depth has.
    fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        let unused = 32 - u32::from(self.depth.clamp(8, 32));
        for _ in 0..self.samples * u64::from(self.channels) {
            // A quarter of full scale, whatever the depth.
            let sample = self.generator.random_range(-(1_i32 << 29)..1 << 29);
            out.write_all(&(sample >> unused << unused).to_le_bytes())?;
        }
        out.flush()
    }
}

fn chosen<T: Copy>(from: &[T], generator: &mut StdRng) -> Option<T> {
    if from.is_empty() { None } else { from.get(generator.random_range(0..from.len())).copied() }
}

const WHAT: &str = "--audio-format mp3";
/// More make a run wait for a long time before it begins.
const DIFFERENT_MAX: u32 = 256;
/// Shorter sounds are refused by most servers.
const SECONDS_MIN: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use spec::{Length, SoundFormat};

    fn noise(depth: u16, seed: u64) -> Vec<u8> {
        let wanted = Audios {
            batch_size: 1,
            seconds: Length { mean: 0.25, stddev: 0.0 },
            format: SoundFormat::Mp3,
            depths: vec![depth],
            sample_rates_hz: vec![8000],
            channels: 2,
        };
        let mut noise = Noise::drawn(&wanted, StdRng::seed_from_u64(seed));
        assert!(noise.told().starts_with("-f s32le -ar 8000 -ac 2 -i pipe:0 -c:a libmp3lame"), "as wanted");
        let mut written = Vec::new();
        noise.write(&mut written).unwrap();
        written
    }

    #[test]
    fn noise_has_its_length_and_depth_and_follows_the_seed() {
        for depth in [8, 16, 24, 32] {
            let written = noise(depth, 7);
            assert_eq!(written.len(), 2000 * 2 * 4, "a quarter of a second on two channels");
            let unused = usize::from(4 - depth / 8);
            let is_unused = |sample: &[u8]| sample[..unused].iter().all(|byte| *byte == 0);
            assert!(written.chunks(4).all(is_unused), "no more than {depth} bits");
            assert_eq!(written, noise(depth, 7), "the same seed");
            assert_ne!(written, noise(depth, 8), "another one");
        }
    }
}
