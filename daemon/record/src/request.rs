//! One request: who, when on every clock stage, how much, and how it ended.

use crate::column::columns;
use common::client_event::Outcome;
use common::clock::MonoNs;
use common::id::{ConnectionId, RequestId, SocketCookie};

columns! {
    /// One request, a row of `requests.parquet`.
    #[derive(Default)]
    Request {
        /// The request's place in the schedule, from 0.
        request_id: RequestId, Identity, None, Schedule;
        /// The session (conversation) that it belongs to.
        session: u64, Identity, None, Schedule;
        /// The turn within the session, from 0.
        turn: u32, Identity, None, Schedule;
        /// The phase of the run: `profiling` or a warm-up's name.
        phase: String, Identity, None, Schedule;
        /// Which payload of `inputs.json` was sent.
        entry: u32, Identity, None, Schedule;
        /// The worker (hot core) that sent it.
        worker: u32, Identity, None, HotCore;
        /// The connection that carried it.
        connection: ConnectionId, Identity, None, HotCore;
        /// The kernel's name of the connection's socket.
        socket_cookie: SocketCookie, Identity, None, Kernel;
        /// Whether the connection had carried a request before.
        connection_reused: bool, Plain, None, HotCore;
        /// When the schedule had it due.
        due_ns: MonoNs, Nanoseconds, Monotonic, Schedule;
        /// When its connect was handed to the kernel, if it opened its connection.
        connect_begun_ns: Option<MonoNs>, Nanoseconds, Monotonic, HotCore;
        /// When that connect was reaped.
        connected_ns: Option<MonoNs>, Nanoseconds, Monotonic, HotCore;
        /// When it was handed to the kernel. Absent when its connection never opened.
        submitted_ns: Option<MonoNs>, Nanoseconds, Monotonic, HotCore;
        /// When the segment with its first byte left.
        kernel_sent_first_ns: Option<MonoNs>, Nanoseconds, Monotonic, Kernel;
        /// When the segment with its last byte first left.
        kernel_sent_last_ns: Option<MonoNs>, Nanoseconds, Monotonic, Kernel;
        /// When the response's head had arrived whole.
        head_kernel_received_ns: Option<MonoNs>, Nanoseconds, Monotonic, Kernel;
        /// When the read that completed the response's head was reaped.
        head_reaped_ns: Option<MonoNs>, Nanoseconds, Monotonic, HotCore;
        /// When the first event of any kind had arrived whole.
        first_event_kernel_ns: Option<MonoNs>, Nanoseconds, Monotonic, Join;
        /// When the first event of any kind was reaped.
        first_event_reaped_ns: Option<MonoNs>, Nanoseconds, Monotonic, ResponseParser;
        /// When the first event with text or reasoning had arrived whole.
        first_token_kernel_ns: Option<MonoNs>, Nanoseconds, Monotonic, Join;
        /// When the first event with text or reasoning was reaped.
        first_token_reaped_ns: Option<MonoNs>, Nanoseconds, Monotonic, ResponseParser;
        /// When the second event with text or reasoning had arrived whole.
        second_token_kernel_ns: Option<MonoNs>, Nanoseconds, Monotonic, Join;
        /// When the second event with text or reasoning was reaped.
        second_token_reaped_ns: Option<MonoNs>, Nanoseconds, Monotonic, ResponseParser;
        /// When the first event with answer text (not reasoning only) had arrived whole.
        first_answer_kernel_ns: Option<MonoNs>, Nanoseconds, Monotonic, Join;
        /// When the first event with answer text (not reasoning only) was reaped.
        first_answer_reaped_ns: Option<MonoNs>, Nanoseconds, Monotonic, ResponseParser;
        /// When the last event with text or reasoning had arrived whole.
        last_token_kernel_ns: Option<MonoNs>, Nanoseconds, Monotonic, Join;
        /// When the last event with text or reasoning was reaped.
        last_token_reaped_ns: Option<MonoNs>, Nanoseconds, Monotonic, ResponseParser;
        /// When the last byte that was received of the response had arrived.
        kernel_received_last_ns: Option<MonoNs>, Nanoseconds, Monotonic, Kernel;
        /// When it ended, well or not.
        ended_ns: MonoNs, Nanoseconds, Monotonic, HotCore;
        /// Events in the response.
        events: u32, Count, None, ResponseParser;
        /// Events with text or reasoning among them.
        content_events: u32, Count, None, ResponseParser;
        /// Events that have no kernel stamp, with the reason in `tokens.parquet`.
        unmatched_events: u32, Count, None, Join;
        /// Why its own sent and head bytes have no kernel stamp, if they don't.
        unmatched: Option<String>, Plain, None, Join;
        /// Bytes of the request, its head counted.
        sent_bytes: u64, Bytes, None, HotCore;
        /// Bytes of the response, its head counted.
        received_bytes: u64, Bytes, None, HotCore;
        /// Segments in which the request left, retransmissions not counted.
        sent_segments: Option<u32>, Count, None, Kernel;
        /// Segments in which the response arrived.
        received_segments: Option<u32>, Count, None, Kernel;
        /// Segments that completed at least one event.
        event_segments: Option<u32>, Count, None, Join;
        /// Reads in which the response arrived.
        reads: u32, Count, None, HotCore;
        /// The socket's smoothed round-trip time when the request left.
        smoothed_rtt_us: Option<u32>, Microseconds, None, Kernel;
        /// Segments of the request that were sent again.
        retransmits: Option<u32>, Count, None, Kernel;
        /// The HTTP status, if a head arrived.
        http_status: Option<u32>, Plain, None, Server;
        /// Whether the response was a stream of events, as opposed to one body; absent where nothing of its body arrived.
        event_stream: Option<bool>, Plain, None, Server;
        /// How it ended.
        outcome: Outcome, Plain, None, ResponseParser;
        /// The kind of the error, if it did not end well.
        error_type: Option<String>, Plain, None, ResponseParser;
        /// The error's message.
        error_message: Option<String>, Plain, None, ResponseParser;
        /// Input tokens by our tokenizer.
        input_tokens: Option<u32>, Tokens, None, ResponseParser;
        /// Answer tokens by our tokenizer, over the concatenated text, tool calls included.
        output_tokens: Option<u32>, Tokens, None, ResponseParser;
        /// Reasoning tokens by our tokenizer, over the concatenated reasoning.
        reasoning_tokens: Option<u32>, Tokens, None, ResponseParser;
        /// Output tokens that the request has as its maximum.
        requested_output_tokens: Option<u32>, Tokens, None, Schedule;
        /// The server's count of prompt tokens.
        usage_prompt_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of completion tokens, reasoning included.
        usage_completion_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of both.
        usage_total_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of reasoning tokens.
        usage_reasoning_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of prompt tokens read from a cache.
        usage_prompt_cache_read_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of prompt tokens written to a cache.
        usage_prompt_cache_write_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of prompt tokens that missed the cache.
        usage_prompt_cache_miss_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of audio tokens in the prompt.
        usage_prompt_audio_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of prompt tokens for tool use.
        usage_tool_use_prompt_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of audio tokens in the completion.
        usage_completion_audio_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of predicted tokens that were accepted.
        usage_accepted_prediction_tokens: Option<u32>, Tokens, None, Server;
        /// The server's count of predicted tokens that were rejected.
        usage_rejected_prediction_tokens: Option<u32>, Tokens, None, Server;
        /// Output tokens of the first event with text or reasoning, by the server's count in that event; only with
        /// `--per-chunk-usage`.
        first_chunk_tokens: Option<u32>, Tokens, None, Server;
        /// Images in the request.
        images: Option<u32>, Count, None, Schedule;
        /// Length of the audio in the request.
        audio_seconds: Option<f64>, Seconds, None, Schedule;
        /// The server's count of seconds of audio in the prompt.
        usage_prompt_audio_seconds: Option<f64>, Seconds, None, Server;
        /// The server's time for a video.
        video_inference_seconds: Option<f64>, Seconds, None, Server;
        /// The server's memory for a video.
        video_peak_megabytes: Option<f64>, Megabytes, None, Server;
        /// Verifications of drafted tokens.
        spec_decode_steps: Option<u32>, Count, None, Server;
        /// Drafted tokens that were accepted.
        spec_decode_accepted_tokens: Option<u32>, Tokens, None, Server;
        /// Drafted tokens.
        spec_decode_draft_tokens: Option<u32>, Tokens, None, Server;
        /// Tokens per verification: accepted ones and one more.
        spec_decode_acceptance_length: Option<f64>, Plain, None, Server;
        /// The share of drafted tokens that were accepted.
        spec_decode_acceptance_rate: Option<f64>, Plain, None, Server;
        /// Verifications by how many drafted tokens each accepted, from 0, with commas between.
        spec_decode_histogram: Option<String>, Plain, None, Server;
        /// When it started as a date: its hand-over to the kernel by the run's one reading of both clocks; of a watched request
        /// the departure or arrival of its first byte.
        started_unix_ns: Option<u64>, Nanoseconds, Realtime, Join;
        /// The requested model: of a run with several, and of a watched request, the one that the request names.
        model: Option<String>, Identity, None, ResponseParser;
        /// The request's `X-Request-ID`; of a watched one, what its sender chose.
        client_request_id: Option<String>, Identity, None, ResponseParser;
        /// The conversation's own name in the input, or its first 1,024 bytes; absent where its name is `session_` and its
        /// place.
        conversation: Option<String>, Identity, None, Schedule;
        /// The session that started this one; absent of a session that no other started.
        parent_session: Option<u64>, Identity, None, Schedule;
        /// The turn of that session after which this one started.
        parent_turn: Option<u32>, Identity, None, Schedule;
        /// The session that started the tree which this one is in; absent of a session that no other started.
        root_session: Option<u64>, Identity, None, Schedule;
        /// How many sessions are above this one; absent of a session that no other started.
        depth: Option<u32>, Count, None, Schedule;
        /// Whether this session continues the history of its parent; absent of a session that no other started.
        is_fork: Option<bool>, Plain, None, Schedule;
        /// The turn of its parent that waits until this session is over, or the number of its turns for its end; absent where
        /// none waits.
        join_turn: Option<u32>, Identity, None, Schedule;
        /// How many turns this session has; absent of a session that no other started.
        session_turns: Option<u32>, Count, None, Schedule;
        /// When the server's process had read a watched request's last byte out of its socket.
        server_read_ns: Option<MonoNs>, Nanoseconds, Monotonic, Kernel;
    }
}

impl Request {
    /// Whether it counts as a success: its outcome is `ok`, and it has content.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// The error's number as AIPerf reports it: the HTTP status of an error response, 499 of a request that was cancelled.
    #[must_use]
    pub fn error_code(&self) -> Option<u32> {
        match self.outcome {
            Outcome::HttpStatus | Outcome::Redirect => self.http_status,
            Outcome::Cancelled => Some(CLIENT_CLOSED_REQUEST),
            _ => None,
        }
    }

    /// A row with nothing in it but its number, for tests to fill.
    #[must_use]
    pub fn blank(request_id: RequestId) -> Self {
        Self {
            request_id,
            session: request_id.0,
            phase: "profiling".to_owned(),
            connection_reused: true,
            ..Self::default()
        }
    }
}
/// nginx's number for it.
const CLIENT_CLOSED_REQUEST: u32 = 499;
