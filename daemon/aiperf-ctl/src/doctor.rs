//! Runs `aiperf-ctl doctor`: checks of the host, and of the daemon if one is running, as text or as JSON.

use crate::FAILED;
use crate::args::DoctorArgs;
use crate::client::Client;
use crate::plan::Refusal;
use crate::terminal::{print_error, print_result};
use anyhow::Result;
use control::{Capabilities, Health};
use doctor::{Folder, Host, Offer, Wanted, Weight};
use record::{Build, Finding, Level};
use std::fmt::Write;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs `doctor`.
pub(crate) fn run(args: &DoctorArgs, build: &Build) -> Result<u8> {
    let (offer, daemons) = request(&args.socket, args.concurrency);
    let wanted = Wanted {
        concurrency: args.concurrency,
        hot_cpus: args.cpus.as_deref().map(hot_cpus).transpose()?.unwrap_or_default(),
        folders: vec![Folder { name: "artifacts", path: absolute(&args.artifact_dir) }],
        offer,
        nvml_library: std::env::var_os("AIPERFD_NVML_LIBRARY").map(PathBuf::from),
    };
    let findings = merged(doctor::examine(&Host::here(wanted)), daemons);
    let unmet = unmet(&findings, &args.require);
    if args.json {
        print_result(&json(&findings, args, build, &unmet)?);
    } else if args.all {
        print_result(&every(&findings, width()));
    } else {
        print_result(&summary(&findings, width()));
    }
    for name in &unmet {
        let found = findings.iter().find(|one| one.name == *name);
        let why = found.map_or_else(|| "it does not apply to this host".to_owned(), reason);
        print_error(&format!("--require {name}: {why}"));
    }
    Ok(if unmet.is_empty() { 0 } else { FAILED })
}

/// The daemon's capabilities, and what it found on the host with its own rights.
fn request(socket: &Path, concurrency: Option<u32>) -> (Offer, Vec<Finding>) {
    let name = socket.display().to_string();
    match UnixStream::connect(socket).map_err(|error| error.kind()) {
        Ok(_) => {}
        Err(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return (Offer::Private, Vec::new()),
        Err(ErrorKind::PermissionDenied) => return (Offer::Refused { socket: name }, Vec::new()),
        Err(kind) => return (Offer::Broken { socket: name, why: kind.to_string() }, Vec::new()),
    }
    match responded(socket, concurrency) {
        Ok((health, capabilities)) => {
            let Capabilities { timestamps, timestamps_reason: reason, doctor, .. } = capabilities;
            (Offer::Offered { socket: name, version: health.version, timestamps, reason }, doctor)
        }
        Err(error) => (Offer::Broken { socket: name, why: format!("{error:#}") }, Vec::new()),
    }
}

fn responded(socket: &Path, concurrency: Option<u32>) -> Result<(Health, Capabilities)> {
    let client = Client::at(socket);
    let query = concurrency.map(|count| format!("?concurrency={count}")).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let both = async {
            let health = client.get("/v1/health").await?;
            anyhow::Ok((health, client.get(&format!("/v1/capabilities{query}")).await?))
        };
        tokio::time::timeout(PATIENCE, both).await.map_err(|_elapsed| io::Error::from(ErrorKind::TimedOut))?
    })
}

/// The client's findings, replaced by the daemon's for work that the daemon does.
fn merged(own: Vec<Finding>, daemons: Vec<Finding>) -> Vec<Finding> {
    let merge = |one: Finding| {
        let Some(other) = daemons.iter().find(|other| other.name == one.name) else { return one };
        match one.name.as_str() {
            "ebpf" | "timestamps" | "daemon" => one,
            // Both processes write files, and both read a clock.
            "disk" | "inodes" | "time_namespace" if other.level <= one.level => one,
            _ => other.clone(),
        }
    };
    own.into_iter().map(merge).collect()
}

/// The required checks that are not ok.
fn unmet(findings: &[Finding], required: &[String]) -> Vec<String> {
    let is_ok = |name: &&String| findings.iter().any(|one| one.name == **name && one.level == Level::Ok);
    required.iter().filter(|name| !is_ok(name)).cloned().collect()
}

fn reason(finding: &Finding) -> String {
    let parts = [Some(finding.found.clone()), finding.cause.clone(), finding.cure.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn json(findings: &[Finding], args: &DoctorArgs, build: &Build, unmet: &[String]) -> Result<String> {
    let count = |level: Level| findings.iter().filter(|one| one.level == level).count();
    let value = serde_json::json!({
        "version": build.version,
        "commit": build.commit,
        "ok": count(Level::Ok),
        "warning": count(Level::Warning),
        "missing": count(Level::Missing),
        "required": args.require,
        "unmet": unmet,
        "checks": findings,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

/// Problems first, then one line per group: within one screen, if possible.
fn summary(findings: &[Finding], width: usize) -> String {
    let mut problems = findings.iter().filter(|one| is_problem(one)).collect::<Vec<_>>();
    problems.sort_by_key(|one| std::cmp::Reverse(one.level));
    let head = head(findings, problems.len(), width);
    let groups = groups(findings, width);
    let lines = |text: &str| text.lines().count();
    let room = SCREEN_LINES.saturating_sub(lines(&head) + lines(&groups) + BLANK_LINES);
    let whole = problems.iter().map(|one| entry(one, width)).collect::<Vec<_>>();
    let mut text = head;
    if whole.iter().map(|one| lines(one)).sum::<usize>() <= room {
        text.extend(whole);
    } else {
        // One line is for the hint, and one for each remaining problem.
        let mut room = room.saturating_sub(1);
        for (place, (problem, whole)) in problems.iter().zip(&whole).enumerate() {
            let rest = problems.len() - place - 1;
            let fits = lines(whole) + rest <= room;
            let shown = if fits { whole.clone() } else { line(problem, width) };
            room = room.saturating_sub(lines(&shown));
            text.push_str(&shown);
        }
        text.push_str("All causes and fixes: aiperf-ctl doctor --all\n");
    }
    if !problems.is_empty() {
        text.push('\n');
    }
    text + &groups
}

fn head(findings: &[Finding], problems: usize, width: usize) -> String {
    let found =
        |name: &str| findings.iter().find(|one| one.name == name).map_or("?", |one| one.found.as_str());
    let count = match problems {
        0 => "no problem".to_owned(),
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let text = format!(
        "{count} in {} checks ({}, {}, timestamps: {})",
        findings.len(),
        found("kernel"),
        found("cores"),
        found("timestamps")
    );
    wrap(&text, 2, width) + "\n"
}

/// Every check.
fn every(findings: &[Finding], width: usize) -> String {
    let mut text = head(findings, findings.iter().filter(|one| is_problem(one)).count(), width);
    let mut group = "";
    for one in findings {
        if one.group != group {
            group = &one.group;
            put(&mut text, format_args!("{group}\n"));
        }
        text.push_str(&entry(one, width));
    }
    text
}

/// A check with its cause and its fix.
fn entry(one: &Finding, width: usize) -> String {
    let mut text = line(one, usize::MAX);
    text.truncate(text.trim_end().len());
    if let Some(cause) = &one.cause {
        put(&mut text, format_args!("; {cause}"));
    }
    let mut wrapped = wrap(&text, INDENT, width);
    if let Some(cure) = &one.cure {
        wrapped.push_str(&wrap(&format!("{:INDENT$}cure: {cure}", ""), INDENT, width));
    }
    wrapped
}

/// A check in one line.
fn line(one: &Finding, width: usize) -> String {
    let label = format!("  {:<9}", if one.level == Level::Ok { "ok" } else { one.level.name() });
    let text = format!("{label}{}: {}", one.name, one.found);
    let cut = text.chars().take(width).collect::<String>();
    colored(&cut, &label, one.level) + "\n"
}

/// The groups with the names of their passed checks, and of notes that do not apply.
fn groups(findings: &[Finding], width: usize) -> String {
    let mut names = Vec::<&str>::new();
    for one in findings {
        if !names.contains(&one.group.as_str()) {
            names.push(&one.group);
        }
    }
    let list = |group: &str, is_wanted: &dyn Fn(&Finding) -> bool| {
        let of_group = findings.iter().filter(|one| one.group == group && is_wanted(one));
        of_group.map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    for group in names {
        let ok = list(group, &|one| one.level == Level::Ok);
        let notes = list(group, &|one| one.level != Level::Ok && !is_problem(one));
        let ok = if ok.is_empty() { String::new() } else { format!("ok: {ok}") };
        let notes = if notes.is_empty() { String::new() } else { format!("not available: {notes}") };
        let both = [ok, notes].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        if !both.is_empty() {
            text.push_str(&wrap(&format!("  {group:<11} {both}"), GROUP_INDENT, width));
        }
    }
    text
}

fn is_problem(finding: &Finding) -> bool {
    let weight = doctor::check(&finding.name).map_or(Weight::Problem, |check| check.weight);
    finding.level != Level::Ok && weight == Weight::Problem
}

/// Wraps a text between words; lines after the first are indented.
fn wrap(text: &str, indent: usize, width: usize) -> String {
    let mut wrapped = String::new();
    let lead = text.len() - text.trim_start().len();
    let mut line = " ".repeat(lead);
    for word in text.trim_start().split(' ') {
        let is_begun = !line.trim().is_empty();
        if is_begun && line.chars().count() + 1 + word.chars().count() > width {
            put(&mut wrapped, format_args!("{}\n", line.trim_end()));
            line = " ".repeat(indent);
        } else if is_begun {
            line.push(' ');
        }
        line.push_str(word);
    }
    put(&mut wrapped, format_args!("{line}\n"));
    wrapped
}

fn colored(text: &str, label: &str, level: Level) -> String {
    let color = match level {
        _ if !io::stdout().is_terminal() => return text.to_owned(),
        Level::Ok => return text.to_owned(),
        Level::Warning => 33,
        Level::Missing => 31,
    };
    text.replacen(label, &format!("\u{1b}[{color}m{label}\u{1b}[0m"), 1)
}

/// Width of the terminal in columns; 80 without one.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    if size == 0 { WIDTH } else { size.clamp(WIDTH_MIN, WIDTH_MAX) }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn hot_cpus(list: &str) -> Result<Vec<u32>> {
    let cpus = doctor::processor::parse_list(list);
    if cpus.is_empty() {
        return Err(Refusal(format!("--cpus {list} names no core: give numbers such as 2,4-5")).into());
    }
    Ok(cpus)
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("writing to a string cannot fail");
}

/// Timeout of a request to the daemon.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Column of the texts, after the level.
const INDENT: usize = 11;
const GROUP_INDENT: usize = 14;
const SCREEN_LINES: usize = 24;
/// Blank lines between the sections, and one line for the shell's prompt.
const BLANK_LINES: usize = 2;
const WIDTH: usize = 80;
const WIDTH_MIN: usize = 40;
const WIDTH_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(name: &str, group: &str, level: Level) -> Finding {
        let bad = (level != Level::Ok)
            .then(|| "a cause that is as long as causes are, which is about a line".to_owned());
        Finding {
            name: name.to_owned(),
            group: group.to_owned(),
            level,
            found: "what was found of it".to_owned(),
            cause: bad.clone(),
            cure: bad,
        }
    }

    #[track_caller]
    fn fits(text: &str) {
        assert!(text.lines().count() < SCREEN_LINES, "{} lines\n{text}", text.lines().count());
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= WIDTH, "{widest} columns\n{text}");
    }

    #[test]
    fn reports_with_and_without_problems_fit_on_a_screen() {
        let all = |level: fn(&doctor::Check) -> Level| {
            doctor::CHECKS
                .iter()
                .map(|check| finding(check.name, check.group, level(check)))
                .collect::<Vec<_>>()
        };
        let text = summary(&all(|_| Level::Ok), WIDTH);
        fits(&text);
        assert!(text.starts_with("no problem in "), "{text}");
        let few =
            all(|check| if ["ebpf", "governor"].contains(&check.name) { Level::Missing } else { Level::Ok });
        let text = summary(&few, WIDTH);
        fits(&text);
        assert!(text.contains("cure: a cause"), "few problems are shown in full: {text}");
        let many = all(|check| if check.group == "processor" { Level::Warning } else { Level::Ok });
        fits(&summary(&many, WIDTH));
        assert!(every(&many, WIDTH).lines().count() > 40, "--all has no limit");
    }

    #[test]
    fn notes_are_not_problems() {
        let text =
            summary(&[finding("gpu", "gpu", Level::Missing), finding("kernel", "system", Level::Ok)], WIDTH);
        assert!(text.starts_with("no problem") && text.contains("not available: gpu"), "{text}");
    }

    #[test]
    fn the_daemons_findings_replace_the_clients_for_its_own_work() {
        let own = vec![
            finding("ebpf", "t", Level::Ok),
            finding("io_uring", "s", Level::Missing),
            finding("disk", "r", Level::Ok),
        ];
        let daemons = vec![
            finding("ebpf", "t", Level::Missing),
            finding("io_uring", "s", Level::Ok),
            finding("disk", "r", Level::Warning),
        ];
        let levels = merged(own, daemons).into_iter().map(|one| one.level).collect::<Vec<_>>();
        assert_eq!(levels, [Level::Ok, Level::Ok, Level::Warning], "own, the daemon's, the worse");
    }

    #[test]
    fn required_checks_must_be_ok() {
        let found = [finding("ebpf", "t", Level::Ok), finding("gpu", "g", Level::Warning)];
        let required = ["ebpf", "gpu", "btf"].map(str::to_owned);
        assert_eq!(unmet(&found, &required), ["gpu", "btf"], "a warning, and one that does not apply");
    }
}
