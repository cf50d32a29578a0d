//! What it costs a run to be told to others meanwhile: at a high rate, by a collector that answers and by one that never does.

use super::Row;
use super::rig::Rig;
use super::spread::{float, spread};
use anyhow::Result;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Open loop, told to nobody, to a collector that answers, and to one that takes connections and is silent.
pub(super) fn streaming(rig: &Rig) -> Result<Vec<Row>> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let answering = TcpListener::bind("127.0.0.1:0")?;
    let collectors = [None, Some(answering.local_addr()?), Some(silent.local_addr()?)];
    // It ends with the program.
    std::thread::spawn(move || answering.incoming().flatten().for_each(|stream| drop(answer(stream))));
    let mut figures = [const { (Vec::new(), Vec::new()) }; 3];
    for _ in 0..rig.runs {
        for (collector, (sent, overhead)) in collectors.iter().zip(&mut figures) {
            let flags = ["--ttft-ms", "1", "--gap-ms", "0", "--tokens", "1", "--ignore-max-tokens"];
            let server = rig.server(&flags)?;
            let (rate, seconds) = (RATE.to_string(), SECONDS.to_string());
            let load =
                ["--request-rate", &rate, "--arrival-pattern", "constant", "--benchmark-duration", &seconds];
            let rest = ["--concurrency", "4096", "--isl", "32", "--osl", "1", "--export-level", "summary"];
            let url = collector.map(|address| address.to_string());
            let told = url.iter().flat_map(|url| ["--otel-url", url]).collect::<Vec<_>>();
            let outcome = rig.profile(server.address(), &[&load[..], &rest, &told].concat())?;
            sent.push(outcome.count("requests_sent") / float(SECONDS));
            overhead.push(outcome.statistic("client_send_overhead", "p99")? * 1e3);
        }
    }
    let [nobody, live, dead] = figures;
    let row = |what: &str, (sent, overhead): &(Vec<f64>, Vec<f64>)| Row {
        what: format!("requests/s; due → last byte sent, p99, µs; {what}"),
        peer: format!("nobody: {}; {}", spread(&nobody.0, 0), spread(&nobody.1, 0)),
        ours: format!("{}; {}", spread(sent, 0), spread(overhead, 0)),
        how: format!("{RATE}/s at even distances asked, {SECONDS} s, each request streamed over OTLP/HTTP"),
    };
    Ok(vec![row("told to a collector", &live), row("to a collector that never answers", &dead)])
}

/// Takes what is sent, and says that it is well.
fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 << 10];
    let mut seen = Vec::new();
    loop {
        let read = stream.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        seen.extend_from_slice(&bytes[..read]);
        let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if seen.len() >= head + 4 + length.unwrap_or(0_usize) {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
            return Ok(());
        }
    }
}

const RATE: u64 = 20_000;
const SECONDS: u64 = 4;
