//! Metrics by kernel timestamps: the server and the network, without the client.

pub(crate) mod events_per_segment;
pub(crate) mod kernel_decode_duration;
pub(crate) mod kernel_inter_chunk_latency;
pub(crate) mod kernel_inter_token_latency;
pub(crate) mod kernel_request_latency;
pub(crate) mod kernel_time_to_first_chunk;
pub(crate) mod kernel_time_to_first_output_token;
pub(crate) mod kernel_time_to_first_token;
pub(crate) mod kernel_time_to_second_token;
pub(crate) mod network_rtt_kernel;
pub(crate) mod retransmits;
pub(crate) mod server_socket_wait;
pub(crate) mod server_wait_first_byte;
