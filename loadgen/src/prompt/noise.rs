//! Images and audio clips of noise, which no server has seen before.

use super::{Problem, draw};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use endpoint::Media;
use hound::{SampleFormat, WavSpec, WavWriter};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use spec::{Audios, Images};
use std::io::Cursor;

/// Images for one turn, as data URIs.
pub(super) fn images(wanted: &Images, generator: &mut StdRng) -> Result<Vec<Media>, Problem> {
    (0..wanted.batch_size).map(|_| image(wanted, generator)).collect()
}

/// Audio clips for one turn, as their format and bytes.
pub(super) fn sounds(wanted: &Audios, generator: &mut StdRng) -> Result<Vec<Media>, Problem> {
    (0..wanted.batch_size).map(|_| clip(wanted, generator)).collect()
}

fn image(wanted: &Images, generator: &mut StdRng) -> Result<Media, Problem> {
    let (width, height) = (draw::drawn(&wanted.width, generator), draw::drawn(&wanted.height, generator));
    let bytes = u64::from(width) * u64::from(height) * 3;
    let count = usize::try_from(bytes).ok().filter(|_| bytes <= PICTURE_BYTES_MAX);
    let Some(count) = count else {
        return Err(Problem::Media(format!("{width} × {height} pixels are too many")));
    };
    let mut pixels = vec![0; count];
    generator.fill_bytes(&mut pixels);
    encoded(&pixels, width, height, wanted, generator)
}

/// Pixels of three bytes each, encoded in the plan's image format.
pub(super) fn encoded(
    pixels: &[u8],
    width: u32,
    height: u32,
    wanted: &Images,
    generator: &mut StdRng,
) -> Result<Media, Problem> {
    let format = match wanted.format.as_str() {
        "random" if generator.random_bool(0.5) => "jpeg",
        "jpeg" => "jpeg",
        _ => "png",
    };
    let mut encoded = Vec::new();
    let color = ExtendedColorType::Rgb8;
    let written = match format {
        "jpeg" => JpegEncoder::new(&mut encoded).write_image(pixels, width, height, color),
        _ => PngEncoder::new(&mut encoded).write_image(pixels, width, height, color),
    };
    written.map_err(|error| Problem::Media(format!("failed to encode an image: {error}")))?;
    Ok(Media::new(&format!("data:image/{format};base64,{}", STANDARD.encode(encoded))))
}

fn clip(wanted: &Audios, generator: &mut StdRng) -> Result<Media, Problem> {
    let fail = |error: hound::Error| Problem::Media(format!("failed to encode an audio clip: {error}"));
    let depth = chosen(&wanted.depths, generator).unwrap_or(16);
    let rate = chosen(&wanted.sample_rates_hz, generator).unwrap_or(16_000);
    let seconds = draw::sampled(&wanted.seconds, generator);
    let samples = draw::at_least_one((seconds.max(SECONDS_MIN) * f64::from(rate)).round());
    let spec = WavSpec {
        channels: wanted.channels,
        sample_rate: rate,
        bits_per_sample: depth,
        sample_format: SampleFormat::Int,
    };
    let mut encoded = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut encoded, spec).map_err(fail)?;
    // A quarter of full scale, whatever the depth.
    let loudest = (1_i32 << (depth - 3)).max(1);
    for _ in 0..u64::from(samples) * u64::from(wanted.channels) {
        writer.write_sample(generator.random_range(-loudest..loudest)).map_err(fail)?;
    }
    writer.finalize().map_err(fail)?;
    Ok(Media::new(&format!("wav,{}", STANDARD.encode(encoded.into_inner()))))
}

fn chosen<T: Copy>(from: &[T], generator: &mut StdRng) -> Option<T> {
    if from.is_empty() { None } else { from.get(generator.random_range(0..from.len())).copied() }
}

const PICTURE_BYTES_MAX: u64 = 1 << 30;
/// Shorter clips are refused by most servers.
const SECONDS_MIN: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use spec::{Length, SoundFormat};

    fn decoded(media: &Media) -> Vec<u8> {
        STANDARD.decode(media.content.split(',').nth(1).unwrap()).unwrap()
    }

    fn check_image(format: &str, magic: &[u8]) {
        let length = |mean| Length::fixed(mean);
        let wanted = Images {
            batch_size: 2,
            width: length(30.0),
            height: length(20.0),
            format: format.to_owned(),
            source: None,
        };
        let draw = || images(&wanted, &mut StdRng::seed_from_u64(7)).unwrap();
        let pictures = draw();
        assert_eq!(pictures, draw(), "the same for the same seed");
        assert_ne!(pictures[0], pictures[1], "no two alike");
        let bytes = decoded(&pictures[0]);
        assert!(bytes.starts_with(magic), "{format}");
        let read = image::load_from_memory(&bytes).unwrap();
        assert_eq!((read.width(), read.height()), (30, 20), "{format} of its size");
    }

    #[test]
    fn images_have_their_format_and_size() {
        check_image("png", b"\x89PNG");
        check_image("jpeg", &[0xff, 0xd8]);
    }

    #[test]
    fn audio_clips_have_their_length() {
        for depth in [8, 16, 24, 32] {
            let wanted = Audios {
                batch_size: 1,
                seconds: Length::fixed(0.5),
                format: SoundFormat::Wav,
                depths: vec![depth],
                sample_rates_hz: vec![8000],
                channels: 2,
            };
            let sounds = sounds(&wanted, &mut StdRng::seed_from_u64(7)).unwrap();
            let reader = hound::WavReader::new(Cursor::new(decoded(&sounds[0]))).unwrap();
            let spec = reader.spec();
            assert_eq!(
                (spec.channels, spec.sample_rate, spec.bits_per_sample),
                (2, 8000, depth),
                "as requested"
            );
            assert_eq!(reader.duration(), 4000, "half a second");
        }
    }
}
