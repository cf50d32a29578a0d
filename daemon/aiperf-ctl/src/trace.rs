//! Runs `aiperf-ctl analyze-trace`: lengths and times of a trace, what its requests share, and what a cache could save.

use crate::args::TraceArgs;
use crate::memory;
use crate::plan::Refusal;
use crate::terminal::print_result;
use crate::upload::FILE_BYTES_MAX;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use store::source::{self, Bounded, Opened};

/// Reads and analyzes a trace; returns the exit status.
pub(crate) fn run(args: &TraceArgs) -> Result<u8> {
    memory::limit();
    let path = args.file.as_ref().or(args.input_file.as_ref());
    let path = path.ok_or_else(|| Refusal("give a trace: aiperf-ctl analyze-trace FILE".to_owned()))?;
    let opened = source::open_any(path, FILE_BYTES_MAX)
        .map_err(|error| Refusal(format!("failed to read the trace `{}`: {error}", path.display())))?;
    let rows: Box<dyn Read> = match opened {
        Opened::File(file) => Box::new(file),
        Opened::Pipe(pipe) => Box::new(Bounded::new(pipe, FILE_BYTES_MAX)),
    };
    let analysis = analyze(BufReader::new(rows), args.block_size)
        .map_err(|why| Refusal(format!("`{}`: {why}", path.display())))?;
    if let Some(output) = &args.output_file {
        let text = serde_json::to_string_pretty(&analysis)?;
        std::fs::write(output, text).with_context(|| format!("failed to write `{}`", output.display()))?;
    }
    print_result(&analysis.words());
    Ok(0)
}

/// The fields of a row that the analysis uses.
#[derive(Deserialize)]
struct Row {
    input_length: Option<u64>,
    output_length: Option<u64>,
    #[serde(default)]
    hash_ids: Vec<u64>,
    timestamp: Option<f64>,
    session_id: Option<String>,
}

/// The analysis of a trace.
#[derive(Debug, PartialEq, Serialize)]
struct Analysis {
    total_requests: u64,
    /// Number of named sessions.
    sessions: u64,
    /// From the first timestamp to the last.
    duration_seconds: Option<f64>,
    /// Lengths of the rows that state them.
    input_length: Option<Statistics>,
    output_length: Option<Statistics>,
    block_size: u32,
    /// Blocks of all requests.
    total_blocks: u64,
    unique_blocks: u64,
    /// Blocks that occur more than once.
    shared_blocks: u64,
    /// Distinct leading sequences of shared blocks.
    unique_prefixes: u64,
    /// Requests whose leading sequence occurred in an earlier request.
    requests_with_a_prefix_seen_before: u64,
    /// Tokens of leading shared blocks.
    prefix_length: Option<Statistics>,
    /// The fraction of input tokens in blocks that an earlier request had at the same position: the hit rate of an unlimited
    /// cache. From 0 to 1.
    theoretical_cache_hit_rate: Option<f64>,
}

/// Summary statistics of some numbers.
#[derive(Debug, PartialEq, Serialize)]
struct Statistics {
    mean: f64,
    std: f64,
    min: u64,
    p25: u64,
    p50: u64,
    p75: u64,
    p90: u64,
    p99: u64,
    max: u64,
}

fn analyze(rows: impl BufRead, block_size: u32) -> Result<Analysis, String> {
    let rows = read(rows)?;
    let mut uses = HashMap::<u64, u64>::new();
    rows.iter().flat_map(|row| &row.hash_ids).for_each(|hash| *uses.entry(*hash).or_default() += 1);
    let (mut hits, mut total, mut seen_before) = (0, 0, 0);
    let mut prefixes = HashMap::<&[u64], u64>::new();
    let mut known = HashMap::<u64, ()>::new();
    let mut prefix_lengths = Vec::new();
    for row in rows.iter().filter(|row| !row.hash_ids.is_empty()) {
        let length = row.input_length.unwrap_or_else(|| row.hash_ids.len() as u64 * u64::from(block_size));
        let tokens = |blocks: usize| (blocks as u64 * u64::from(block_size)).min(length);
        let cached = row.hash_ids.iter().take_while(|hash| known.contains_key(hash)).count();
        hits += tokens(cached);
        total += length;
        known.extend(row.hash_ids.iter().map(|hash| (*hash, ())));
        let shared = row.hash_ids.iter().take_while(|hash| uses.get(hash).is_some_and(|uses| *uses > 1));
        let prefix = &row.hash_ids[..shared.count()];
        prefix_lengths.push(tokens(prefix.len()));
        if !prefix.is_empty() {
            let times = prefixes.entry(prefix).or_default();
            seen_before += u64::from(*times > 0);
            *times += 1;
        }
    }
    let mut sessions = rows.iter().filter_map(|row| row.session_id.as_deref()).collect::<Vec<_>>();
    sessions.sort_unstable();
    sessions.dedup();
    let times = || rows.iter().filter_map(|row| row.timestamp);
    let first = times().min_by(f64::total_cmp).zip(times().max_by(f64::total_cmp));
    Ok(Analysis {
        total_requests: rows.len() as u64,
        sessions: sessions.len() as u64,
        duration_seconds: first.map(|(first, last)| (last - first) / 1000.0),
        input_length: Statistics::of(rows.iter().filter_map(|row| row.input_length).collect()),
        output_length: Statistics::of(rows.iter().filter_map(|row| row.output_length).collect()),
        block_size,
        total_blocks: uses.values().sum(),
        unique_blocks: uses.len() as u64,
        shared_blocks: uses.values().filter(|uses| **uses > 1).count() as u64,
        unique_prefixes: prefixes.len() as u64,
        requests_with_a_prefix_seen_before: seen_before,
        prefix_length: Statistics::of(prefix_lengths),
        theoretical_cache_hit_rate: (total > 0).then(|| metric::float(hits) / metric::float(total)),
    })
}

fn read(mut rows: impl BufRead) -> Result<Vec<Row>, String> {
    let mut read = Vec::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        let failed = |error: &dyn std::fmt::Display| format!("line {number}: {error}");
        if !source::next_line(&mut rows, &mut line, LINE_BYTES_MAX).map_err(|error| failed(&error))? {
            break;
        }
        if number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if !line.trim_ascii().is_empty() {
            read.push(serde_json::from_slice(&line).map_err(|error| failed(&error))?);
        }
        if read.len() > ROWS_MAX {
            return Err(format!("it has more than {ROWS_MAX} rows"));
        }
    }
    if read.is_empty() { Err("it has no rows".to_owned()) } else { Ok(read) }
}

impl Statistics {
    /// Percentiles are by nearest rank.
    fn of(mut numbers: Vec<u64>) -> Option<Self> {
        numbers.sort_unstable();
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let count = metric::float(numbers.len() as u64);
        let mean = numbers.iter().map(|number| metric::float(*number)).sum::<f64>() / count;
        let squares = numbers.iter().map(|number| (metric::float(*number) - mean).powi(2));
        let at = |percent: usize| numbers[(numbers.len() * percent).div_ceil(100).max(1) - 1];
        Some(Self {
            mean,
            std: (squares.sum::<f64>() / count).sqrt(),
            min,
            p25: at(25),
            p50: at(50),
            p75: at(75),
            p90: at(90),
            p99: at(99),
            max,
        })
    }

    fn words(&self, name: &str) -> String {
        let Self { mean, std, min, p50, p90, p99, max, .. } = self;
        format!(
            "{name:<24} mean {mean:.1}  std {std:.1}  min {min}  p50 {p50}  p90 {p90}  p99 {p99}  max {max}\n"
        )
    }
}

impl Analysis {
    /// The analysis as text.
    fn words(&self) -> String {
        let mut text = format!("{:<24} {}\n", "requests", self.total_requests);
        if self.sessions > 0 {
            text += &format!("{:<24} {}\n", "sessions", self.sessions);
        }
        if let Some(seconds) = self.duration_seconds {
            text += &format!("{:<24} {seconds:.3} s\n", "from first to last");
        }
        let lengths = [
            ("input tokens", &self.input_length),
            ("output tokens", &self.output_length),
            ("shared prefix tokens", &self.prefix_length),
        ];
        for (name, statistics) in lengths {
            text += &statistics.as_ref().map(|statistics| statistics.words(name)).unwrap_or_default();
        }
        text += &format!(
            "{:<24} {} of {} tokens, {} distinct, {} shared\n",
            "blocks", self.total_blocks, self.block_size, self.unique_blocks, self.shared_blocks
        );
        text += &format!(
            "{:<24} {} distinct; {} requests start with one that occurred before\n",
            "prefixes", self.unique_prefixes, self.requests_with_a_prefix_seen_before
        );
        if let Some(rate) = self.theoretical_cache_hit_rate {
            text += &format!(
                "{:<24} {:.1} % of input tokens, with an unlimited cache\n",
                "cache hits",
                rate * 100.0
            );
        }
        text
    }
}

/// Maximum size of a row, with the hashes of its blocks.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Maximum number of rows, all of which are in memory at once.
const ROWS_MAX: usize = 20_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "{\"input_length\":1100,\"output_length\":10,\"hash_ids\":[1,2,3],\"timestamp\":0}\n\n\
                        {\"input_length\":1100,\"output_length\":30,\"hash_ids\":[1,2,4],\"timestamp\":2500}\n\
                        {\"input_length\":300,\"hash_ids\":[5],\"timestamp\":1000,\"session_id\":\"s\"}\n";

    #[test]
    fn what_requests_share_is_found() {
        let analysis = analyze(ROWS.as_bytes(), 512).unwrap();
        assert_eq!((analysis.total_requests, analysis.sessions), (3, 1), "rows and named sessions");
        assert_eq!(analysis.duration_seconds, Some(2.5), "in any order");
        assert_eq!(
            (analysis.total_blocks, analysis.unique_blocks, analysis.shared_blocks),
            (7, 5, 2),
            "blocks"
        );
        assert_eq!(
            (analysis.unique_prefixes, analysis.requests_with_a_prefix_seen_before),
            (1, 1),
            "prefixes"
        );
        let rate = analysis.theoretical_cache_hit_rate.unwrap();
        assert!((rate - 1024.0 / 2500.0).abs() < 1e-12, "two blocks of the second request: {rate}");
        let input = analysis.input_length.as_ref().unwrap();
        assert_eq!((input.min, input.p50, input.max), (300, 1100, 1100), "lengths");
        let prefix = analysis.prefix_length.as_ref().unwrap();
        assert_eq!((prefix.min, prefix.max), (0, 1024), "leading shared blocks");
        assert!(analysis.words().contains("41.0 % of input tokens"), "{}", analysis.words());
    }

    #[test]
    fn an_invalid_trace_is_refused() {
        assert_eq!(analyze(&b"\n"[..], 512).unwrap_err(), "it has no rows", "empty");
        let refused = analyze(&b"{\"input_length\":1}\n{"[..], 512).unwrap_err();
        assert!(refused.starts_with("line 2: "), "{refused}");
    }
}
