//! Writes a page of what each turn sent and received, from a raw export: read twice, first for which sessions there are, then for what
//! is shown of some, so that a file of any size needs no more memory than its page.

use super::messages::{Known, Texts, digest, of_payload};
use super::{each, save};
use crate::args::TurnMessagesArgs;
use crate::plan::Refusal;
use crate::report::read_run;
use anyhow::{Context, Result};
use export::view::{Cell, Figures, Note, Section, Topic};
use export::{Conversation, HtmlPaper, HtmlPart, Turn};
use import::{Answer, Answers, raw_files, raw_lines};
use metric::float;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Writes a page of each run; returns the exit status.
pub(super) fn run(args: &TurnMessagesArgs) -> Result<u8> {
    each(&args.runs, args.out.as_deref(), |run| {
        let page = page(run, args)?;
        let directory = if run.is_file() { run.parent().unwrap_or_else(|| Path::new(".")) } else { run };
        Ok(vec![save(directory, PAGE, args.out.as_deref(), page.as_bytes())?])
    })
}

fn page(run: &Path, args: &TurnMessagesArgs) -> Result<String> {
    let shown = run.display();
    if !run.exists() {
        return Err(Refusal(format!("`{shown}` does not exist: give directories of runs")).into());
    }
    let files = raw_files(run)?;
    if files.is_empty() {
        return Err(Refusal(format!(
            "`{shown}` has no raw export (profile_export_raw.jsonl, or AIPerf's raw_records): measure with --export-level raw"
        ))
        .into());
    }
    let index = Index::read(&files)?;
    if index.sessions.is_empty() {
        return Err(Refusal(format!("the raw export of `{shown}` has no request")).into());
    }
    let wanted = index.wanted(args.limit_conversations);
    let conversations = read(run, &files, &index, &wanted, args)?;
    let sections = index.sections(&conversations, args);
    let name = run.file_name().unwrap_or(run.as_os_str()).to_string_lossy().into_owned();
    let subtitle = format!("{shown}");
    Ok(HtmlPaper {
        title: &format!("Messages of {name}"),
        subtitle: &subtitle,
        parts: &[HtmlPart::Sections(&sections), HtmlPart::Conversations(&conversations)],
        data: index.digested().as_bytes(),
    }
    .html())
}

/// A line of a raw export without its payload and its responses.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    x_correlation_id: Option<String>,
    conversation_id: Option<String>,
    parent_correlation_id: Option<String>,
    turn_index: Option<u64>,
    agent_depth: Option<u64>,
    request_start_ns: Option<u64>,
    request_end_ns: Option<u64>,
    benchmark_phase: Option<String>,
    was_cancelled: Option<bool>,
}

impl Metadata {
    /// The session's instance, or else its conversation.
    fn session(&self) -> &str {
        let named = |name: &'_ Option<String>| name.as_deref().is_some_and(|name| !name.is_empty());
        let name = if named(&self.x_correlation_id) { &self.x_correlation_id } else { &self.conversation_id };
        name.as_deref().unwrap_or_default()
    }
}

/// Which sessions there are.
#[derive(Default)]
struct Index {
    sessions: HashMap<String, Session>,
    turns: u64,
    /// Lines that are no requests, and the first of them.
    ignored: u64,
    first_ignored: Option<(PathBuf, usize)>,
    begin: u64,
}

/// What is known of a session.
#[derive(Debug, Default)]
struct Session {
    conversation: String,
    parent: Option<String>,
    depth: u64,
    begin: u64,
    turns: u64,
}

impl Index {
    fn read(files: &[PathBuf]) -> Result<Self> {
        let mut index = Self { begin: u64::MAX, ..Self::default() };
        for path in files {
            for line in raw_lines(path)? {
                let (number, line) = line?;
                match serde_json::from_str::<Head>(&line) {
                    Ok(head) => index.add(head.metadata)?,
                    Err(_no_request) => {
                        index.ignored += 1;
                        index.first_ignored.get_or_insert_with(|| (path.clone(), number));
                    }
                }
            }
        }
        Ok(index)
    }

    fn add(&mut self, line: Metadata) -> Result<(), Refusal> {
        let begin = line.request_start_ns.unwrap_or(0);
        let depth = line.agent_depth.unwrap_or(0);
        let key = line.session().to_owned();
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(&key) {
            return Err(Refusal(format!("the raw export has more than {SESSIONS_MAX} sessions")));
        }
        self.turns += 1;
        self.begin = self.begin.min(begin);
        let session = self.sessions.entry(key).or_insert_with(|| Session {
            conversation: line.conversation_id.unwrap_or_else(|| "(no name)".to_owned()),
            parent: None,
            depth,
            begin,
            turns: 0,
        });
        session.parent = session.parent.take().or(line.parent_correlation_id);
        session.depth = session.depth.min(depth);
        session.begin = session.begin.min(begin);
        session.turns += 1;
        Ok(())
    }

    /// The sessions that are shown: those that no other started first, then by their first request.
    fn wanted(&self, most: usize) -> Vec<&str> {
        let mut all = self.sessions.iter().collect::<Vec<_>>();
        all.sort_by_key(|(key, of)| (of.depth, of.begin, of.conversation.as_str(), key.as_str()));
        all.into_iter().take(most).map(|(key, _)| key.as_str()).collect()
    }

    /// How often each conversation had begun when these sessions did.
    fn replays<'a>(&self, wanted: &[&'a str]) -> HashMap<&'a str, usize> {
        let mut begins = HashMap::<&str, Vec<(u64, &str)>>::new();
        for (key, of) in &self.sessions {
            begins.entry(of.conversation.as_str()).or_default().push((of.begin, key));
        }
        begins.values_mut().for_each(|begins| begins.sort_unstable());
        let place = |key: &&'a str| {
            let of = self.sessions.get(*key)?;
            let begins = begins.get(of.conversation.as_str())?;
            Some((*key, begins.binary_search(&(of.begin, *key)).ok()?))
        };
        wanted.iter().filter_map(place).collect()
    }

    /// What is shown, and what is not.
    fn sections(&self, shown: &[Conversation], args: &TurnMessagesArgs) -> Vec<Section> {
        let turns = shown.iter().map(|of| of.turns.len()).sum::<usize>();
        let messages =
            shown.iter().flat_map(|of| &of.turns).map(|turn| turn.sent.len() + turn.received.len());
        let figures = [
            ("Sessions", self.sessions.len() as u64),
            ("Sessions shown", shown.len() as u64),
            ("Turns", self.turns),
            ("Turns shown", turns as u64),
            ("Messages shown", messages.sum::<usize>() as u64),
        ];
        let figures = figures.map(|(label, count)| (label.to_owned(), Cell::Count(count))).to_vec();
        let mut sections = vec![Section::Figures(Figures { title: None, figures })];
        let mut note = |text: String| sections.push(Section::Note(Note { topic: Topic::LeftOut, text }));
        let hidden = self.sessions.len() - shown.len();
        if hidden > 0 {
            note(format!(
                "{hidden} further sessions are hidden (--limit-conversations {}).",
                args.limit_conversations
            ));
        }
        if let Some((path, line)) = &self.first_ignored {
            note(format!(
                "{} lines are no requests and are left out, the first in line {line} of `{}`.",
                self.ignored,
                path.display()
            ));
        }
        sections
    }

    /// What the page is of, for its digest.
    fn digested(&self) -> String {
        let mut all = self.sessions.iter().collect::<Vec<_>>();
        all.sort_by_key(|(key, _)| key.as_str());
        all.into_iter().map(|(key, of)| format!("{key} {} {}\n", of.begin, of.turns)).collect()
    }
}

/// A turn as it is read.
struct Read {
    metadata: Metadata,
    facts: Vec<String>,
    error: Option<String>,
    sent: Vec<Known>,
    received: Vec<Known>,
    /// What the answer is as a message of the next turn.
    answer: Option<[u8; 32]>,
}

/// Reads what is shown.
fn read(
    run: &Path,
    files: &[PathBuf],
    index: &Index,
    wanted: &[&str],
    args: &TurnMessagesArgs,
) -> Result<Vec<Conversation>> {
    let kind = if run.is_dir() { read_run(run).ok().map(|run| run.plan.endpoint.kind) } else { None };
    let mut texts = Texts::new(args.content_cap);
    let mut sessions = wanted.iter().map(|key| (*key, BTreeMap::new())).collect::<HashMap<_, _>>();
    let mut answers = None;
    let mut place = 0_u64;
    for path in files {
        for line in raw_lines(path)? {
            let (number, line) = line?;
            let Ok(head) = serde_json::from_str::<Head>(&line) else { continue };
            let Some(turns) = sessions.get_mut(head.metadata.session()) else { continue };
            let failed = || format!("failed to read line {number} of `{}`", path.display());
            let line = serde_json::from_str::<Value>(&line).with_context(failed)?;
            let answers = match &mut answers {
                Some(answers) => answers,
                none => none.insert(Answers::of(run, kind.as_deref(), &line)?),
            };
            place += 1;
            let order = (head.metadata.turn_index.unwrap_or(0), head.metadata.request_start_ns, place);
            let is_late =
                turns.len() >= args.max_turns && turns.last_key_value().is_none_or(|(last, _)| *last < order);
            if is_late {
                continue;
            }
            let turn = Read::of(head.metadata, &line, &answers.answer(&line), &mut texts, index.begin);
            turns.insert(order, turn.map_err(Refusal)?);
            if turns.len() > args.max_turns {
                turns.pop_last();
            }
        }
    }
    let replays = index.replays(wanted);
    let mut conversations = Vec::new();
    for key in wanted {
        conversations.push(conversation(key, sessions.remove(key).unwrap_or_default(), index, &replays));
    }
    Ok(conversations)
}

impl Read {
    fn of(
        metadata: Metadata,
        line: &Value,
        answer: &Answer,
        texts: &mut Texts,
        begin: u64,
    ) -> Result<Self, String> {
        let payload = &line["payload"];
        let sent = of_payload(payload);
        let sent =
            sent.iter().map(|(role, text)| texts.message(role, text)).collect::<Result<Vec<_>, _>>()?;
        let parts = [("reasoning", &answer.reasoning), ("answer", &answer.text), ("response", &answer.raw)];
        let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
        let received = parts.map(|(role, text)| texts.message(role, text)).collect::<Result<Vec<_>, _>>()?;
        let mut facts = Vec::new();
        facts.extend(metadata.benchmark_phase.clone().filter(|phase| phase != metric::PROFILING));
        if let Some((from, to)) = metadata.request_start_ns.zip(metadata.request_end_ns) {
            facts.push(format!("begins at {:.3} s", float(from.saturating_sub(begin)) / 1e9));
            facts.push(format!("takes {:.3} s", float(to.saturating_sub(from)) / 1e9));
        }
        facts.extend(payload["model"].as_str().map(str::to_owned));
        let most = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
        let most = most.into_iter().find_map(|key| payload[key].as_u64());
        facts.extend(most.map(|most| format!("at most {most} tokens")));
        if payload.is_null() {
            facts.push("its payload is not known".to_owned());
        }
        if metadata.was_cancelled == Some(true) {
            facts.push("cancelled".to_owned());
        }
        facts.extend(line["status"].as_u64().map(|status| format!("status {status}")));
        let error = &line["error"];
        let error = error.is_object().then(|| {
            let text = |key: &str| error[key].as_str().unwrap_or_default();
            format!("{}: {}", text("type"), text("message"))
        });
        let answer = (!answer.text.is_empty()).then(|| digest("assistant", &answer.text));
        Ok(Self { metadata, facts, error, sent, received, answer })
    }
}

type Turns = BTreeMap<(u64, Option<u64>, u64), Read>;

/// A session with what is new in each of its turns.
fn conversation(key: &str, turns: Turns, index: &Index, replays: &HashMap<&str, usize>) -> Conversation {
    let Some(of) = index.sessions.get(key) else { return Conversation::default() };
    let mut facts = Vec::new();
    facts.extend(
        replays.get(key).filter(|replay| **replay > 0).map(|replay| format!("replay {}", replay + 1)),
    );
    if of.depth > 0 {
        let parent = of.parent.as_ref().and_then(|parent| index.sessions.get(parent));
        let parent = parent.map_or_else(String::new, |parent| format!(" by {}", parent.conversation));
        facts.push(format!("started{parent}, depth {}", of.depth));
    }
    facts.push(if of.turns == 1 { "1 turn".to_owned() } else { format!("{} turns", of.turns) });
    let hidden = usize::try_from(of.turns).unwrap_or(usize::MAX).saturating_sub(turns.len());
    let mut known = Vec::<[u8; 32]>::new();
    let turns = turns.into_values().map(|turn| {
        let same =
            turn.sent.iter().zip(&known).take_while(|(message, known)| message.digest == **known).count();
        known = turn.sent.iter().map(|message| message.digest).chain(turn.answer).collect();
        Turn {
            number: turn.metadata.turn_index.unwrap_or(0),
            facts: turn.facts,
            error: turn.error,
            before: same,
            sent: turn.sent.into_iter().skip(same).map(|known| known.message).collect(),
            received: turn.received.into_iter().map(|known| known.message).collect(),
        }
    });
    Conversation { name: of.conversation.clone(), facts, turns: turns.collect(), hidden }
}

/// The usual name of the page.
const PAGE: &str = "turn_messages.html";
/// What is known of so many fits into memory.
const SESSIONS_MAX: usize = 5_000_000;
