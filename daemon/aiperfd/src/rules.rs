//! Which users may watch what, and use which users' runs, by the caller's user number: the rules of the configuration file.

use crate::cgroup;
use crate::config::{Allow, May};
use control::{Fault, Problem};
use spec::Target;
use std::fs;
use std::path::{Path, PathBuf};

/// The rules.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

/// One rule, its users as numbers.
#[derive(Clone, Debug)]
struct Rule {
    uids: Vec<u32>,
    cgroups: Vec<PathBuf>,
    /// Whose runs; `None` for all users'.
    runs_of: Option<Vec<u32>>,
    may: May,
}

/// A caller's role for a run: the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user who created it.
    Owner,
    /// Root.
    Root,
    /// A rule grants control of its owner's runs.
    Controller,
    /// A rule grants reading of its owner's runs.
    Reader,
    /// Any other user whom the socket lets connect.
    Member,
}

impl Rules {
    /// The rules with the numbers of their users. A user whom the host does not know is logged, and matches no user.
    pub fn new(allow: &[Allow]) -> Self {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let rule = |allow: &Allow| {
            let known = |user: &String| {
                let uid = uid_of(user, &passwd);
                if uid.is_none() {
                    tracing::warn!("[[allow]] names the user `{user}`, whom this host does not know");
                }
                uid
            };
            let cgroups = allow.cgroups.iter().map(|path| PathBuf::from(path.trim_matches('/')));
            let of_all = allow.runs_of.iter().any(|user| user == ALL_USERS);
            Rule {
                uids: allow.users.iter().filter_map(known).collect(),
                cgroups: cgroups.collect(),
                runs_of: (!of_all).then(|| allow.runs_of.iter().filter_map(known).collect()),
                may: allow.may,
            }
        };
        Self(allow.iter().map(rule).collect())
    }

    /// What a user is to the runs of another one.
    #[must_use]
    pub fn role(&self, owner: u32, uid: u32) -> Role {
        let rules = self.0.iter().filter(|rule| rule.uids.contains(&uid));
        let mut rules =
            rules.filter(|rule| rule.runs_of.as_ref().is_none_or(|owners| owners.contains(&owner)));
        let mut role = Role::Member;
        if let Some(first) = rules.next() {
            let controls = first.may == May::Control || rules.any(|rule| rule.may == May::Control);
            role = if controls { Role::Controller } else { Role::Reader };
        }
        role
    }

    /// Whether a user may watch this.
    ///
    /// # Errors
    /// When he may not, with what he may.
    pub fn permit(&self, wanted: &Target, uid: u32) -> Result<(), Problem> {
        if matches!(wanted, Target::Command(_)) || uid == 0 {
            return Ok(());
        }
        let target = target(wanted)?;
        let may = self.0.iter().filter(|rule| rule.uids.contains(&uid));
        let may = may.flat_map(|rule| &rule.cgroups).collect::<Vec<_>>();
        if may.iter().any(|path| target.starts_with(path)) {
            return Ok(());
        }
        let who = format!("user {uid}");
        let message = if may.is_empty() {
            format!(
                "{who} may not observe processes that are not his command: that requires root, or a rule ([[allow]]) in the \
                 daemon's configuration; a command of one's own is run with `aiperf-ctl audit`"
            )
        } else {
            let may = may.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ");
            format!(
                "{who} may not observe the cgroup `{}`: the rules ([[allow]]) in the daemon's configuration let him observe \
                 {may}",
                target.display()
            )
        };
        Err(Problem::new(Fault::Plan, message))
    }
}

/// The cgroup of a target, by its path below the hierarchy's root.
fn target(target: &Target) -> Result<PathBuf, Problem> {
    match target {
        Target::Cgroup(path) => {
            let path = Path::new(path.trim_matches('/'));
            let is_plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
            let refused =
                || Problem::new(Fault::Plan, format!("`{}` is no path of a cgroup", path.display()));
            is_plain.then(|| path.to_owned()).ok_or_else(refused)
        }
        Target::Process(pid) => {
            let found = cgroup::path_of_process(*pid);
            let path = found.map_err(|error| Problem::new(Fault::Plan, format!("{error:#}")))?;
            let missing = || Problem::new(Fault::Plan, format!("process {pid} has no cgroup of version 2"));
            path.map(|path| PathBuf::from(path.trim_matches('/'))).ok_or_else(missing)
        }
        Target::Command(_) => Ok(PathBuf::new()),
    }
}

/// All users, among users whose runs may be used.
const ALL_USERS: &str = "*";

fn uid_of(user: &str, passwd: &str) -> Option<u32> {
    if let Ok(uid) = user.parse() {
        return Some(uid);
    }
    let line = passwd.lines().find(|line| line.split(':').next() == Some(user))?;
    line.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_peoples_processes_take_root_or_a_rule() {
        let allow = [Allow {
            users: vec!["1000".to_owned()],
            cgroups: vec!["/a/b".to_owned()],
            runs_of: Vec::new(),
            may: May::Control,
        }];
        let rules = Rules::new(&allow);
        assert!(rules.permit(&Target::Command("curl".to_owned()), 1).is_ok(), "a command of one's own");
        let check = |path: &str, uid: u32, expected: Option<&str>| {
            let permitted = rules.permit(&Target::Cgroup(path.to_owned()), uid);
            let refused = permitted.err().map(|problem| problem.message);
            match expected {
                None => assert_eq!(refused, None, "{path} for {uid}"),
                Some(words) => {
                    assert!(
                        refused.as_ref().is_some_and(|message| message.contains(words)),
                        "{path}: {refused:?}"
                    )
                }
            }
        };
        check("anything", 0, None);
        check("a/b", 1000, None);
        check("/a/b/c", 1000, None);
        check("a", 1000, Some("let him observe `a/b`"));
        check("a/bc", 1000, Some("let him observe `a/b`"));
        check("a/b/../../x", 1000, Some("no path of a cgroup"));
        check("a/b", 1001, Some("requires root, or a rule"));
    }

    #[test]
    fn a_rule_sets_whose_runs_may_be_used() {
        let allow = |users: &str, runs_of: &str, may: May| Allow {
            users: vec![users.to_owned()],
            cgroups: Vec::new(),
            runs_of: vec![runs_of.to_owned()],
            may,
        };
        let rules = Rules::new(&[
            allow("1", "7", May::Read),
            allow("1", "8", May::Control),
            allow("2", "*", May::Read),
        ]);
        let check = |uid: u32, owner: u32, expected: Role| {
            assert_eq!(rules.role(owner, uid), expected, "{uid} and the runs of {owner}");
        };
        check(1, 7, Role::Reader);
        check(1, 8, Role::Controller);
        check(1, 9, Role::Member);
        check(2, 9, Role::Reader);
        check(3, 7, Role::Member);
    }

    #[test]
    fn users_have_numbers() {
        let passwd = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/:/bin/sh\n";
        assert_eq!(uid_of("me", passwd), Some(1000), "a name");
        assert_eq!(uid_of("77", passwd), Some(77), "a number");
        assert_eq!(uid_of("you", passwd), None, "no user");
    }
}
