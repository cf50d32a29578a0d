//! Images, audio clips and videos as requests contain them.

use crate::mp3;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// An image, an audio clip or a video.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// A URL, a data URI, or of an audio clip its format, a comma and its bytes in Base64.
    pub content: String,
    /// How the server may know it again.
    pub uuid: Option<String>,
}

impl Media {
    /// One without a name.
    #[must_use]
    pub fn new(content: &str) -> Self {
        Self { content: content.to_owned(), uuid: None }
    }

    /// As a URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.content
    }

    /// An audio clip's format and its bytes in Base64.
    #[must_use]
    pub fn audio(&self) -> (&str, &str) {
        match self.data() {
            Some((kind, data)) => (kind.rsplit('/').next().unwrap_or(kind), data),
            None => self.content.split_once(',').unwrap_or(("wav", &self.content)),
        }
    }

    /// The type of a data URI and its bytes in Base64.
    pub(crate) fn data(&self) -> Option<(&str, &str)> {
        let (kind, data) = self.content.strip_prefix("data:")?.split_once(',')?;
        Some((kind.strip_suffix(";base64").unwrap_or(kind), data))
    }

    /// The bytes, if they are here.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let data = self.data().map_or_else(|| self.audio().1, |(_, data)| data);
        STANDARD.decode(data).ok()
    }

    /// The length of an audio clip, by its WAV or MP3 file.
    pub(crate) fn seconds(&self) -> Option<f64> {
        match self.audio().0 {
            _ if self.is_remote() => None,
            "wav" => {
                let bytes = self.bytes()?;
                let audio = hound::WavReader::new(bytes.as_slice()).ok()?;
                let rate = audio.spec().sample_rate;
                (rate > 0).then(|| f64::from(audio.duration()) / f64::from(rate))
            }
            "mp3" | "mpeg" => mp3::seconds(&self.bytes()?),
            _ => None,
        }
    }

    /// Whether it is somewhere else.
    pub(crate) fn is_remote(&self) -> bool {
        self.content.starts_with("http://") || self.content.starts_with("https://")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, audio: (&str, &str), bytes: Option<&[u8]>) {
        let media = Media::new(content);
        assert_eq!(media.audio(), audio, "{content}");
        assert_eq!(media.bytes().as_deref(), bytes, "{content}");
    }

    #[test]
    fn an_audio_clip_has_a_length() {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        (0..2 * 2000_i16).for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        let audio = format!("wav,{}", STANDARD.encode(file.into_inner()));
        assert_eq!(Media::new(&audio).seconds(), Some(0.25), "2,000 samples on each of two channels");
        for other in ["wav,AAE=", "mp3,AAE=", "https://x/y.wav", "wav,!", ""] {
            assert_eq!(Media::new(other).seconds(), None, "{other}");
        }
    }

    #[test]
    fn contents_are_read_in_both_forms() {
        check("wav,AAE=", ("wav", "AAE="), Some(&[0, 1]));
        check("data:audio/mp3;base64,AAE=", ("mp3", "AAE="), Some(&[0, 1]));
        check("mp3,!", ("mp3", "!"), None);
        assert!(Media::new("https://x/y.png").is_remote(), "by URL");
    }
}
