//! Probe `connection`: reports connections that open, retransmit and close in the run's cgroup.

use crate::emit::emit;
use aya_ebpf::bindings::{
    BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_RETRANS_CB,
    BPF_SOCK_OPS_RETRANS_CB_FLAG, BPF_SOCK_OPS_STATE_CB, BPF_SOCK_OPS_STATE_CB_FLAG, BPF_TCP_CLOSE,
};
use aya_ebpf::helpers::{bpf_get_socket_cookie, bpf_ktime_get_ns};
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use common::clock::MonoNs;
use common::id::SocketCookie;
use common::kernel_event::connection::{ACCEPTED, CLOSED, OPENED, RETRANSMITTED, Step};
use common::kernel_event::segment::SENT;
use common::kernel_event::{Drop, Kind};

/// Runs at each step of a TCP connection that was asked for.
#[sock_ops]
pub fn connection_step(ctx: SockOpsContext) -> u32 {
    match ctx.op() {
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => opened(&ctx, OPENED),
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB => opened(&ctx, ACCEPTED),
        BPF_SOCK_OPS_RETRANS_CB => report(&ctx, RETRANSMITTED, ctx.arg(0)),
        BPF_SOCK_OPS_STATE_CB if ctx.arg(1) == BPF_TCP_CLOSE => report(&ctx, CLOSED, 0),
        _ => {}
    }
    CONTINUE
}

#[inline(always)]
fn opened(ctx: &SockOpsContext, stage: u32) {
    // Without these flags the later steps are not reported; a failure leaves them unreported and is not fatal.
    let _ = ctx.set_cb_flags((BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RETRANS_CB_FLAG) as i32);
    // SAFETY: the context is the one that the kernel gave this program.
    report(ctx, stage, unsafe { (*ctx.ops).snd_nxt });
}

#[inline(always)]
fn report(ctx: &SockOpsContext, stage: u32, sent_sequence: u32) {
    // SAFETY: the helper takes nothing and can't fail.
    let time = MonoNs(unsafe { bpf_ktime_get_ns() });
    // SAFETY: the context is the one that the kernel gave this program.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.ops.cast()) };
    // SAFETY: fields of the context, each of which a sock_ops program may read.
    let (received_sequence, srtt, retransmits) =
        unsafe { ((*ctx.ops).rcv_nxt, (*ctx.ops).srtt_us, (*ctx.ops).total_retrans) };
    emit(
        Step {
            kind: Kind::Connection.number(),
            stage,
            cookie: SocketCookie(cookie),
            time,
            sent_sequence,
            received_sequence,
            smoothed_rtt_us: srtt >> 3,
            retransmits,
            local_port: ctx.local_port(),
            remote_port: u32::from_be(ctx.remote_port()),
        },
        SENT,
        Drop::ConnectionRingFull,
    );
}

/// Go on: this program decides nothing.
const CONTINUE: u32 = 1;
