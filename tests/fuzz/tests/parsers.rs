//! Bytes from the network and from the kernel: no input makes a parser panic or return wrong offsets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bolero::check;
use common::parse::tcp_header;
use endpoint::{Follow, Media, Turn};
use fuzz::{cases, time};
use loadgen::prompt::{self, Materials, Store};
use loadgen::ring::socket::software_stamp;
use loadgen::wire::Sink;
use loadgen::wire::http::{Progress, Responses};
use loadgen::wire::sse::Cutter;
use spec::{Change, DATASET_FORMATS, Input, Plan};

/// What was cut, with offsets that must grow and stay within what was fed.
#[derive(Default)]
struct Journal {
    events: Vec<Vec<u8>>,
    last_end: u64,
}

impl Journal {
    fn note(&mut self, end: u64) {
        assert!(end >= self.last_end, "offsets grow: {end} after {}", self.last_end);
        self.last_end = end;
    }
}

impl Sink for Journal {
    fn head(&mut self, _status: u16, bytes: &[u8], end: u64) {
        assert!(end >= bytes.len() as u64, "a head ends no earlier than its own length");
        self.note(end);
    }

    fn event(&mut self, bytes: &[u8], end: u64) {
        assert!(!bytes.is_empty(), "no event is empty");
        self.events.push(bytes.to_vec());
        self.note(end);
    }

    fn body(&mut self, _bytes: &[u8], end: u64) {
        self.note(end);
    }
}

/// Feeds `bytes` in pieces of the sizes in `cuts`; returns the events, and whether the response was whole.
fn respond(bytes: &[u8], cuts: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut responses = Responses::new();
    responses.expect();
    let mut journal = Journal::default();
    let mut rest = bytes;
    let mut sizes = cuts.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| usize::from(*size).clamp(1, rest.len()));
        let (piece, later) = rest.split_at(size);
        rest = later;
        match responses.feed(piece, &mut journal) {
            Ok(Progress::More) => {}
            Ok(Progress::Complete { .. }) => return (journal.events, rest.is_empty()),
            Err(_) => return (journal.events, false),
        }
        assert!(responses.offset() <= bytes.len() as u64, "no more is taken than was fed");
    }
    (journal.events, false)
}

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n";

#[test]
fn http_responses() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(Vec<u8>, Vec<u8>)>()
        .for_each(|(bytes, cuts)| {
            respond(bytes, cuts);
            // After a valid head the body's parsers are reached.
            respond(&[HEAD, bytes].concat(), cuts);
        });
}

#[test]
fn a_chunked_stream_is_the_same_however_it_is_split() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(Vec<u8>, Vec<u8>, u8)>()
        .for_each(|(stream, cuts, chunk)| {
            let mut framed = HEAD.to_vec();
            for piece in stream.chunks(usize::from(*chunk).max(1)) {
                framed.extend(format!("{:x}\r\n", piece.len()).bytes());
                framed.extend_from_slice(piece);
                framed.extend_from_slice(b"\r\n");
            }
            framed.extend_from_slice(b"0\r\n\r\n");
            assert_eq!(respond(&framed, &[]), respond(&framed, cuts), "{framed:?}");
        });
}

#[test]
fn event_streams() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).with_type::<(Vec<u8>, u8)>().for_each(
        |(bytes, size)| {
            let whole = cut(bytes, bytes.len().max(1));
            let pieces = cut(bytes, usize::from(*size).max(1));
            assert_eq!(whole, pieces, "{bytes:?} in pieces of {size}");
            for event in &whole {
                assert!(endpoint::sse::fields(event).data.len() <= event.len(), "data is part of its event");
            }
        },
    );
}

fn cut(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::default();
    let mut events = Vec::new();
    let mut offset = 0;
    for piece in bytes.chunks(size) {
        cutter.feed(piece, offset, |event, _| events.push(event.to_vec())).expect("small events are cut");
        offset += piece.len() as u64;
    }
    cutter.finish(offset, |event, _| events.push(event.to_vec()));
    events
}

#[test]
fn replies_of_every_endpoint() {
    let mut plan = Plan::unknown().endpoint;
    plan.dialect.download_content = true;
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).for_each(|bytes: &[u8]| {
        for endpoint in endpoint::ENDPOINTS {
            endpoint.event(bytes);
            endpoint.whole(bytes);
            match endpoint.follow("/v1/videos", bytes, &plan) {
                Follow::Nothing => {}
                Follow::Again(path) | Follow::Content(path) => {
                    assert!(
                        path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()),
                        "{path}"
                    );
                }
            }
        }
    });
}

#[test]
fn metrics_of_a_server() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        // After a valid declaration the parts of a histogram are reached.
        for text in [
            text.to_string(),
            format!("# TYPE h histogram\nh_bucket{{le=\"{text}\",{text}}} 1\nh_sum {text}"),
        ] {
            for reading in telemetry_in::parse(&text).readings {
                assert!(reading.value.is_finite(), "{reading:?}");
                serde_json::from_str::<serde_json::Value>(&reading.labels).expect("labels are JSON");
            }
        }
    });
}

#[test]
fn fields_of_an_exporter() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        for text in [text.to_string(), format!("DCGM_FI_{text}, gauge, {text} (in {text})")] {
            let (fields, bad_lines) = telemetry_in::DcgmField::parse_all(&text);
            let lines = u64::try_from(text.lines().count()).unwrap_or(u64::MAX);
            assert!(bad_lines <= lines, "{bad_lines} of {lines}");
            assert!(fields.iter().all(|field| field.name.starts_with("nvidia_")), "{fields:?}");
        }
    });
}

#[test]
fn records_of_another_tool() {
    let metadata = r#""metadata":{"request_start_ns":5,"request_end_ns":9}"#;
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).with_type::<(Vec<u8>, u64, f64)>().for_each(|(bytes, number, float)| {
        let text = serde_json::Value::from(String::from_utf8_lossy(bytes));
        let packet = format!(r#"{{"perf_ns":{number},"packets":[{{"name":"data","value":{text}}}]}}"#);
        let raw = format!(r#"{{{metadata},"start_perf_ns":3,"responses":[{packet}],"payload":{{"prompt":{text}}}}}"#);
        let float = serde_json::Value::from(*float);
        let record = format!(
            r#"{{{metadata},"metrics":{{"time_to_first_token":{{"value":{float}}},"inter_chunk_latency":{{"value":[{number}]}}}}}}"#
        );
        let mut lines = import::RawLines::new("chat", None).expect("chat is supported");
        for text in [raw.as_bytes(), record.as_bytes(), bytes] {
            if let Ok(line) = serde_json::from_slice(text) {
                lines.exchange(0, &line).ok();
                import::record_line(0, &line).ok();
            }
        }
    });
}

#[test]
fn rows_of_every_dataset_format() {
    let mut plan = Plan::unknown();
    plan.endpoint.models = vec!["m".to_owned()];
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).for_each(|bytes: &[u8]| {
        for format in DATASET_FORMATS {
            plan.input = Input::File {
                format: format.name.to_owned(),
                name: String::new(),
                output_tokens: None,
                change: Change::default(),
            };
            let dataset = Some(Store::Memory(bytes.to_vec()));
            let rows = prompt::conversations(&mut plan, Materials { dataset, ..Materials::default() });
            if let Ok((conversations, _)) = rows {
                assert!(conversations.count() > 0, "{}: rows make conversations", format.name);
            }
        }
    });
}

#[test]
fn audio_files_of_users() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).for_each(|bytes: &[u8]| {
        for (kind, begin) in [("mp3", &b""[..]), ("mp3", b"\xff\xfb"), ("mp3", b"ID3"), ("wav", b"RIFF")] {
            let content = format!("{kind},{}", STANDARD.encode([begin, bytes].concat()));
            let turn = Turn { audios: vec![Media::new(&content)], ..Turn::default() };
            if let Some(seconds) = turn.audio_seconds() {
                assert!(seconds.is_finite() && seconds >= 0.0, "{seconds} s");
            }
        }
    });
}

#[test]
fn packet_headers() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).for_each(|packet: &[u8]| {
        if let Ok(Some(header)) = tcp_header(packet) {
            assert!(header.payload_offset >= 40, "an IP and a TCP header at least");
            assert!(packet.len() >= 34, "both were read");
        }
    });
}

#[test]
fn control_data() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).for_each(|bytes: &[u8]| {
        assert_ne!(software_stamp(bytes).map(|stamp| stamp.0), Some(0), "no stamp is zero");
    });
}

/// Seconds of each target.
const SECONDS: u64 = 4;
