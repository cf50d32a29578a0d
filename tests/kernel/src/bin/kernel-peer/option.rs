//! Socket options that no safe library offers.
#![expect(unsafe_code, reason = "getsockopt and setsockopt of Linux's own TCP options")]

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

/// Connects a socket whose first payload byte has this sequence number.
///
/// In repair mode the next sequence number may be set (man 7 tcp: TCP_REPAIR; net/ipv4/tcp.c, TCP_QUEUE_SEQ), and a
/// connect after it uses the number for its SYN, which consumes one.
pub(crate) fn connect_from(sequence: u32, address: &SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set(&socket, libc::TCP_REPAIR, 1)?;
    set(&socket, libc::TCP_REPAIR_QUEUE, TCP_SEND_QUEUE)?;
    set(&socket, libc::TCP_QUEUE_SEQ, sequence.wrapping_sub(1).cast_signed())?;
    set(&socket, libc::TCP_REPAIR, TCP_REPAIR_OFF_NO_WP)?;
    rustix::net::connect(&socket, address)?;
    Ok(socket.into())
}

/// Segments with payload that the socket has received and sent.
pub(crate) fn data_segments(socket: &TcpStream) -> io::Result<(u32, u32)> {
    let mut info = [0_u32; TCP_INFO_WORDS];
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes to `info`, which has so many and may hold any bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok((info[DATA_SEGS_IN], info[DATA_SEGS_OUT])) } else { Err(io::Error::last_os_error()) }
}

fn set(socket: &OwnedFd, option: i32, value: i32) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    let value = &raw const value;
    // SAFETY: the kernel reads an `int` from where `value` points, and it is one that lives until the call returns.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, option, value.cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// include/uapi/linux/tcp.h
const TCP_SEND_QUEUE: i32 = 2;
/// include/uapi/linux/tcp.h: leave repair mode without a window probe.
const TCP_REPAIR_OFF_NO_WP: i32 = -1;
/// Offsets in `struct tcp_info` (include/uapi/linux/tcp.h), in 32-bit words.
const DATA_SEGS_IN: usize = 38;
const DATA_SEGS_OUT: usize = 39;
const TCP_INFO_WORDS: usize = 40;
