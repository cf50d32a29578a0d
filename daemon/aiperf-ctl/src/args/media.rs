//! Flags of synthetic images, audio, videos and rankings.

use super::value::{not_negative, positive, sample_rate};

/// Flags of synthetic audio.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Audio")]
pub struct AudioArgs {
    /// Number of audio clips per request. [default: 1]
    #[arg(long, visible_alias = "batch-size-audio")]
    pub audio_batch_size: Option<u32>,
    /// Mean length of a clip, in seconds; without it no audio is sent.
    #[arg(long, value_parser = not_negative)]
    pub audio_length_mean: Option<f64>,
    /// Standard deviation of the length, in seconds. [default: 0]
    #[arg(long, value_parser = not_negative)]
    pub audio_length_stddev: Option<f64>,
    /// Audio format: wav, or mp3 (encoded by the program `ffmpeg`). [default: wav]
    #[arg(long, value_parser = ["wav", "mp3"])]
    pub audio_format: Option<String>,
    /// Bit depths to draw from: 8, 16, 24, 32. [default: 16]
    #[arg(long, value_delimiter = ',')]
    pub audio_depths: Vec<u16>,
    /// Sample rates to draw from, in kHz. [default: 16]
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    pub audio_sample_rates: Vec<f64>,
    /// Number of channels: 1 for mono, 2 for stereo. [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=2))]
    pub audio_num_channels: Option<u16>,
}

/// Flags of synthetic images.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Image")]
pub struct ImageArgs {
    /// Mean width in pixels; images are sent only when at least one image flag is given. [default: 512]
    #[arg(long, value_parser = not_negative)]
    pub image_width_mean: Option<f64>,
    /// Standard deviation of the width. [default: 0]
    #[arg(long, value_parser = not_negative)]
    pub image_width_stddev: Option<f64>,
    /// Mean height in pixels. [default: 512]
    #[arg(long, value_parser = not_negative)]
    pub image_height_mean: Option<f64>,
    /// Standard deviation of the height. [default: 0]
    #[arg(long, value_parser = not_negative)]
    pub image_height_stddev: Option<f64>,
    /// Number of images per request. [default: 1]
    #[arg(long, visible_alias = "batch-size-image")]
    pub image_batch_size: Option<u32>,
    /// Image format: png, jpeg or random. [default: jpeg]
    #[arg(long, value_parser = ["png", "jpeg", "random"])]
    pub image_format: Option<String>,
    /// Image content: noise, or the images of a directory, resized. [default: noise]
    #[arg(long)]
    pub image_source: Option<String>,
    /// How images are drawn from a directory. [default: random-with-replacement]
    #[arg(long, value_parser = ["random-with-replacement", "shuffle-cycle", "sequential-cycle"])]
    pub image_source_sampling: Option<String>,
}

/// Flags of synthetic videos, which the program `ffmpeg` encodes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Video")]
pub struct VideoArgs {
    /// Number of videos per request. [default: 1]
    #[arg(long, visible_alias = "batch-size-video")]
    pub video_batch_size: Option<u32>,
    /// Length of a video, in seconds. [default: 1]
    #[arg(long, value_parser = positive)]
    pub video_duration: Option<f64>,
    /// Frames per second. [default: 4]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub video_fps: Option<u32>,
    /// Width in pixels; without it no video is sent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8192), requires = "video_height")]
    pub video_width: Option<u32>,
    /// Height in pixels.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=8192), requires = "video_width")]
    pub video_height: Option<u32>,
    /// Video content. [default: moving_shapes]
    #[arg(long, value_parser = ["moving_shapes", "grid_clock", "noise"])]
    pub video_synth_type: Option<String>,
    /// The container format. [default: webm]
    #[arg(long, value_parser = ["webm", "mp4"])]
    pub video_format: Option<String>,
    /// The codec, by its ffmpeg name. [default: libvpx-vp9]
    #[arg(long)]
    pub video_codec: Option<String>,
    /// Sample rate of the video's audio, in Hz or, up to 96, in kHz. [default: 44100]
    #[arg(long, value_parser = sample_rate)]
    pub video_audio_sample_rate: Option<f64>,
    /// Audio channels: 0 for no audio, 1 for mono, 2 for stereo. [default: 0]
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..=2))]
    pub video_audio_num_channels: Option<u16>,
    /// The audio codec. [default: libopus in mp4, libvorbis in webm]
    #[arg(long, value_parser = ["libvorbis", "libopus", "aac"])]
    pub video_audio_codec: Option<String>,
    /// Bit depth of the audio. [default: 16]
    #[arg(long, value_parser = ["8", "16", "24", "32"])]
    pub video_audio_depth: Option<String>,
}

/// Flags of synthetic rankings: a query and the passages to rank.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Rankings")]
pub struct RankingsArgs {
    /// Mean number of passages. [default: 1]
    #[arg(long, value_parser = positive)]
    pub rankings_passages_mean: Option<f64>,
    /// Standard deviation of the number of passages. [default: 0]
    #[arg(long, value_parser = not_negative)]
    pub rankings_passages_stddev: Option<f64>,
    /// Mean tokens of a passage. [default: 550]
    #[arg(long, value_parser = positive)]
    pub rankings_passages_prompt_token_mean: Option<f64>,
    /// Standard deviation of a passage's tokens. [default: 0]
    #[arg(long, value_parser = not_negative)]
    pub rankings_passages_prompt_token_stddev: Option<f64>,
    /// Mean tokens of the query. [default: 550]
    #[arg(long, value_parser = positive)]
    pub rankings_query_prompt_token_mean: Option<f64>,
    /// Standard deviation of the query's tokens. [default: 0]
    #[arg(long, value_parser = not_negative)]
    pub rankings_query_prompt_token_stddev: Option<f64>,
}
