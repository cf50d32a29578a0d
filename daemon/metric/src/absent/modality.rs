//! Images, audio and video: registered as AIPerf has them, without a value here.

use super::absent;
use crate::metric::{Flags, Metric, Unit};

absent! {
    "it takes media in requests or answers, which are not recorded";
    AUDIO_DURATION "audio_duration" "Audio Duration" "Audio Dur" "sec" 870 (Flags::SUPPORTS_AUDIO_ONLY)
        "Length of the audio in the request.";
    IMAGE_LATENCY "image_latency" "Image Latency" "Image Latency" "ms/image" 861 (Flags::SUPPORTS_IMAGE_ONLY)
        "request_latency / num_images.";
    IMAGE_THROUGHPUT "image_throughput" "Image Throughput" "Image Throughput" "images/sec" 860 (Flags::SUPPORTS_IMAGE_ONLY)
        "num_images / request_latency in seconds.";
    NUM_IMAGES "num_images" "Number of Images" "Num Images" "images" 10_000 (Flags::SUPPORTS_IMAGE_ONLY)
        "Images in the request.";
    RTFX "rtfx" "Inverse Real-Time Factor (RTFx)" "RTFx" "ratio" 850 (Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
        "audio_duration / request_latency in seconds.";
    TOTAL_USAGE_PROMPT_AUDIO_SECONDS "total_usage_prompt_audio_seconds" "Total Usage Prompt Audio Seconds" "Total Usage Prompt Audio Sec" "sec" 2040 (Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
        "sum of usage_prompt_audio_seconds.";
    USAGE_PROMPT_AUDIO_SECONDS "usage_prompt_audio_seconds" "Usage Prompt Audio Seconds" "Usage Prompt Audio Sec" "sec" 1040 (Flags::LARGER_IS_BETTER.and(Flags::SUPPORTS_AUDIO_ONLY))
        "The server's count of seconds of audio in the prompt.";
    VIDEO_INFERENCE_TIME "video_inference_time" "Video Inference Time" "Inference Time" "ms" 310 (Flags::PRODUCES_VIDEO_ONLY)
        "The server's time for a video.";
    VIDEO_PEAK_MEMORY "video_peak_memory" "Video Peak Memory" "Peak Memory" "MB" 311 (Flags::PRODUCES_VIDEO_ONLY)
        "The server's memory for a video.";
}
