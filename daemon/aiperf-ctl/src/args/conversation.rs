//! Flags of conversations: how many, how long, with what pauses.

use super::value::{not_negative, one_count, one_whole, positive};

/// Flags of conversations: how many, how long, with what pauses.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Conversations")]
pub struct ConversationArgs {
    /// Conversations to start.
    #[arg(long, visible_aliases = ["num-conversations", "num-sessions"], value_parser = one_count)]
    pub conversation_num: Option<u64>,
    /// Number of distinct conversations to generate, or to read from a file; requests cycle through them. [default: as many as
    /// --conversation-num or --request-count sends, up to 16384, else 100]
    #[arg(long, visible_alias = "num-prompts", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub num_dataset_entries: Option<u32>,
    /// Mean number of turns per conversation. [default: 1]
    #[arg(long, visible_alias = "session-turns-mean", value_parser = one_whole)]
    pub conversation_turn_mean: Option<f64>,
    /// Standard deviation of the number of turns. [default: 0]
    #[arg(long, visible_alias = "session-turns-stddev", value_parser = not_negative)]
    pub conversation_turn_stddev: Option<f64>,
    /// Mean delay between a response and the next turn, in milliseconds. [default: 0]
    #[arg(long, visible_alias = "session-turn-delay-mean", value_parser = not_negative)]
    pub conversation_turn_delay_mean: Option<f64>,
    /// Standard deviation of this delay, in milliseconds. [default: 0]
    #[arg(long, visible_alias = "session-turn-delay-stddev", value_parser = not_negative)]
    pub conversation_turn_delay_stddev: Option<f64>,
    /// Multiply every delay between turns by this factor. [default: 1]
    #[arg(long, visible_alias = "session-delay-ratio", value_parser = not_negative)]
    pub conversation_turn_delay_ratio: Option<f64>,
    /// Upper limit of the delay between turns, in seconds.
    #[arg(long, value_parser = not_negative)]
    pub inter_turn_delay_cap_seconds: Option<f64>,
    /// baseten_trace: shorten idle periods of the whole trace to at most this many seconds.
    #[arg(long, value_parser = positive)]
    pub max_idle_gap_cap_seconds: Option<f64>,
    /// baseten_trace: replay the trace this many times faster.
    #[arg(long, value_parser = positive)]
    pub replay_speedup: Option<f64>,
    /// baseten_trace: send requests at their recorded times, however fast the server responds (the default).
    #[arg(long, overrides_with = "no_open_loop_replay")]
    pub open_loop_replay: bool,
    /// baseten_trace: send a session's next request after the recorded pause following its last response.
    #[arg(long)]
    pub no_open_loop_replay: bool,
    /// baseten_trace: treat every row as a session of its own.
    #[arg(long)]
    pub open_loop_strict: bool,
    /// baseten_trace: leave hash_ids and block_size out of the request bodies.
    #[arg(long)]
    pub omit_kv_hints: bool,
    /// baseten_trace: request at least the recorded number of output tokens (the default).
    #[arg(long, overrides_with = "no_force_min_tokens")]
    pub force_min_tokens: bool,
    /// baseten_trace: let the server decide where its response ends.
    #[arg(long)]
    pub no_force_min_tokens: bool,
}
