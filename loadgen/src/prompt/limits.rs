//! Numbers that no row and no plan needs: they are refused by the name of their field, before anything is made of them.

use super::When;
use super::dataset::Row;
use spec::{Length, Made};

/// Whether the numbers of a row, whose lengths have these names, can be used.
///
/// # Errors
/// The problem, with the field.
pub(super) fn of_row(row: &Row, [input, output]: [&str; 2]) -> Result<(), String> {
    if let Some(written) = &row.written {
        tokens(&format!("`{input}`"), written.tokens)?;
    }
    for planned in &row.turns {
        if let Some(tokens) = planned.turn.max_tokens.filter(|tokens| u64::from(*tokens) > OUTPUT_TOKENS_MAX)
        {
            return Err(format!("`{output}` of {tokens} tokens is more than {OUTPUT_TOKENS_MAX}"));
        }
        match planned.when {
            When::At { timestamp_ms } if !is_within(timestamp_ms.abs(), TIMESTAMP_MS_MAX) => {
                return Err(format!("`timestamp` of {timestamp_ms:e} ms is beyond {TIMESTAMP_MS_MAX:e}"));
            }
            When::After { delay_ms } if !is_within(delay_ms.abs(), DELAY_MS_MAX) => {
                return Err(format!("`delay` of {delay_ms:e} ms is more than {DELAY_MS_MAX:e}"));
            }
            When::At { .. } | When::After { .. } | When::Unscheduled => {}
        }
    }
    Ok(())
}

/// Whether a number is one and no more than this.
fn is_within(number: f64, most: f64) -> bool {
    !number.is_nan() && number <= most
}

/// Whether a synthetic text can have so many tokens.
///
/// # Errors
/// The problem, with what has the length.
pub(super) fn tokens(what: &str, tokens: u64) -> Result<(), String> {
    if tokens > INPUT_TOKENS_MAX {
        return Err(format!("{what} of {tokens} tokens is more than {INPUT_TOKENS_MAX}"));
    }
    Ok(())
}

/// Whether synthetic content in addition to rows has a supported size.
///
/// # Errors
/// The problem, with the option.
pub(super) fn of_made(
    entries: u32,
    input: &Length,
    output: Option<&Length>,
    made: &Made,
) -> Result<(), String> {
    let (tokens, asked) = (float(INPUT_TOKENS_MAX), float(OUTPUT_TOKENS_MAX));
    let lengths = [("--isl", Some(input), tokens), ("--osl", output, asked)];
    let turns = [("--conversation-turn-mean", Some(&made.turns), TURNS_MAX)];
    let pairs = made.pairs.iter().flat_map(|pair| {
        [("--seq-dist", Some(&pair.input), tokens), ("--seq-dist", Some(&pair.output), asked)]
    });
    let images = made.images.iter().flat_map(|images| {
        [
            ("--image-width-mean", Some(&images.width), PIXELS_MAX),
            ("--image-height-mean", Some(&images.height), PIXELS_MAX),
        ]
    });
    let audios = made.audios.iter().map(|audios| ("--audio-length-mean", Some(&audios.seconds), SECONDS_MAX));
    let rankings = made.rankings.iter().flat_map(|rankings| {
        [
            ("--rankings-passages-mean", Some(&rankings.passages), TURNS_MAX),
            ("--rankings-passages-prompt-token-mean", Some(&rankings.passage_tokens), tokens),
            ("--rankings-query-prompt-token-mean", Some(&rankings.query_tokens), tokens),
        ]
    });
    let all = lengths.into_iter().chain(turns).chain(pairs).chain(images).chain(audios).chain(rankings);
    for (option, length, most) in all {
        let Some(length) = length else { continue };
        length.check().map_err(|why| format!("{option}: {why}"))?;
        let longest = length.longest();
        if !is_within(longest, most) {
            return Err(format!("{option}: a distribution that reaches {longest:e} is more than {most}"));
        }
    }
    let counts = [
        ("--prefix-prompt-length", made.prefix_tokens, INPUT_TOKENS_MAX),
        ("--shared-system-prompt-length", made.shared_system_tokens.unwrap_or(0), INPUT_TOKENS_MAX),
        ("--user-context-prompt-length", made.user_context_tokens.unwrap_or(0), INPUT_TOKENS_MAX),
        ("--batch-size", made.batch_size, BATCH_MAX),
        ("--image-batch-size", made.images.as_ref().map_or(0, |images| images.batch_size), BATCH_MAX),
        ("--audio-batch-size", made.audios.as_ref().map_or(0, |audios| audios.batch_size), BATCH_MAX),
        ("--video-batch-size", made.videos, BATCH_MAX),
        ("--num-prefix-prompts", made.prefixes, ENTRIES_MAX),
        ("--num-dataset-entries", entries, ENTRIES_MAX),
    ];
    match counts.into_iter().find(|(_, count, most)| u64::from(*count) > *most) {
        Some((option, count, most)) => Err(format!("{option}: {count} is more than {most}")),
        None => Ok(()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the bounds are exact in a float")]
const fn float(most: u64) -> f64 {
    most as f64
}

/// What lengths are called in rows of JSON.
pub(super) const NAMES: [&str; 2] = ["input_length", "output_length"];
/// Tokens of one prompt: the longest contexts of models have a quarter of that.
pub(super) const INPUT_TOKENS_MAX: u64 = 1 << 22;
/// Tokens that a request may set as its maximum.
const OUTPUT_TOKENS_MAX: u64 = 1 << 24;
/// Turns of a conversation, passages of a query.
const TURNS_MAX: f64 = 65_536.0;
/// Pixels of an image's side.
const PIXELS_MAX: f64 = 16_384.0;
/// Seconds of an audio clip.
const SECONDS_MAX: f64 = 86_400.0;
/// Texts, images, audio clips or videos of a turn.
const BATCH_MAX: u64 = 100_000;
/// Conversations, prefixes.
const ENTRIES_MAX: u64 = 1 << 27;
/// The largest milliseconds that a float represents exactly, whatever a trace's epoch.
const TIMESTAMP_MS_MAX: f64 = 9e15;
/// Thirty years.
const DELAY_MS_MAX: f64 = 1e12;

#[cfg(test)]
mod tests {
    use super::super::dataset::{self, FORMATS};
    use super::*;

    #[track_caller]
    fn check(format: &str, rows: &str, expected: &str) {
        let format = FORMATS.iter().find(|known| known.name == format).unwrap();
        let refused = dataset::tests::read(format, rows).unwrap_err().to_string();
        assert_eq!(refused, expected, "{rows}");
    }

    #[test]
    fn absurd_numbers_of_rows_are_refused_by_row_and_field() {
        let good = r#"{"input_length":9,"output_length":3}"#;
        for (tokens, most) in [(u64::MAX, 4_194_304_u64), (4_194_305, 4_194_304)] {
            let row = format!(r#"{{"input_length":{tokens},"output_length":3}}"#);
            let expected = format!("line 2: `input_length` of {tokens} tokens is more than {most}");
            check("mooncake_trace", &format!("{good}\n{row}"), &expected);
            let row = format!(
                r#"{{"chat_id":1,"parent_chat_id":-1,"timestamp":0,"input_length":{tokens},"output_length":1}}"#
            );
            check("bailian_trace", &row, &expected.replace("line 2", "line 1"));
        }
        check(
            "mooncake_trace",
            r#"{"input_length":9,"output_length":4294967295}"#,
            "line 1: `output_length` of 4294967295 tokens is more than 16777216",
        );
        check(
            "single_turn",
            r#"{"text":"a","timestamp":1e300}"#,
            "line 1: `timestamp` of 1e300 ms is beyond 9e15",
        );
        check(
            "single_turn",
            r#"{"text":"a","delay":1e300}"#,
            "line 1: `delay` of 1e300 ms is more than 1e12",
        );
        check(
            "multi_turn",
            r#"{"turns":[{"text":"a"},{"text":"b","delay":-1e300}]}"#,
            "line 1: `delay` of -1e300 ms is more than 1e12",
        );
        check(
            "dag_jsonl",
            r#"{"turns":[{"messages":[],"max_tokens":4294967295}]}"#,
            "line 1: `max_tokens` of 4294967295 tokens is more than 16777216",
        );
        check(
            "burst_gpt_trace",
            "Timestamp,Model,Request tokens,Response tokens\n1,m,4294967295,3\n",
            "line 2: `Request tokens` of 4294967295 tokens is more than 4194304",
        );
        check(
            "burst_gpt_trace",
            "Timestamp,Model,Request tokens,Response tokens\n\ninf,m,4,3\n",
            "line 3: `timestamp` of inf ms is beyond 9e15",
        );
    }

    #[test]
    fn absurd_plans_are_refused_by_option() {
        let length = Length::normal;
        let check = |input: Length, output: Option<Length>, change: fn(&mut Made), expected: &str| {
            let mut made = Made::default();
            change(&mut made);
            let refused = of_made(1, &input, output.as_ref(), &made).unwrap_err();
            assert!(refused.starts_with(expected), "{refused}");
        };
        let short = length(10.0, 1.0);
        assert_eq!(of_made(1000, &short, Some(&short), &Made::default()), Ok(()), "the usual sizes");
        check(length(1e308, 0.0), None, |_| (), "--isl");
        check(length(f64::NAN, 0.0), None, |_| (), "--isl");
        check(length(10.0, 1e12), None, |_| (), "--isl");
        check(short.clone(), Some(length(1e30, 0.0)), |_| (), "--osl");
        check(short.clone(), None, |made| made.turns.mean = 1e9, "--conversation-turn-mean");
        check(short.clone(), None, |made| made.prefix_tokens = u32::MAX, "--prefix-prompt-length");
        check(short, None, |made| made.batch_size = u32::MAX, "--batch-size");
    }
}
