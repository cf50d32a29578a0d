//! Socket settings that io_uring can't: options, its kernel cookie, its local port.

use common::clock::RealNs;
use common::id::SocketCookie;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On a port.
    Internet(SocketAddr),
    /// On a Unix socket, at this path.
    Unix(PathBuf),
}

impl Address {
    /// Its port; 0 where there are none.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Internet(address) => address.port(),
            Self::Unix(_) => 0,
        }
    }
}

/// A new stream socket for this address, of TCP without Nagle's delay (RFC 896 would hold back small requests).
///
/// # Errors
/// When the process has no file descriptors left, or the kernel no memory.
pub fn open(address: &Address) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let family = match address {
        Address::Internet(SocketAddr::V4(_)) => AddressFamily::INET,
        Address::Internet(SocketAddr::V6(_)) => AddressFamily::INET6,
        Address::Unix(_) => {
            return Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?);
        }
    };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

/// The kernel's name of a socket, the same that `bpf_get_socket_cookie` returns.
///
/// # Errors
/// When the kernel is older than 4.12.
pub fn cookie(socket: BorrowedFd<'_>) -> io::Result<SocketCookie> {
    Ok(SocketCookie(sockopt::socket_cookie(socket)?))
}

/// The port that the kernel chose for this side; 0 when it is not known.
#[must_use]
pub fn local_port(socket: BorrowedFd<'_>) -> u16 {
    let address = rustix::net::getsockname(socket).ok().and_then(|any| SocketAddr::try_from(any).ok());
    address.map_or(0, |address| address.port())
}

/// Ends both directions; whatever waits on the socket completes.
pub fn shut_down(socket: BorrowedFd<'_>) {
    // A socket that is not connected any more is fine.
    rustix::net::shutdown(socket, rustix::net::Shutdown::Both).ok();
}

/// Enables software stamps on a connected socket, of what it receives and of the last byte of each send.
///
/// # Errors
/// When the kernel refuses.
pub fn enable_stamps(socket: BorrowedFd<'_>) -> io::Result<()> {
    let flags = libc::SOF_TIMESTAMPING_SOFTWARE
        | libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_TX_SOFTWARE
        | libc::SOF_TIMESTAMPING_OPT_ID
        | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    let length = libc::socklen_t::try_from(size_of_val(&flags)).unwrap_or(0);
    // SAFETY: the kernel reads `length` bytes of `flags`, which has as many.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPING,
            std::ptr::from_ref(&flags).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// When the socket's last byte sent left, if that was stamped since the last call.
///
/// Stamps queue on the socket's error queue; the latest one is the last send's.
#[must_use]
pub fn sent_stamp(socket: BorrowedFd<'_>) -> Option<RealNs> {
    let mut latest = None;
    while let Some(stamp) = take_stamp(socket, libc::MSG_ERRQUEUE) {
        latest = stamp.or(latest);
    }
    latest
}

/// Has the kernel stamp packets from now on, for as long as the returned socket lives.
///
/// The kernel turns stamping on when the first socket enables it, and does so later, on a worker of its own
/// (`net_enable_timestamp`, net/core/dev.c): what arrives before that has no stamp. A packet to oneself shows when it is on.
///
/// # Errors
/// When no stamp arrives within [`WARM_UP_ATTEMPTS`] tries.
pub fn warm_up_stamps() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.connect(socket.local_addr()?)?;
    enable_stamps(socket.as_fd())?;
    for _ in 0..WARM_UP_ATTEMPTS {
        socket.send(&[0])?;
        if take_stamp(socket.as_fd(), 0).flatten().is_some() {
            return Ok(socket);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::other("the kernel stamps no packets"))
}

/// Receives a message without its bytes: its stamp, if it has one; `None` when there is no message.
fn take_stamp(socket: BorrowedFd<'_>, flags: libc::c_int) -> Option<Option<RealNs>> {
    let mut control = [0_u64; 32];
    // SAFETY: all zeroes are a valid value of this plain C structure: no buffers, no name.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the message points to `control` with its length, and to nothing else.
    let result = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags | libc::MSG_DONTWAIT) };
    if result < 0 {
        return None;
    }
    let bytes = zerocopy::IntoBytes::as_bytes(&control);
    Some(software_stamp(bytes.get(..message.msg_controllen).unwrap_or(bytes)))
}

/// The software stamp among control data (man 7 socket, Documentation/networking/timestamping.rst): an
/// `SCM_TIMESTAMPING` holds three times, the first is software's.
#[must_use]
pub fn software_stamp(mut control: &[u8]) -> Option<RealNs> {
    while let (Some(length), Some(level), Some(kind)) =
        (word(control, 0), half(control, 8), half(control, 12))
    {
        let length = usize::try_from(length).ok().filter(|length| *length >= CMSG_HEADER)?;
        if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPING {
            let (seconds, nanoseconds) = (word(control, CMSG_HEADER)?, word(control, CMSG_HEADER + 8)?);
            let stamp = seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?;
            return (stamp > 0).then_some(RealNs(stamp));
        }
        control = control.get(length.next_multiple_of(8)..)?;
    }
    None
}

fn word(bytes: &[u8], place: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(place..place + 8)?.try_into().ok()?))
}

fn half(bytes: &[u8], place: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(place..place + 4)?.try_into().ok()?))
}

/// A second at least, in which the kernel's worker surely runs.
const WARM_UP_ATTEMPTS: u32 = 1000;
/// Bytes of `struct cmsghdr` on 64-bit Linux: a length, a level and a type.
const CMSG_HEADER: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: i32, kind: i32, data: &[u64]) -> Vec<u8> {
        let mut bytes = (16 + 8 * data.len() as u64).to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn the_software_stamp_is_found() {
        let stamp = message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &[7, 5, 0, 0, 0, 0]);
        let other = message(0, 11, &[1]);
        assert_eq!(
            software_stamp(&[other.clone(), stamp.clone()].concat()),
            Some(RealNs(7_000_000_005)),
            "second"
        );
        assert_eq!(software_stamp(&other), None, "no stamp");
        assert_eq!(software_stamp(&stamp[..30]), None, "cut short");
        assert_eq!(software_stamp(&[0; 64]), None, "nothing but zeroes");
    }
}
