//! What a socket is asked that io_uring can't: options, its kernel cookie, its local port.

use common::id::SocketCookie;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

/// A new TCP socket for this address, without Nagle's delay (RFC 896 would hold back small requests).
///
/// # Errors
/// When the process has no file descriptors left, or the kernel no memory.
pub fn open(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

/// The kernel's name of a socket, the same that `bpf_get_socket_cookie` gives.
///
/// # Errors
/// When the kernel is older than 4.12.
pub fn cookie(socket: BorrowedFd<'_>) -> io::Result<SocketCookie> {
    Ok(SocketCookie(sockopt::socket_cookie(socket)?))
}

/// The port that the kernel chose for this side; 0 when it can't be told.
#[must_use]
pub fn local_port(socket: BorrowedFd<'_>) -> u16 {
    let address = rustix::net::getsockname(socket).ok().and_then(|any| SocketAddr::try_from(any).ok());
    address.map_or(0, |address| address.port())
}

/// Ends both directions; whatever waits on the socket completes.
pub fn shut_down(socket: BorrowedFd<'_>) {
    // A socket that is not connected any more is what we want.
    rustix::net::shutdown(socket, rustix::net::Shutdown::Both).ok();
}
