//! A run's measured requests by session, on one time axis: by the kernel's stamps where there are any, else by the client's.

use crate::plan::Refusal;
use crate::plot::cause;
use crate::report::read_run;
use crate::terminal::print_warning;
use anyhow::Result;
use common::client_event::Outcome;
use metric::{Case, IMPORTED, Settings};
use record::{Request, Run};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use store::parquet::rows;
use tokenizer::Tokenizer;

/// The sessions of a run. Times are nanoseconds of the run's clock.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// In the order of their first requests in the records.
    pub(super) sessions: Vec<Session>,
    /// Requests of warm-ups, which are not among them.
    pub(super) warmup: usize,
    /// Whether another tool made the run.
    pub(super) is_import: bool,
    /// The run's load and verdict.
    pub(super) about: About,
}

/// What is known of a run's load.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) models: Vec<String>,
    pub(super) concurrency: Option<u32>,
    /// The length of the ramp of the concurrency, in seconds.
    pub(super) ramp: Option<f64>,
    /// When the first measured phase began, and when the last one ended.
    pub(super) phase: Option<(u64, u64)>,
    /// Why its numbers must not be used.
    pub(super) refused: Option<String>,
    /// What the run is described by, for a digest.
    pub(super) described: Vec<u8>,
}

/// A session: one instance of a conversation.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Session {
    /// The name of its conversation.
    pub(super) name: String,
    /// What all sessions of its tree have in common: the number of the session that started the tree, which may have no request.
    pub(super) root: u64,
    /// Whether another session started it.
    pub(super) is_started: bool,
    /// Its requests by when they began, at least one.
    pub(super) requests: Vec<Bar>,
}

/// A request on the time axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) turn: u32,
    pub(super) from: u64,
    /// When its first token arrived, if its response is a stream.
    pub(super) first: Option<u64>,
    pub(super) to: u64,
    pub(super) end: End,
    /// Whether the kernel's stamps say so.
    pub(super) by_kernel: bool,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Done,
    Failed,
    Cancelled,
}

impl Session {
    /// From its first request to the end of its last.
    pub(super) fn span(&self) -> (u64, u64) {
        let from = self.requests.iter().map(|bar| bar.from).min().unwrap_or(0);
        (from, self.requests.iter().map(|bar| bar.to).max().unwrap_or(from))
    }

    /// When none of its requests was in flight between its first and its last.
    pub(super) fn idle(&self) -> Vec<(u64, u64)> {
        let mut idle = Vec::new();
        let mut until = self.span().0;
        for bar in &self.requests {
            if bar.from > until {
                idle.push((until, bar.from));
            }
            until = until.max(bar.to);
        }
        idle
    }
}

impl Sessions {
    /// Reads a run.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or it has no measured request.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let shown = directory.display();
        if !directory.is_dir() {
            return Err(Refusal(format!("`{shown}` is not a directory: give directories of runs")).into());
        }
        let ours = directory.join("requests.parquet");
        let sessions = if ours.is_file() {
            Self::of_ours(directory, &ours)?
        } else if import::is_foreign(directory)? {
            Self::of_foreign(directory)?
        } else {
            return Err(Refusal(format!(
                "`{shown}` contains no run: neither requests.parquet, nor AIPerf's profile_export.jsonl or \
                 profile_export_raw.jsonl; of a sweep or of repeated runs, give the directory of each run"
            ))
            .into());
        };
        if sessions.sessions.is_empty() {
            return Err(
                Refusal(format!("`{shown}` has no measured request: there is nothing to draw")).into()
            );
        }
        Ok(sessions)
    }

    fn of_ours(directory: &Path, requests: &Path) -> Result<Self> {
        let run = read_run(directory)?;
        let settings = Settings::of(&run);
        let mut found = Found::default();
        for batch in rows::<Request>(requests)? {
            for request in &batch? {
                let root = request.root_session.unwrap_or(request.session);
                let is_started = request.depth.unwrap_or(0) > 0;
                let case = Case { request, settings: &settings };
                found.add(&case, request.session, root, is_started, bar(&case));
            }
        }
        Ok(found.sessions(&run, &settings, None))
    }

    fn of_foreign(directory: &Path) -> Result<Self> {
        // Lengths are not drawn, so any tokenizer will do.
        let imported = import::read(directory, Some(Tokenizer::builtin()))?;
        imported.warnings.iter().for_each(|warning| print_warning(warning));
        let settings = Settings::of(&imported.run);
        let own = imported.exchanges.iter().map(|exchange| {
            let metadata = exchange.foreign.as_ref().map(|foreign| foreign.metadata.as_str());
            Identity::of(metadata.unwrap_or_default())
        });
        let own = own.collect::<Vec<_>>();
        let mut trees = Trees::of(&own);
        let mut found = Found::default();
        for (exchange, own) in imported.exchanges.iter().zip(&own) {
            let case = Case { request: &exchange.request, settings: &settings };
            let session = match &own.session {
                Some(name) => trees.number(name),
                // A line without either is a session of its own.
                None => u64::MAX - exchange.request.request_id.0,
            };
            let root = own.session.as_deref().map_or(session, |name| trees.root(name));
            let end = if own.is_cancelled { End::Cancelled } else { bar(&case).end };
            found.add(&case, session, root, own.is_started, Bar { end, ..bar(&case) });
        }
        Ok(found.sessions(&imported.run, &settings, Some(&imported.summary)))
    }
}

/// Sessions as they are found.
#[derive(Default)]
struct Found {
    places: HashMap<u64, usize>,
    sessions: Vec<Session>,
    warmup: usize,
}

impl Found {
    fn add(&mut self, case: &Case<'_>, session: u64, root: u64, is_started: bool, bar: Bar) {
        if !case.is_profiling() {
            self.warmup += 1;
            return;
        }
        let next = self.sessions.len();
        let place = *self.places.entry(session).or_insert(next);
        if place == next {
            let name = case.conversation.clone().unwrap_or_else(|| format!("session_{:06}", case.entry));
            self.sessions.push(Session { name, root, is_started, requests: Vec::new() });
        }
        let of = &mut self.sessions[place];
        of.is_started |= is_started;
        of.requests.push(bar);
    }

    fn sessions(mut self, run: &Run, settings: &Settings, summary: Option<&Value>) -> Sessions {
        self.sessions.iter_mut().for_each(|session| {
            session.requests.sort_by_key(|bar| (bar.from, bar.turn, bar.to));
        });
        let phase = run.plan.load.profiling();
        let ramp = phase.and_then(|phase| phase.concurrency_ramp).map(|ramp| ramp.seconds);
        let about = About {
            models: run.plan.endpoint.models.clone(),
            concurrency: phase.and_then(|phase| phase.concurrency),
            ramp: ramp.or_else(|| summary.and_then(ramp_of)),
            phase: settings.profiling.map(|window| (window.begin.0, window.end.0)),
            refused: cause(&run.verdict).map(|(_, words)| words),
            described: serde_json::to_vec_pretty(run).unwrap_or_default(),
        };
        let is_import = run.source == IMPORTED;
        Sessions { sessions: self.sessions, warmup: self.warmup, is_import, about }
    }
}

/// A request by the kernel's stamps if it has both ends of it, else by the client's.
fn bar(case: &Case<'_>) -> Bar {
    let end = match case.outcome {
        Outcome::Cancelled => End::Cancelled,
        _ if case.is_valid() => End::Done,
        _ => End::Failed,
    };
    let ended = case.kernel_received_last_ns.filter(|_| end == End::Done).unwrap_or(case.ended_ns);
    // A response in one body has no first token before the rest of it.
    let is_stream = case.event_stream != Some(false);
    let kernel =
        case.kernel_sent_first_ns.filter(|_| end != End::Done || case.kernel_received_last_ns.is_some());
    let (from, first, to) = match kernel {
        Some(sent) => (sent, case.first_token_kernel_ns, ended),
        None => (case.started(), case.first_token_reaped_ns, case.ended_ns),
    };
    let to = to.max(from).0;
    let first = first.filter(|first| is_stream && (from.0..=to).contains(&first.0)).map(|first| first.0);
    Bar { turn: case.turn, from: from.0, first, to, end, by_kernel: kernel.is_some() }
}

/// The ramp of AIPerf's configuration, in seconds.
fn ramp_of(summary: &Value) -> Option<f64> {
    let config = &summary["input_config"];
    let phases = config["phases"].as_array().into_iter().flatten();
    let measured = phases.filter(|phase| phase["exclude_from_results"] != true);
    let of_phase = measured.filter_map(|phase| phase["concurrency_ramp"]["duration"].as_f64()).next();
    of_phase.or_else(|| config["loadgen"]["concurrency_ramp_duration"].as_f64())
}

/// Who a request of AIPerf is of.
#[derive(Debug, Default)]
struct Identity {
    /// The session's instance, or else its conversation.
    session: Option<String>,
    parent: Option<String>,
    root: Option<String>,
    is_started: bool,
    is_cancelled: bool,
}

impl Identity {
    fn of(metadata: &str) -> Self {
        let metadata = serde_json::from_str::<Value>(metadata).unwrap_or_default();
        let text = |key: &str| metadata[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            session: text("x_correlation_id").or_else(|| text("conversation_id")),
            parent: text("parent_correlation_id"),
            root: text("root_correlation_id"),
            is_started: metadata["agent_depth"].as_u64().unwrap_or(0) > 0,
            is_cancelled: metadata["was_cancelled"] == true,
        }
    }
}

/// Which session started which.
struct Trees<'a> {
    numbers: BTreeMap<&'a str, u64>,
    roots: HashMap<&'a str, &'a str>,
    parents: HashMap<&'a str, &'a str>,
    /// The top of each session's parents, as far as it was looked for; none of those that lead into a circle.
    tops: HashMap<&'a str, Option<&'a str>>,
}

impl<'a> Trees<'a> {
    fn of(all: &'a [Identity]) -> Self {
        let mut trees = Self {
            numbers: BTreeMap::new(),
            roots: HashMap::new(),
            parents: HashMap::new(),
            tops: HashMap::new(),
        };
        for of in all {
            let Some(session) = of.session.as_deref() else { continue };
            trees.parents.extend(of.parent.as_deref().map(|parent| (session, parent)));
            trees.roots.extend(of.root.as_deref().map(|root| (session, root)));
        }
        trees
    }

    /// The number of a session, by order of appearance.
    fn number(&mut self, name: &'a str) -> u64 {
        let next = self.numbers.len() as u64;
        *self.numbers.entry(name).or_insert(next)
    }

    /// The number of the session that started the tree: as recorded, or by the parents as far as they are known. Of sessions that
    /// start each other in a circle each is its own.
    fn root(&mut self, name: &'a str) -> u64 {
        if let Some(root) = self.roots.get(name).copied() {
            return self.number(root);
        }
        let mut seen = HashSet::new();
        let mut at = name;
        let top = loop {
            if let Some(known) = self.tops.get(at) {
                break *known;
            }
            if !seen.insert(at) {
                break None;
            }
            match self.parents.get(at) {
                Some(parent) => at = parent,
                None => break Some(at),
            }
        };
        self.tops.extend(seen.into_iter().map(|one| (one, top)));
        self.number(top.unwrap_or(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::MonoNs;
    use common::id::RequestId;
    use spec::Plan;

    fn settings() -> Settings {
        let run = Run { plan: Plan::unknown(), ..blank_run() };
        Settings { measured: vec!["profiling".to_owned()], ..Settings::of(&run) }
    }

    fn blank_run() -> Run {
        import_of(&[]).1
    }

    /// The sessions of AIPerf's records, and the run's description.
    fn import_of(lines: &[Value]) -> (Option<Sessions>, Run) {
        let directory = tempfile::tempdir().unwrap();
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        std::fs::write(directory.path().join("profile_export.jsonl"), text).unwrap();
        let run = import::read(directory.path(), None).unwrap().run;
        (Sessions::read(directory.path()).ok(), run)
    }

    fn line(session: &str, root: Option<&str>, parent: Option<&str>, from: u64, to: u64) -> Value {
        let depth = u64::from(parent.is_some());
        let mut line = serde_json::json!({
            "metadata": {"x_correlation_id": session, "conversation_id": "c", "turn_index": 0, "request_start_ns": from,
                "request_end_ns": to, "benchmark_phase": "profiling", "agent_depth": depth},
            "metrics": {"time_to_first_token": {"value": 1e-6}, "request_latency": {"value": 2e-6}},
        });
        let metadata = line["metadata"].as_object_mut().unwrap();
        metadata.extend(root.map(|root| ("root_correlation_id".to_owned(), root.into())));
        metadata.extend(parent.map(|parent| ("parent_correlation_id".to_owned(), parent.into())));
        line
    }

    #[track_caller]
    fn check_roots(lines: &[Value], expected: &[u64]) {
        let found = import_of(lines).0.unwrap();
        let roots = found.sessions.iter().map(|session| session.root).collect::<Vec<_>>();
        assert_eq!(roots, expected, "{:?}", found.sessions);
    }

    #[test]
    fn sessions_belong_to_the_tree_of_their_root() {
        check_roots(&[line("a", None, None, 1, 5), line("b", None, None, 2, 6)], &[0, 1]);
        check_roots(&[line("a", Some("a"), None, 1, 5), line("b", Some("a"), Some("a"), 2, 6)], &[0, 0]);
        // By parents, the root without a request of its own.
        check_roots(&[line("a", None, Some("x"), 1, 5), line("b", None, Some("a"), 2, 6)], &[1, 1]);
        // In a circle.
        check_roots(&[line("a", None, Some("b"), 1, 5), line("b", None, Some("a"), 2, 6)], &[0, 1]);
    }

    #[test]
    fn the_kernels_stamps_count_where_both_ends_have_one() {
        let settings = settings();
        let ns = |at: u64| Some(MonoNs(at));
        let request = Request {
            submitted_ns: ns(10),
            kernel_sent_first_ns: ns(12),
            first_token_kernel_ns: ns(20),
            first_token_reaped_ns: ns(22),
            last_token_reaped_ns: ns(40),
            kernel_received_last_ns: ns(38),
            ended_ns: MonoNs(41),
            content_events: 2,
            event_stream: Some(true),
            ..Request::blank(RequestId(0))
        };
        let check = |request: Request, expected: (u64, Option<u64>, u64, bool)| {
            let bar = bar(&Case { request: &request, settings: &settings });
            assert_eq!((bar.from, bar.first, bar.to, bar.by_kernel), expected, "{request:?}");
        };
        check(request.clone(), (12, Some(20), 38, true));
        let client = Request { kernel_received_last_ns: None, ..request.clone() };
        check(client, (10, Some(22), 41, false));
        check(Request { event_stream: Some(false), ..request.clone() }, (12, None, 38, true));
        let failed = Request { outcome: Outcome::Truncated, kernel_received_last_ns: None, ..request };
        check(failed, (12, Some(20), 41, true));
    }

    #[test]
    fn idle_is_what_lies_between_requests() {
        let bar = |from, to| Bar { from, to, ..Bar::default() };
        let session = Session { requests: vec![bar(1, 5), bar(3, 4), bar(7, 8)], ..Session::default() };
        assert_eq!((session.span(), session.idle()), ((1, 8), vec![(5, 7)]), "requests may overlap");
    }
}
