//! Datasets of users: an index of their rows, each of which is read again when it is needed.
//!
//! ```text
//! file ──once──▶ where each row is, which conversation it belongs to          a few bytes a row stay in memory
//!   └──by row──▶ row ──▶ change ──▶ text (trace) ──▶ conversation
//! ```

use super::pool::Pool;
use super::trace::{Reuse, Writer};
use super::tree::{Link, Trees};
use super::{
    BranchKind, Context, Conversation, Conversations, Models, Planned, Problem, When, bailian_trace,
    burst_gpt_trace, dag_jsonl, draw, inputs_json_rows, limits, mixed, mooncake_trace, multi_turn,
    random_pool, raw_payload, sagemaker_data_capture, session_name, single_turn,
};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use spec::{Change, Length, PoolBatch};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;

/// A way to write rows.
#[derive(Debug)]
pub struct Format {
    /// Its name in the plan.
    pub name: &'static str,
    pub(super) read: Reading,
    /// The history that a turn of several is sent with, if the row does not set it.
    pub(super) context: Context,
    /// Whether a file whose first row is this one has the format.
    pub(super) fits: fn(&Value) -> bool,
    /// What a row calls its input length and its output length.
    pub(super) lengths: [&'static str; 2],
}

/// How rows are found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// One a line.
    Lines(fn(&[u8]) -> Result<Row, String>),
    /// In the file as a whole.
    Whole(fn(&[u8]) -> Result<Table, Fault>),
}

/// The rows of a file that is read as a whole.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    /// How many more there are, which can't be sent.
    pub(super) left_out: u64,
}

/// What is wrong with a file that is read as a whole, and with which of its lines.
pub(super) type Fault = (u64, String);

/// The content of one row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Rows of one session are one conversation; without a name the row is one of its own.
    pub(super) session: Option<String>,
    /// The session that it continues, if it is not named itself.
    pub(super) parent: Option<String>,
    /// Its turns.
    pub(super) turns: Vec<Planned>,
    /// What turns are sent with.
    pub(super) context: Option<Context>,
    /// The text of its only turn, if it is to be synthetic.
    pub(super) written: Option<Written>,
    /// The sessions that its turns start.
    pub(super) branches: Vec<Named>,
}

/// A session that a turn starts, by its name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// The place in the row that names it.
    pub(super) place: String,
    pub(super) after: usize,
    pub(super) child: String,
    pub(super) kind: BranchKind,
}

/// A text of which only the length is known, and what it shares with others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    /// Tokens.
    pub(super) tokens: u64,
    /// Blocks with which it starts.
    pub(super) hash_ids: Vec<u64>,
    /// Tokens of a block.
    pub(super) block_size: u32,
}

/// The bytes of a dataset.
#[derive(Debug)]
pub enum Store {
    /// In a file.
    File(File),
    /// In memory.
    Memory(Vec<u8>),
}

/// A dataset with its index.
pub(super) struct Dataset {
    format: &'static Format,
    rows: Rows,
    /// The rows of a conversation are `members[begins[place]..begins[place + 1]]`.
    begins: Vec<u32>,
    members: Vec<u32>,
    timestamps: Vec<f64>,
    trees: Trees,
    /// How a request is made of rows, if it is not one of them.
    pool: Option<(Pool, PoolBatch)>,
    left_out: u64,
    makes_texts: bool,
    treatment: Treatment,
}

/// What is done to each conversation.
pub(super) struct Treatment {
    pub(super) change: Change,
    /// The milliseconds of the input's time between which rows are taken.
    pub(super) window: Option<(f64, f64)>,
    /// A conversation's leading system turn belongs to the turn after it.
    pub(super) hoists_system: bool,
    pub(super) output: Option<Length>,
    pub(super) models: Models,
    pub(super) seed: u64,
    pub(super) writer: Writer,
    /// Which blocks of a trace are shared.
    pub(super) reuse: Reuse,
}

enum Rows {
    Lines { store: Store, spans: Vec<(u64, u32)>, read: fn(&[u8]) -> Result<Row, String> },
    Whole(Vec<Row>),
}

/// Every format, in the order in which a file is tried.
pub const FORMATS: &[&Format] = &[
    &inputs_json_rows::FORMAT,
    &sagemaker_data_capture::FORMAT,
    &dag_jsonl::FORMAT,
    &multi_turn::FORMAT,
    &bailian_trace::FORMAT,
    &mooncake_trace::FORMAT,
    &burst_gpt_trace::FORMAT,
    &single_turn::FORMAT,
    &raw_payload::FORMAT,
    &random_pool::FORMAT,
];

impl Store {
    /// The bytes of a file, which stays open.
    ///
    /// # Errors
    /// When the file can't be shared.
    pub fn file(file: &File) -> io::Result<Self> {
        Ok(Self::File(file.try_clone()?))
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_exact_at(bytes, offset),
            Self::Memory(all) => {
                let begin = usize::try_from(offset).map_err(io::Error::other)?;
                let found = all.get(begin..begin + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
                bytes.copy_from_slice(found);
                Ok(())
            }
        }
    }

    /// All bytes, from the first.
    fn reader(&self) -> Box<dyn Read + '_> {
        match self {
            Self::File(file) => Box::new(AtOffset { file, offset: 0 }),
            Self::Memory(bytes) => Box::new(bytes.as_slice()),
        }
    }
}

/// Reads a file from its start, at its own offset, whatever others read of it.
struct AtOffset<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for AtOffset<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// The format of a file, seen from its first row.
pub(super) fn detected(store: &Store) -> Result<&'static Format, Problem> {
    let mut reader = BufReader::new(store.reader());
    let (mut line, mut number) = (Vec::new(), 1);
    while reader.read_until(b'\n', &mut line).map_err(Problem::Read)? > 0
        && without_mark(&line).trim_ascii().is_empty()
    {
        line.clear();
        number += 1;
    }
    let text = without_mark(&line).trim_ascii();
    if text.is_empty() {
        return Err(Problem::NoRows);
    }
    if burst_gpt_trace::is_head(text) {
        return Ok(&burst_gpt_trace::FORMAT);
    }
    match serde_json::from_slice::<Value>(text) {
        Ok(row) => {
            let found = FORMATS.iter().find(|format| (format.fits)(&row)).copied();
            found.ok_or_else(|| Problem::Undetected { fields: fields_of(&row) })
        }
        // Where JSON is broken into lines, they end in these.
        Err(_) if text.ends_with(b"{") || text.ends_with(b"[") || text.ends_with(b",") => {
            Ok(&inputs_json_rows::FORMAT)
        }
        Err(error) if text.starts_with(b"{") || text.starts_with(b"[") => {
            Err(Problem::Row { line: number, problem: single_turn::one_line(&error) })
        }
        Err(_) => Err(Problem::NoJson { line: number }),
    }
}

/// The names of a row's fields, few enough to be shown.
fn fields_of(row: &Value) -> String {
    let Some(fields) = row.as_object() else { return "it is no object".to_owned() };
    let mut names = fields.keys().take(FIELDS_SHOWN).map(|name| name.chars().take(40).collect::<String>());
    let shown = names.by_ref().collect::<Vec<_>>().join(", ");
    if fields.is_empty() { "no fields".to_owned() } else { format!("fields: {shown}") }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

impl Dataset {
    /// Reads all rows once.
    pub(super) fn index(
        format: &'static Format,
        store: Store,
        mut treatment: Treatment,
    ) -> Result<Self, Problem> {
        let mut index = Index::default();
        let mut pool =
            treatment.change.pool_batch.filter(|_| is_pool(format)).map(|batch| (Pool::default(), batch));
        let mut take = |line: u64, number: usize, row: &Row, treatment: &mut Treatment, index: &mut Index| {
            let turn = row.turns.first().map(|planned| &planned.turn);
            if let (Some((pool, _)), Some(turn)) = (&mut pool, turn) {
                let taken = pool.take(u32::try_from(number).unwrap_or(u32::MAX), turn);
                taken.map_err(|problem| Problem::Row { line, problem })?;
            }
            Ok::<_, Problem>(index.take(row, treatment))
        };
        let rows = match format.read {
            Reading::Lines(read) => {
                let mut spans = Vec::new();
                lines(&store, |number, span, text| {
                    let row = read(text).and_then(|row| limits::of_row(&row, format.lengths).map(|()| row));
                    let row = row.map_err(|problem| Problem::Row { line: number, problem })?;
                    if take(number, spans.len(), &row, &mut treatment, &mut index)? {
                        spans.push(span);
                        index.link(number, row);
                    }
                    Ok(())
                })?;
                Rows::Lines { store, spans, read }
            }
            Reading::Whole(read) => {
                let mut bytes = Vec::new();
                store.reader().read_to_end(&mut bytes).map_err(Problem::Read)?;
                let read = read(without_mark(&bytes));
                let Table { rows, left_out } =
                    read.map_err(|(line, problem)| Problem::Row { line, problem })?;
                index.left_out += left_out;
                let mut taken = Vec::new();
                for row in rows {
                    limits::of_row(&row, format.lengths)
                        .map_err(|problem| Problem::Row { line: 1, problem })?;
                    if take(1, taken.len(), &row, &mut treatment, &mut index)? {
                        taken.push(row);
                    }
                }
                Rows::Whole(taken)
            }
        };
        let links = std::mem::take(&mut index.links);
        let trees = Trees::new(links, index.timestamps.len(), |name| index.named(name))?;
        let Index { places, timestamps, left_out, outside, makes_texts, .. } = index;
        if places.is_empty() {
            return Err(match (outside, left_out) {
                (0, 0) => Problem::NoRows,
                (0, left_out) => Problem::NoneUsable { left_out },
                _ => Problem::OutsideWindow,
            });
        }
        let pool = pool.filter(|(pool, batch)| pool.is_wanted(*batch));
        if let Some((pool, batch)) = &pool {
            pool.check(*batch)?;
        }
        let (begins, members) = grouped(&places, timestamps.len());
        Ok(Self { format, rows, begins, members, timestamps, trees, pool, left_out, makes_texts, treatment })
    }

    /// Whether the texts of any rows are synthetic: only those have lengths and blocks that can be changed.
    pub(super) const fn makes_texts(&self) -> bool {
        self.makes_texts
    }

    /// How many rows can't be sent, or are longer than the plan's limit.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    fn row(&self, number: u32) -> Result<Row, Problem> {
        match &self.rows {
            Rows::Whole(rows) => rows.get(number as usize).cloned().ok_or(Problem::NoRows),
            Rows::Lines { store, spans, read } => {
                let (offset, length) = *spans.get(number as usize).ok_or(Problem::NoRows)?;
                let mut line = vec![0; length as usize];
                store.read_at(&mut line, offset).map_err(Problem::Read)?;
                read(&line).map_err(|problem| Problem::Row { line: self.line(number), problem })
            }
        }
    }

    /// The line number of a row, which is counted only when it is needed.
    #[cold]
    fn line(&self, number: u32) -> u64 {
        let Rows::Lines { store, spans, .. } = &self.rows else { return u64::from(number) + 1 };
        let begin = spans.get(number as usize).map_or(0, |(offset, _)| *offset);
        let mut before = BufReader::with_capacity(READ_BYTES, store.reader().take(begin));
        let (mut line, mut ends) = (Vec::new(), 1);
        while before.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            ends += u64::from(line.ends_with(b"\n"));
            line.clear();
        }
        ends
    }

    fn treat(&self, conversation: &mut Conversation, place: usize) {
        let Treatment { change, output, models, seed, .. } = &self.treatment;
        let mut lengths = output.clone().map(|length| {
            draw::Lengths::new(length, draw::generator(mixed(*seed, place as u64), draw::OUTPUT_LENGTH))
        });
        let mut seen = FxHashSet::default();
        for (number, planned) in conversation.turns.iter_mut().enumerate() {
            if planned.turn.model.is_empty() {
                models.of(place).clone_into(&mut planned.turn.model);
            }
            if planned.turn.max_tokens.is_none() {
                planned.turn.max_tokens = lengths.as_mut().map(draw::Lengths::draw);
            }
            planned.when = changed(planned.when, change);
            if change.strips_seen_images {
                let known = planned.turn.images.iter_mut().filter(|image| image.uuid.is_some());
                known
                    .filter(|image| !seen.insert(image.uuid.clone()))
                    .for_each(|image| image.content.clear());
            }
            if number == 0
                && let Some(system) = &change.system_prompt
            {
                let theirs = planned.turn.system.take();
                planned.turn.system = Some(match theirs {
                    Some(theirs) => format!("{system}\n\n{theirs}"),
                    None => system.clone(),
                });
            }
        }
    }
}

impl Conversations for Dataset {
    fn count(&self) -> usize {
        match self.treatment.change.pool_conversations {
            Some(count) if is_pool(self.format) => count as usize,
            _ => {
                let count = self.trees.roots(self.timestamps.len());
                // Of conversations that start others all are used.
                let most = self.treatment.change.entries.filter(|_| self.children() == 0);
                most.map_or(count, |most| count.min(most as usize))
            }
        }
    }

    fn children(&self) -> usize {
        self.timestamps.len() - self.trees.roots(self.timestamps.len())
    }

    fn conversation(&self, place: usize) -> Result<Conversation, Problem> {
        if let Some((pool, batch)) = &self.pool {
            let turn = pool.draw(*batch, (self.treatment.seed, place), |number| self.row(number))?;
            let mut drawn = Conversation::single(session_name(place), turn, When::Unscheduled);
            self.treat(&mut drawn, place);
            return Ok(drawn);
        }
        let taken = if is_pool(self.format) {
            let drawn = mixed(self.treatment.seed, place as u64) % self.timestamps.len() as u64;
            usize::try_from(drawn).unwrap_or(0)
        } else {
            self.trees.number(place) as usize
        };
        let bounds = self.begins.get(taken).zip(self.begins.get(taken + 1));
        let (begin, end) = bounds.ok_or(Problem::NoRows)?;
        let mut conversation = Conversation {
            session: session_name(place),
            turns: Vec::new(),
            context: self.format.context,
            branches: Vec::new(),
        };
        let number = u32::try_from(taken).unwrap_or(u32::MAX);
        conversation.branches.extend_from_slice(self.trees.branches(number));
        for number in self.members.get(*begin as usize..*end as usize).unwrap_or_default() {
            let mut row = self.row(*number)?;
            if let (Some(written), Some(planned)) = (row.written.take(), row.turns.first_mut()) {
                let made = self.treatment.write(&written, planned, u64::from(*number));
                made.map_err(|problem| Problem::Row { line: self.line(*number), problem })?;
            }
            if let Some(session) = row.session.take().filter(|_| !is_pool(self.format)) {
                conversation.session = session;
            }
            conversation.context = row.context.unwrap_or(conversation.context);
            conversation.turns.append(&mut row.turns);
        }
        if self.treatment.hoists_system {
            hoist(&mut conversation.turns);
        }
        self.treat(&mut conversation, place);
        Ok(conversation)
    }

    fn timestamp_ms(&self, place: usize) -> Option<f64> {
        let speedup = self.treatment.change.synthesis.speedup_ratio;
        self.timestamps
            .get(self.trees.number(place) as usize)
            .filter(|at| at.is_finite())
            .map(|at| at / speedup)
    }

    fn line(&self, place: usize) -> Option<u64> {
        let begin = self.begins.get(self.trees.number(place) as usize)?;
        self.members.get(*begin as usize).map(|row| u64::from(*row) + 1)
    }
}

impl Treatment {
    /// The turn with which rows start: a system turn that belongs to the one after it does not count.
    fn first<'a>(&self, turns: &'a [Planned]) -> Option<&'a Planned> {
        match turns {
            [first, second, ..] if self.hoists_system && leads(first, second) => Some(second),
            _ => turns.first(),
        }
    }

    /// Whether a row is left in; counts what it shares with others.
    fn keeps(&mut self, row: &Row) -> bool {
        let Some(written) = &row.written else { return true };
        let is_short = self.change.synthesis.max_isl.is_none_or(|most| written.tokens <= most);
        if is_short {
            self.reuse.count(&written.hash_ids);
        }
        is_short
    }

    /// Writes the synthetic text of a turn, and changes its lengths as the plan requires.
    fn write(&self, written: &Written, planned: &mut Planned, number: u64) -> Result<(), String> {
        let synthesis = &self.change.synthesis;
        let block_size = self.change.block_size.unwrap_or(written.block_size);
        let written = Written { block_size, ..written.clone() };
        let written = self.reuse.changed(&written, synthesis, mixed(self.seed, number))?;
        planned.turn.texts = vec![endpoint::Text {
            name: String::new(),
            contents: vec![self.writer.text(&written, mixed(self.seed ^ OWN_TEXT, number))],
        }];
        planned.turn.max_tokens = planned.turn.max_tokens.map(|tokens| {
            let scaled = (f64::from(tokens) * synthesis.output_len_multiplier).round();
            let scaled = draw::at_least_one(scaled);
            let most = synthesis.max_osl.and_then(|most| u32::try_from(most).ok()).unwrap_or(u32::MAX);
            scaled.min(most)
        });
        Ok(())
    }
}

/// Makes a leading system turn's text the system prompt of the turn after it.
fn hoist(turns: &mut Vec<Planned>) {
    if let [first, second, ..] = turns.as_slice()
        && leads(first, second)
    {
        let first = turns.remove(0).turn;
        let text = first.contents().collect::<Vec<_>>().join("\n");
        if let Some(next) = turns.first_mut() {
            next.turn.system = Some(text);
        }
    }
}

/// Whether a turn is a system prompt and nothing else, and the one after it is none.
fn leads(first: &Planned, second: &Planned) -> bool {
    let turn = &first.turn;
    turn.role == SYSTEM
        && second.turn.role != SYSTEM
        && first.when == When::Unscheduled
        && turn.max_tokens.is_none()
        && turn.extra.is_empty()
        && turn.images.is_empty()
        && turn.audios.is_empty()
        && turn.videos.is_empty()
        && turn.contents().next().is_some()
}

/// Whether conversations draw their rows.
fn is_pool(format: &Format) -> bool {
    format.name == random_pool::FORMAT.name
}

/// A moment with what the plan changes of it.
fn changed(when: When, change: &Change) -> When {
    match when {
        _ if change.ignores_delays => When::Unscheduled,
        When::At { timestamp_ms } => When::At { timestamp_ms: timestamp_ms / change.synthesis.speedup_ratio },
        When::After { delay_ms } => {
            let delay_ms = delay_ms * change.delay_ratio.unwrap_or(1.0);
            let most = change.delay_cap_seconds.map_or(f64::INFINITY, |seconds| seconds * 1000.0);
            When::After { delay_ms: delay_ms.min(most) }
        }
        When::Unscheduled => when,
    }
}

/// Which conversation each row belongs to.
#[derive(Default)]
struct Index {
    /// By hash, as names would need more memory than rows.
    by_name: FxHashMap<u64, u32>,
    hasher: RandomState,
    /// The conversation of each row.
    places: Vec<u32>,
    /// When each conversation starts; not a number if the row has no time.
    timestamps: Vec<f64>,
    links: Vec<Link>,
    /// Rows that can't be sent, or are longer than the plan's limit.
    left_out: u64,
    makes_texts: bool,
    /// Rows outside the schedule's window, and the sessions that start there.
    outside: u64,
    outside_sessions: FxHashSet<u64>,
}

impl Index {
    /// The session with a name.
    fn named(&self, name: &str) -> Option<u32> {
        self.by_name.get(&self.hasher.hash_one(name)).copied()
    }

    /// Records the branches of the row that was added last.
    fn link(&mut self, line: u64, row: Row) {
        let parent = self.places.last().copied().unwrap_or_default();
        self.links.extend(row.branches.into_iter().map(|named| Link { line, parent, named }));
    }

    /// Whether a row lies outside the schedule's window: at its own time, or with the start of its session.
    fn is_outside(&mut self, session: Option<u64>, when: Option<When>, treatment: &Treatment) -> bool {
        let Some((begin, end)) = treatment.window else { return false };
        match when {
            Some(When::At { timestamp_ms }) if !(begin..=end).contains(&timestamp_ms) => {
                self.outside_sessions.extend(session.filter(|session| !self.by_name.contains_key(session)));
                true
            }
            Some(When::At { .. }) | None => false,
            Some(When::Unscheduled | When::After { .. }) => session.is_some_and(|session| {
                self.outside_sessions.contains(&session) && !self.by_name.contains_key(&session)
            }),
        }
    }

    /// Adds a row, unless it is left out.
    fn take(&mut self, row: &Row, treatment: &mut Treatment) -> bool {
        let known = row.session.as_ref().map(|name| self.hasher.hash_one(name));
        let when = treatment.first(&row.turns).map(|planned| planned.when);
        if self.is_outside(known, when, treatment) {
            self.outside += 1;
            return false;
        }
        if !treatment.keeps(row) {
            self.left_out += 1;
            return false;
        }
        let parent = row.parent.as_ref().map(|name| self.hasher.hash_one(name));
        let there = [parent, known].into_iter().flatten().find_map(|hash| self.by_name.get(&hash).copied());
        let place = there.unwrap_or_else(|| {
            let at = match when {
                Some(When::At { timestamp_ms }) if !treatment.change.ignores_delays => timestamp_ms,
                _ => f64::NAN,
            };
            self.timestamps.push(at);
            u32::try_from(self.timestamps.len() - 1).unwrap_or(u32::MAX)
        });
        self.makes_texts |= row.written.is_some();
        if let Some(hash) = known {
            self.by_name.insert(hash, place);
        }
        self.places.push(place);
        true
    }
}

/// The rows of each of `count` conversations, in order.
fn grouped(places: &[u32], count: usize) -> (Vec<u32>, Vec<u32>) {
    let mut begins = vec![0_u32; count + 1];
    for place in places {
        begins[*place as usize + 1] += 1;
    }
    for place in 0..count {
        begins[place + 1] += begins[place];
    }
    let mut next = begins.clone();
    let mut members = vec![0; places.len()];
    for (row, place) in (0..).zip(places) {
        let at = &mut next[*place as usize];
        members[*at as usize] = row;
        *at += 1;
    }
    (begins, members)
}

/// Iterates over the lines that are not empty: number, place in the file, text.
fn lines(
    store: &Store,
    mut take: impl FnMut(u64, (u64, u32), &[u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut reader = BufReader::with_capacity(READ_BYTES, store.reader());
    let mut line = Vec::new();
    let mut offset = 0;
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(Problem::Read)? as u64;
        if read == 0 {
            break;
        }
        let skipped =
            if number == 1 && line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let text = line[skipped..].trim_ascii_end();
        if !text.trim_ascii().is_empty() {
            let length = u32::try_from(text.len()).map_err(|_too_long| Problem::Row {
                line: number,
                problem: "the line is longer than 4 GiB".to_owned(),
            })?;
            take(number, (offset + skipped as u64, length), text)?;
        }
        offset += read;
    }
    Ok(())
}

const READ_BYTES: usize = 1 << 20;
/// Fields of a row that are named where its format is not known.
const FIELDS_SHOWN: usize = 8;
const SYSTEM: &str = "system";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Keeps what is a request's own apart from what is drawn for it.
const OWN_TEXT: u64 = 0x6f77_6e74_6578_7421;

#[cfg(test)]
pub(super) mod tests;
