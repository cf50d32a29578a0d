//! Plans when requests are sent and when the run ends.

use super::{Checked, refuse};
use crate::args::{CancellationArgs, LoadArgs, ProfileArgs, WarmupArgs};
use spec::{
    CacheBust, Cancellation, ConnectionReuse, Curve, FixedSchedule, Load, Phase, Ramp, Sampling, Shape,
};

/// The phases that the flags define. The points of `--request-rate-series` are read later, with the other files.
///
/// # Errors
/// The first contradiction found.
pub(super) fn load(args: &ProfileArgs) -> Checked<Load> {
    contradictions(args)?;
    let phases = match &args.load.phases {
        Some(json) => super::phases::phases(json)?,
        None => {
            let profiling = profiling(args)?;
            let mut phases = Vec::new();
            phases.extend(warmup(&args.warmup, &profiling, args.load.concurrency)?);
            phases.push(profiling);
            phases
        }
    };
    Ok(Load {
        connection_reuse: reuse(&args.endpoint.connection_reuse_strategy),
        fixed_schedule: FixedSchedule {
            is_automatic: !args.schedule.no_fixed_schedule,
            is_auto_offset: is_auto_offset(args),
            start_offset_ms: args.schedule.fixed_schedule_start_offset.map(millis),
            end_offset_ms: args.schedule.fixed_schedule_end_offset.map(millis),
            speedup: args.conversation.replay_speedup,
            keeps_concurrency: args.load.concurrency.is_some() || args.load.phases.is_some(),
        },
        sampling: sampling(args.input.dataset_sampling_strategy.as_deref()),
        failed_request_threshold: args.load.failed_request_threshold,
        cache_bust: cache_bust(args)?,
        ..Load { phases, ..Load::of(Phase::new("", Shape::Concurrency)) }
    })
}

fn cache_bust(args: &ProfileArgs) -> Checked<Option<CacheBust>> {
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

/// A trace's timestamps are shifted to start at 0, unless set otherwise by the user.
fn is_auto_offset(args: &ProfileArgs) -> bool {
    args.schedule.fixed_schedule_auto_offset || args.schedule.fixed_schedule_start_offset.is_none()
}

fn profiling(args: &ProfileArgs) -> Checked<Phase> {
    let given = &args.load;
    let shape = shape(args)?;
    let concurrency =
        if shape == Shape::Concurrency { Some(given.concurrency.unwrap_or(1)) } else { given.concurrency };
    let session_count = args.conversation.conversation_num;
    // An input file is sent once, unless set otherwise by the user.
    let is_synthetic = args.input.is_synthetic();
    let has_end = given.benchmark_duration.is_some() || session_count.is_some() || !is_synthetic;
    let request_count = match given.request_count {
        // AIPerf's default number of requests for synthetic prompts, but at least one per user.
        None if !has_end => Some(REQUESTS.max(u64::from(args.users.num_users.unwrap_or(1)))),
        count => count,
    };
    let curve = curve(given.ramp_strategy.as_deref());
    let ramp = |seconds: Option<f64>| seconds.map(|seconds| Ramp { seconds, curve });
    Ok(Phase {
        request_rate: given.request_rate.or(args.users.user_centric_rate),
        arrival_smoothness: given.arrival_smoothness,
        request_rate_ramp_seconds: given.request_rate_ramp_duration,
        concurrency,
        concurrency_ramp: ramp(given.concurrency_ramp_duration),
        prefill_concurrency: given.prefill_concurrency,
        prefill_concurrency_ramp: ramp(given.prefill_concurrency_ramp_duration),
        users: args.users.num_users,
        request_count,
        session_count,
        duration_seconds: given.benchmark_duration,
        grace_period_seconds: given.benchmark_duration.and_then(|_| grace(given, &shape)),
        cancellation: cancellation(&args.cancellation),
        ..Phase::new("profiling", shape)
    })
}

/// How long requests in flight are waited for; `None` waits until they have completed.
fn grace(given: &LoadArgs, shape: &Shape) -> Option<f64> {
    match given.benchmark_grace_period {
        Some(seconds) if seconds.is_finite() => Some(seconds),
        Some(_) => None,
        // Simulated users complete their conversations.
        None if *shape == Shape::UserCentric => None,
        None => Some(DEFAULT_GRACE_S),
    }
}

fn shape(args: &ProfileArgs) -> Checked<Shape> {
    let given = &args.load;
    if args.schedule.fixed_schedule {
        return Ok(Shape::FixedSchedule);
    }
    if args.users.user_centric_rate.is_some() {
        return Ok(Shape::UserCentric);
    }
    if given.request_rate.is_none() && given.request_rate_series.is_none() {
        return match given.arrival_smoothness {
            None => Ok(Shape::Concurrency),
            Some(_) => refuse("--arrival-smoothness needs --request-rate"),
        };
    }
    pattern(given.arrival_pattern.as_deref(), given.arrival_smoothness)
}

/// The shape of an arrival pattern; a smoothness alone selects gamma.
fn pattern(pattern: Option<&str>, smoothness: Option<f64>) -> Checked<Shape> {
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

/// The warmup phase: like the measured one, except for what the flags set. `concurrency` is the user's value: a closed loop's
/// default must not limit a rate.
fn warmup(given: &WarmupArgs, profiling: &Phase, concurrency: Option<u32>) -> Checked<Option<Phase>> {
    let has_end = given.warmup_request_count.is_some()
        || given.warmup_duration.is_some()
        || given.num_warmup_sessions.is_some();
    if !has_end {
        return Ok(None);
    }
    let request_rate = given.warmup_request_rate.or(profiling.request_rate);
    let shape = match given.warmup_arrival_pattern.as_deref() {
        Some(_) if request_rate.is_none() => Shape::Concurrency,
        Some(name) => pattern(Some(name), profiling.arrival_smoothness.filter(|_| name == "gamma"))?,
        // Traces and users have no warmup of their own kind: requests are sent at the rate, or in a closed loop.
        None if profiling.shape.has_rate() => profiling.shape.clone(),
        None if request_rate.is_some() => Shape::Poisson,
        None => Shape::Concurrency,
    };
    let concurrency = given.warmup_concurrency.or(concurrency);
    let ramp = |seconds: Option<f64>, inherited: Option<Ramp>| match (seconds, inherited) {
        (Some(seconds), inherited) => {
            Some(Ramp { seconds, curve: inherited.map_or(Curve::Linear, |ramp| ramp.curve) })
        }
        (None, inherited) => inherited,
    };
    Ok(Some(Phase {
        is_warmup: true,
        request_rate,
        arrival_smoothness: profiling.arrival_smoothness,
        request_rate_ramp_seconds: given
            .warmup_request_rate_ramp_duration
            .or(profiling.request_rate_ramp_seconds),
        concurrency: if shape == Shape::Concurrency { Some(concurrency.unwrap_or(1)) } else { concurrency },
        concurrency_ramp: ramp(given.warmup_concurrency_ramp_duration, profiling.concurrency_ramp),
        prefill_concurrency: given.warmup_prefill_concurrency.or(profiling.prefill_concurrency),
        prefill_concurrency_ramp: ramp(
            given.warmup_prefill_concurrency_ramp_duration,
            profiling.prefill_concurrency_ramp,
        ),
        request_count: given.warmup_request_count,
        session_count: given.num_warmup_sessions,
        duration_seconds: given.warmup_duration,
        grace_period_seconds: given.warmup_grace_period.filter(|seconds| seconds.is_finite()),
        ..Phase::new("warmup", shape)
    }))
}

fn cancellation(given: &CancellationArgs) -> Option<Cancellation> {
    let rate_percent = given.request_cancellation_rate?;
    Some(Cancellation { rate_percent, delay_seconds: given.request_cancellation_delay.unwrap_or(0.0) })
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

/// Refuses flags that contradict each other (aiperf.md's rules of load and timing).
fn contradictions(args: &ProfileArgs) -> Checked<()> {
    let load = &args.load;
    let schedule = &args.schedule;
    let has_rate = load.request_rate.is_some() || load.request_rate_series.is_some();
    let has_users = args.users.user_centric_rate.is_some();
    let is_synthetic = args.input.is_synthetic();
    let users = args.users.num_users.map(u64::from).filter(|_| has_users);
    let is_below_users = |count: Option<u64>| users.zip(count).is_some_and(|(users, count)| count < users);
    let starts_after_end = match (schedule.fixed_schedule_start_offset, schedule.fixed_schedule_end_offset) {
        (Some(start), Some(end)) => start > end,
        _ => false,
    };
    let too_many_prefills = match (load.prefill_concurrency, load.concurrency) {
        (Some(prefill), Some(concurrency)) => prefill > concurrency,
        _ => false,
    };
    let rules = [
        (
            load.benchmark_grace_period.is_some() && load.benchmark_duration.is_none(),
            "--benchmark-grace-period needs --benchmark-duration",
        ),
        (too_many_prefills, "--prefill-concurrency must not be more than --concurrency"),
        (
            load.request_rate_ramp_duration.is_some() && (schedule.fixed_schedule || has_users),
            "--request-rate-ramp-duration needs --request-rate",
        ),
        (
            has_users && (load.arrival_pattern.is_some() || load.arrival_smoothness.is_some()),
            "--arrival-pattern contradicts --user-centric-rate: users send at even intervals",
        ),
        (schedule.fixed_schedule && (has_rate || has_users), "--fixed-schedule contradicts a rate"),
        (schedule.fixed_schedule && is_synthetic, "--fixed-schedule needs --input-file with timestamps"),
        (
            schedule.fixed_schedule
                && args
                    .input
                    .dataset_sampling_strategy
                    .as_deref()
                    .is_some_and(|strategy| strategy != "sequential"),
            "--dataset-sampling-strategy contradicts --fixed-schedule: a trace has its own order",
        ),
        (
            has_users && is_synthetic && args.conversation.conversation_turn_mean.unwrap_or(1.0) < 2.0,
            "--user-centric-rate needs conversations of at least 2 turns: give --conversation-turn-mean, or use --request-rate",
        ),
        (
            is_below_users(args.conversation.conversation_num),
            "--conversation-num is less than --num-users: each user needs at least one session",
        ),
        (
            is_below_users(load.request_count),
            "--request-count is less than --num-users: each user needs at least one request",
        ),
        (starts_after_end, "--fixed-schedule-start-offset is after --fixed-schedule-end-offset"),
    ];
    match rules.iter().find(|(is_broken, _)| *is_broken) {
        Some((_, why)) => refuse(*why),
        None => Ok(()),
    }
}

/// AIPerf's default number of requests when nothing else ends a run.
const REQUESTS: u64 = 10;
/// AIPerf's default, in seconds.
pub(super) const DEFAULT_GRACE_S: f64 = 30.0;
