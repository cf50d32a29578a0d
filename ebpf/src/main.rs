//! The kernel programs. Each probe is one file; all of them speak through `emit`.
//!
//! They use only stable interfaces (cgroup_skb, sock_ops and their helpers), so one object serves every kernel
//! that has ring buffers (5.8).
#![no_std]
#![no_main]

mod emit;
mod probe;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier proves that no path leads here.
    loop {}
}

// bpf_get_socket_cookie and bpf_tcp_sock are for GPL programs or not by kernel version; this claims the stricter.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
