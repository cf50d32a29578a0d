//! Tests synthetic audio and videos that `ffmpeg` encodes, as received by the server; and public datasets with media.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use kernel_tests::skip;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Skips a test with a message if the programs or `ffmpeg` are missing.
macro_rules! needs_ffmpeg {
    () => {
        needs_programs!();
        if Command::new("ffmpeg").arg("-version").output().is_err() {
            return skip::skip("the program `ffmpeg` is not installed: run `cargo xtask setup` first");
        }
    };
}

/// The parts of a kind in every message to be sent.
fn parts(ended: &Ended, kind: &str) -> Vec<Value> {
    let inputs = ended.json("inputs.json");
    let payloads =
        inputs["data"].as_array().unwrap().iter().flat_map(|session| session["payloads"].as_array().unwrap());
    let messages = payloads.flat_map(|payload| payload["messages"].as_array().unwrap());
    let parts = messages.flat_map(|message| message["content"].as_array().unwrap());
    parts.filter(|part| part["type"] == kind).map(|part| part[kind].clone()).collect()
}

fn bytes(base64: &Value) -> Vec<u8> {
    STANDARD.decode(base64.as_str().unwrap()).unwrap()
}

/// Three runs: two with the same seed and one with another, with the same flags.
fn twice_and_with_another_seed(flags: &str) -> [Ended; 3] {
    let server = Server::start("");
    ["5", "5", "6"].map(|seed| {
        let mut run = Run::of("profile");
        let common = "--model mock-model --streaming --isl 16 --num-dataset-entries 3 --request-count 4 --ui none \
                      --artifact-dir artifacts --random-seed";
        run.command.args(common.split_whitespace()).args([seed, "--url", &server.url()]);
        run.command.args(flags.split_whitespace());
        let ended = run.without_daemon().end();
        ended.ended_with(0);
        assert_eq!(ended.records().len(), 4, "every request succeeded");
        ended
    })
}

#[test]
fn audio_as_mp3() {
    needs_ffmpeg!();
    let flags = "--audio-length-mean 0.5 --audio-format mp3 --audio-sample-rates 44.1 --audio-num-channels 2 \
                 --batch-size-audio 2";
    let runs = twice_and_with_another_seed(flags);
    let [sounds, again, others] = runs.each_ref().map(|ended| parts(ended, "input_audio"));
    assert_eq!(sounds.len(), 3 * 2, "two for each conversation");
    assert_eq!(sounds, again, "the same bytes for the same seed");
    assert!(sounds.iter().zip(&others).all(|(one, other)| one != other), "others for another seed");
    assert!(sounds.iter().skip(1).all(|sound| *sound != sounds[0]), "no two alike");
    for sound in &sounds {
        assert_eq!(sound["format"], "mp3", "{sound}");
        assert!(bytes(&sound["data"]).starts_with(&[0xff, 0xfb]), "a frame of MPEG-1 Layer III");
    }
    for record in runs[0].records() {
        let seconds = record["metrics"]["audio_duration"]["value"].as_f64().unwrap();
        // Whole frames of 26 ms, and the encoder's padding.
        assert!((0.5..0.62).contains(&seconds), "half a second: {record}");
    }
}

#[test]
fn a_transcription_of_mp3() {
    needs_ffmpeg!();
    let server = Server::start("");
    let flags = "--endpoint-type audio_transcription --audio-length-mean 0.2 --audio-length-stddev 0.05 --audio-format mp3 \
                 --audio-depths 8,24 --request-count 6";
    let ended = Run::plain_profile(&server.url(), flags).end();
    ended.ended_with(0);
    for record in ended.records() {
        assert_eq!(record.get("error"), None, "{record}");
        assert!(record["metrics"]["rtfx"]["value"].as_f64().unwrap() > 0.0, "{record}");
    }
}

#[test]
fn videos() {
    needs_ffmpeg!();
    let size = "--video-width 32 --video-height 16 --video-duration 1";
    for (flags, kind, begin) in [
        ("--video-synth-type noise", "webm", &b"\x1a\x45\xdf\xa3"[..]),
        ("--video-audio-num-channels 1 --video-synth-type grid_clock", "webm", b"\x1a\x45\xdf\xa3"),
        ("--video-format mp4 --video-codec libx264 --video-audio-num-channels 2", "mp4", b"\0\0\0"),
    ] {
        let runs = twice_and_with_another_seed(&format!("{size} {flags}"));
        let [videos, again, others] = runs.each_ref().map(|ended| parts(ended, "video_url"));
        assert_eq!(videos.len(), 3, "one for each conversation");
        assert_eq!(videos, again, "the same bytes for the same seed: {flags}");
        assert!(
            videos.iter().zip(&others).all(|(one, other)| one != other),
            "others for another seed: {flags}"
        );
        for video in &videos {
            let url = video["url"].as_str().unwrap();
            let data = url.strip_prefix(&format!("data:video/{kind};base64,"));
            assert!(bytes(&json!(data.unwrap())).starts_with(begin), "a file of its kind: {flags}");
        }
    }
}

/// A profile that needs `ffmpeg`, with only this directory on PATH.
fn with_programs_of(folder: &Path, flags: &str) -> Ended {
    let server = Server::start("");
    let mut run = Run::profile(&server.url(), flags);
    run.command.env("PATH", folder);
    let ended = run.end();
    assert_eq!(server.log().len(), 0, "nothing was sent");
    ended.ended_with(2);
    assert_eq!(ended.left_behind(), [""; 0], "nothing is left behind");
    ended
}

#[test]
fn without_the_program_or_its_encoder() {
    needs_programs!();
    let folder = tempfile::tempdir().unwrap();
    let video = "--video-width 32 --video-height 16";
    let audio = "--audio-length-mean 0.2 --audio-format mp3";
    for (flags, what) in [(video, "synthetic videos"), (audio, "--audio-format mp3")] {
        let ended = with_programs_of(folder.path(), flags);
        let expected = format!(
            "error: {what}: the program `ffmpeg` is not installed: install it (such as by `apt install ffmpeg`)"
        );
        assert!(ended.err.contains(&expected), "{}", ended.err);
    }
    let program = folder.path().join("ffmpeg");
    fs::write(&program, "#!/bin/sh\necho \"Unknown encoder 'libmp3lame'\" >&2\nexit 1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let ended = with_programs_of(folder.path(), audio);
    let expected =
        "`ffmpeg` failed: Unknown encoder 'libmp3lame'; this `ffmpeg` was built without that encoder";
    assert!(ended.err.contains(expected), "{}", ended.err);
    let refused = with_programs_of(folder.path(), &format!("{audio} --audio-sample-rates 16,17"));
    assert!(refused.err.contains("MP3 does not support 17 kHz; available: 8, 11.025"), "{}", refused.err);
}

/// A run of a public dataset whose copy has these rows.
fn with_copy(flags: &str, rows: &[Value]) -> (Ended, usize) {
    let server = Server::start("");
    let mut run = Run::of("profile");
    let text = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
    fs::write(run.folder.path().join("copy.jsonl"), text).unwrap();
    fs::write(run.folder.path().join("clip.mp4"), b"\0\0\0\x18ftypmp42").unwrap();
    let common = "--model mock-model --streaming --concurrency 1 --ui none --artifact-dir artifacts --dataset-path copy.jsonl --url";
    run.command.args(common.split(' ')).arg(server.url()).args(flags.split_whitespace());
    let ended = run.without_daemon().end();
    ended.ended_with(0);
    (ended, server.log().len())
}

#[test]
fn datasets_of_videos_and_images() {
    needs_programs!();
    let choices = json!({"A": "this", "B": "that"});
    let rows = [
        json!({"question": "what?", "choices": choices, "video": "https://host/0.mp4"}),
        json!({"question": "and?", "choices": {}, "video": "clip.mp4"}),
        json!({"question": "nothing to see"}),
    ];
    let (ended, served) = with_copy("--public-dataset mmvu", &rows);
    assert_eq!(served, 2, "the usable rows");
    let videos = parts(&ended, "video_url");
    let urls = videos.iter().map(|video| video["url"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(
        urls,
        ["https://host/0.mp4", "data:video/mp4;base64,AAAAGGZ0eXBtcDQy"],
        "by URL, or from a file next to the copy"
    );
    assert!(ended.json("inputs.json").to_string().contains("what? A.this B.that"), "the choices");
    assert!(ended.err.contains("mmvu: 1 rows contain no usable prompt"), "{}", ended.err);
    let messages = json!([[{"role": "user", "content": "look"}], [{"role": "assistant", "content": "nice"}]]);
    let row = json!({"conversation": messages, "images": [{"bytes": "89504e47", "path": "x.png"}]});
    let (ended, served) = with_copy("--public-dataset vision_arena --request-count 1", &[row.clone(), row]);
    assert_eq!(
        (served, parts(&ended, "image_url").len()),
        (1, 1),
        "no more rows are read than requests are sent"
    );
}

#[test]
fn sessions_of_agents() {
    needs_programs!();
    let span = |at: &str, text: &str| {
        json!({
            "type": "llm_call",
            "start_time": format!("2026-01-01T00:00:{at}Z"),
            "end_time": format!("2026-01-01T00:00:{at}Z"),
            "attributes": {
                "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": text}]}],
                "gen_ai.usage.input_tokens": 1,
                "gen_ai.usage.output_tokens": 3,
            },
        })
    };
    let session = |name: &str, harness: &str| {
        let spans = [span("00.00", "one"), span("00.05", "two"), span("00.10", "three")];
        json!({"session_id": name, "harness": harness, "models": ["azure/Kimi-K2.5"], "benchmark": "swebench", "spans": spans})
    };
    let rows = [session("a", "claude_code"), session("b", "tool_calling"), session("c", "tool_calling")];
    let flags = "--public-dataset exgentic_v2 --dataset-filter harness=tool_calling --dataset-filter source_model=Kimi-K2.5 \
                 --num-conversations 1";
    let (ended, served) = with_copy(flags, &rows);
    assert_eq!(served, 3, "one session of three calls");
    let mut records = ended.records();
    records.sort_by_key(|record| record["metadata"]["turn_index"].as_u64());
    let of = |key: &str| records.iter().map(|record| record["metadata"][key].clone()).collect::<Vec<_>>();
    assert_eq!(of("turn_index"), [0, 1, 2], "turn by turn");
    let input = |record: &Value| record["metrics"]["input_sequence_length"]["value"].clone();
    assert!(records.iter().all(|record| input(record) == 1), "each as recorded: {records:?}");
    let output = |record: &Value| record["metrics"]["output_sequence_length"]["value"].clone();
    assert!(records.iter().all(|record| output(record) == 3), "as long as recorded: {records:?}");
    let starts = of("request_start_ns").iter().map(|at| at.as_u64().unwrap()).collect::<Vec<_>>();
    assert!(
        starts.windows(2).all(|pair| pair[1] - pair[0] >= 50_000_000),
        "after the agent's recorded pause: {starts:?}"
    );
    let (ended, served) = with_copy(&format!("{flags} --fixed-schedule"), &rows);
    assert_eq!(served, 3, "one session, call by call");
    assert_eq!(ended.json("inputs.json")["data"][1]["session_id"], "b:1", "each separately");
    assert_eq!(
        ended.json("run.json")["plan"]["load"]["phases"][0]["shape"],
        "fixed_schedule",
        "at the recorded times"
    );
}
