//! Plans when requests are sent and when the run ends.

use super::fault::FIELDS;
use super::phases::{self, Cancelled, Described, Series};
use super::{Planned, Refusal, adaptive, refuse};
use crate::args::{CacheArg, ProfileArgs, WarmupArgs};
use spec::{CacheBust, ConnectionReuse, Curve, FixedSchedule, Load, Phase, Ramp, Sampling, Shape};
use std::path::PathBuf;

/// A file with the rates of a phase, which is read with the other files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesFile {
    /// The phase's place in the plan.
    pub(crate) phase: usize,
    /// The file.
    pub(crate) path: PathBuf,
}

/// The phases that flags or a configuration file define, and the files from which rates are read later.
///
/// # Errors
/// The first contradiction found.
pub(super) fn load(args: &ProfileArgs) -> Planned<(Load, Vec<SeriesFile>)> {
    contradictions(args)?;
    let described = described(args)?;
    let phase = |described: &Described| {
        let name = described.name.as_deref().unwrap_or("profiling");
        described.phase().map_err(|why| Refusal(format!("phase `{name}`: {why}")))
    };
    let mut phases = described.iter().map(phase).collect::<Planned<Vec<_>>>()?;
    let clock = adaptive::clock(args);
    phases.iter_mut().filter_map(|phase| phase.adaptive_scale.as_mut()).for_each(|scale| scale.clock = clock);
    let series = described.iter().enumerate().filter_map(|(phase, described)| {
        let path = described.rate_series.as_ref()?.path.clone()?;
        Some(SeriesFile { phase: phase + usize::from(args.endpoint.cache == CacheArg::Warm), path })
    });
    let phases = primed(args, phases)?;
    let load = Load {
        connection_reuse: reuse(&args.endpoint.connection_reuse_strategy),
        fixed_schedule: schedule(args, &described)?,
        sampling: sampling(args.input.dataset_sampling_strategy.as_deref()),
        failed_request_threshold: threshold(args, &described)?,
        cache_bust: cache_bust(args)?,
        ..Load { phases, ..Load::of(Phase::new("", Shape::Concurrency)) }
    };
    let streams = args.endpoint.streaming
        && endpoint::by_name(&args.endpoint.endpoint_type)
            .is_none_or(|endpoint| endpoint.metadata().supports_streaming);
    if !streams && load.phases.iter().any(|phase| phase.prefill_concurrency.is_some()) {
        return refuse(
            "--prefill-concurrency needs --streaming: without it a request waits for its whole response, as with --concurrency",
        );
    }
    input_of(args, &load)?;
    Ok((load, series.collect()))
}

/// The phases after one that sends every prompt once, if the server is to have them in its cache.
fn primed(args: &ProfileArgs, mut phases: Vec<Phase>) -> Planned<Vec<Phase>> {
    let measured = phases.iter().rev().find_map(|phase| phase.session_count.or(phase.request_count));
    if let (CacheArg::Cold, Some(entries), Some(sent)) =
        (args.endpoint.cache, args.conversation.num_dataset_entries, measured)
        && u64::from(entries) < sent
        && args.prompt.cache_bust == "none"
    {
        return refuse(format!(
            "--cache cold contradicts --num-dataset-entries {entries}: {sent} requests repeat prompts within the run"
        ));
    }
    if args.endpoint.cache != CacheArg::Warm {
        return Ok(phases);
    }
    if args.prompt.cache_bust != "none" {
        return refuse("--cache warm contradicts --cache-bust, which keeps prompts out of the cache");
    }
    let Some(sessions) = args.conversation.num_dataset_entries.map(u64::from).or(measured) else {
        return refuse(
            "--cache warm needs --num-dataset-entries or --request-count: so many prompts are sent before the run",
        );
    };
    let concurrency = phases.iter().find_map(|phase| phase.concurrency).or(Some(1));
    let priming = Phase {
        is_warmup: true,
        concurrency,
        session_count: Some(sessions),
        ..Phase::new(PRIMING, Shape::Concurrency)
    };
    phases.insert(0, priming);
    Ok(phases)
}

/// The name of the phase that sends every prompt once.
pub(crate) const PRIMING: &str = "priming";

/// The phases as the user describes them: `--phases`, or what flags set over the configuration file's phases and the defaults.
fn described(args: &ProfileArgs) -> Planned<Vec<Described>> {
    if let Some(json) = &args.load.phases {
        return phases::listed(json);
    }
    let flags = profiling(args)?;
    let Some(json) = &args.load.base_phases else {
        let profiling = defaults(args, flags);
        let warmup = warmup(&args.warmup, &profiling, args.load.concurrency)?;
        return Ok(warmup.into_iter().chain([profiling]).collect());
    };
    let mut listed = phases::listed(json)?;
    let measured = listed.iter().filter(|phase| !phase.is_warmup()).count();
    if flags != Described::default() && measured > 1 {
        let of_phase = FIELDS.iter().filter_map(|(_, _, flag, _)| args.given.get(*flag));
        let flag = of_phase.chain(args.given.get("user-centric-rate")).find(|name| name.starts_with('-'));
        return refuse(format!(
            "{} cannot change the configuration file's phases, of which several are measured: change it there",
            flag.map_or("a flag of a phase", String::as_str)
        ));
    }
    if let Some(profiling) = listed.iter_mut().find(|phase| !phase.is_warmup()) {
        let below = std::mem::take(profiling);
        // A rate of a flag keeps the file's arrivals.
        let keeps = args.load.arrival_pattern.is_none() && below.shape.as_ref().is_some_and(Shape::has_rate);
        let flags = Described { shape: flags.shape.filter(|shape| !(keeps && shape.has_rate())), ..flags };
        let ends = |phase: &Described| {
            phase.requests.is_some() || phase.sessions.is_some() || phase.duration.is_some()
        };
        *profiling = flags.over(below);
        if !ends(profiling) && args.input.is_synthetic() {
            profiling.requests = Some(REQUESTS.max(u64::from(profiling.users.unwrap_or(1))));
        }
    }
    let profiling = listed.iter().find(|phase| !phase.is_warmup()).cloned().unwrap_or_default();
    if let Some(over) = warmup(&args.warmup, &profiling, args.load.concurrency)? {
        match listed.iter_mut().find(|phase| phase.is_warmup()) {
            Some(warmup) => {
                let below = std::mem::take(warmup);
                *warmup = Described { name: None, ..own(&args.warmup) }.over(below);
            }
            None => listed.insert(0, over),
        }
    }
    Ok(listed)
}

/// What the flags set of the measured phase.
fn profiling(args: &ProfileArgs) -> Planned<Described> {
    let given = &args.load;
    let curve = curve(given.ramp_strategy.as_deref());
    let ramp = |seconds: Option<f64>| seconds.map(|seconds| Ramp { seconds, curve });
    let cancellation = &args.cancellation;
    Ok(Described {
        shape: shape(args)?,
        rate: given.request_rate.or(args.users.user_centric_rate),
        smoothness: given.arrival_smoothness,
        rate_ramp: ramp(given.request_rate_ramp_duration),
        rate_series: given
            .request_rate_series
            .clone()
            .map(|path| Series { path: Some(path), points: Vec::new() }),
        concurrency: given.concurrency,
        concurrency_ramp: ramp(given.concurrency_ramp_duration),
        prefill_concurrency: given.prefill_concurrency,
        prefill_ramp: ramp(given.prefill_concurrency_ramp_duration),
        users: args.users.num_users,
        requests: given.request_count,
        sessions: args.conversation.conversation_num,
        duration: given.benchmark_duration,
        grace_period: given.benchmark_grace_period,
        cancellation: cancellation
            .request_cancellation_rate
            .map(|rate| Cancelled { rate: Some(rate), delay: cancellation.request_cancellation_delay }),
        ..Described::default()
    })
}

/// What the flags leave open, as in AIPerf.
fn defaults(args: &ProfileArgs, flags: Described) -> Described {
    let has_end = flags.duration.is_some() || flags.sessions.is_some() || flags.requests.is_some();
    // An input file is sent once. For synthetic prompts there are at least as many requests as users.
    let requests = (!has_end && args.input.is_synthetic())
        .then(|| REQUESTS.max(u64::from(args.users.num_users.unwrap_or(1))));
    // Simulated users complete their conversations.
    let has_users = flags.shape == Some(Shape::UserCentric);
    let grace = if has_users { f64::INFINITY } else { DEFAULT_GRACE_S };
    let grace_period = flags.duration.map(|_| grace);
    let below = Described {
        name: Some("profiling".to_owned()),
        kind: Some("profiling".to_owned()),
        shape: Some(Shape::Concurrency),
        requests,
        grace_period,
        ..Described::default()
    };
    flags.over(below)
}

/// The shape that the flags request, if they do.
fn shape(args: &ProfileArgs) -> Planned<Option<Shape>> {
    let given = &args.load;
    if args.schedule.fixed_schedule {
        return Ok(Some(Shape::FixedSchedule));
    }
    if args.users.user_centric_rate.is_some() {
        return Ok(Some(Shape::UserCentric));
    }
    let has_base = args.load.base_phases.is_some();
    if given.request_rate.is_none() && given.request_rate_series.is_none() {
        return match (given.arrival_smoothness, &given.arrival_pattern) {
            (Some(_), _) if !has_base => refuse("--arrival-smoothness needs --request-rate"),
            (_, Some(_)) if has_base => {
                pattern(given.arrival_pattern.as_deref(), given.arrival_smoothness).map(Some)
            }
            _ => Ok(None),
        };
    }
    pattern(given.arrival_pattern.as_deref(), given.arrival_smoothness).map(Some)
}

/// The shape of an arrival pattern; a smoothness alone selects gamma.
fn pattern(pattern: Option<&str>, smoothness: Option<f64>) -> Planned<Shape> {
    match (pattern, smoothness) {
        (Some("gamma"), _) | (None, Some(_)) => Ok(Shape::Gamma),
        (_, Some(_)) => refuse("--arrival-smoothness needs --arrival-pattern gamma"),
        (None | Some("poisson" | "concurrency_burst"), None) => Ok(Shape::Poisson),
        (Some("constant"), None) => Ok(Shape::Constant),
        (Some(other), None) => refuse(format!(
            "--arrival-pattern `{other}` is not supported; available: constant, poisson, gamma"
        )),
    }
}

/// The warmup phase that the flags request: like the measured one, except for what they set. `concurrency` is the user's value:
/// a closed loop's default must not limit a rate.
fn warmup(given: &WarmupArgs, profiling: &Described, concurrency: Option<u32>) -> Planned<Option<Described>> {
    let has_end = given.warmup_request_count.is_some()
        || given.warmup_duration.is_some()
        || given.num_warmup_sessions.is_some();
    if !has_end {
        return Ok(None);
    }
    let rate = given.warmup_request_rate.or(profiling.rate);
    let has_rate = rate.is_some() || profiling.rate_series.is_some();
    let shape = profiling.shape.clone().unwrap_or(Shape::Concurrency);
    let shape = match given.warmup_arrival_pattern.as_deref() {
        Some(_) if !has_rate => Shape::Concurrency,
        Some(name) => pattern(Some(name), profiling.smoothness.filter(|_| name == "gamma"))?,
        // Traces and users have no warmup of their own kind: requests are sent at the rate, or in a closed loop.
        None if shape.has_rate() => shape,
        None if rate.is_some() => Shape::Poisson,
        None => Shape::Concurrency,
    };
    let ramp = |seconds: Option<Ramp>, inherited: Option<Ramp>| match (seconds, inherited) {
        (Some(own), Some(inherited)) => Some(Ramp { curve: inherited.curve, ..own }),
        (own, inherited) => own.or(inherited),
    };
    let own = own(given);
    Ok(Some(Described {
        shape: Some(shape),
        rate,
        rate_series: profiling.rate_series.clone().filter(|_| given.warmup_request_rate.is_none()),
        smoothness: profiling.smoothness,
        rate_ramp: ramp(own.rate_ramp, profiling.rate_ramp),
        concurrency: own.concurrency.or(concurrency),
        concurrency_ramp: ramp(own.concurrency_ramp, profiling.concurrency_ramp),
        prefill_concurrency: own.prefill_concurrency.or(profiling.prefill_concurrency),
        prefill_ramp: ramp(own.prefill_ramp, profiling.prefill_ramp),
        ..own
    }))
}

/// What the flags set of the warmup phase.
fn own(given: &WarmupArgs) -> Described {
    let ramp = |seconds: Option<f64>| seconds.map(|seconds| Ramp { seconds, curve: Curve::Linear });
    Described {
        name: Some("warmup".to_owned()),
        kind: Some("warmup".to_owned()),
        rate: given.warmup_request_rate,
        rate_ramp: ramp(given.warmup_request_rate_ramp_duration),
        concurrency: given.warmup_concurrency,
        concurrency_ramp: ramp(given.warmup_concurrency_ramp_duration),
        prefill_concurrency: given.warmup_prefill_concurrency,
        prefill_ramp: ramp(given.warmup_prefill_concurrency_ramp_duration),
        requests: given.warmup_request_count,
        sessions: given.num_warmup_sessions,
        duration: given.warmup_duration,
        grace_period: given.warmup_grace_period,
        ..Described::default()
    }
}

/// Which rows of a trace are replayed: flags first, then the measured phase that replays it.
fn schedule(args: &ProfileArgs, described: &[Described]) -> Planned<FixedSchedule> {
    let replaying = described.iter().find(|phase| phase.shape == Some(Shape::FixedSchedule));
    let of = |flag: Option<u64>, key: fn(&Described) -> Option<u64>| flag.or_else(|| replaying.and_then(key));
    let start = of(args.schedule.fixed_schedule_start_offset, |phase| phase.start_offset);
    let end = of(args.schedule.fixed_schedule_end_offset, |phase| phase.end_offset);
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return refuse("--fixed-schedule-start-offset is after --fixed-schedule-end-offset");
    }
    let is_wanted = args.schedule.fixed_schedule_auto_offset.then_some(true);
    let is_wanted = is_wanted.or_else(|| replaying.and_then(|phase| phase.auto_offset));
    if is_wanted == Some(true) && start.is_some() {
        return refuse("--fixed-schedule-auto-offset contradicts --fixed-schedule-start-offset");
    }
    Ok(FixedSchedule {
        is_automatic: !args.schedule.no_fixed_schedule,
        // A trace's timestamps are shifted to start at 0, unless set otherwise by the user.
        is_auto_offset: is_wanted.unwrap_or_else(|| start.is_none()),
        start_offset_ms: start.map(millis),
        end_offset_ms: end.map(millis),
        speedup: args.conversation.replay_speedup,
        keeps_concurrency: args.load.concurrency.is_some()
            || args.load.phases.is_some()
            || args.load.base_phases.is_some(),
    })
}

/// The share of failures that stops the run, which is one for all measured phases.
fn threshold(args: &ProfileArgs, described: &[Described]) -> Planned<Option<f64>> {
    if args.load.failed_request_threshold.is_some() {
        return Ok(args.load.failed_request_threshold);
    }
    let measured = described.iter().filter(|phase| !phase.is_warmup());
    let mut set = measured.filter_map(|phase| phase.failed_request_threshold).collect::<Vec<_>>();
    set.dedup();
    match set.as_slice() {
        [] => Ok(None),
        [one] if (0.0..=1.0).contains(one) => Ok(Some(*one)),
        [_] => refuse("`failed_request_threshold` must be between 0 and 1"),
        _ => refuse("`failed_request_threshold` differs between phases: the run has one"),
    }
}

fn cache_bust(args: &ProfileArgs) -> Planned<Option<CacheBust>> {
    let prompt = &args.prompt;
    let has_system = prompt.system_prompt.is_some()
        || prompt.system_prompt_file.is_some()
        || prompt.shared_system_prompt_length.is_some();
    let is_synthetic = args.input.is_synthetic();
    Ok(match prompt.cache_bust.as_str() {
        "system_prefix" => Some(CacheBust::SystemPrefix),
        "system_suffix" => Some(CacheBust::SystemSuffix),
        "first_turn_prefix" => Some(CacheBust::FirstTurnPrefix),
        "first_turn_suffix" => Some(CacheBust::FirstTurnSuffix),
        "warmup_isolation_system" if is_synthetic && !has_system => {
            return refuse(
                "--cache-bust warmup_isolation_system needs a system prompt: give --system-prompt, --system-prompt-file or \
                 --shared-system-prompt-length, or use warmup_isolation_first_turn",
            );
        }
        "warmup_isolation_system" => Some(CacheBust::WarmupIsolationSystem),
        "warmup_isolation_first_turn" => Some(CacheBust::WarmupIsolationFirstTurn),
        _ => None,
    })
}

fn curve(name: Option<&str>) -> Curve {
    match name {
        Some("exponential") => Curve::Exponential,
        Some("poisson") => Curve::Poisson,
        _ => Curve::Linear,
    }
}

fn reuse(name: &str) -> ConnectionReuse {
    match name {
        "never" => ConnectionReuse::Never,
        "sticky-user-sessions" => ConnectionReuse::StickyUserSessions,
        _ => ConnectionReuse::Pooled,
    }
}

fn sampling(name: Option<&str>) -> Sampling {
    match name {
        Some("random") => Sampling::Random,
        Some("shuffle") => Sampling::Shuffle,
        _ => Sampling::Sequential,
    }
}

/// Milliseconds of a trace, exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "a trace of 285,000 years")]
const fn millis(offset: u64) -> f64 {
    offset as f64
}

/// Refuses flags that contradict each other.
fn contradictions(args: &ProfileArgs) -> Planned<()> {
    let load = &args.load;
    let schedule = &args.schedule;
    let has_rate = load.request_rate.is_some() || load.request_rate_series.is_some();
    let has_users = args.users.user_centric_rate.is_some();
    let has_duration = load.benchmark_duration.is_some() || load.base_phases.is_some();
    let rules = [
        (
            load.benchmark_grace_period.is_some() && !has_duration,
            "--benchmark-grace-period needs --benchmark-duration",
        ),
        (
            load.request_rate_ramp_duration.is_some() && (schedule.fixed_schedule || has_users),
            "--request-rate-ramp-duration needs --request-rate",
        ),
        (
            has_users && (load.arrival_pattern.is_some() || load.arrival_smoothness.is_some()),
            "--arrival-pattern contradicts --user-centric-rate: users send at even intervals",
        ),
        (schedule.fixed_schedule && (has_rate || has_users), "--fixed-schedule contradicts a rate"),
    ];
    match rules.iter().find(|(is_broken, _)| *is_broken) {
        Some((_, why)) => refuse(*why),
        None => Ok(()),
    }
}

/// Refuses shapes that the input does not serve.
fn input_of(args: &ProfileArgs, load: &Load) -> Planned<()> {
    let has = |shape: &Shape| load.phases.iter().any(|phase| phase.shape == *shape);
    let is_synthetic = args.input.is_synthetic();
    let strategy = args.input.dataset_sampling_strategy.as_deref().unwrap_or("sequential");
    let rules = [
        (has(&Shape::FixedSchedule) && is_synthetic, "--fixed-schedule needs --input-file with timestamps"),
        (
            has(&Shape::FixedSchedule) && strategy != "sequential",
            "--dataset-sampling-strategy contradicts --fixed-schedule: a trace has its own order",
        ),
        (
            has(&Shape::UserCentric) && is_synthetic && super::input::turns(args).mean < 2.0,
            "--user-centric-rate needs conversations of at least 2 turns: give --conversation-turn-mean, or use --request-rate",
        ),
    ];
    match rules.iter().find(|(is_broken, _)| *is_broken) {
        Some((_, why)) => refuse(*why),
        None => Ok(()),
    }
}

/// AIPerf's default number of requests when nothing else ends a run.
const REQUESTS: u64 = 10;
/// AIPerf's default of the flag, in seconds.
const DEFAULT_GRACE_S: f64 = 30.0;
