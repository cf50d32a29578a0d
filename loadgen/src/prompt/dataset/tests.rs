//! Rows of every format, as conversations.

use super::super::corpus::Corpus;
use super::*;
use spec::TextSource;
use std::sync::Arc;

fn index(format: &'static Format, rows: &str, change: Change) -> Result<Dataset, Problem> {
    Dataset::index(format, Store::Memory(rows.into()), treatment(change))
}

fn treatment(change: Change) -> Treatment {
    Treatment {
        change,
        window: None,
        hoists_system: true,
        output: None,
        models: Models::default(),
        seed: 7,
        writer: Writer::new(Arc::new(Corpus::new(None, TextSource::Sonnet).unwrap())),
        reuse: Reuse::default(),
    }
}

/// All conversations of some rows.
pub(in super::super) fn read(format: &'static Format, rows: &str) -> Result<Vec<Conversation>, Problem> {
    let dataset = index(format, rows, Change::default())?;
    (0..dataset.count()).map(|place| dataset.conversation(place)).collect()
}

/// Compares rows, seen as what they are, with `format: session: turn, turn; ...`.
fn check(rows: &str, expected: &str) {
    let described = detected(&Store::Memory(rows.into())).and_then(|format| {
        let conversations = read(format, rows)?;
        let described = conversations.iter().map(described).collect::<Vec<_>>().join("; ");
        Ok(format!("{}: {described}", format.name))
    });
    assert_eq!(described.unwrap_or_else(|problem| problem.to_string()), expected, "{rows}");
}

fn described(conversation: &Conversation) -> String {
    let turns = conversation.turns.iter().map(|planned| {
        let turn = &planned.turn;
        let mut text = turn.payload.clone().unwrap_or_else(|| match &turn.messages {
            Some(messages) => serde_json::to_string(messages).unwrap(),
            None if turn.joined().split(' ').count() > 4 => {
                format!("{} words", turn.joined().split(' ').count())
            }
            None => turn.joined(),
        });
        if let Some(tokens) = turn.max_tokens {
            text += &format!(" >{tokens}");
        }
        match planned.when {
            When::Unscheduled => text,
            When::At { timestamp_ms } => format!("{text} @{timestamp_ms}"),
            When::After { delay_ms } => format!("{text} +{delay_ms}"),
        }
    });
    format!("{}: {} {:?}", conversation.session, turns.collect::<Vec<_>>().join(", "), conversation.context)
}

#[test]
fn formats_are_seen_and_read() {
    check("{\"text\":\"a\"}\n", "single_turn: session_000000: a Alone");
    check(
        "{\"session_id\":\"s\",\"turns\":[{\"text\":\"a\"},{\"text\":\"b\",\"delay\":5}]}",
        "multi_turn: s: a, b +5 Live",
    );
    check(
        "{\"timestamp\":10,\"input_length\":9,\"output_length\":3}\n{\"text_input\":\"hi\",\"delay\":2}",
        "mooncake_trace: session_000000: 9 words >3 @10 Live; session_000001: hi +2 Live",
    );
    check(
        "{\"messages\":[{\"role\":\"user\"}]}",
        "mooncake_trace: session_000000: [{\"role\":\"user\"}] Alone",
    );
    check(
        "{\"chat_id\":1,\"parent_chat_id\":-1,\"timestamp\":1.5,\"input_length\":6,\"output_length\":2}\n\
         {\"chat_id\":2,\"parent_chat_id\":1,\"timestamp\":2,\"input_length\":7,\"output_length\":2}",
        "bailian_trace: 2: 6 words >2 @1500, 7 words >2 @2000 Live",
    );
    check(
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,7,2,9,x\n6,ChatGPT,7,0,7,x\n",
        "burst_gpt_trace: session_000000: 7 words >2 @5000 Alone",
    );
    check(
        "{\"model\":\"m\", \"prompt\":\"a\"}",
        "raw_payload: session_000000: {\"model\":\"m\", \"prompt\":\"a\"} Alone",
    );
    check(
        "{\n\"data\": [{\"session_id\":\"s\",\"payloads\":[{\"a\":1},{ }]}]}",
        "inputs_json: s: {\"a\":1}, { } Alone",
    );
    check(
        r#"{"captureData":{"endpointInput":{"data":"{\"messages\":[1],\"max_tokens\":4}","encoding":"JSON"}},"eventMetadata":{"inferenceTime":"1970-01-01T00:00:01Z"}}"#,
        "sagemaker_data_capture: session_000000: [1] >4 @1000 Alone",
    );
    check(
        r#"{"session_id":"s","turns":[{"messages":[1]},{"messages":[2],"delay":3}]}"#,
        "dag_jsonl: s: [1], [2] +3 Live",
    );
}

#[test]
fn problems_are_reported_with_their_place() {
    check(
        "{\"nothing\":1}",
        "cannot detect the dataset's format (fields: nothing); use --custom-dataset-type",
    );
    check(
        "\n{\"text\":\"a\", \"output_le\n{\"text\":\"b\"}",
        "line 2: EOF while parsing a string (column 23)",
    );
    check(
        "Timestamp;Request tokens;Response tokens\n1;2;3",
        "line 1 is neither JSON nor the head of a CSV trace (Timestamp, Request tokens, Response tokens, with commas)",
    );
    let dag = |turns: &str| format!(r#"{{"session_id":"s","turns":[{{"messages":[1]{turns}}}]}}"#);
    check(&dag(r#","forks":["x"]"#), "line 1: s.turns[0].forks[0]: there is no conversation `x`");
    check(
        &dag(r#","forks":["s"]"#),
        "line 1: s.turns[0].forks[0]: conversations start each other in a cycle",
    );
    check(
        &dag(r#","forks":[{"child":"x","background":1}]"#),
        "line 1: s.turns[0].forks[0].background: it is true or false",
    );
    check(
        &dag(r#","spawns":[{"children":["x"],"join_at":3}]"#),
        "line 1: s.turns[0].spawns[0].join_at: it must be a later turn, or the number of turns for the end",
    );
    check(
        r#"{"session_id":"s","turns":[{"messages":[1]}],"rounds":3}"#,
        "line 1: s.rounds: the orchestration of whole conversations is not supported",
    );
    let twice =
        format!("{}\n{}", dag(r#","spawns":["x","x"]"#), r#"{"session_id":"x","turns":[{"messages":[2]}]}"#);
    check(&twice, "line 1: s.turns[0].spawns[1]: `x` is started by another turn too");
    check("{\"input_length\":0}", "line 1: `input_length` and `output_length` must be at least 1");
    check("Timestamp,Request tokens,Response tokens\nx,1,1\n", "line 2: `x` is not a number");
    check(
        "Timestamp,Request tokens,Response tokens\n\n1,1.0,1\n",
        "line 3: `1.0` is not a whole number of tokens",
    );
    check(
        "Timestamp,Request tokens,Response tokens\n-1,1,1\n",
        "line 2: `-1` is no valid time: a trace starts at 0",
    );
    check(
        "Timestamp,Request tokens,Response tokens\n1,1,0\n",
        "failed to use the dataset: none of its 1 rows can be sent",
    );
    let known = read(&burst_gpt_trace::FORMAT, "Timestamp,Model\n").err().unwrap().to_string();
    assert_eq!(known, "line 1: the head has no column `Request tokens`", "a table of something else");
}

#[test]
fn equal_blocks_have_equal_text() {
    let rows = "{\"input_length\":1100,\"hash_ids\":[1,2]}\n{\"input_length\":1100,\"hash_ids\":[1,3]}\n";
    let texts = read(&mooncake_trace::FORMAT, rows).unwrap();
    let text = |place: usize| texts[place].turns[0].turn.joined();
    let words = |place: usize| text(place).split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(0)[..512], words(1)[..512], "the shared block");
    assert_ne!(words(0)[512..1024], words(1)[512..1024], "another block");
    assert_eq!((words(0).len(), words(1).len()), (1100, 1100), "of their length");
    let synthesis = spec::Synthesis { prefix_len_multiplier: 2.0, max_isl: Some(2000), ..Default::default() };
    let change = Change { synthesis, ..Change::default() };
    let stretched = index(&mooncake_trace::FORMAT, rows, change).unwrap();
    let turn = stretched.conversation(0).unwrap().turns.remove(0).turn;
    assert_eq!(turn.joined().split(' ').count(), 2 * 512 + 588, "twice the shared block, and the own part");
}

#[test]
fn images_that_were_seen_are_sent_by_name() {
    let row = |uuid: &str| {
        format!(r#"{{"session_id":"s","text":"x","image":"http://h/i.png","image_uuids":["{uuid}"]}}"#)
    };
    let rows = ["a", "b", "a"].map(row).join("\n");
    let change = Change { strips_seen_images: true, ..Change::default() };
    let conversation = index(&single_turn::FORMAT, &rows, change).unwrap().conversation(0).unwrap();
    let images = conversation.turns.iter().map(|planned| planned.turn.images[0].url().is_empty());
    assert_eq!(images.collect::<Vec<_>>(), [false, false, true], "the third one was there");
}

#[test]
fn a_pool_is_drawn_from() {
    let rows = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n";
    let change = Change { pool_conversations: Some(50), ..Change::default() };
    let pool = index(&random_pool::FORMAT, rows, change).unwrap();
    let drawn = (0..pool.count()).map(|place| pool.conversation(place).unwrap().turns[0].turn.joined());
    let drawn = drawn.collect::<Vec<_>>();
    let a = drawn.iter().filter(|text| *text == "a").count();
    assert_eq!(drawn.len(), 50, "as many as requested");
    assert!((10..40).contains(&a), "{a} of 50");
}

#[test]
fn tables_are_read_by_the_rules_of_csv() {
    let expected = "burst_gpt_trace: session_000000: 7 words >2 @5000 Alone";
    for rows in [
        "\u{feff}Timestamp,Model,Request tokens,Response tokens\r\n5,m,7,2\r\n6,m,0,0\r\n",
        "\"Timestamp\",\"Model\",\"Request tokens\",\"Response tokens\"\n\"5\",\"a, \"\"b\"\"\",\"7\",\"2\"\n",
        ",Timestamp,Session ID,Request tokens,Response tokens\n0,5.0,x,7,2\n1,6,x,7,0\n",
        "Timestamp,Model,Request tokens,Response tokens\n5,\"two\nlines\",7,2\n",
    ] {
        check(rows, expected);
    }
    check(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n1970-01-01 00:00:05.0000000,7,2\n1970-01-01 00:00:05.000000+00:00,7,2\n",
        &format!("{expected}; session_000001: 7 words >2 @5000 Alone"),
    );
    let rows = "Timestamp,Request tokens,Response tokens\n5,7,2\n5,0,2\n";
    assert_eq!(
        index(&burst_gpt_trace::FORMAT, rows, Change::default()).unwrap().left_out(),
        1,
        "what failed"
    );
}

#[test]
fn a_leading_system_turn_belongs_to_the_turn_after_it() {
    let systems = |hoists: bool, turns: &str| {
        let rows = format!(r#"{{"session_id":"s","turns":[{turns}]}}"#);
        let mut dataset = index(&multi_turn::FORMAT, &rows, Change::default()).unwrap();
        dataset.treatment.hoists_system = hoists;
        dataset.treatment.change.system_prompt = Some("P".to_owned());
        let turns = dataset.conversation(0).unwrap().turns.into_iter().map(|planned| planned.turn);
        turns.map(|turn| format!("{}: {:?} {}", turn.role, turn.system, turn.joined())).collect::<Vec<_>>()
    };
    let system = |more: &str| format!(r#"{{"role":"system","text":"S"{more}}}"#);
    let question = r#"{"text":"Q"}"#;
    let led = format!("{},{question},{question}", system(""));
    assert_eq!(systems(true, &led), ["user: Some(\"P\\n\\nS\") Q", "user: None Q"], "behind the user's own");
    assert_eq!(
        systems(false, &led),
        ["system: Some(\"P\") S", "user: None Q", "user: None Q"],
        "where requests have no place for it"
    );
    let as_they_stand = |turns: &str, count: usize| {
        let found = systems(true, turns);
        assert_eq!((found.len(), found[0].as_str()), (count, "system: Some(\"P\") S"), "{turns}");
    };
    as_they_stand(&system(""), 1);
    as_they_stand(&format!("{},{},{question}", system(""), system("")), 3);
    as_they_stand(&format!("{},{question}", system(r#","delay":3"#)), 2);
    as_they_stand(&format!("{},{question}", system(r#","image":"http://h/i.png""#)), 2);
    let rows = r#"{"turns":[{"role":"system","text":"S"},{"text":"Q","timestamp":7}]}"#;
    let dataset = index(&multi_turn::FORMAT, rows, Change::default()).unwrap();
    assert_eq!(dataset.timestamp_ms(0), Some(7.0), "the time of the request");
}

#[test]
fn rows_outside_the_window_are_not_there() {
    let within = |begin: f64, end: f64| {
        let rows = [("a", "0"), ("a", "1"), ("b", "2"), ("c", "3")].map(|(session, at)| {
            format!(r#"{{"session_id":"{session}","text_input":"{at}","timestamp":{at}}}"#)
        });
        let late = r#"{"session_id":"c","text_input":"late","delay":9}"#;
        let mut treatment = treatment(Change::default());
        treatment.window = Some((begin, end));
        let store = Store::Memory(format!("{}\n{late}\n", rows.join("\n")).into_bytes());
        let dataset = Dataset::index(&mooncake_trace::FORMAT, store, treatment)?;
        let conversations = (0..dataset.count()).map(|place| dataset.conversation(place).unwrap());
        Ok::<_, Problem>(conversations.map(|one| described(&one)).collect::<Vec<_>>().join("; "))
    };
    assert_eq!(within(1.0, 2.0).unwrap(), "a: 1 @1 Live; b: 2 @2 Live", "nor what follows in their sessions");
    assert_eq!(within(3.0, f64::INFINITY).unwrap(), "c: 3 @3, late +9 Live", "what follows within it");
    let none = within(4.0, 5.0).unwrap_err().to_string();
    assert_eq!(none, "no row of the trace lies between the schedule's offsets", "nothing at all");
}

#[test]
fn a_pool_makes_batches() {
    let rows = "{\"text\":\"a\",\"image\":\"http://h/1\"}\n{\"texts\":[\"b\",\"c\"]}\n";
    let pool = |texts: u32, images: u32, rows: &str| {
        let batch = PoolBatch { texts, images, audios: 1, videos: 1 };
        let change = Change { pool_conversations: Some(40), pool_batch: Some(batch), ..Change::default() };
        let pool = index(&random_pool::FORMAT, rows, change)?;
        let turns = (0..pool.count()).map(|place| pool.conversation(place).unwrap().turns.remove(0).turn);
        Ok::<_, Problem>(turns.map(|turn| (turn.joined(), turn.images.len())).collect::<Vec<_>>())
    };
    let drawn = pool(3, 2, rows).unwrap();
    assert!(drawn.iter().all(|(text, images)| text.len() == 5 && *images == 2), "{drawn:?}");
    let kinds = drawn.iter().map(|(text, _)| text).collect::<FxHashSet<_>>().len();
    assert!(kinds > 5, "drawn one by one: {drawn:?}");
    let none = pool(1, 0, rows).unwrap();
    assert!(none.iter().all(|(text, images)| text.len() == 1 && *images == 0), "{none:?}");
    let whole = pool(1, 1, rows).unwrap();
    assert!(whole.iter().any(|(text, _)| text == "b c"), "one of each is one row: {whole:?}");
    let refused = |texts, images, rows: &str| pool(texts, images, rows).unwrap_err().to_string();
    assert!(refused(0, 0, rows).contains("requests of this pool would be empty"), "nothing to send");
    let named = r#"{"texts":[{"name":"query","contents":["q"]}]}"#;
    assert!(refused(2, 1, named).starts_with("line 1: what has a name"), "{}", refused(2, 1, named));
}

#[test]
fn no_more_conversations_are_taken_than_are_wanted() {
    let count = |rows: &str, entries: u32| {
        index(&single_turn::FORMAT, rows, Change { entries: Some(entries), ..Change::default() })
            .unwrap()
            .count()
    };
    let rows = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n";
    assert_eq!((count(rows, 2), count(rows, 9)), (2, 3), "the first ones");
}

#[test]
fn a_row_that_breaks_later_is_named_by_its_line() {
    let rows = "\n\n{\"text\":\"a\"}\n\n{\"text\":\"b\"}\n";
    let mut dataset = index(&single_turn::FORMAT, rows, Change::default()).unwrap();
    let Rows::Lines { store, .. } = &mut dataset.rows else { panic!("rows are lines") };
    *store = Store::Memory(rows.replace("{\"text\":\"b\"}", "{\"toxt\":\"b\"}").into_bytes());
    let problem = dataset.conversation(1).unwrap_err().to_string();
    assert!(problem.starts_with("line 5: a row needs a `text`"), "{problem}");
}
