//! Tests what is made of stored runs: sessions by lane, the messages of turns, and a page of two runs compared.
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use end_to_end::client::{Ended, Run};
use end_to_end::needs_programs;
use end_to_end::server::Server;
use std::fs;
use std::path::Path;

/// A command about stored runs, which needs no daemon.
fn about(words: &str, runs: &[&Path]) -> Ended {
    let mut words = words.split(' ');
    let mut run = Run::of(words.next().unwrap());
    run.command.args(words).args(runs);
    run.end()
}

#[test]
fn a_run_of_conversations_is_drawn_read_and_compared() {
    needs_programs!();
    let server = Server::start("--ttft-ms 5 --gap-ms 1");
    let flags = "--concurrency 2 --conversation-num 4 --conversation-turn-mean 3 --conversation-turn-delay-mean 10 \
                 --export-level raw";
    let run = Run::profile(&server.url(), flags).end();
    run.ended_with(0);
    let directory = run.artifacts();
    let drawn = about("analyze swim-lane --html", &[&directory]);
    drawn.ended_with(0);
    assert!(fs::read(directory.join("swim_lane.png")).unwrap().starts_with(b"\x89PNG"), "{}", drawn.out);
    let lanes = fs::read_to_string(directory.join("swim_lane.html")).unwrap();
    for part in ["4 sessions in 2 lanes", "12 requests", "between turns", "target 2"] {
        assert!(lanes.contains(part), "{part}");
    }
    about("analyze turn-messages -n 3", &[&directory]).ended_with(0);
    let messages = fs::read_to_string(directory.join("turn_messages.html")).unwrap();
    assert_eq!(messages.matches("class=\"conversation\"").count(), 3, "three of the four sessions");
    assert_eq!(
        messages.matches("2 messages as before").count(),
        3,
        "each second turn: a prompt and its answer"
    );
    let compared = about("compare --format html -o page.html", &[&directory, &directory]);
    compared.ended_with(0);
    let page = fs::read_to_string(compared.artifacts().with_file_name("page.html")).unwrap();
    assert!(page.contains("B less A at each latency of A") && page.contains("Verdict"), "{page}");
    for page in [lanes, messages, page] {
        assert!(page.contains("default-src 'none'") && !page.contains("<script"), "a policy, and no script");
    }
    let refused = about("analyze turn-messages", &[directory.parent().unwrap()]);
    refused.ended_with(2);
    assert!(refused.err.contains("--export-level raw"), "{}", refused.err);
}
