//! Datasets that users bring: an index of their rows, each of which is read again when it is needed.
//!
//! ```text
//! file ──once──▶ where each row stands, which conversation it belongs to      a few bytes a row stay in memory
//!   └──by row──▶ row ──▶ change ──▶ text (trace) ──▶ conversation
//! ```

use super::trace::{Reuse, Writer};
use super::tree::{Link, Trees};
use super::{
    BranchKind, Context, Conversation, Conversations, Models, Planned, Problem, When, bailian_trace,
    burst_gpt_trace, dag_jsonl, draw, inputs_json_rows, limits, mixed, mooncake_trace, multi_turn,
    random_pool, raw_payload, sagemaker_data_capture, session_name, single_turn,
};
use common::plan::{Change, Length};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
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
    /// What a turn of several is sent with, if the row does not say.
    pub(super) context: Context,
    /// Whether a file that begins with this row is of the format.
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
    Whole(fn(&[u8]) -> Result<Vec<Row>, Fault>),
}

/// What is wrong with a file that is read as a whole, and with which of its lines.
pub(super) type Fault = (u64, String);

/// What one row says.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Rows of one session are one conversation; without a name the row is one of its own.
    pub(super) session: Option<String>,
    /// The session that it continues, if it is not named itself.
    pub(super) parent: Option<String>,
    /// What is said.
    pub(super) turns: Vec<Planned>,
    /// What turns are sent with.
    pub(super) context: Option<Context>,
    /// The text of its only turn, if it is to be made up.
    pub(super) written: Option<Written>,
    /// The sessions that its turns begin.
    pub(super) branches: Vec<Named>,
}

/// A session that a turn begins, by its name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// Where the row says so.
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
    /// Blocks with which it begins.
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
    treatment: Treatment,
}

/// What is done to each conversation.
pub(super) struct Treatment {
    pub(super) change: Change,
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

/// Reads a file from its begin, wherever others read it.
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
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).map_err(Problem::Read)? > 0 && line.trim_ascii().is_empty() {
        line.clear();
    }
    let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
    if text.is_empty() {
        return Err(Problem::NoRows);
    }
    if text.starts_with(b"Timestamp,") {
        return Ok(&burst_gpt_trace::FORMAT);
    }
    let Ok(row) = serde_json::from_slice::<Value>(text) else {
        // A line that is no JSON by itself may begin a file that is.
        return if text.starts_with(b"{") && !text.ends_with(b"}") {
            Ok(&inputs_json_rows::FORMAT)
        } else {
            Err(Problem::Undetected)
        };
    };
    FORMATS.iter().find(|format| (format.fits)(&row)).copied().ok_or(Problem::Undetected)
}

impl Dataset {
    /// Reads all rows once.
    pub(super) fn index(
        format: &'static Format,
        store: Store,
        mut treatment: Treatment,
    ) -> Result<Self, Problem> {
        let mut index = Index::default();
        let rows = match format.read {
            Reading::Lines(read) => {
                let mut spans = Vec::new();
                lines(&store, |number, span, text| {
                    let row = read(text).and_then(|row| limits::of_row(&row, format.lengths).map(|()| row));
                    let row = row.map_err(|problem| Problem::Row { line: number, problem })?;
                    if index.take(&row, &mut treatment) {
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
                let mut rows = read(&bytes).map_err(|(line, problem)| Problem::Row { line, problem })?;
                for row in &rows {
                    limits::of_row(row, format.lengths)
                        .map_err(|problem| Problem::Row { line: 1, problem })?;
                }
                rows.retain(|row| index.take(row, &mut treatment));
                Rows::Whole(rows)
            }
        };
        let links = std::mem::take(&mut index.links);
        let trees = Trees::new(links, index.timestamps.len(), |name| index.named(name))?;
        let Index { places, timestamps, .. } = index;
        if places.is_empty() {
            return Err(Problem::NoRows);
        }
        let (begins, members) = grouped(&places, timestamps.len());
        Ok(Self { format, rows, begins, members, timestamps, trees, treatment })
    }

    fn is_pool(&self) -> bool {
        self.format.name == random_pool::FORMAT.name
    }

    fn row(&self, number: u32) -> Result<Row, Problem> {
        match &self.rows {
            Rows::Whole(rows) => rows.get(number as usize).cloned().ok_or(Problem::NoRows),
            Rows::Lines { store, spans, read } => {
                let (offset, length) = *spans.get(number as usize).ok_or(Problem::NoRows)?;
                let mut line = vec![0; length as usize];
                store.read_at(&mut line, offset).map_err(Problem::Read)?;
                read(&line).map_err(|problem| Problem::Row { line: u64::from(number) + 1, problem })
            }
        }
    }

    fn treat(&self, conversation: &mut Conversation, place: usize) {
        let Treatment { change, output, models, seed, .. } = &self.treatment;
        let mut lengths = output.map(|length| {
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
            if number == 0 && change.system_prompt.is_some() {
                planned.turn.system.clone_from(&change.system_prompt);
            }
        }
    }
}

impl Conversations for Dataset {
    fn count(&self) -> usize {
        match self.treatment.change.pool_conversations {
            Some(count) if self.is_pool() => count as usize,
            _ => self.trees.roots(self.timestamps.len()),
        }
    }

    fn children(&self) -> usize {
        self.timestamps.len() - self.trees.roots(self.timestamps.len())
    }

    fn conversation(&self, place: usize) -> Result<Conversation, Problem> {
        let taken = if self.is_pool() {
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
                made.map_err(|problem| Problem::Row { line: u64::from(*number) + 1, problem })?;
            }
            if let Some(session) = row.session.take().filter(|_| !self.is_pool()) {
                conversation.session = session;
            }
            conversation.context = row.context.unwrap_or(conversation.context);
            conversation.turns.append(&mut row.turns);
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
    /// Whether a row is left in; counts what it shares with others.
    fn keeps(&mut self, row: &Row) -> bool {
        let Some(written) = &row.written else { return true };
        let is_short = self.change.synthesis.max_isl.is_none_or(|most| written.tokens <= most);
        if is_short {
            self.reuse.count(&written.hash_ids);
        }
        is_short
    }

    /// Makes up the text of a turn, and changes its lengths as the plan says.
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

/// A moment with what the plan changes of it.
fn changed(when: When, change: &Change) -> When {
    match when {
        _ if change.ignores_delays => When::Unsaid,
        When::At { timestamp_ms } => When::At { timestamp_ms: timestamp_ms / change.synthesis.speedup_ratio },
        When::After { delay_ms } => {
            let delay_ms = delay_ms * change.delay_ratio.unwrap_or(1.0);
            let most = change.delay_cap_seconds.map_or(f64::INFINITY, |seconds| seconds * 1000.0);
            When::After { delay_ms: delay_ms.min(most) }
        }
        When::Unsaid => when,
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
    /// When each conversation begins; not a number where nothing is said.
    timestamps: Vec<f64>,
    links: Vec<Link>,
}

impl Index {
    /// The session with a name.
    fn named(&self, name: &str) -> Option<u32> {
        self.by_name.get(&self.hasher.hash_one(name)).copied()
    }

    /// Notes what the row that was taken last begins.
    fn link(&mut self, line: u64, row: Row) {
        let parent = self.places.last().copied().unwrap_or_default();
        self.links.extend(row.branches.into_iter().map(|named| Link { line, parent, named }));
    }

    /// Takes a row in, unless it is left out.
    fn take(&mut self, row: &Row, treatment: &mut Treatment) -> bool {
        if !treatment.keeps(row) {
            return false;
        }
        let known = row.session.as_ref().map(|name| self.hasher.hash_one(name));
        let parent = row.parent.as_ref().map(|name| self.hasher.hash_one(name));
        let there = [parent, known].into_iter().flatten().find_map(|hash| self.by_name.get(&hash).copied());
        let place = there.unwrap_or_else(|| {
            let when = row.turns.first().map(|planned| planned.when);
            let at = match when {
                Some(When::At { timestamp_ms }) if !treatment.change.ignores_delays => timestamp_ms,
                _ => f64::NAN,
            };
            self.timestamps.push(at);
            u32::try_from(self.timestamps.len() - 1).unwrap_or(u32::MAX)
        });
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

/// Goes through the lines that hold anything: number, place in the file, text.
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
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Keeps what is a request's own apart from what is drawn for it.
const OWN_TEXT: u64 = 0x6f77_6e74_6578_7421;

#[cfg(test)]
pub(super) mod tests {
    use super::super::corpus::Corpus;
    use super::*;
    use common::plan::TextSource;
    use std::sync::Arc;

    fn index(format: &'static Format, rows: &str, change: Change) -> Result<Dataset, Problem> {
        let treatment = Treatment {
            change,
            output: None,
            models: Models::default(),
            seed: 7,
            writer: Writer::new(Arc::new(Corpus::new(None, TextSource::Sonnet).unwrap())),
            reuse: Reuse::default(),
        };
        Dataset::index(format, Store::Memory(rows.into()), treatment)
    }

    /// All conversations of some rows.
    pub(in super::super) fn read(format: &'static Format, rows: &str) -> Result<Vec<Conversation>, Problem> {
        let dataset = index(format, rows, Change::default())?;
        (0..dataset.count()).map(|place| dataset.conversation(place)).collect()
    }

    /// Compares rows, seen as what they are, with `format: session: turn, turn; ...`.
    fn check(rows: &str, expected: &str) {
        let described = detected(&Store::Memory(rows.into())).and_then(|format| {
            let conversations = read(format, rows)?;
            let described = conversations.iter().map(described).collect::<Vec<_>>().join("; ");
            Ok(format!("{}: {described}", format.name))
        });
        assert_eq!(described.unwrap_or_else(|problem| problem.to_string()), expected, "{rows}");
    }

    fn described(conversation: &Conversation) -> String {
        let turns = conversation.turns.iter().map(|planned| {
            let turn = &planned.turn;
            let mut said = turn.payload.clone().unwrap_or_else(|| match &turn.messages {
                Some(messages) => serde_json::to_string(messages).unwrap(),
                None if turn.joined().split(' ').count() > 4 => {
                    format!("{} words", turn.joined().split(' ').count())
                }
                None => turn.joined(),
            });
            if let Some(tokens) = turn.max_tokens {
                said += &format!(" >{tokens}");
            }
            match planned.when {
                When::Unsaid => said,
                When::At { timestamp_ms } => format!("{said} @{timestamp_ms}"),
                When::After { delay_ms } => format!("{said} +{delay_ms}"),
            }
        });
        format!(
            "{}: {} {:?}",
            conversation.session,
            turns.collect::<Vec<_>>().join(", "),
            conversation.context
        )
    }

    #[test]
    fn formats_are_seen_and_read() {
        check("{\"text\":\"a\"}\n", "single_turn: session_000000: a Alone");
        check(
            "{\"session_id\":\"s\",\"turns\":[{\"text\":\"a\"},{\"text\":\"b\",\"delay\":5}]}",
            "multi_turn: s: a, b +5 Live",
        );
        check(
            "{\"timestamp\":10,\"input_length\":9,\"output_length\":3}\n{\"text_input\":\"hi\",\"delay\":2}",
            "mooncake_trace: session_000000: 9 words >3 @10 Live; session_000001: hi +2 Live",
        );
        check(
            "{\"messages\":[{\"role\":\"user\"}]}",
            "mooncake_trace: session_000000: [{\"role\":\"user\"}] Alone",
        );
        check(
            "{\"chat_id\":1,\"parent_chat_id\":-1,\"timestamp\":1.5,\"input_length\":6,\"output_length\":2}\n\
             {\"chat_id\":2,\"parent_chat_id\":1,\"timestamp\":2,\"input_length\":7,\"output_length\":2}",
            "bailian_trace: 2: 6 words >2 @1500, 7 words >2 @2000 Live",
        );
        check(
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,7,2,9,x\n6,ChatGPT,7,0,7,x\n",
            "burst_gpt_trace: session_000000: 7 words >2 @5000 Alone",
        );
        check(
            "{\"model\":\"m\", \"prompt\":\"a\"}",
            "raw_payload: session_000000: {\"model\":\"m\", \"prompt\":\"a\"} Alone",
        );
        check(
            "{\n\"data\": [{\"session_id\":\"s\",\"payloads\":[{\"a\":1},{ }]}]}",
            "inputs_json: s: {\"a\":1}, { } Alone",
        );
        check(
            r#"{"captureData":{"endpointInput":{"data":"{\"messages\":[1],\"max_tokens\":4}","encoding":"JSON"}},"eventMetadata":{"inferenceTime":"1970-01-01T00:00:01Z"}}"#,
            "sagemaker_data_capture: session_000000: [1] >4 @1000 Alone",
        );
        check(
            r#"{"session_id":"s","turns":[{"messages":[1]},{"messages":[2],"delay":3}]}"#,
            "dag_jsonl: s: [1], [2] +3 Live",
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check(
            "{\"nothing\":1}",
            "failed to see what the dataset's rows are: say it by --custom-dataset-type",
        );
        let dag = |turns: &str| format!(r#"{{"session_id":"s","turns":[{{"messages":[1]{turns}}}]}}"#);
        check(&dag(r#","forks":["x"]"#), "line 1: s.turns[0].forks[0]: there is no conversation `x`");
        check(
            &dag(r#","forks":["s"]"#),
            "line 1: s.turns[0].forks[0]: conversations begin each other in a circle",
        );
        check(
            &dag(r#","forks":[{"child":"x","background":true}]"#),
            "line 1: s.turns[0].forks[0].background: branches that nobody waits for are not supported",
        );
        check(
            &dag(r#","spawns":[{"children":["x"],"join_at":3}]"#),
            "line 1: s.turns[0].spawns[0].join_at: it must be a later turn, or the number of turns for the end",
        );
        check(
            r#"{"session_id":"s","turns":[{"messages":[1]}],"rounds":3}"#,
            "line 1: s.rounds: the orchestration of whole conversations is not supported",
        );
        let twice = format!(
            "{}\n{}",
            dag(r#","spawns":["x","x"]"#),
            r#"{"session_id":"x","turns":[{"messages":[2]}]}"#
        );
        check(&twice, "line 1: s.turns[0].spawns[1]: `x` is begun by another turn too");
        check("{\"input_length\":0}", "line 1: `input_length` and `output_length` must be at least 1");
        check("Timestamp,Request tokens,Response tokens\nx,1,1\n", "line 2: `x` is not a number");
        check("Timestamp,Model\n", "line 1: the head has no column `Request tokens`");
    }

    #[test]
    fn equal_blocks_have_equal_text() {
        let rows = "{\"input_length\":1100,\"hash_ids\":[1,2]}\n{\"input_length\":1100,\"hash_ids\":[1,3]}\n";
        let texts = read(&mooncake_trace::FORMAT, rows).unwrap();
        let text = |place: usize| texts[place].turns[0].turn.joined();
        let words = |place: usize| text(place).split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(0)[..512], words(1)[..512], "the shared block");
        assert_ne!(words(0)[512..1024], words(1)[512..1024], "another block");
        assert_eq!((words(0).len(), words(1).len()), (1100, 1100), "of their length");
        let synthesis =
            common::plan::Synthesis { prefix_len_multiplier: 2.0, max_isl: Some(2000), ..Default::default() };
        let change = Change { synthesis, ..Change::default() };
        let stretched = index(&mooncake_trace::FORMAT, rows, change).unwrap();
        let turn = stretched.conversation(0).unwrap().turns.remove(0).turn;
        assert_eq!(
            turn.joined().split(' ').count(),
            2 * 512 + 588,
            "twice the shared block, and the own part"
        );
    }

    #[test]
    fn pictures_that_were_seen_are_sent_by_name() {
        let row = |uuid: &str| {
            format!(r#"{{"session_id":"s","text":"x","image":"http://h/i.png","image_uuids":["{uuid}"]}}"#)
        };
        let rows = ["a", "b", "a"].map(row).join("\n");
        let change = Change { strips_seen_images: true, ..Change::default() };
        let conversation = index(&single_turn::FORMAT, &rows, change).unwrap().conversation(0).unwrap();
        let images = conversation.turns.iter().map(|planned| planned.turn.images[0].url().is_empty());
        assert_eq!(images.collect::<Vec<_>>(), [false, false, true], "the third one was there");
    }

    #[test]
    fn a_pool_is_drawn_from() {
        let rows = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n";
        let change = Change { pool_conversations: Some(50), ..Change::default() };
        let pool = index(&random_pool::FORMAT, rows, change).unwrap();
        let drawn = (0..pool.count()).map(|place| pool.conversation(place).unwrap().turns[0].turn.joined());
        let drawn = drawn.collect::<Vec<_>>();
        let a = drawn.iter().filter(|text| *text == "a").count();
        assert_eq!(drawn.len(), 50, "as many as wanted");
        assert!((10..40).contains(&a), "{a} of 50");
    }
}
