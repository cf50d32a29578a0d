//! Files that users bring, and what TLS peers send: nothing that is in them makes a parser panic, hang or grow without bound.

use bolero::{TypeGenerator, check};
use fuzz::{cases, time};
use loadgen::prompt::{self, Materials, Store};
use loadgen::secrets::Secrets;
use loadgen::tls;
use loadgen::wire::tls::Tls;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use spec::{Change, DATASET_FORMATS, Input, Plan};
use std::sync::{Arc, LazyLock};
use tokenizer::{ChatTemplate, Tokenizer};

/// A row that makes sense but for its numbers.
#[derive(Debug, TypeGenerator)]
enum Row {
    Mooncake { input: u64, output: u32, timestamp: f64, hash_ids: Vec<u64> },
    Bailian { chat: i64, parent: i64, input: u64, output: u32, timestamp: f64 },
    BurstGpt { input: u32, output: u32, timestamp: f64 },
    Single { output: u32, delay: f64, text: String },
    Multi { delays: Vec<f64>, text: String },
    Dag { join_at: u64, max_tokens: u32, delay: f64 },
    Capture { max_tokens: u32, time: String },
}

impl Row {
    fn written(&self) -> String {
        match self {
            Self::Mooncake { input, output, timestamp, hash_ids } => {
                json!({"input_length": small(*input), "output_length": output, "timestamp": timestamp, "hash_ids": hash_ids})
                    .to_string()
            }
            Self::Bailian { chat, parent, input, output, timestamp } => json!({
                "chat_id": chat, "parent_chat_id": parent, "input_length": small(*input), "output_length": output,
                "timestamp": timestamp
            })
            .to_string(),
            Self::BurstGpt { input, output, timestamp } => {
                let input = small(u64::from(*input));
                format!("Timestamp,Request tokens,Response tokens\n{timestamp},{input},{output}")
            }
            Self::Single { output, delay, text } => {
                json!({"text": text, "output_length": output, "delay": delay}).to_string()
            }
            Self::Multi { delays, text } => {
                let turns = delays.iter().map(|delay| json!({"text": text, "delay": delay}));
                json!({"turns": turns.collect::<Vec<_>>()}).to_string()
            }
            Self::Dag { join_at, max_tokens, delay } => {
                let turn = json!({
                    "messages": [], "max_tokens": max_tokens, "delay": delay,
                    "spawns": [{"children": ["b"], "join_at": join_at}]
                });
                let child = json!({"session_id": "b", "turns": [{"messages": []}]});
                format!("{}\n{child}", json!({"session_id": "a", "turns": [turn.clone(), turn]}))
            }
            Self::Capture { max_tokens, time } => {
                let data = json!({"messages": [], "max_tokens": max_tokens}).to_string();
                json!({"captureData": {"endpointInput": {"data": data}}, "eventMetadata": {"inferenceTime": time}})
                    .to_string()
            }
        }
    }
}

/// Most lengths are plausible, the others are absurd.
fn small(tokens: u64) -> u64 {
    if tokens.is_multiple_of(4) { tokens } else { tokens % 1000 }
}

/// Rows with any numbers are read or refused, and what is read can be sent.
#[test]
fn numbers_of_rows() {
    let mut plan = Plan::unknown();
    plan.endpoint.models = vec!["m".to_owned()];
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).with_type::<Vec<Row>>().for_each(
        |rows| {
            let rows = rows.iter().take(8).map(Row::written).collect::<Vec<_>>().join("\n");
            for format in DATASET_FORMATS {
                plan.input = Input::File {
                    format: format.name.to_owned(),
                    name: String::new(),
                    output_tokens: None,
                    change: Change::default(),
                };
                let dataset = Some(Store::Memory(rows.clone().into_bytes()));
                let made = prompt::conversations(&mut plan, Materials { dataset, ..Materials::default() });
                let Ok((conversations, _)) = made else { continue };
                for place in 0..conversations.count().min(8) {
                    let Ok(conversation) = conversations.conversation(place) else { continue };
                    assert!(!conversation.turns.is_empty(), "{}: a conversation has turns", format.name);
                    assert!(
                        conversations.timestamp_ms(place).is_none_or(f64::is_finite),
                        "{}: {rows}",
                        format.name
                    );
                }
            }
        },
    );
}

const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
    "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"_"},{"type":"Replace","pattern":{"String":" "},"content":"_"}]},
    "pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\s+"},"behavior":"Isolated","invert":false},
    "post_processor":null,"decoder":{"type":"Replace","pattern":{"String":"_"},"content":" "},
    "model":{"type":"BPE","dropout":null,"unk_token":"?","fuse_unk":false,"byte_fallback":false,
    "vocab":{"?":0,"a":1,"b":2,"ab":3,"_":4},"merges":[["a","b"]]}}"#;

/// A tokenizer whose file is damaged is refused, or counts.
#[test]
fn tokenizer_files() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(Vec<(u16, u8)>, String)>()
        .for_each(|(damage, text)| {
            let mut file = TOKENIZER.as_bytes().to_vec();
            for (place, byte) in damage.iter().take(3) {
                let place = usize::from(*place) % file.len();
                file[place] = *byte;
            }
            let Ok(tokenizer) = Tokenizer::from_json(&file) else { return };
            let text = format!("ab b a{text}");
            let ends = tokenizer.try_ends(&text).unwrap_or_default();
            assert!(ends.is_sorted() && ends.iter().all(|end| *end <= text.len()), "{ends:?} in {text:?}");
            assert!(
                tokenizer.try_count(&text).is_none_or(|count| count as usize <= 3 * text.len()),
                "{text:?}"
            );
        });
}

/// Words of templates, in any order.
const WORDS: &[&str] = &[
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "for m in messages",
    "endfor",
    "if ",
    "else",
    "endif",
    "set x = ",
    "x ~ x",
    "x * 99",
    "range(99999)",
    "macro f(a)",
    "endmacro",
    "f(x)",
    "messages",
    "m.content",
    "m['role']",
    ".strip()",
    ".replace('', x)",
    " | ",
    "tojson",
    "indent(99999)",
    "join(x)",
    "raise_exception('no')",
    "namespace(x=x)",
    "[",
    "]",
    "(",
    ")",
    "'a'",
    "9",
];

/// Whatever a template contains, it is refused or renders something within its fuel.
#[test]
fn chat_templates() {
    check!().with_iterations(cases()).with_test_time(time(SECONDS)).with_type::<Vec<u8>>().for_each(
        |words| {
            let text = words.iter().map(|word| WORDS[usize::from(*word) % WORDS.len()]).collect::<String>();
            for text in [
                text.clone(),
                format!("{{% for m in messages %}}{{% set x = m.content %}}{{{{ {text} }}}}{{% endfor %}}"),
            ] {
                let file = json!({"template": text}).to_string();
                let Ok(template) = ChatTemplate::from_json(file.as_bytes()) else { continue };
                let shown = template.rendered(&[json!({"role": "user", "content": "hi"})], None);
                assert!(
                    shown.is_ok_and(|shown| shown.len() < 1 << 29),
                    "what was shown once is shown again: {text}"
                );
            }
        },
    );
}

static CONFIG: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| tls::config(None, true).expect("without authorities there is nothing to be read"));

/// What a TLS peer sends is accepted or refused, and no more is counted than arrived.
#[test]
fn tls_records() {
    let name = ServerName::try_from("server.test").expect("a name");
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(Vec<u8>, Vec<u8>, u8)>()
        .for_each(|(bytes, lengths, kind)| {
            let mut records = bytes.clone();
            // Records with a valid header and any content.
            for length in lengths.iter().take(4) {
                records.extend([20 + kind % 5, 3, 3, 0, *length]);
                records.extend(bytes.iter().cycle().take(usize::from(*length).min(bytes.len() * 9)));
            }
            let mut session = Tls::new(&CONFIG, &name).expect("a client");
            drop(session.outgoing());
            let mut rest = records.as_slice();
            while let Ok(true) = session.take_record(&mut rest) {
                assert!(session.plaintext().is_empty(), "no key was agreed on");
            }
            assert!(session.offset() <= records.len() as u64, "no more than arrived");
        });
}

/// Wherever a key is in whatever bytes, it is not left there.
#[test]
fn redaction() {
    check!()
        .with_iterations(cases())
        .with_test_time(time(SECONDS))
        .with_type::<(Vec<u8>, u16, u16)>()
        .for_each(|(bytes, place, most)| {
            let key = "sk-0123456789/abcdef+=";
            let secrets = Secrets::known([key.to_owned()]);
            let place = usize::from(*place) % (bytes.len() + 1);
            let text = [&bytes[..place], key.as_bytes(), &bytes[place..]].concat();
            let most = usize::from(*most) % (text.len() + 1);
            for redacted in [secrets.redacted(&text), secrets.redacted_up_to(&text, most)] {
                let holds = redacted.windows(9).any(|window| window == b"sk-012345");
                assert!(!holds, "{}", String::from_utf8_lossy(&redacted));
            }
            assert_eq!(&*secrets.redacted(bytes), bytes.as_slice(), "what holds none stays as it is");
        });
}

/// Seconds of each target.
const SECONDS: u64 = 3;
