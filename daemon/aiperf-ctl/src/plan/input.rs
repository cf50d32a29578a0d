//! What requests say, and how it is counted.

use super::{Checked, pairs, refuse};
use crate::args::ProfileArgs;
use crate::dataset;
use common::plan::{
    Audios, Change, DATASET_FORMATS, Images, Input, Length, Made, Range, RangeStyle, Rankings, SoundFormat,
    Synthesis, Taking, TextSource, Tokenizer,
};
use serde_json::Value;
use std::path::PathBuf;

pub(super) fn input(args: &ProfileArgs) -> Checked<Input> {
    let (prompt, entries) = (&args.prompt, args.conversation.num_dataset_entries);
    if prompt.output_tokens_stddev.is_some() && prompt.output_tokens_mean.is_none() {
        return refuse("--output-tokens-stddev needs --output-tokens-mean");
    }
    let output_tokens =
        prompt.output_tokens_mean.map(|mean| length(Some(mean), mean, prompt.output_tokens_stddev));
    let name = args.input.public_dataset.clone();
    name.as_deref().map_or(Ok(()), dataset::check)?;
    let Some(name) = name.or_else(|| args.input.input_file.as_ref().map(|file| file.display().to_string()))
    else {
        if !args.input.dataset_filters.is_empty() {
            return refuse("--dataset-filter is for rows of --public-dataset");
        }
        if args.endpoint.uuid_and_strip {
            return refuse("--uuid-and-strip needs --input-file with rows that have `image_uuids`");
        }
        if let Some(kind) = &args.input.custom_dataset_type {
            return refuse(format!("--custom-dataset-type {kind} needs --input-file"));
        }
        return Ok(Input::Synthetic {
            entries: entries.unwrap_or(100),
            input_tokens: length(prompt.input_tokens_mean, 550.0, prompt.input_tokens_stddev),
            output_tokens,
            made: Box::new(made(args)?),
        });
    };
    let made_up = [
        ("--synthetic-input-tokens-mean", prompt.input_tokens_mean.is_some()),
        ("--synthetic-input-tokens-stddev", prompt.input_tokens_stddev.is_some()),
        ("--num-dataset-entries", entries.is_some() && args.input.public_dataset.is_none()),
        ("--seq-dist", prompt.sequence_distribution.is_some()),
        ("--shared-system-prompt-length", prompt.shared_system_prompt_length.is_some()),
        ("--user-context-prompt-length", prompt.user_context_prompt_length.is_some()),
        ("--prompt-prefix-pool-size", prompt.prefix_pool_size.is_some()),
        ("--conversation-turn-mean", args.conversation.conversation_turn_mean.is_some()),
        ("--image-width-mean", args.image.image_width_mean.is_some()),
        ("--audio-length-mean", args.audio.audio_length_mean.is_some()),
    ];
    let given = if args.input.public_dataset.is_some() { "--public-dataset" } else { "--input-file" };
    if let Some((flag, _)) = made_up.iter().find(|(_, given)| *given) {
        return refuse(format!(
            "{flag} is for made-up prompts and contradicts {given}: leave one of them out"
        ));
    }
    let format = args.input.custom_dataset_type.as_deref().unwrap_or("auto");
    if !DATASET_FORMATS.contains(&format) {
        return refuse(format!(
            "--custom-dataset-type `{format}` is not known; there are: {}",
            DATASET_FORMATS.join(", ")
        ));
    }
    Ok(Input::File { format: format.to_owned(), name, output_tokens, change: change(args, format)? })
}

/// What is changed of a file's rows.
fn change(args: &ProfileArgs, format: &str) -> Checked<Change> {
    let (conversation, synthesis, none) = (&args.conversation, &args.synthesis, Synthesis::default());
    let pool = conversation.conversation_num.and_then(|count| u32::try_from(count).ok()).unwrap_or(100);
    Ok(Change {
        system_prompt: system_prompt(args)?,
        ignores_delays: args.input.ignore_trace_delays,
        delay_ratio: conversation.conversation_turn_delay_ratio,
        delay_cap_seconds: conversation.inter_turn_delay_cap_seconds,
        block_size: args.prompt.input_tokens_block_size,
        pool_conversations: (format == "random_pool").then_some(pool),
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

/// Only rows of one form tell a picture's uuid.
fn strips_seen_images(args: &ProfileArgs, format: &str) -> Checked<bool> {
    if args.endpoint.uuid_and_strip && !["auto", "single_turn"].contains(&format) {
        return refuse(
            "--uuid-and-strip is for rows of --custom-dataset-type single_turn with `image_uuids`",
        );
    }
    Ok(args.endpoint.uuid_and_strip)
}

/// What is made up beside a text.
fn made(args: &ProfileArgs) -> Checked<Made> {
    let (prompt, conversation) = (&args.prompt, &args.conversation);
    if prompt.prefix_pool_size.is_some() != prompt.prefix_length.is_some() {
        return refuse("--prompt-prefix-pool-size and --prompt-prefix-length need each other");
    }
    let delay = conversation.conversation_turn_delay_mean.filter(|mean| *mean > 0.0);
    Ok(Made {
        turns: length(conversation.conversation_turn_mean, 1.0, conversation.conversation_turn_stddev),
        turn_delay_ms: delay
            .map(|mean| length(Some(mean), mean, conversation.conversation_turn_delay_stddev)),
        turn_delay_ratio: conversation.conversation_turn_delay_ratio.unwrap_or(1.0),
        pairs: prompt.sequence_distribution.as_deref().map(pairs::pairs).transpose()?.unwrap_or_default(),
        batch_size: prompt.prompt_batch_size.unwrap_or(1),
        range: range(args)?,
        corpus: match prompt.prompt_corpus.as_deref() {
            Some("coding") => TextSource::Coding,
            Some("random") => TextSource::Random,
            _ => TextSource::Sonnet,
        },
        system_prompt: system_prompt(args)?,
        shared_system_tokens: prompt.shared_system_prompt_length,
        user_context_tokens: prompt.user_context_prompt_length,
        prefixes: prompt.prefix_pool_size.unwrap_or(0),
        prefix_tokens: prompt.prefix_length.unwrap_or(0),
        images: images(args)?,
        audios: audios(args)?,
        videos: if args.video.video_width.is_some() { args.video.video_batch_size.unwrap_or(1) } else { 0 },
        rankings: rankings(args),
    })
}

/// The system prompt, from wherever it is given.
fn system_prompt(args: &ProfileArgs) -> Checked<Option<String>> {
    let Some(file) = &args.prompt.system_prompt_file else { return Ok(args.prompt.system_prompt.clone()) };
    if args.output.dry_run {
        return Ok(Some(format!("(what is in `{}`)", file.display())));
    }
    match export::source::read_text(file, PROMPT_BYTES_MAX) {
        Ok(text) => Ok(Some(text)),
        Err(error) => refuse(format!("--system-prompt-file: failed to read `{}`: {error}", file.display())),
    }
}

/// More than any model takes.
const PROMPT_BYTES_MAX: u64 = 64 << 20;

/// One ratio for both, or `{"input": R, "output": R}`.
fn range(args: &ProfileArgs) -> Checked<Option<Range>> {
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
            "--random-range-ratio {text} is neither a number from 0 to below 1 nor {{\"input\": R, \"output\": R}} of such"
        )),
    }
}

fn images(args: &ProfileArgs) -> Checked<Option<Images>> {
    let args = &args.image;
    let source = match (args.image_source.as_deref(), args.image_source_sampling.as_deref()) {
        (None | Some("noise"), None) => None,
        (None | Some("noise"), Some(_)) => {
            return refuse("--image-source-sampling needs --image-source with a directory");
        }
        (Some("assets"), _) => {
            return refuse("--image-source assets: no pictures come with this program; name a directory");
        }
        (Some(_), Some("shuffle-cycle")) => Some(Taking::ShuffleCycle),
        (Some(_), Some("sequential-cycle")) => Some(Taking::SequentialCycle),
        (Some(_), _) => Some(Taking::RandomWithReplacement),
    };
    let wanted = |mean: Option<f64>| mean.filter(|mean| *mean > 0.0);
    match (wanted(args.image_width_mean), wanted(args.image_height_mean)) {
        (None, None) if source.is_none() => Ok(None),
        (Some(width), Some(height)) => Ok(Some(Images {
            batch_size: args.image_batch_size.unwrap_or(1),
            width: length(Some(width), width, args.image_width_stddev),
            height: length(Some(height), height, args.image_height_stddev),
            format: args.image_format.clone().unwrap_or_else(|| "png".to_owned()),
            source,
        })),
        (None, None) if source.is_some() => refuse(
            "--image-source needs --image-width-mean and --image-height-mean, to which pictures are resized",
        ),
        _ => refuse("--image-width-mean and --image-height-mean need each other"),
    }
}

fn audios(args: &ProfileArgs) -> Checked<Option<Audios>> {
    let args = &args.audio;
    let Some(seconds) = args.audio_length_mean.filter(|mean| *mean > 0.0) else { return Ok(None) };
    if let Some(depth) = args.audio_depths.iter().find(|depth| ![8, 16, 24, 32].contains(*depth)) {
        return refuse(format!("--audio-depths: {depth} is none of 8, 16, 24 and 32"));
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
            "--audio-sample-rates: MP3 has no {} kHz; there are: {rates}",
            f64::from(*rate) / 1000.0
        ));
    }
    let depths = if args.audio_depths.is_empty() { vec![16] } else { args.audio_depths.clone() };
    Ok(Some(Audios {
        batch_size: args.audio_batch_size.unwrap_or(1),
        seconds: length(Some(seconds), seconds, args.audio_length_stddev),
        format,
        depths,
        sample_rates_hz,
        channels: args.audio_num_channels.unwrap_or(1),
    }))
}

/// Sample rates of MPEG-1, MPEG-2 and MPEG-2.5 (ISO/IEC 11172-3 and 13818-3).
const MP3_RATES_HZ: [u32; 9] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// For the endpoints that rank, whatever the flags say.
fn rankings(args: &ProfileArgs) -> Option<Rankings> {
    let ranks = args.endpoint.endpoint_type.ends_with("_rankings");
    let args = &args.rankings;
    ranks.then(|| Rankings {
        passages: length(args.rankings_passages_mean, 1.0, args.rankings_passages_stddev),
        passage_tokens: length(
            args.rankings_passages_prompt_token_mean,
            550.0,
            args.rankings_passages_prompt_token_stddev,
        ),
        query_tokens: length(
            args.rankings_query_prompt_token_mean,
            550.0,
            args.rankings_query_prompt_token_stddev,
        ),
    })
}

fn length(mean: Option<f64>, default: f64, stddev: Option<f64>) -> Length {
    Length { mean: mean.unwrap_or(default), stddev: stddev.unwrap_or(0.0) }
}

/// Which tokenizer, and its directory if it has one.
pub(super) fn tokenizer(args: &ProfileArgs) -> (Tokenizer, Option<PathBuf>) {
    match args.tokenizer.tokenizer.as_deref() {
        Some("none") => (Tokenizer::None, None),
        Some("builtin") | None => (Tokenizer::Builtin, None),
        Some(directory) => (Tokenizer::File { name: directory.to_owned() }, Some(PathBuf::from(directory))),
    }
}
