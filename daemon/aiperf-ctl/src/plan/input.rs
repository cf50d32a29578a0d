//! Plans what requests contain, and how tokens are counted.

use super::{Planned, effect, pairs, refuse};
use crate::args::ProfileArgs;
use crate::dataset;
use serde_json::Value;
use spec::{
    Audios, Change, DATASET_FORMATS, DatasetFormat, Images, Input, Length, Made, PoolBatch, Range,
    RangeStyle, Rankings, SoundFormat, Synthesis, Taking, TextSource, Tokenizer,
};
use std::path::PathBuf;

pub(super) fn input(args: &ProfileArgs) -> Planned<Input> {
    let prompt = &args.prompt;
    let output_tokens = optional(args, OSL, prompt.output_tokens_mean, prompt.output_tokens_stddev);
    if prompt.output_tokens_stddev.is_some() && output_tokens.is_none() {
        return refuse("--output-tokens-stddev needs --output-tokens-mean");
    }
    let name = args.input.public_dataset.clone();
    name.as_deref().map_or(Ok(()), dataset::check)?;
    let file = || args.input.input_file.as_ref().map(|file| file.display().to_string());
    let records = || args.input.records.as_ref().map(|_| RECORDS.to_owned());
    let Some(name) = name.or_else(file).or_else(records) else {
        if args.endpoint.uuid_and_strip {
            return refuse("--uuid-and-strip needs --input-file with rows that have `image_uuids`");
        }
        if let Some(kind) = &args.input.custom_dataset_type {
            return refuse(format!("--custom-dataset-type {kind} needs --input-file"));
        }
        return Ok(Input::Synthetic {
            entries: entries(args).unwrap_or(ENTRIES),
            input_tokens: length(args, ISL, prompt.input_tokens_mean, 550.0, prompt.input_tokens_stddev),
            output_tokens,
            made: Box::new(made(args)?),
        });
    };
    let format = format(args);
    if DatasetFormat::named(format).is_none() {
        let names = DATASET_FORMATS.iter().map(|known| known.name).collect::<Vec<_>>();
        return refuse(format!(
            "--custom-dataset-type `{format}` is not known; available: {}, and what --plugin {format} reads",
            names.join(", ")
        ));
    }
    collisions(args, format)?;
    Ok(Input::File { format: format.to_owned(), name, output_tokens, change: change(args, format)? })
}

/// The plugin that reads the user's file: the given format is none of the known ones, and a plugin of its name is asked for.
pub(super) fn loader(args: &ProfileArgs) -> Option<&str> {
    let name =
        args.input.custom_dataset_type.as_deref().filter(|name| DatasetFormat::named(name).is_none())?;
    let mut wanted = args.plugin.plugins.iter().map(|text| text.split('=').next().unwrap_or_default());
    wanted
        .any(|wanted| wanted.strip_prefix("custom_dataset_loader.").unwrap_or(wanted) == name)
        .then_some(name)
}

/// The format of the user's file, or `auto`: a columnar file can only be a recorded trace. What a plugin reads are conversations.
pub(super) fn format(args: &ProfileArgs) -> &str {
    if loader(args).is_some() {
        return "multi_turn";
    }
    let is_columnar = args.input.input_file.as_deref().is_some_and(effect::is_columnar);
    let seen = if is_columnar { "baseten_trace" } else { "auto" };
    args.input.custom_dataset_type.as_deref().unwrap_or(seen)
}

/// The number of distinct conversations, as in AIPerf: as many as requested explicitly, else as many as are sent.
fn entries(args: &ProfileArgs) -> Option<u32> {
    let sent = args.conversation.conversation_num.or(args.load.request_count);
    let sent = sent.map(|count| u32::try_from(count).unwrap_or(u32::MAX).min(ENTRIES_MAX));
    args.conversation.num_dataset_entries.or(sent)
}

/// Refuses extra inputs that each row of baseten_trace would silently override.
fn collisions(args: &ProfileArgs, format: &str) -> Planned<()> {
    let conversation = &args.conversation;
    let brought = [
        ("min_tokens", !conversation.no_force_min_tokens, "--no-force-min-tokens"),
        ("hash_ids", !conversation.omit_kv_hints, "--omit-kv-hints"),
        ("block_size", !conversation.omit_kv_hints, "--omit-kv-hints"),
    ];
    if format != "baseten_trace" {
        return Ok(());
    }
    let extra = super::endpoint::extra_inputs(&args.endpoint.extra_inputs)?;
    match brought.iter().find(|(key, is_brought, _)| *is_brought && extra.contains_key(*key)) {
        Some((key, _, flag)) => refuse(format!(
            "--extra-inputs {key}: each row of baseten_trace has its own; {flag} leaves it out"
        )),
        None => Ok(()),
    }
}

/// AIPerf's default number of distinct prompts.
const ENTRIES: u32 = 100;
/// Maximum number of distinct prompts derived from the number of requests; more are generated when requested explicitly.
const ENTRIES_MAX: u32 = 16_384;

/// Changes to a file's rows.
fn change(args: &ProfileArgs, format: &str) -> Planned<Change> {
    let (conversation, synthesis, none) = (&args.conversation, &args.synthesis, Synthesis::default());
    let is_pool = format == "random_pool";
    Ok(Change {
        system_prompt: system_prompt(args)?,
        ignores_delays: args.input.ignore_trace_delays,
        delay_ratio: conversation.conversation_turn_delay_ratio,
        delay_cap_seconds: conversation.inter_turn_delay_cap_seconds,
        block_size: args.prompt.input_tokens_block_size,
        entries: conversation.num_dataset_entries.filter(|_| args.input.public_dataset.is_none()),
        corpus: corpus(args),
        pool_conversations: is_pool.then(|| entries(args).unwrap_or(ENTRIES)),
        pool_batch: is_pool.then(|| pool_batch(args)).flatten(),
        synthesis: Synthesis {
            speedup_ratio: synthesis.synthesis_speedup_ratio.unwrap_or(none.speedup_ratio),
            prefix_len_multiplier: synthesis
                .synthesis_prefix_len_multiplier
                .unwrap_or(none.prefix_len_multiplier),
            prefix_root_multiplier: synthesis
                .synthesis_prefix_root_multiplier
                .unwrap_or(none.prefix_root_multiplier),
            prompt_len_multiplier: synthesis
                .synthesis_prompt_len_multiplier
                .unwrap_or(none.prompt_len_multiplier),
            output_len_multiplier: synthesis
                .synthesis_output_len_multiplier
                .unwrap_or(none.output_len_multiplier),
            max_isl: synthesis.synthesis_max_isl,
            max_osl: synthesis.synthesis_max_osl,
        },
        strips_seen_images: strips_seen_images(args, format)?,
    })
}

/// Only rows of one format have image uuids.
fn strips_seen_images(args: &ProfileArgs, format: &str) -> Planned<bool> {
    if args.endpoint.uuid_and_strip && !["auto", "single_turn"].contains(&format) {
        return refuse(
            "--uuid-and-strip is for rows of --custom-dataset-type single_turn with `image_uuids`",
        );
    }
    Ok(args.endpoint.uuid_and_strip)
}

/// Synthetic inputs other than the text.
fn made(args: &ProfileArgs) -> Planned<Made> {
    let (prompt, conversation) = (&args.prompt, &args.conversation);
    if prompt.prompt_batch_size == Some(0) {
        return refuse("--prompt-batch-size must be at least 1 for synthetic prompts");
    }
    let has_prefixes = prompt.prefix_pool_size.is_some() && prompt.prefix_length.is_some();
    let delay = optional(
        args,
        "conversation-turn-delay-mean",
        conversation.conversation_turn_delay_mean,
        conversation.conversation_turn_delay_stddev,
    );
    Ok(Made {
        turns: turns(args),
        turn_delay_ms: delay.filter(|delay| delay.mean > 0.0),
        turn_delay_ratio: conversation.conversation_turn_delay_ratio.unwrap_or(1.0),
        pairs: prompt.sequence_distribution.as_deref().map(pairs::pairs).transpose()?.unwrap_or_default(),
        batch_size: prompt.prompt_batch_size.unwrap_or(1),
        range: range(args)?,
        corpus: corpus(args),
        system_prompt: system_prompt(args)?,
        shared_system_tokens: prompt.shared_system_prompt_length,
        user_context_tokens: prompt.user_context_prompt_length,
        prefixes: prompt.prefix_pool_size.filter(|_| has_prefixes).unwrap_or(0),
        prefix_tokens: prompt.prefix_length.filter(|_| has_prefixes).unwrap_or(0),
        images: images(args)?,
        audios: audios(args)?,
        videos: if args.video.video_width.is_some() { args.video.video_batch_size.unwrap_or(1) } else { 0 },
        rankings: rankings(args),
    })
}

/// The source of synthetic texts.
fn corpus(args: &ProfileArgs) -> TextSource {
    match args.prompt.prompt_corpus.as_deref() {
        Some("coding") => TextSource::Coding,
        Some("random") => TextSource::Random,
        _ => TextSource::Sonnet,
    }
}

/// How many inputs of each pool a request combines, if set by flags.
fn pool_batch(args: &ProfileArgs) -> Option<PoolBatch> {
    let sizes = [
        args.prompt.prompt_batch_size,
        args.image.image_batch_size,
        args.audio.audio_batch_size,
        args.video.video_batch_size,
    ];
    let [texts, images, audios, videos] = sizes.map(|size| size.unwrap_or(1));
    sizes.iter().any(Option::is_some).then_some(PoolBatch { texts, images, audios, videos })
}

/// The system prompt, from any of the flags that set it.
fn system_prompt(args: &ProfileArgs) -> Planned<Option<String>> {
    let (flag, text) = match &args.prompt.system_prompt_file {
        None => ("--system-prompt", args.prompt.system_prompt.clone()),
        Some(file) => match store::source::read_text(file, PROMPT_BYTES_MAX) {
            Ok(text) => ("--system-prompt-file", Some(text.trim_start_matches('\u{feff}').to_owned())),
            Err(error) => {
                return refuse(format!("--system-prompt-file: failed to read `{}`: {error}", file.display()));
            }
        },
    };
    match text {
        Some(text) if text.trim().is_empty() => refuse(format!("{flag} is empty")),
        text => Ok(text),
    }
}

/// A limit that no model's context reaches.
const PROMPT_BYTES_MAX: u64 = 64 << 20;

/// One ratio for both, or `{"input": R, "output": R}`.
fn range(args: &ProfileArgs) -> Planned<Option<Range>> {
    let Some(text) = args.prompt.random_range_ratio.as_deref() else { return Ok(None) };
    let ratios = match serde_json::from_str(text) {
        Ok(Value::Number(ratio)) => ratio.as_f64().map(|ratio| (ratio, ratio)),
        Ok(Value::Object(of)) => {
            let ratio = |key: &str| of.get(key).and_then(Value::as_f64);
            ratio("input").zip(ratio("output")).filter(|_| of.len() == 2)
        }
        _ => None,
    };
    let style =
        if args.prompt.random_corpus_style == "sglang" { RangeStyle::Sglang } else { RangeStyle::Vllm };
    match ratios {
        Some((input, output)) if [input, output].iter().all(|ratio| (0.0..1.0).contains(ratio)) => {
            Ok(Some(Range { style, input, output }))
        }
        _ => refuse(format!(
            "--random-range-ratio {text} is neither a number from 0 to below 1 nor \
             {{\"input\": R, \"output\": R}} with such numbers"
        )),
    }
}

fn images(whole: &ProfileArgs) -> Planned<Option<Images>> {
    let args = &whole.image;
    let source = match (args.image_source.as_deref(), args.image_source_sampling.as_deref()) {
        (None | Some("noise"), None) => None,
        (None | Some("noise"), Some(_)) => {
            return refuse("--image-source-sampling needs --image-source with a directory");
        }
        (Some("assets"), _) => {
            return refuse("--image-source assets: no images are bundled; give a directory");
        }
        (Some(_), Some("shuffle-cycle")) => Some(Taking::ShuffleCycle),
        (Some(_), Some("sequential-cycle")) => Some(Taking::SequentialCycle),
        (Some(_), _) => Some(Taking::RandomWithReplacement),
    };
    let width = length(whole, WIDTH, args.image_width_mean, PIXELS, args.image_width_stddev);
    let height = length(whole, HEIGHT, args.image_height_mean, PIXELS, args.image_height_stddev);
    let batch_size = args.image_batch_size.unwrap_or(1);
    if !shapes_images(whole) || batch_size == 0 || width.mean <= 0.0 || height.mean <= 0.0 {
        return Ok(None);
    }
    Ok(Some(Images {
        batch_size,
        width,
        height,
        format: args.image_format.clone().unwrap_or_else(|| "jpeg".to_owned()),
        source,
    }))
}

/// Whether the flags request images: any flag about how they look, other than their encoding.
pub(super) fn shapes_images(args: &ProfileArgs) -> bool {
    let image = &args.image;
    let numbers = [
        image.image_width_mean,
        image.image_width_stddev,
        image.image_height_mean,
        image.image_height_stddev,
    ];
    numbers.iter().any(Option::is_some)
        || image.image_batch_size.is_some()
        || image.image_source.is_some()
        || [WIDTH, HEIGHT].iter().any(|flag| distribution(args, flag).is_some())
}

/// AIPerf's default width and height of images.
const PIXELS: f64 = 512.0;

fn audios(whole: &ProfileArgs) -> Planned<Option<Audios>> {
    let args = &whole.audio;
    let seconds = optional(whole, "audio-length-mean", args.audio_length_mean, args.audio_length_stddev);
    let Some(seconds) = seconds.filter(|seconds| seconds.mean > 0.0) else { return Ok(None) };
    if let Some(depth) = args.audio_depths.iter().find(|depth| ![8, 16, 24, 32].contains(*depth)) {
        return refuse(format!("--audio-depths: {depth} is not one of 8, 16, 24 and 32"));
    }
    let rates = if args.audio_sample_rates.is_empty() { &[16.0] } else { args.audio_sample_rates.as_slice() };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    let hz = |khz: &f64| (khz * 1000.0).round() as u32;
    let sample_rates_hz = rates.iter().map(hz).collect::<Vec<_>>();
    let format =
        if args.audio_format.as_deref() == Some("mp3") { SoundFormat::Mp3 } else { SoundFormat::Wav };
    if format == SoundFormat::Mp3
        && let Some(rate) = sample_rates_hz.iter().find(|rate| !MP3_RATES_HZ.contains(rate))
    {
        let rates = MP3_RATES_HZ.map(|hz| (f64::from(hz) / 1000.0).to_string()).join(", ");
        return refuse(format!(
            "--audio-sample-rates: MP3 does not support {} kHz; available: {rates}",
            f64::from(*rate) / 1000.0
        ));
    }
    let depths = if args.audio_depths.is_empty() { vec![16] } else { args.audio_depths.clone() };
    Ok(Some(Audios {
        batch_size: args.audio_batch_size.unwrap_or(1),
        seconds,
        format,
        depths,
        sample_rates_hz,
        channels: args.audio_num_channels.unwrap_or(1),
    }))
}

/// Sample rates of MPEG-1, MPEG-2 and MPEG-2.5 (ISO/IEC 11172-3 and 13818-3).
const MP3_RATES_HZ: [u32; 9] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// For ranking endpoints only, whether or not rankings flags are given.
fn rankings(whole: &ProfileArgs) -> Option<Rankings> {
    let ranks = whole.endpoint.endpoint_type.ends_with("_rankings");
    let args = &whole.rankings;
    ranks.then(|| Rankings {
        passages: length(
            whole,
            "rankings-passages-mean",
            args.rankings_passages_mean,
            1.0,
            args.rankings_passages_stddev,
        ),
        passage_tokens: length(
            whole,
            "rankings-passages-prompt-token-mean",
            args.rankings_passages_prompt_token_mean,
            550.0,
            args.rankings_passages_prompt_token_stddev,
        ),
        query_tokens: length(
            whole,
            "rankings-query-prompt-token-mean",
            args.rankings_query_prompt_token_mean,
            550.0,
            args.rankings_query_prompt_token_stddev,
        ),
    })
}

/// The turns of a conversation.
pub(super) fn turns(args: &ProfileArgs) -> Length {
    let conversation = &args.conversation;
    length(
        args,
        "conversation-turn-mean",
        conversation.conversation_turn_mean,
        1.0,
        conversation.conversation_turn_stddev,
    )
}

/// The length that the flag of this name sets, or a configuration file in its place.
fn optional(args: &ProfileArgs, flag: &str, mean: Option<f64>, stddev: Option<f64>) -> Option<Length> {
    let normal = || mean.map(|mean| Length::normal(mean, stddev.unwrap_or(0.0)));
    distribution(args, flag).or_else(normal)
}

/// The same, with a default mean.
fn length(args: &ProfileArgs, flag: &str, mean: Option<f64>, default: f64, stddev: Option<f64>) -> Length {
    let normal = || Length::normal(mean.unwrap_or(default), stddev.unwrap_or(0.0));
    distribution(args, flag).unwrap_or_else(normal)
}

fn distribution(args: &ProfileArgs, flag: &str) -> Option<Length> {
    let mut all = args.input.distributions.iter().rev();
    all.find(|(name, _)| name == flag).map(|(_, length)| length.clone())
}

/// What rows of the configuration file are called.
const RECORDS: &str = "records of the configuration file";
const ISL: &str = "prompt-input-tokens-mean";
const OSL: &str = "prompt-output-tokens-mean";
const WIDTH: &str = "image-width-mean";
const HEIGHT: &str = "image-height-mean";

/// The tokenizer, and its directory if it has one.
pub(super) fn tokenizer(args: &ProfileArgs) -> (Tokenizer, Option<PathBuf>) {
    match args.tokenizer.tokenizer.as_deref() {
        Some("none") => (Tokenizer::None, None),
        Some("builtin") | None => (Tokenizer::Builtin, None),
        Some(directory) => (Tokenizer::File { name: directory.to_owned() }, Some(PathBuf::from(directory))),
    }
}
