//! Runs a command with the restrictions of a systemd unit, without systemd: `restricted UNIT COMMAND ...`.
//!
//! It applies the unit's capabilities, system calls, address families, writable code, namespaces, limits and umask. Which files
//! are visible and writable is up to the caller (`unshare --mount`).
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

use caps::{CapSet, Capability};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::process::Command;
use syscalls::Sysno;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let unit = Unit(std::fs::read_to_string(arguments.next().unwrap()).unwrap());
    limit(&unit);
    let allowed =
        unit.words("CapabilityBoundingSet").map(|name| name.parse().unwrap()).collect::<Vec<Capability>>();
    for capability in caps::all() {
        if !allowed.contains(&capability)
            && caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(false)
        {
            caps::drop(None, CapSet::Bounding, capability).unwrap();
        }
    }
    let permitted = caps::read(None, CapSet::Permitted).unwrap();
    let kept = permitted.into_iter().filter(|capability| allowed.contains(capability)).collect();
    caps::clear(None, CapSet::Inheritable).unwrap();
    if unit.contains("NoNewPrivileges=yes") {
        rustix::thread::set_no_new_privs(true).unwrap();
    }
    caps::set(None, CapSet::Effective, &kept).unwrap();
    caps::set(None, CapSet::Permitted, &kept).unwrap();
    filter(&unit);
    let mut command = Command::new(arguments.next().unwrap());
    panic!("failed to start a command: {}", command.args(arguments).exec());
}

/// The text of a unit.
struct Unit(String);

impl Unit {
    /// The words of every line with a key.
    fn words(&self, key: &str) -> impl Iterator<Item = &str> {
        self.lines(key).flat_map(str::split_whitespace)
    }

    /// The value of each line with a key.
    fn lines(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
    }

    fn contains(&self, line: &str) -> bool {
        self.0.lines().any(|one| one == line)
    }
}

fn limit(unit: &Unit) {
    let resources = [("LimitNOFILE", Resource::Nofile), ("LimitMEMLOCK", Resource::Memlock)];
    for (key, resource) in resources {
        if let Some(value) = unit.words(key).next() {
            // No limit is `infinity`; systemd may raise limits that a test may not.
            let value = match (value.parse().ok(), getrlimit(resource).maximum) {
                (Some(wanted), Some(most)) => Some(u64::min(wanted, most)),
                (wanted, most) => wanted.or(most),
            };
            setrlimit(resource, Rlimit { current: value, maximum: value }).unwrap();
        }
    }
    if let Some(mask) = unit.words("UMask").next() {
        umask(Mode::from_raw_mode(u32::from_str_radix(mask, 8).unwrap()));
    }
}

/// Applies the unit's lines about system calls, as systemd does.
fn filter(unit: &Unit) {
    let (mut names, mut forbidden) = (BTreeSet::new(), BTreeSet::new());
    for line in unit.lines("SystemCallFilter") {
        let (words, names) = match line.strip_prefix('~') {
            Some(words) => (words, &mut forbidden),
            None => (line, &mut names),
        };
        words.split_whitespace().for_each(|word| expand(word, names));
    }
    names.retain(|name| !forbidden.contains(name));
    let mut rules = names.iter().filter_map(|name| name.parse::<Sysno>().ok()).map(number).collect::<Rules>();
    assert!(rules.len() > 100, "an unknown set of system calls: {names:?}");
    if unit.contains("MemoryDenyWriteExecute=yes") {
        // Memory is either writable or executable, and never becomes executable later.
        let either = |bits| rule(2, WRITE | EXECUTE, bits);
        rules.insert(Sysno::mmap as i64, [0, WRITE, EXECUTE].map(either).into());
        rules.insert(Sysno::mprotect as i64, vec![rule(2, EXECUTE, 0)]);
        rules.insert(Sysno::pkey_mprotect as i64, vec![rule(2, EXECUTE, 0)]);
    }
    let families = unit.words("RestrictAddressFamilies").map(family);
    rules.insert(Sysno::socket as i64, families.map(|family| rule(0, u64::from(u32::MAX), family)).collect());
    if unit.contains("RestrictNamespaces=yes") {
        rules.insert(Sysno::clone as i64, vec![rule(0, NEW_NAMESPACES, 0)]);
        rules.remove(&(Sysno::unshare as i64));
        rules.remove(&(Sysno::setns as i64));
        // A filter cannot see its flags: programs fall back to `clone`.
        let all = Rules::from([(Sysno::clone3 as i64, Vec::new())]);
        apply(all, SeccompAction::Allow, SeccompAction::Errno(NOT_THERE));
    }
    apply(rules, SeccompAction::Errno(NOT_PERMITTED), SeccompAction::Allow);
}

fn apply(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) {
    let here = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, otherwise, matched, here).unwrap();
    let program = BpfProgram::try_from(filter).unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// The name of a system call, or every name of a set.
fn expand(word: &str, names: &mut BTreeSet<String>) {
    if !word.starts_with('@') {
        names.insert(word.to_owned());
        return;
    }
    let listed = Command::new("systemd-analyze").args(["syscall-filter", word]).output().unwrap();
    assert!(listed.status.success(), "systemd-analyze does not know {word}");
    let text = String::from_utf8(listed.stdout).unwrap();
    let lines = text.lines().skip(1).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).for_each(|line| expand(line, names));
}

fn number(call: Sysno) -> (i64, Vec<SeccompRule>) {
    (i64::from(call.id()), Vec::new())
}

/// Matches an argument with these bits under a mask.
fn rule(argument: u8, mask: u64, bits: u64) -> SeccompRule {
    let operator = SeccompCmpOp::MaskedEq(mask);
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, bits).unwrap();
    SeccompRule::new(vec![condition]).unwrap()
}

/// The numbers of include/linux/socket.h.
fn family(name: &str) -> u64 {
    match name {
        "AF_UNIX" => 1,
        "AF_INET" => 2,
        "AF_INET6" => 10,
        "AF_NETLINK" => 16,
        other => panic!("{other} is not supported"),
    }
}

/// `PROT_WRITE` and `PROT_EXEC`.
const WRITE: u64 = 2;
const EXECUTE: u64 = 4;
/// Every `CLONE_NEW*` of include/uapi/linux/sched.h.
const NEW_NAMESPACES: u64 = 0x7e02_0080;
/// `EPERM` and `ENOSYS`.
const NOT_PERMITTED: u32 = 1;
const NOT_THERE: u32 = 38;
