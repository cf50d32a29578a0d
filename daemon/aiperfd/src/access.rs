//! Access rights: one table, consulted before any request is handled.
//!
//! A caller is identified by the kernel (`SO_PEERCRED`). Of a run that the caller may not see nothing is revealed, not even
//! that it exists. `docs/SECURITY.md` has the same table, and a test keeps the two equal.

use crate::limits::ROOT;
use crate::rules::{Role, Rules};
use control::{Fault, Problem};
use hyper::Method;

/// A call of the API. Those on a run name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `GET /v1/health`
    Health,
    /// `GET /v1/capabilities`
    Capabilities,
    /// `GET /v1/runs`: those that the caller may see.
    List,
    /// `POST /v1/runs`
    Create,
    /// `GET /v1/runs/{id}`
    Status,
    /// `GET /v1/runs/{id}/progress`
    Progress,
    /// `GET /v1/runs/{id}/files`
    Files,
    /// `GET /v1/runs/{id}/files/{name}`
    File,
    /// `GET /v1/runs/{id}/requests`: removes requests from a queue.
    Requests,
    /// `PUT /v1/runs/{id}/inputs/{name}`
    Upload,
    /// `POST /v1/runs/{id}/start`
    Start,
    /// `POST /v1/runs/{id}/join`
    Join,
    /// `POST /v1/runs/{id}/steer`
    Steer,
    /// `POST /v1/runs/{id}/stop`
    Stop,
    /// `POST /v1/runs/{id}/recover`
    Recover,
    /// `DELETE /v1/runs/{id}`
    Delete,
}

/// The name of a call, and who may make it: owner, root, controller, reader, member.
type Row = (Call, &'static str, [bool; 5]);

/// The table, in the order of the API's description.
pub const TABLE: &[Row] = &[
    (Call::Health, "health", [Y, Y, Y, Y, Y]),
    (Call::Capabilities, "capabilities", [Y, Y, Y, Y, Y]),
    (Call::List, "list runs", [Y, Y, Y, Y, Y]),
    (Call::Create, "create a run", [Y, Y, Y, Y, Y]),
    (Call::Status, "status", [Y, Y, Y, Y, N]),
    (Call::Progress, "follow progress", [Y, Y, Y, Y, N]),
    (Call::Files, "list files", [Y, Y, Y, Y, N]),
    (Call::File, "fetch a file", [Y, Y, Y, Y, N]),
    (Call::Requests, "stream requests", [Y, Y, Y, N, N]),
    (Call::Upload, "upload an input", [Y, Y, N, N, N]),
    (Call::Start, "start", [Y, Y, N, N, N]),
    (Call::Join, "join with a process", [Y, Y, N, N, N]),
    (Call::Steer, "steer a phase", [Y, Y, N, N, N]),
    (Call::Stop, "stop", [Y, Y, Y, N, N]),
    (Call::Recover, "recover", [Y, Y, Y, N, N]),
    (Call::Delete, "delete", [Y, Y, Y, N, N]),
];

const Y: bool = true;
const N: bool = false;

/// A request's path, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The call.
    pub call: Call,
    /// The run, of calls that name one.
    pub run_id: String,
    /// The file or input, of calls that name one.
    pub name: String,
}

/// The call that a request makes, if the API has it.
#[must_use]
pub fn route(method: &Method, path: &str) -> Option<Route> {
    let parts = path.strip_prefix("/v1/")?.split('/').collect::<Vec<_>>();
    let (call, run_id, name) = match (method.as_str(), parts.as_slice()) {
        ("GET", ["health"]) => (Call::Health, "", ""),
        ("GET", ["capabilities"]) => (Call::Capabilities, "", ""),
        ("GET", ["runs"]) => (Call::List, "", ""),
        ("POST", ["runs"]) => (Call::Create, "", ""),
        ("GET", ["runs", id]) => (Call::Status, *id, ""),
        ("DELETE", ["runs", id]) => (Call::Delete, *id, ""),
        ("PUT", ["runs", id, "inputs", name]) => (Call::Upload, *id, *name),
        ("POST", ["runs", id, "start"]) => (Call::Start, *id, ""),
        ("POST", ["runs", id, "join"]) => (Call::Join, *id, ""),
        ("GET", ["runs", id, "progress"]) => (Call::Progress, *id, ""),
        ("GET", ["runs", id, "requests"]) => (Call::Requests, *id, ""),
        ("POST", ["runs", id, "steer"]) => (Call::Steer, *id, ""),
        ("POST", ["runs", id, "stop"]) => (Call::Stop, *id, ""),
        ("POST", ["runs", id, "recover"]) => (Call::Recover, *id, ""),
        ("GET", ["runs", id, "files"]) => (Call::Files, *id, ""),
        ("GET", ["runs", id, "files", name]) => (Call::File, *id, *name),
        _ => return None,
    };
    Some(Route { call, run_id: run_id.to_owned(), name: name.to_owned() })
}

/// Lets a call on a run of this owner pass, or returns the error for a run that does not exist.
///
/// # Errors
/// When the caller may not make it, or there is no such run.
pub fn permit(rules: &Rules, owner: Option<u32>, route: &Route, uid: u32) -> Result<(), Problem> {
    if route.run_id.is_empty() {
        return Ok(());
    }
    let missing = || Problem::new(Fault::Plan, format!("{UNKNOWN} run {}", printable(&route.run_id)));
    let owner = owner.ok_or_else(missing)?;
    let role = role(rules, owner, uid);
    if allows(route.call, role) {
        return Ok(());
    }
    if !allows(Call::Status, role) {
        return Err(missing());
    }
    let what = TABLE.iter().find(|(call, ..)| *call == route.call).map_or("do that", |(_, name, _)| name);
    Err(Problem::new(
        Fault::Plan,
        format!(
            "user {uid} may see run {} but not {what}: that is for its owner (user {owner}) and root",
            route.run_id
        ),
    ))
}

/// Whether a caller may see an owner's run.
#[must_use]
pub fn may_see(rules: &Rules, owner: u32, uid: u32) -> bool {
    allows(Call::Status, role(rules, owner, uid))
}

fn role(rules: &Rules, owner: u32, uid: u32) -> Role {
    if owner == uid {
        return Role::Owner;
    }
    if uid == ROOT {
        return Role::Root;
    }
    rules.role(owner, uid)
}

fn allows(call: Call, role: Role) -> bool {
    let row = TABLE.iter().find(|(of, ..)| *of == call);
    row.is_some_and(|(_, _, may)| may[role as usize])
}

/// A name from a caller, safe to be shown.
pub fn printable(name: &str) -> String {
    let shown =
        name.chars().take(NAME_SHOWN).map(|letter| if letter.is_ascii_graphic() { letter } else { '?' });
    format!("`{}`", shown.collect::<String>())
}

/// How the refusals for what does not exist start.
pub const UNKNOWN: &str = "there is no";
const NAME_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_table_is_this_one() {
        let yes = |may: bool| if may { "yes" } else { "–" };
        let rows = TABLE.iter().map(|(_, name, may)| {
            let may = may.iter().map(|may| yes(*may)).collect::<Vec<_>>().join(" | ");
            format!("| {name} | {may} |")
        });
        let text = include_str!("../../../docs/SECURITY.md");
        for row in rows {
            assert!(text.contains(&row), "docs/SECURITY.md lacks the row {row}");
        }
    }

    #[test]
    fn every_call_of_the_api_has_a_row() {
        let routes = [
            ("GET", "health"),
            ("GET", "capabilities"),
            ("GET", "runs"),
            ("POST", "runs"),
            ("GET", "runs/0"),
            ("DELETE", "runs/0"),
            ("PUT", "runs/0/inputs/dataset"),
            ("POST", "runs/0/start"),
            ("POST", "runs/0/join"),
            ("GET", "runs/0/progress"),
            ("GET", "runs/0/requests"),
            ("POST", "runs/0/steer"),
            ("POST", "runs/0/stop"),
            ("POST", "runs/0/recover"),
            ("GET", "runs/0/files"),
            ("GET", "runs/0/files/run.json"),
        ];
        for (method, path) in routes {
            let found = route(&method.parse().unwrap(), &format!("/v1/{path}")).unwrap();
            assert!(TABLE.iter().any(|(call, ..)| *call == found.call), "{method} {path}");
            assert_eq!(found.run_id.is_empty(), !path.contains("runs/"), "{method} {path} names a run");
        }
        assert_eq!(routes.len(), TABLE.len(), "no row without a call");
        for (method, path) in
            [("GET", "/v2/health"), ("PATCH", "/v1/runs"), ("GET", "/v1/runs/0/x"), ("GET", "health")]
        {
            assert_eq!(route(&method.parse().unwrap(), path), None, "{method} {path}");
        }
    }

    #[test]
    fn no_other_user_touches_a_run() {
        for (call, _, may) in TABLE {
            let names_a_run = !matches!(call, Call::Health | Call::Capabilities | Call::List | Call::Create);
            assert!(may[Role::Owner as usize] && may[Role::Root as usize], "{call:?} for owner and root");
            assert!(!names_a_run || !may[Role::Member as usize], "{call:?} for any member");
            assert!(
                !may[Role::Reader as usize] || may[Role::Controller as usize],
                "{call:?}: control is more than reading"
            );
        }
    }
}
