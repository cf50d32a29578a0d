//! The likely unit of a server's metric: from its description, else from its name.

/// The unit by AIPerf's name.
#[must_use]
pub fn unit(name: &str, description: &str) -> Option<&'static str> {
    let description = description.to_ascii_lowercase();
    let described = |table: &[(&str, &'static str)]| {
        table.iter().find(|(words, _)| description.contains(words)).map(|(_, unit)| *unit)
    };
    let name = name.to_ascii_lowercase();
    let bare = name.strip_suffix("_total").unwrap_or(&name);
    described(RANGES)
        .or_else(|| described(WORDS))
        .or_else(|| SUFFIXES.iter().find(|(suffix, _)| bare.ends_with(suffix)).map(|(_, unit)| *unit))
        .or_else(|| bare.contains("num_requests_").then_some("requests"))
        .or_else(|| name.ends_with("_total").then_some("count"))
}

const RANGES: &[(&str, &str)] = &[
    ("(0-1)", "ratio"),
    ("(0.0-1.0)", "ratio"),
    ("0 to 1)", "ratio"),
    ("1 means 100", "ratio"),
    ("1 is 100", "ratio"),
    ("(0-100)", "%"),
    ("0-100%", "%"),
];
const WORDS: &[(&str, &str)] = &[
    ("in milliseconds", "ms"),
    ("in ms", "ms"),
    ("(ms)", "ms"),
    ("in nanoseconds", "ns"),
    ("in seconds", "sec"),
    ("(seconds)", "sec"),
    ("in bytes", "bytes"),
    ("(bytes)", "bytes"),
    ("(tokens/s)", "tokens/sec"),
    ("in tokens/s", "tokens/sec"),
    ("in tokens", "tokens"),
];
const SUFFIXES: &[(&str, &str)] = &[
    ("_milliseconds", "ms"),
    ("_nanoseconds", "ns"),
    ("_seconds", "sec"),
    ("_ms", "ms"),
    ("_ns", "ns"),
    ("_bytes", "bytes"),
    ("_tokens", "tokens"),
    ("_requests", "requests"),
    ("request_success", "requests"),
    ("_reqs", "requests"),
    ("_errors", "errors"),
    ("_error_count", "errors"),
    ("_block_count", "blocks"),
    ("_blocks", "blocks"),
    ("_count", "count"),
    ("_ratio", "ratio"),
    ("_percent", "%"),
    ("_perc", "%"),
    ("_celsius", "°C"),
    ("_joules", "J"),
    ("_watts", "W"),
];
