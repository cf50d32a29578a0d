//! Start and end of a run's phases. The records do not contain them: a phase starts before its first request.
//!
//! With several phases AIPerf writes `phase_manifest.json`. With one, the summary has the start to the microsecond, and the
//! length follows from its request count and throughput.

use common::clock::MonoNs;
use metric::{float, whole};
use record::Phase;
use serde_json::Value;

/// The phases, as exactly as the files allow; empty without a manifest and a summary. Without a manifest there is one, named
/// `only`. `busy_ns` is the total length of all measured requests.
pub(crate) fn phases(
    manifest: &Value,
    summary: &Value,
    only: &str,
    utc_offset_seconds: i64,
    busy_ns: f64,
) -> Vec<Phase> {
    let listed = manifest["phases"].as_array().into_iter().flatten().filter_map(listed).collect::<Vec<_>>();
    if listed.is_empty() {
        single(summary, only, utc_offset_seconds, busy_ns).into_iter().collect()
    } else {
        listed
    }
}

fn listed(of: &Value) -> Option<Phase> {
    let name = of["phase_name"].as_str().or_else(|| of["phase_kind"].as_str())?;
    Some(phase(name, of["start_ns"].as_u64()?, of["end_ns"].as_u64()?))
}

fn single(summary: &Value, name: &str, utc_offset_seconds: i64, busy_ns: f64) -> Option<Phase> {
    let date = |key: &str| {
        Some(local(summary[key].as_str()?)?.saturating_add_signed(-utc_offset_seconds * 1_000_000_000))
    };
    let average = |tag: &str| summary[tag]["avg"].as_f64().filter(|average| *average > 0.0);
    let (begin, end) = (date("start_time")?, date("end_time"));
    let length = average("request_count").zip(average("request_throughput"));
    let length = length.map(|(count, throughput)| whole((count / throughput * 1e9).round()));
    let (begin, end) = match (length, end) {
        (Some(length), Some(end)) => {
            // Both dates are rounded to the microsecond: the start is most likely in the middle of the possible range.
            let latest = end.saturating_sub(length);
            let begin = if begin.abs_diff(latest) <= MICROSECOND { begin.midpoint(latest) } else { begin };
            let begin =
                settle(begin, length, average("effective_concurrency").map(|average| busy_ns / average));
            (begin, begin.saturating_add(length))
        }
        (Some(length), None) => (begin, begin.saturating_add(length)),
        (None, end) => (begin, end?),
    };
    Some(phase(name, begin, end))
}

/// The start nearest to `near` for which the window has its full length in AIPerf's float dates.
///
/// A float date is exact to 256 ns only, so a window of one length has two float lengths, depending on its start. The mean
/// concurrency shows which one it was: it divides the total time of all requests.
fn settle(near: u64, length: u64, full_ns: Option<f64>) -> u64 {
    let Some(full_ns) = full_ns else { return near };
    let is_full = |begin: &u64| {
        let floats = float(begin.saturating_add(length)) - float(*begin);
        (floats - full_ns).abs() < FLOAT_DATE / 4.0
    };
    let steps = (0..=MICROSECOND).step_by(32);
    let around = steps.flat_map(|step| [near.saturating_sub(step), near.saturating_add(step)]);
    around.into_iter().find(is_full).unwrap_or(near)
}

fn phase(name: &str, begin: u64, end: u64) -> Phase {
    Phase { name: name.to_owned(), begun_ns: MonoNs(begin), ended_ns: MonoNs(end), duration_ns: None }
}

/// The offset from UTC of the clock that wrote the summary's dates, derived from the first request: dates have no zone, but
/// offsets are multiples of a quarter of an hour.
pub(crate) fn utc_offset_seconds(summary: &Value, first_request_ns: Option<u64>) -> i64 {
    let begin = summary["start_time"].as_str().and_then(local);
    let Some((begin, first)) = begin.zip(first_request_ns) else { return 0 };
    let ahead_seconds = MonoNs(begin).since(MonoNs(first)).0 / 1_000_000_000;
    // The first request comes after the start, by less than a quarter of an hour.
    (ahead_seconds + QUARTER - 1).div_euclid(QUARTER) * QUARTER
}

/// Nanoseconds since the epoch of a date such as `2026-11-22T13:49:42.511605`, interpreted as UTC.
fn local(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let nanos = format!("{fraction:0<9}").get(..9)?.parse::<u64>().ok()?;
    let is_date = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_time = hour < 24 && minute < 60 && second < 61;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    if is_date && is_time { seconds.checked_mul(1_000_000_000)?.checked_add(nanos) } else { None }
}

/// Days since 1970-01-01, in eras of 400 years that start on 1 March.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day.saturating_sub(1);
    (era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year)
        .saturating_sub(719_468)
}

const QUARTER: i64 = 15 * 60;

const MICROSECOND: u64 = 1000;

/// The distance between float dates of this century, in nanoseconds.
const FLOAT_DATE: f64 = 256.0;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dates() {
        let table = [
            ("2026-11-22T13:49:42.511605", Some(1_795_355_382_511_605_000)),
            ("2000-02-29T00:00:00.5", Some(951_782_400_500_000_000)),
            ("1970-01-01T00:00:00", Some(0)),
            ("1970-13-01T00:00:00", None),
            ("yesterday", None),
        ];
        for (text, expected) in table {
            assert_eq!(local(text), expected, "{text}");
        }
    }

    #[test]
    fn the_zone_follows_from_the_first_request() {
        let offset = |begin: &str, first: u64| {
            utc_offset_seconds(&json!({"start_time": begin}), Some(first * 1_000_000_000))
        };
        assert_eq!(offset("1970-01-01T05:45:00.5", 3), 5 * 3600 + 45 * 60, "Kathmandu");
        assert_eq!(offset("1970-01-01T10:00:00", 36_001), 0, "Greenwich");
        assert_eq!(offset("1970-01-01T01:00:00", 6 * 3600 + 1), -5 * 3600, "New York");
        assert_eq!(utc_offset_seconds(&Value::Null, None), 0, "nothing known");
    }

    #[test]
    fn the_start_gives_the_float_window_its_length() {
        let near = 1_795_376_176_990_782_600;
        let length = 298_908_287;
        for full in [298_908_160.0, 298_908_416.0] {
            let begin = settle(near, length, Some(full));
            let found = float(begin + length) - float(begin);
            assert!((found - full).abs() < 1.0 && begin.abs_diff(near) <= 1000, "{begin} for {full}");
        }
        assert_eq!(settle(near, length, Some(1.0)), near, "no start has that length");
        assert_eq!(settle(near, length, None), near, "nothing known");
    }

    #[test]
    fn the_length_follows_from_count_and_throughput() {
        let summary = json!({
            "start_time": "1970-01-01T00:00:01",
            "end_time": "1970-01-01T00:00:03.500001",
            "request_count": {"avg": 10.0},
            "request_throughput": {"avg": 4.0},
        });
        let phases = phases(&Value::Null, &summary, metric::PROFILING, 0, 0.0);
        assert_eq!(phases[0].ended_ns, MonoNs(3_500_000_500), "two and a half seconds");
    }
}
