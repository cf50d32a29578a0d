//! Generates synthetic videos: frames drawn here, encoded by the program `ffmpeg`, which runs as the user.

use super::ffmpeg;
use crate::args::VideoArgs;
use crate::interrupt::ScratchFile;
use crate::plan::Refusal;
use crate::terminal::print_note;
use crate::upload::Upload;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;
use std::sync::Arc;

/// As many distinct videos as requested, each as a data URI on a line of its own.
pub(super) fn videos(args: &VideoArgs, wanted: u32, seed: u64) -> Result<Upload, Refusal> {
    let failed = |error: std::io::Error| Refusal(format!("{WHAT}: {error}"));
    let count = wanted.clamp(1, DIFFERENT_MAX);
    if count < wanted {
        print_note(&format!("{count} distinct videos are generated and reused in turn"));
    }
    let made = ScratchFile::new().map_err(failed)?;
    for number in 0..count {
        let video = Scene::new(args, seed.wrapping_add(u64::from(number)))?.encoded(args)?;
        let kind = args.video_format.as_deref().unwrap_or("webm");
        writeln!(made.as_file(), "data:video/{kind};base64,{}", STANDARD.encode(video)).map_err(failed)?;
    }
    Ok(Upload::Temporary(Arc::new(made)))
}

/// The content of a video.
struct Scene {
    width: usize,
    height: usize,
    frames: u32,
    rate: u32,
    kind: Kind,
    random: u64,
    shapes: Vec<Shape>,
}

#[derive(Clone, Copy)]
enum Kind {
    MovingShapes,
    GridClock,
    Noise,
}

/// A square that moves, and wraps around at the edges.
struct Shape {
    at: [u64; 2],
    by: [u64; 2],
    side: usize,
    color: [u8; 3],
}

impl Scene {
    fn new(args: &VideoArgs, seed: u64) -> Result<Self, Refusal> {
        let (Some(width), Some(height)) = (args.video_width, args.video_height) else {
            return Err(Refusal("--video-width and --video-height must be given together".to_owned()));
        };
        let rate = args.video_fps.unwrap_or(4);
        let frames = (args.video_duration.unwrap_or(1.0) * f64::from(rate)).round().max(1.0);
        if frames * f64::from(width) * f64::from(height) > PIXELS_MAX {
            return Err(Refusal("--video-duration: a video of this size is too long".to_owned()));
        }
        let kind = match args.video_synth_type.as_deref() {
            Some("grid_clock") => Kind::GridClock,
            Some("noise") => Kind::Noise,
            _ => Kind::MovingShapes,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded above")]
        let frames = frames as u32;
        let (width, height) = (width as usize, height as usize);
        let mut scene = Self { width, height, frames, rate, kind, random: seed, shapes: Vec::new() };
        for _ in 0..SHAPES {
            let drawn = [(); 8].map(|()| scene.drawn());
            let [r, g, b] = [drawn[4], drawn[5], drawn[6]].map(|drawn| drawn.to_le_bytes()[0]);
            let side =
                (width.min(height) / 8).max(1) + usize::from(drawn[7].to_le_bytes()[0]) % (width / 8 + 1);
            let by = [1 + drawn[2] % 8, 1 + drawn[3] % 8];
            scene.shapes.push(Shape { at: [drawn[0], drawn[1]], by, side, color: [r, g, b] });
        }
        Ok(scene)
    }

    /// A frame with three bytes per pixel.
    fn frame(&mut self, number: u32) -> Vec<u8> {
        let (width, height) = (self.width, self.height);
        let mut pixels = vec![32; width * height * 3];
        match self.kind {
            Kind::Noise => pixels.iter_mut().for_each(|pixel| *pixel = self.drawn().to_le_bytes()[0]),
            Kind::MovingShapes => self.draw_shapes(number, &mut pixels),
            Kind::GridClock => self.draw_clock(number, &mut pixels),
        }
        pixels
    }

    fn draw_shapes(&self, number: u32, pixels: &mut [u8]) {
        for shape in &self.shapes {
            let place = |axis: usize, size: usize| {
                let moved = shape.at[axis].wrapping_add(shape.by[axis] * u64::from(number));
                usize::try_from(moved % size as u64).unwrap_or(0)
            };
            let (left, top) = (place(0, self.width), place(1, self.height));
            for down in 0..shape.side {
                for right in 0..shape.side {
                    let (x, y) = ((left + right) % self.width, (top + down) % self.height);
                    self.paint(pixels, x, y, shape.color);
                }
            }
        }
    }

    /// A grid, and a column that sweeps across it once.
    fn draw_clock(&self, number: u32, pixels: &mut [u8]) {
        let step = (self.width.min(self.height) / 8).max(2);
        let color = self.shapes.first().map_or([255; 3], |shape| shape.color);
        let hand = self.width * number as usize / self.frames.max(1) as usize;
        for y in 0..self.height {
            for x in 0..self.width {
                if x == hand || x == hand + 1 {
                    self.paint(pixels, x, y, color);
                } else if x % step == 0 || y % step == 0 {
                    self.paint(pixels, x, y, [200; 3]);
                }
            }
        }
    }

    fn paint(&self, pixels: &mut [u8], x: usize, y: usize, color: [u8; 3]) {
        let at = (y * self.width + x) * 3;
        if let Some(pixel) = pixels.get_mut(at..at + 3) {
            pixel.copy_from_slice(&color);
        }
    }

    /// The next number of the splitmix64 sequence (Steele et al. 2014).
    fn drawn(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The video as `ffmpeg` encodes it.
    fn encoded(mut self, args: &VideoArgs) -> Result<Vec<u8>, Refusal> {
        let arguments = self.arguments(args);
        ffmpeg::encoded_whole(WHAT, &arguments, move |input| {
            (0..self.frames).try_for_each(|number| input.write_all(&self.frame(number)))
        })
    }

    /// The arguments of `ffmpeg`: raw frames in, a file out.
    fn arguments(&self, args: &VideoArgs) -> String {
        let Self { width, height, rate, random, .. } = self;
        let format = args.video_format.as_deref().unwrap_or("webm");
        let mut arguments =
            format!("-f rawvideo -pix_fmt rgb24 -video_size {width}x{height} -framerate {rate} -i pipe:0");
        let channels = args.video_audio_num_channels.unwrap_or(0);
        if channels > 0 {
            let given = args.video_audio_sample_rate.unwrap_or(44_100.0);
            let hertz = if given > 96.0 { given } else { given * 1000.0 };
            let seed = random & u64::from(u32::MAX);
            arguments += &format!(
                " -f lavfi -i anoisesrc=sample_rate={hertz:.0}:amplitude=0.1:duration={}:seed={seed}",
                args.video_duration.unwrap_or(1.0)
            );
            let samples = match args.video_audio_depth.as_deref() {
                Some("8") => "u8",
                Some("24" | "32") => "s32",
                _ => "s16",
            };
            let default = if format == "mp4" { "libopus" } else { "libvorbis" };
            let codec = args.video_audio_codec.as_deref().unwrap_or(default);
            arguments += &format!(" -af aformat=sample_fmts={samples} -ac {channels} -c:a {codec} -shortest");
        }
        let codec = args.video_codec.as_deref().unwrap_or("libvpx-vp9");
        arguments += &format!(" -c:v {codec} -pix_fmt yuv420p");
        if format == "mp4" {
            // The index at the start of the file, for players that play it while it is loading.
            arguments += " -movflags +faststart";
        }
        arguments + " -f " + format
    }
}

const WHAT: &str = "synthetic videos";
/// More would delay the run's start by minutes.
const DIFFERENT_MAX: u32 = 64;
const SHAPES: usize = 5;
/// An hour of small frames.
const PIXELS_MAX: f64 = 4e9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command as Subcommand, parse};
    use std::ffi::OsString;

    fn args(flags: &str) -> VideoArgs {
        let line = format!("aiperf-ctl profile --model m --video-width 16 --video-height 8 {flags}");
        let words = line.split_ascii_whitespace().map(OsString::from).collect::<Vec<_>>();
        let Ok(Subcommand::Profile(args)) = parse(&words).map(|args| args.command) else { panic!("{line}") };
        args.video
    }

    #[test]
    fn frames_move_and_follow_the_seed() {
        for kind in ["moving_shapes", "grid_clock", "noise"] {
            let args = args(&format!("--video-synth-type {kind}"));
            let frame = |seed, number| Scene::new(&args, seed).unwrap().frame(number);
            assert_eq!(frame(7, 3).len(), 16 * 8 * 3, "{kind}");
            assert_eq!(frame(7, 3), frame(7, 3), "{kind}: the same seed");
            assert_ne!(frame(7, 3), frame(8, 3), "{kind}: another one");
        }
        let mut scene = Scene::new(&args(""), 7).unwrap();
        assert_ne!(scene.frame(0), scene.frame(3), "shapes move");
        assert_eq!(scene.frames, 4, "a second of four frames");
    }

    #[test]
    fn the_encoder_gets_the_requested_format() {
        let arguments = |flags: &str| {
            let args = args(flags);
            let arguments = Scene::new(&args, 7).unwrap().arguments(&args);
            ffmpeg::words(&arguments).collect::<Vec<_>>().join(" ")
        };
        let plain = arguments("");
        assert!(plain.contains("-i pipe:0 -c:v libvpx-vp9 -pix_fmt yuv420p -f webm -fflags"), "{plain}");
        assert!(plain.ends_with("+bitexact -map_metadata -1"), "{plain}");
        let with_audio = arguments(
            "--video-format mp4 --video-codec libx264 --video-audio-num-channels 2 --video-audio-sample-rate 48",
        );
        for part in ["sample_rate=48000", "-ac 2 -c:a libopus", "-c:v libx264", "+faststart -f mp4"] {
            assert!(with_audio.contains(part), "{part} in {with_audio}");
        }
    }
}
