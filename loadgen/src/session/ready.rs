//! Everything that is known before the first request is due.

use super::given::{Given, lines};
use super::way::{Ways, ways};
use super::{Failure, connections, with_cause};
use crate::bounds::Exceeded;
use crate::branching::Inherited;
use crate::composer::Timeline;
use crate::prompt::{self, Conversations, Markers, Materials};
use crate::response_parser::ResponseParser;
use crate::ring::shared::Gauge;
use crate::secrets::Secrets;
use common::clock::DurationNs;
use endpoint::Endpoint;
use spec::handshake::Setup;
use spec::{DatasetFormat, Input, Plan, Shape, Tokenizer as TokenizerPlan};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use tokenizer::{ChatTemplate, Tokenizer};

/// Everything that is known before the first request is due.
pub(super) struct Ready {
    pub(super) conversations: Arc<dyn Conversations>,
    pub(super) order: prompt::Order,
    /// Offsets at which the input schedules its sessions to start, and how its times become offsets.
    pub(super) trace: Arc<[DurationNs]>,
    pub(super) timeline: Timeline,
    pub(super) ways: Ways,
    pub(super) inherited: Inherited,
    pub(super) markers: Option<Markers>,
    pub(super) template: Option<ChatTemplate>,
    pub(super) tokenizer: Option<Tokenizer>,
    pub(super) endpoint: &'static dyn Endpoint,
    pub(super) notices: Vec<String>,
}

impl Ready {
    /// The response parser of these spools.
    pub(super) fn into_response_parser(
        self,
        setup: &Setup,
        spools: Vec<(File, Gauge)>,
        replies: Option<File>,
        secrets: Secrets,
        exceeded: Arc<Exceeded>,
    ) -> Result<ResponseParser, Failure> {
        Ok(ResponseParser {
            spools,
            replies: replies.ok_or_else(|| Failure::Load("set up", io::Error::other("no pipe")))?,
            endpoint: self.endpoint,
            tokenizer: self.tokenizer,
            conversations: self.conversations,
            inherited: self.inherited,
            template: self.template,
            markers: self.markers,
            plan: setup.plan.clone(),
            keep_raw: setup.keep_raw,
            secrets,
            connections: connections(setup),
            exceeded,
        })
    }
}

/// Reads the inputs and prepares what all requests have in common.
pub(super) fn prepare(setup: &mut Setup, given: &mut Given) -> Result<Ready, Failure> {
    let endpoint = &setup.plan.endpoint;
    let endpoint = endpoint::of_plan(endpoint).map_err(|error| Failure::Plan(with_cause(&error)))?;
    let ways = if setup.replay { Ways::none() } else { ways(setup, given, endpoint)? };
    let workers = setup.cpus.len();
    let plan = &mut setup.plan;
    check_places(plan, workers)?;
    let tokenizer = tokenizer(plan, given)?;
    let template = template(plan, given)?;
    let dataset = match &plan.input {
        Input::File { .. } => Some(
            prompt::Store::file(given.input("dataset")?)
                .map_err(|error| Failure::Load("read the dataset", error))?,
        ),
        Input::Synthetic { .. } => None,
    };
    let materials = Materials {
        tokenizer: tokenizer.clone(),
        template: template.clone(),
        dataset,
        pictures: lines(given, "pictures")?,
        sounds: lines(given, "sounds")?,
        videos: lines(given, "videos")?,
    };
    let (conversations, notices) = prompt::conversations(plan, materials)
        .map_err(|error| Failure::Plan(named(&plan.input, &with_cause(&error))))?;
    let metadata = endpoint.metadata();
    let markers = plan.load.cache_bust.map(|place| Markers::new(place, metadata, setup.run_number));
    check_fit(&*conversations, endpoint, &plan.endpoint, markers)?;
    settle(plan, &*conversations)?;
    let replays = plan.load.phases.iter().any(|phase| phase.shape == Shape::FixedSchedule);
    let schedule = &plan.load.fixed_schedule;
    let speedup = schedule.speedup.unwrap_or(1.0);
    let (order, trace, zero_ms) = if replays {
        check_times(&*conversations).map_err(|problem| Failure::Plan(named(&plan.input, &problem)))?;
        let ratio = match &plan.input {
            Input::File { change, .. } => change.synthesis.speedup_ratio,
            Input::Synthetic { .. } => 1.0,
        };
        let replay = prompt::replay(&*conversations, &schedule.scaled(ratio));
        if replay.dues.is_empty() {
            return Err(Failure::Plan("no row of the trace lies between the schedule's offsets".to_owned()));
        }
        (replay.order, replay.dues, replay.zero_ms)
    } else {
        let order = prompt::Order::sampled(conversations.count(), plan.load.sampling, plan.random_seed);
        (order, Arc::from([]), 0.0)
    };
    Ok(Ready {
        conversations,
        order,
        trace,
        timeline: Timeline { zero_ms, speedup },
        ways,
        inherited: Inherited::default(),
        markers,
        template,
        tokenizer,
        endpoint,
        notices,
    })
}

/// Whether each row of a schedule has a time.
fn check_times(conversations: &dyn Conversations) -> Result<(), String> {
    let without = (0..conversations.count()).find(|place| conversations.timestamp_ms(*place).is_none());
    let Some(place) = without else { return Ok(()) };
    let place = match conversations.line(place) {
        Some(line) => format!("line {line}"),
        None => format!("conversation {}", place + 1),
    };
    Err(format!(
        "{place}: there is no timestamp, which --fixed-schedule needs; --no-fixed-schedule sends rows without their times"
    ))
}

/// Every worker must have a place for a session, or its share of the requests would wait for ever.
fn check_places(plan: &Plan, workers: usize) -> Result<(), Failure> {
    let mut limits = plan.load.phases.iter().filter_map(spec::Phase::fewest_at_once);
    match limits.find(|limit| (*limit as usize) < workers) {
        Some(limit) => Err(Failure::Plan(format!(
            "{workers} workers can't share {limit} sessions at once: name fewer --cpus, or set a higher limit"
        ))),
        None => Ok(()),
    }
}

/// Whether the input's first turn can be sent at all; if later ones can't, the run ends.
fn check_fit(
    conversations: &dyn Conversations,
    endpoint: &dyn Endpoint,
    plan: &spec::Endpoint,
    markers: Option<Markers>,
) -> Result<(), Failure> {
    let first = conversations.conversation(0).map_err(|error| Failure::Plan(with_cause(&error)))?;
    let turns = first.turns.first().map(|planned| planned.turn.clone());
    if let (Some(markers), Some(turn)) = (markers, &turns) {
        markers.check(turn).map_err(|why| Failure::Plan(why.to_owned()))?;
        if !endpoint.metadata().tokenizes_input {
            let name = endpoint.metadata().name;
            return Err(Failure::Plan(format!(
                "--cache-bust has no place in requests of {name}: they are no text"
            )));
        }
    }
    endpoint::encoded(endpoint, turns.as_slice(), plan)
        .map(drop)
        .map_err(|error| Failure::Plan(with_cause(&error)))
}

/// What is wrong with the prompts, with the file that the user named.
fn named(input: &Input, problem: &str) -> String {
    match input {
        Input::File { name, .. } => format!("--input-file `{name}`: {problem}"),
        Input::Synthetic { .. } => problem.to_owned(),
    }
}

pub(super) fn tokenizer(plan: &Plan, given: &mut Given) -> Result<Option<Tokenizer>, Failure> {
    match &plan.tokenizer {
        TokenizerPlan::None => Ok(None),
        TokenizerPlan::Builtin => Ok(Some(Tokenizer::builtin())),
        TokenizerPlan::File { name } => {
            let mut bytes = Vec::new();
            let read = given.input("tokenizer")?.read_to_end(&mut bytes);
            read.map_err(|error| Failure::Load("read the tokenizer", error))?;
            let tokenizer = Tokenizer::from_json(&bytes)
                .map_err(|error| Failure::Plan(format!("tokenizer `{name}`: {}", with_cause(&error))))?;
            Ok(Some(tokenizer))
        }
    }
}

/// The chat template, if the plan has one.
fn template(plan: &Plan, given: &mut Given) -> Result<Option<ChatTemplate>, Failure> {
    if !plan.endpoint.dialect.applies_chat_template {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = given.input("chat_template")?.read_to_end(&mut bytes);
    read.map_err(|error| Failure::Load("read the chat template", error))?;
    ChatTemplate::from_json(&bytes).map(Some).map_err(|error| Failure::Plan(with_cause(&error)))
}

/// Completes the plan with what only the input can show: whether it is a trace, and how much there is of it.
fn settle(plan: &mut Plan, conversations: &dyn Conversations) -> Result<(), Failure> {
    let is_trace = matches!(&plan.input, Input::File { format, .. } if is_replayed(format));
    let replays =
        plan.load.fixed_schedule.is_automatic && is_trace && conversations.timestamp_ms(0).is_some();
    if replays {
        if let Some(shape) = plan.load.contradicts_replay() {
            return Err(Failure::Plan(format!(
                "the rows have timestamps, at which they are sent: leave out the options of the shape `{shape}`, or give \
                 --no-fixed-schedule"
            )));
        }
        plan.load.replay();
    }
    for phase in plan.load.phases.iter_mut().filter(|phase| !phase.is_warmup) {
        let ends = [phase.request_count, phase.session_count, phase.duration_seconds.map(|_| 0)];
        if ends.iter().all(Option::is_none) && phase.shape != Shape::FixedSchedule {
            phase.session_count = Some(conversations.count() as u64);
        }
    }
    Ok(())
}

/// Whether the timestamps of such rows are replayed unless the user sets otherwise.
fn is_replayed(format: &str) -> bool {
    DatasetFormat::named(format).is_some_and(|known| known.is_replayed)
}
