//! Normalizes values as people and scripts write them to what the flags accept: names in any case and with either kind of dash
//! (`Poisson`, `HuggingFace-Generate`), numbers with underscores (`100_000`).

use super::parse::profile_command;
use clap::builder::ValueParser;
use clap::{Arg, ArgAction};
use spec::DATASET_FORMATS;
use std::any::TypeId;
use std::ffi::OsString;

/// The normalized words of a command line, whose first word is the program's name; only `profile` is normalized.
pub(super) fn known(words: &[OsString]) -> Vec<OsString> {
    if words.get(1).is_none_or(|command| command != "profile") {
        return words.to_vec();
    }
    let profile = profile_command();
    let flags = profile.get_arguments().collect::<Vec<_>>();
    let mut flag = None;
    let mut written = words.iter().take(2).cloned().collect::<Vec<_>>();
    for word in words.iter().skip(2) {
        let Some(text) = word.to_str() else {
            written.push(word.clone());
            continue;
        };
        let is_number =
            text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_digit()));
        if text.starts_with('-') && text.len() > 1 && !is_number {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            flag = flags.iter().copied().find(|flag| is_called(flag, name));
            match flag {
                Some(flag) if !value.is_empty() => {
                    written.push(format!("{name}={}", value_of(flag, value)).into())
                }
                _ => written.push(word.clone()),
            }
            continue;
        }
        let known = flag.map_or_else(|| text.to_owned(), |flag| value_of(flag, text));
        written.push(known.into());
        // More values follow only for a flag that accepts a list.
        flag = flag.filter(|flag| flag.get_num_args().is_some_and(|count| count.max_values() > 1));
    }
    written
}

/// Whether a flag has this name, dashes included.
fn is_called(flag: &Arg, name: &str) -> bool {
    if matches!(flag.get_action(), ArgAction::SetTrue | ArgAction::Count) {
        return false;
    }
    match name.strip_prefix("--") {
        Some(long) => {
            flag.get_long() == Some(long)
                || flag.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
        }
        None => flag.get_short().is_some_and(|short| name == format!("-{short}")),
    }
}

/// A flag's value in the form that the flag accepts.
fn value_of(flag: &Arg, given: &str) -> String {
    let names = names(flag);
    if !names.is_empty() {
        let of = |part: &str| {
            let found = names.iter().find(|name| is_same(name, part));
            found.map_or_else(|| part.to_owned(), String::clone)
        };
        return match flag.get_value_delimiter() {
            Some(delimiter) => {
                given.split(delimiter).map(of).collect::<Vec<_>>().join(&delimiter.to_string())
            }
            None => of(given),
        };
    }
    if is_number(flag.get_value_parser()) { without_underscores(given) } else { given.to_owned() }
}

/// The names that a flag accepts, if its values are names.
fn names(flag: &Arg) -> Vec<String> {
    let owned = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect();
    match flag.get_long() {
        Some("endpoint-type") => {
            owned(&mut endpoint::ENDPOINTS.iter().map(|endpoint| endpoint.metadata().name))
        }
        Some("custom-dataset-type") => owned(&mut DATASET_FORMATS.iter().map(|format| format.name)),
        Some("public-dataset") => owned(&mut crate::dataset::public_names()),
        _ => {
            let values = flag.get_possible_values();
            values.iter().flat_map(|value| value.get_name_and_aliases().map(str::to_owned)).collect()
        }
    }
}

/// Whether two names are equal apart from case and dashes.
fn is_same(one: &str, other: &str) -> bool {
    let folded = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    folded(one) == folded(other)
}

/// Whether a flag accepts numbers.
pub(super) fn is_number(parser: &ValueParser) -> bool {
    let kind = parser.type_id();
    NUMBERS.iter().any(|number| kind == *number)
}

/// A number without the underscores between its digits, which Python accepts.
fn without_underscores(given: &str) -> String {
    let mut bytes = given.bytes().peekable();
    let mut last = None;
    while let Some(byte) = bytes.next() {
        let is_between = |last: Option<u8>, next: Option<&u8>| {
            last.is_some_and(|last| last.is_ascii_digit()) && next.is_some_and(u8::is_ascii_digit)
        };
        if byte == b'_' && !is_between(last, bytes.peek()) {
            return given.to_owned();
        }
        last = Some(byte);
    }
    given.replace('_', "")
}

const NUMBERS: &[TypeId] =
    &[TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<f64>()];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: &str) {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(known(&words(given)), words(expected), "{given}");
    }

    #[test]
    fn names_are_known_in_any_case_and_with_either_dash() {
        let check = |given: &str, expected: &str| {
            check(&format!("aiperf profile {given}"), &format!("aiperf profile {expected}"));
        };
        check("--arrival-pattern Poisson --request-rate 4", "--arrival-pattern poisson --request-rate 4");
        check("--request-rate-mode=Constant", "--request-rate-mode=constant");
        check("--endpoint-type HuggingFace-Generate", "--endpoint-type huggingface_generate");
        check("--custom-dataset-type Mooncake-Trace", "--custom-dataset-type mooncake_trace");
        check("--public-dataset ShareGPT", "--public-dataset sharegpt");
        check(
            "--connection-reuse-strategy STICKY_user_sessions",
            "--connection-reuse-strategy sticky-user-sessions",
        );
        check("--export-level RAW --ui Dashboard", "--export-level raw --ui dashboard");
        check(
            "--server-metrics-formats JSON,csv Parquet -m M",
            "--server-metrics-formats json,csv parquet -m M",
        );
        check("--cache-bust System-Prefix x", "--cache-bust system_prefix x");
        check("--model Poisson --streaming Poisson", "--model Poisson --streaming Poisson");
        check("--arrival-pattern sometimes", "--arrival-pattern sometimes");
    }

    #[test]
    fn numbers_may_have_underscores() {
        let check = |given: &str, expected: &str| {
            check(&format!("aiperf profile {given}"), &format!("aiperf profile {expected}"));
        };
        check("--request-count 100_000 --isl=1_000", "--request-count 100000 --isl=1000");
        check("--request-rate 1_0.5 --random-seed -1_0", "--request-rate 10.5 --random-seed -10");
        check("--request-count 1__0 --isl _1", "--request-count 1__0 --isl _1");
        check("--model gpt_4 --extra-inputs a:1_0", "--model gpt_4 --extra-inputs a:1_0");
    }

    #[test]
    fn other_commands_keep_their_words() {
        check("aiperf report --format JSON", "aiperf report --format JSON");
        check("aiperf", "aiperf");
    }
}
