//! Images, audio and video in requests and responses, per second of latency.

use crate::case::Case;
use crate::latency::request_latency;
use crate::metric::{Flags, Group, Metric, Unit};
use crate::value::Value;

/// Number of Images
pub(crate) const NUM_IMAGES: Metric =
    Metric::record("num_images", "Number of Images", |case| images(case).map(Value::count))
        .short("Num Images")
        .unit(Unit::Images)
        .group(Group::Hidden)
        .flags(Flags::SUPPORTS_IMAGE_ONLY)
        .text("Images in the request.");

/// Image Throughput
pub(crate) const IMAGE_THROUGHPUT: Metric =
    Metric::record("image_throughput", "Image Throughput", image_throughput)
        .unit(Unit::Other("images/sec"))
        .order(860)
        .flags(Flags::SUPPORTS_IMAGE_ONLY)
        .text("num_images / request_latency in seconds.");

/// Image Latency
pub(crate) const IMAGE_LATENCY: Metric = Metric::record("image_latency", "Image Latency", image_latency)
    .unit(Unit::Other("ms/image"))
    .order(861)
    .flags(Flags::SUPPORTS_IMAGE_ONLY)
    .text("request_latency in milliseconds / num_images.");

/// Audio Duration
pub(crate) const AUDIO_DURATION: Metric = Metric::record("audio_duration", "Audio Duration", audio)
    .short("Audio Dur")
    .unit(Unit::Seconds)
    .order(870)
    .group(Group::Hidden)
    .flags(Flags::SUPPORTS_AUDIO_ONLY)
    .text("Length of the audio in the request.");

/// Inverse Real-Time Factor (RTFx)
pub(crate) const RTFX: Metric = Metric::record("rtfx", "Inverse Real-Time Factor (RTFx)", rtfx)
    .short("RTFx")
    .unit(Unit::Ratio)
    .order(850)
    .flags(Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
    .text("audio_duration / request_latency in seconds.");

/// Usage Prompt Audio Seconds
pub(crate) const USAGE_PROMPT_AUDIO: Metric =
    Metric::record("usage_prompt_audio_seconds", "Usage Prompt Audio Seconds", |case| {
        Value::new(case.usage_prompt_audio_seconds?)
    })
    .short("Usage Prompt Audio Sec")
    .unit(Unit::Seconds)
    .order(1040)
    .group(Group::Usage)
    .flags(Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
    .text("The server's count of seconds of audio in the prompt.");

/// Total Usage Prompt Audio Seconds
pub(crate) const TOTAL_USAGE_PROMPT_AUDIO: Metric =
    Metric::derived("total_usage_prompt_audio_seconds", "Total Usage Prompt Audio Seconds", |totals| {
        totals.get(USAGE_PROMPT_AUDIO.tag)
    })
    .short("Total Usage Prompt Audio Sec")
    .unit(Unit::Seconds)
    .order(2040)
    .group(Group::Usage)
    .flags(Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
    .text("sum of usage_prompt_audio_seconds.");

/// Video Inference Time
pub(crate) const VIDEO_INFERENCE_TIME: Metric =
    Metric::record("video_inference_time", "Video Inference Time", |case| {
        Value::new(case.video_inference_seconds?)
    })
    .short("Inference Time")
    .shown(Unit::Seconds, Unit::Milliseconds)
    .order(310)
    .flags(Flags::PRODUCES_VIDEO_ONLY)
    .text("The server's time for a video.");

/// Video Peak Memory
pub(crate) const VIDEO_PEAK_MEMORY: Metric =
    Metric::record("video_peak_memory", "Video Peak Memory", |case| Value::new(case.video_peak_megabytes?))
        .short("Peak Memory")
        .unit(Unit::Other("MB"))
        .order(311)
        .flags(Flags::PRODUCES_VIDEO_ONLY)
        .text("The server's memory for a video.");

fn images(case: &Case<'_>) -> Option<u32> {
    case.images.filter(|images| *images > 0)
}

fn audio(case: &Case<'_>) -> Option<Value> {
    Value::new(case.audio_seconds?).filter(|seconds| *seconds > Value::ZERO)
}

fn seconds(case: &Case<'_>) -> Option<Value> {
    Value::new(request_latency::value(case)?.get() / 1e9)
}

fn image_throughput(case: &Case<'_>) -> Option<Value> {
    Value::ratio(Value::count(images(case)?), seconds(case)?)
}

fn image_latency(case: &Case<'_>) -> Option<Value> {
    Value::new(request_latency::value(case)?.get() / 1e6 / f64::from(images(case)?))
}

fn rtfx(case: &Case<'_>) -> Option<Value> {
    Value::ratio(audio(case)?, seconds(case)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check;
    use record::Request;

    fn with_media(request: &mut Request) {
        // The request takes 101 ms.
        request.images = Some(2);
        request.audio_seconds = Some(10.1);
        request.usage_prompt_audio_seconds = Some(9.0);
        request.video_inference_seconds = Some(1.5);
        request.video_peak_megabytes = Some(512.0);
    }

    #[test]
    fn formulas() {
        let table = [
            (&NUM_IMAGES, 2.0),
            (&IMAGE_THROUGHPUT, 2.0 / 0.101),
            (&IMAGE_LATENCY, 50.5),
            (&AUDIO_DURATION, 10.1),
            (&RTFX, 100.0),
            (&USAGE_PROMPT_AUDIO, 9.0),
            (&VIDEO_INFERENCE_TIME, 1.5),
            (&VIDEO_PEAK_MEMORY, 512.0),
        ];
        for (metric, expected) in table {
            check(metric, with_media, Some(expected));
            check(metric, |_| (), None);
        }
        check(&NUM_IMAGES, |request| request.images = Some(0), None);
        check(&AUDIO_DURATION, |request| request.audio_seconds = Some(0.0), None);
    }
}
