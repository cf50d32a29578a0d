//! What composers make.

use super::*;
use crate::branching::Inherited;
use crate::prompt::{Branch, BranchKind, Conversation, Markers, Order, Planned, When};
use crate::shape::Users;
use common::clock::DurationNs;
use endpoint::Turn;
use spec::{CacheBust, Endpoint, Plan, Sampling};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

fn plan() -> Endpoint {
    Endpoint { streaming: true, models: vec!["m".to_owned()], ..Plan::unknown().endpoint }
}

fn composer(conversations: Vec<Conversation>, worker: u64, workers: u64) -> Composer {
    let head = Head::post(
        "/v1/chat/completions",
        "localhost:8000",
        &["Accept: text/event-stream".to_owned()],
        "X-Correlation-ID",
    );
    let composition = Composition {
        order: Order::sampled(conversations.len(), Sampling::Sequential, 0),
        bodies: Arc::new(Bodies::new(conversations.len())),
        conversations: Arc::new(conversations),
        markers: None,
        warming: None,
        endpoint: endpoint::by_name("chat").unwrap(),
        plan: Arc::new(plan()),
        heads: vec![head],
        inquiries: Vec::new(),
        inherited: Inherited::default(),
        timeline: Timeline { zero_ms: 0.0, speedup: 1.0 },
        users: None,
        replays: false,
        numbering: Arc::default(),
        run_number: 9,
        worker,
        workers,
        answer_bytes_max: usize::MAX,
        exceeded: Arc::default(),
    };
    Composer {
        composition,
        sessions: FxHashMap::default(),
        started: 0,
        started_before: 0,
        made: 0,
        numbering: 0,
        waiting: VecDeque::new(),
        answer_bytes: 0,
        latest: 0,
        branching: Branching::default(),
    }
}

fn saying(turns: &[(&str, When, Option<&str>)], context: Context) -> Conversation {
    let turn = |text: &str| Turn::user(text.to_owned(), "m".to_owned());
    let planned = |(text, when, answer): &(&str, When, Option<&str>)| {
        let answer = answer.map(|answer| Turn { role: "assistant".to_owned(), ..turn(answer) });
        Planned { turn: turn(text), when: *when, answer }
    };
    Conversation {
        session: "s".to_owned(),
        turns: turns.iter().map(planned).collect(),
        context,
        branches: Vec::new(),
    }
}

/// The roles and texts of a request.
fn messages(prepared: &Prepared) -> String {
    let text = std::str::from_utf8(&prepared.bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "the length of {body}");
    let body = serde_json::from_str::<serde_json::Value>(body).unwrap();
    let messages = body["messages"].as_array().unwrap().iter();
    let response = messages.map(|message| {
        format!("{}:{}", message["role"].as_str().unwrap(), message["content"].as_str().unwrap())
    });
    response.collect::<Vec<_>>().join(" ")
}

fn answered(session: u64, text: &str) -> Answer {
    let event = |part: &str| {
        format!(
            "data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"delta\":{{\"content\":\"{part}\"}}}}]}}\n\n"
        )
    };
    let (one, other) = text.split_at(1);
    let bytes = format!("{}{}data: [DONE]\n\n", event(one), event(other)).into_bytes();
    Answer {
        session,
        due: MonoNs(77),
        response: Some(Response { bytes, is_stream: true, ..Response::default() }),
        job: None,
        is_branch: false,
    }
}

#[test]
fn a_request_is_whole_and_carries_its_ids() {
    let mut composer = composer(vec![saying(&[("hi", When::Unscheduled, None)], Context::Live)], 1, 2);
    for _ in 0..3 {
        composer.first_turn(Vec::new()).unwrap();
    }
    let prepared = composer.first_turn(Vec::new()).unwrap();
    assert_eq!(prepared.request, RequestId(7), "every second request is this worker's");
    let id = String::from_utf8(RequestId(7).header(9).to_vec()).unwrap();
    let session = String::from_utf8(RequestId(7).session_header(9).to_vec()).unwrap();
    let text = String::from_utf8(prepared.bytes).unwrap();
    let expected = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:8000\r\nAccept: text/event-stream\r\n\
         X-Request-ID: {id}\r\nX-Correlation-ID: {session}\r\nContent-Length: "
    );
    assert!(text.starts_with(&expected), "the request on the wire: {text}");
}

#[test]
fn answers_are_threaded_in() {
    let delay = When::After { delay_ms: 5.0 };
    let turns = [
        ("one", When::Unscheduled, Some("recorded")),
        ("two", delay, None),
        ("three", When::Unscheduled, None),
    ];
    let check = |context: Context, expected: [&str; 3]| {
        let mut composer = composer(vec![saying(&turns, context)], 0, 1);
        let first = composer.first_turn(Vec::new()).unwrap();
        assert_eq!(first.next, Next::After(DurationNs::from_millis(5)), "the second turn waits");
        let second = composer.next_turn(&answered(0, "live"), Vec::new()).unwrap().unwrap();
        assert_eq!((second.turn, second.due), (1, MonoNs(77)), "when the worker requires it");
        let third = composer.next_turn(&answered(0, "again"), Vec::new()).unwrap().unwrap();
        assert_eq!(third.next, Next::Over, "the last turn");
        assert_eq!([&first, &second, &third].map(messages), expected, "{context:?}");
        assert!(composer.sessions.is_empty(), "nothing is kept of a session that is over");
    };
    check(
        Context::Live,
        [
            "user:one",
            "user:one assistant:live user:two",
            "user:one assistant:live user:two assistant:again user:three",
        ],
    );
    check(
        Context::Recorded,
        [
            "user:one",
            "user:one assistant:recorded user:two",
            "user:one assistant:recorded user:two user:three",
        ],
    );
    check(Context::Alone, ["user:one", "user:two", "user:three"]);
}

/// A request failed, or the server's answer is an error or empty.
fn unanswered(session: u64) -> [Answer; 3] {
    let response = |bytes: &[u8]| Response { bytes: bytes.to_vec(), is_stream: true, ..Response::default() };
    let error = response(b"data: {\"error\":{\"message\":\"no\"}}\n\n");
    let response = [Response::lost(), error, response(b"data: [DONE]\n\n")];
    response.map(|response| Answer { response: Some(response), ..answered(session, "xx") })
}

#[test]
fn a_session_goes_on_after_a_turn_that_failed() {
    let turns = [("one", When::Unscheduled, Some("recorded")), ("two", When::Unscheduled, None)];
    for (context, expected) in [
        (Context::Live, "user:one user:two"),
        (Context::Recorded, "user:one assistant:recorded user:two"),
        (Context::Alone, "user:two"),
    ] {
        for failed in unanswered(0) {
            let mut composer = composer(vec![saying(&turns, context)], 0, 1);
            composer.first_turn(Vec::new()).unwrap();
            let second = composer.next_turn(&failed, Vec::new()).unwrap().unwrap();
            assert_eq!(
                (messages(&second), second.due),
                (expected.to_owned(), MonoNs(77)),
                "{context:?} {failed:?}"
            );
        }
    }
}

#[test]
fn answers_are_parsed_however_they_are_coded() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let plain = answered(0, "live").response.unwrap();
    encoder.write_all(&plain.bytes).unwrap();
    let coded =
        Response { bytes: encoder.finish().unwrap(), coding: crate::wire::coding::Coding::Gzip, ..plain };
    let turns = [("one", When::Unscheduled, None), ("two", When::Unscheduled, None)];
    for is_stream in [true, false] {
        let response =
            Response { bytes: coded.bytes.clone(), is_stream, coding: coded.coding, ..Response::default() };
        let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
        composer.first_turn(Vec::new()).unwrap();
        let answer = Answer { response: Some(response), ..answered(0, "xx") };
        let second = composer.next_turn(&answer, Vec::new()).unwrap().unwrap();
        assert_eq!(messages(&second), "user:one assistant:live user:two", "called a stream: {is_stream}");
    }
}

/// What is sent before a phase does not shift the rows of its schedule, nor the age of its users.
#[test]
fn sessions_are_counted_anew() {
    let row =
        |text: &str, timestamp_ms: f64| saying(&[(text, When::At { timestamp_ms }, None)], Context::Live);
    let rows = ["one", "two", "three", "four"].iter().zip([0.0, 1.0, 2.0, 3.0]);
    let rows = rows.map(|(text, at)| row(text, at)).collect::<Vec<_>>();
    for (worker, expected) in [(0, ["user:one", "user:three"]), (1, ["user:two", "user:four"])] {
        let mut composer = composer(rows.clone(), worker, 2);
        composer.composition.order = crate::prompt::replay(&rows, &spec::FixedSchedule::default()).order;
        composer.composition.replays = true;
        let sent = |composer: &mut Composer| {
            composer.count_anew();
            let prepared = composer.first_turn(Vec::new()).unwrap();
            (messages(&prepared), prepared.numbering, prepared.session)
        };
        let warmup = [sent(&mut composer), sent(&mut composer), sent(&mut composer)];
        assert_eq!(warmup[2].0, expected[0], "again from the first row");
        composer.composition.numbering.store(1, Ordering::Release);
        for (place, expected) in expected.into_iter().enumerate() {
            let (text, numbering, session) = sent(&mut composer);
            assert_eq!((text.as_str(), numbering), (expected, 1), "worker {worker}, row {place}");
            assert_eq!(session, worker + (3 + place as u64) * 2, "a session's number is its own");
        }
    }
    let turns = [
        ("one", When::Unscheduled, None),
        ("two", When::Unscheduled, None),
        ("three", When::Unscheduled, None),
    ];
    let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
    composer.composition.users = Some(Users { count: 2, gap: DurationNs(0) });
    let left = |composer: &mut Composer| {
        composer.count_anew();
        let prepared = composer.first_turn(Vec::new()).unwrap();
        composer.sessions.get(&prepared.session).map_or(0, |session| session.later.len())
    };
    assert_eq!([(); 3].map(|()| left(&mut composer)), [1, 2, 2], "the first user has fewer turns left");
    composer.composition.numbering.store(1, Ordering::Release);
    assert_eq!([(); 2].map(|()| left(&mut composer)), [1, 2], "and the first of the next phase");
}

/// A session of a tree: each message with its own text, as in its row.
fn row(session: &str, turns: &[&str], branches: Vec<Branch>) -> Conversation {
    let planned = |text: &&str| {
        let messages = vec![serde_json::json!({"role": "user", "content": text})];
        let turn = Turn { messages: Some(messages), model: "m".to_owned(), ..Turn::default() };
        Planned { turn, when: When::Unscheduled, answer: None }
    };
    let turns = turns.iter().map(planned).collect();
    Conversation { session: session.to_owned(), turns, context: Context::Live, branches }
}

/// The answers of one to many follow a list: the messages of what is sent then, or that nothing is.
fn follow(composer: &mut Composer, session: u64, answer: Option<&str>) -> Vec<String> {
    let response = answer.and_then(|text| answered(session, text).response);
    let answer = Answer { session, due: MonoNs(5), response, job: None, is_branch: true };
    let Composer { branching, composition, made, .. } = composer;
    let next = branching.follow(&answer, composition, made).unwrap();
    assert_eq!(next.iter().filter(|prepared| prepared.settles).count(), 1, "one settles the answer");
    let response = |prepared: &Prepared| match prepared.kind {
        Kind::Nothing { ends } => format!("nothing {ends}"),
        _ => format!("{:x}: {}", prepared.session, messages(prepared)),
    };
    next.iter().map(response).collect()
}

#[test]
fn sessions_start_others_and_wait_for_them() {
    let branches = vec![
        Branch { after: 0, child: 1, kind: BranchKind::Fork },
        Branch { after: 0, child: 2, kind: BranchKind::Spawn { join_at: 2 } },
    ];
    let rows = vec![
        row("root", &["one", "two", "three"], branches),
        row("fork", &["other"], Vec::new()),
        row("spawn", &["fresh", "more"], Vec::new()),
    ];
    let mut composer = composer(rows, 0, 1);
    let first = composer.first_turn(Vec::new()).unwrap();
    assert_eq!((first.next, messages(&first)), (Next::Tree, "user:one".to_owned()), "the root");
    let (fork, spawn) = (1 << 40, (1 << 40) + 1);
    assert_eq!(
        follow(&mut composer, 0, Some("aye")),
        [
            "10000000000: user:one assistant:aye user:other",
            "10000000001: user:fresh",
            "0: user:one assistant:aye user:two"
        ],
        "a fork has the whole history, a spawn none"
    );
    assert_eq!(follow(&mut composer, 0, Some("bee")), ["nothing false"], "the root waits for the spawn");
    assert_eq!(follow(&mut composer, fork, None), ["nothing false"], "the fork is over");
    assert_eq!(
        follow(&mut composer, spawn, Some("yes")),
        ["10000000001: user:fresh assistant:yes user:more"],
        "the spawn goes on"
    );
    assert_eq!(
        follow(&mut composer, spawn, Some("end")),
        ["0: user:one assistant:aye user:two assistant:bee user:three"],
        "its end lets the root go on"
    );
    assert_eq!(follow(&mut composer, 0, Some("off")), ["nothing true"], "and the tree is over");
    assert_eq!(follow(&mut composer, 0, Some("off")), ["nothing false"], "no session is left");
}

#[test]
fn answers_are_woven_into_messages() {
    let mut row = row("s", &["one", "one two"], Vec::new());
    row.context = Context::Woven;
    row.turns[1].turn.messages = Some(vec![
        serde_json::json!({"role": "user", "content": "one"}),
        serde_json::json!({"role": "user", "content": "two"}),
    ]);
    let mut composer = composer(vec![row], 0, 1);
    composer.first_turn(Vec::new()).unwrap();
    let second = composer.next_turn(&answered(0, "live"), Vec::new()).unwrap().unwrap();
    assert_eq!(messages(&second), "user:one assistant:live user:two", "where the first turn ended");
}

#[test]
fn a_session_that_broke_off_is_forgotten() {
    let turns = [("one", When::Unscheduled, None), ("two", When::Unscheduled, None)];
    let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
    composer.first_turn(Vec::new()).unwrap();
    let over = Answer { session: 0, due: MonoNs(0), response: None, job: None, is_branch: false };
    assert!(composer.next_turn(&over, Vec::new()).unwrap().is_none(), "nothing follows");
    assert!(composer.sessions.is_empty(), "nothing is kept");
}

#[test]
fn the_first_users_have_fewer_turns_left() {
    let turns = [
        ("one", When::Unscheduled, None),
        ("two", When::Unscheduled, None),
        ("three", When::Unscheduled, None),
    ];
    let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
    composer.composition.users = Some(Users { count: 2, gap: DurationNs(0) });
    let left = (0..3).map(|_| {
        let prepared = composer.first_turn(Vec::new()).unwrap();
        composer.sessions.get(&prepared.session).map_or(0, |session| session.later.len())
    });
    assert_eq!(left.collect::<Vec<_>>(), [1, 2, 2], "turns that follow");
}

#[test]
fn sessions_have_markers_of_their_own() {
    let mut composer = composer(vec![saying(&[("hi", When::Unscheduled, None)], Context::Live)], 0, 1);
    composer.composition.markers = Some(markers(CacheBust::FirstTurnPrefix));
    composer.composition.bodies = Arc::new(Bodies::new(0));
    let response = [0, 1].map(|_| messages(&composer.first_turn(Vec::new()).unwrap()));
    assert_ne!(response[0], response[1], "the same conversation twice");
    assert!(
        response.iter().all(|response| response.starts_with("user:[rid:") && response.ends_with("]\n\nhi")),
        "{response:?}"
    );
}

fn markers(place: CacheBust) -> Markers {
    Markers::new(place, endpoint::by_name("chat").unwrap().metadata(), 9)
}

#[test]
fn a_warmup_is_sent_with_its_marker_and_nothing_else() {
    let turns = [("one", When::Unscheduled, None), ("two", When::Unscheduled, None)];
    let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
    let warming = Arc::new(AtomicU32::new(1));
    composer.composition.markers = Some(markers(CacheBust::WarmupIsolationFirstTurn));
    composer.composition.warming = Some(Arc::clone(&warming));
    let sent = |prepared: &Prepared, is_warmup: bool| {
        let (bytes, warmup_at) = (prepared.bytes.clone(), prepared.warmup_at);
        let mut sent = Prepared { bytes, warmup_at, ..Prepared::nothing(0, false) };
        sent.settle_on(is_warmup);
        messages(&sent)
    };
    let first = composer.first_turn(Vec::new()).unwrap();
    assert_eq!(
        [true, false].map(|phase| sent(&first, phase)),
        ["user:[warmup]\n\none", "user:one"],
        "in either"
    );
    let second = composer.next_turn(&answered(0, "aye"), Vec::new()).unwrap().unwrap();
    let expected = ["user:[warmup]\n\none assistant:aye user:two", "user:one assistant:aye user:two"];
    assert_eq!([true, false].map(|phase| sent(&second, phase)), expected, "the session's start, in either");
    composer.first_turn(Vec::new()).unwrap();
    warming.store(0, Ordering::Relaxed);
    let later = composer.first_turn(Vec::new()).unwrap();
    assert_eq!((later.warmup_at, messages(&later)), (0, "user:one".to_owned()), "when all warm-ups are over");
}

#[test]
fn memory_is_released() {
    let composition =
        composer(vec![saying(&[("hi", When::Unscheduled, None)], Context::Live)], 0, 1).composition;
    let (feed, mut worker) = queue(4, 1);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let composing = scope.spawn(|| run(composition, feed, &over));
        for number in 0..100 {
            let prepared = loop {
                match worker.ready.pop() {
                    Ok(prepared) => break prepared,
                    Err(_) => std::thread::yield_now(),
                }
            };
            assert_eq!(prepared.request, RequestId(number), "in order");
            worker.give_back(prepared.bytes);
        }
        over.store(true, Ordering::Relaxed);
        composing.join().unwrap().unwrap();
    });
}

/// A session whose answer is too long to be sent again ends, and the worker is notified.
#[test]
fn an_answer_that_is_too_long_ends_its_session() {
    let turns =
        [("hi", When::Unscheduled, None), ("ho", When::Unscheduled, None), ("hu", When::Unscheduled, None)];
    let check = |answer_bytes_max, answers: [usize; 2], expected: [bool; 2], left: usize| {
        let mut composer = composer(vec![saying(&turns, Context::Live)], 0, 1);
        composer.composition.answer_bytes_max = answer_bytes_max;
        composer.first_turn(Vec::new()).unwrap();
        for (length, expected) in answers.into_iter().zip(expected) {
            let answer = answered(0, &"x".repeat(length));
            let next = composer.next_turn(&answer, Vec::new()).unwrap();
            let goes_on = next.as_ref().is_some_and(|next| next.kind == Kind::Request);
            assert_eq!(goes_on, expected, "{length} bytes of {answers:?}");
            if let Some(next) = next.filter(|_| !goes_on) {
                assert!(
                    next.settles && next.kind == Kind::Nothing { ends: true },
                    "the worker does not wait"
                );
            }
        }
        assert_eq!(
            (composer.answer_bytes, composer.sessions.len()),
            (left, usize::from(left > 0)),
            "{answers:?}"
        );
        composer.composition.exceeded.named().get("sessions_over_limit").copied()
    };
    let most = crate::bounds::ANSWER_BYTES_MAX;
    assert_eq!(check(usize::MAX, [most, 5], [true, true], 0), None, "answers are forgotten");
    assert_eq!(check(usize::MAX, [most + 1, 5], [false, false], 0), Some(1), "one answer");
    assert_eq!(check(100, [60, 50], [true, false], 0), Some(1), "all together");
}
