//! Conversations: how many, how long, with what pauses.

use super::value::{not_negative, one_count, one_whole, positive};

/// Conversations: how many, how long, with what pauses.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Conversations")]
pub struct ConversationArgs {
    /// Conversations to start.
    #[arg(long, visible_aliases = ["num-conversations", "num-sessions"], value_parser = one_count)]
    pub conversation_num: Option<u64>,
    /// Different conversations to make up, or to take of a file; requests take them in turn. [default: as many as are sent by
    /// --conversation-num or --request-count, up to 16384, else 100]
    #[arg(long, visible_alias = "num-prompts", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub num_dataset_entries: Option<u32>,
    /// Mean number of turns. [default: 1]
    #[arg(long, visible_alias = "session-turns-mean", value_parser = one_whole)]
    pub conversation_turn_mean: Option<f64>,
    /// Its standard deviation. [default: 0]
    #[arg(long, visible_alias = "session-turns-stddev", value_parser = not_negative)]
    pub conversation_turn_stddev: Option<f64>,
    /// Mean milliseconds between an answer and the next turn. [default: 0]
    #[arg(long, visible_alias = "session-turn-delay-mean", value_parser = not_negative)]
    pub conversation_turn_delay_mean: Option<f64>,
    /// Its standard deviation. [default: 0]
    #[arg(long, visible_alias = "session-turn-delay-stddev", value_parser = not_negative)]
    pub conversation_turn_delay_stddev: Option<f64>,
    /// Multiplies every delay between turns. [default: 1]
    #[arg(long, visible_alias = "session-delay-ratio", value_parser = not_negative)]
    pub conversation_turn_delay_ratio: Option<f64>,
    /// Longest delay between turns, in seconds.
    #[arg(long, value_parser = not_negative)]
    pub inter_turn_delay_cap_seconds: Option<f64>,
    /// baseten_trace: make pauses of the whole trace at most this long, in seconds.
    #[arg(long, value_parser = positive)]
    pub max_idle_gap_cap_seconds: Option<f64>,
    /// baseten_trace: replay this many times as fast.
    #[arg(long, value_parser = positive)]
    pub replay_speedup: Option<f64>,
    /// baseten_trace: send at the recorded times, whatever the server does (the default).
    #[arg(long, overrides_with = "no_open_loop_replay")]
    pub open_loop_replay: bool,
    /// baseten_trace: send a session's next request the recorded pause after its last answer.
    #[arg(long)]
    pub no_open_loop_replay: bool,
    /// baseten_trace: every row is a session of its own.
    #[arg(long)]
    pub open_loop_strict: bool,
    /// baseten_trace: leave hash_ids and block_size out of the bodies.
    #[arg(long)]
    pub omit_kv_hints: bool,
    /// baseten_trace: ask for at least the recorded number of output tokens (the default).
    #[arg(long, overrides_with = "no_force_min_tokens")]
    pub force_min_tokens: bool,
    /// baseten_trace: let the server end its answer when it wants.
    #[arg(long)]
    pub no_force_min_tokens: bool,
}
