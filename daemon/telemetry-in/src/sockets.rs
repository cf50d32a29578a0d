//! Reads from the kernel what a server of this host has not taken yet: connections that it has not accepted, and requests that it has
//! not read.
//!
//! A request that waits there is in no queue that the server reports of itself. The kernel reports the sockets of a port through
//! `NETLINK_SOCK_DIAG` (sock_diag(7)): of one that listens, `idiag_rqueue` is the number of connections that wait to be accepted and
//! `idiag_wqueue` how many may; of a connection, `idiag_rqueue` is the number of bytes that were received and not read. That takes no
//! privilege, and the server takes no part in it.

use crate::exposition::Reading;
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, TCP_LISTEN};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_sys::{Socket, SocketAddr as NetlinkAddress, protocols::NETLINK_SOCK_DIAG};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// The sockets of a server.
#[derive(Debug)]
pub(crate) struct ServerSockets {
    server: SocketAddr,
    socket: Socket,
}

/// What a server's sockets hold at one moment, as gauges: the kernel's counts have 32 bits, so that their sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Held {
    /// Sockets that listen.
    listeners: f64,
    /// Connections that wait to be accepted.
    waiting: f64,
    /// How many may.
    waiting_max: f64,
    /// Connections.
    connections: f64,
    /// Those with bytes that were not read.
    unread: f64,
    /// Those bytes.
    unread_bytes: f64,
}

/// Why a server's sockets cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketsError {
    /// They belong to another host, or to another network namespace of this one.
    #[error("no socket of this host listens there")]
    NotHere,
    /// The kernel does not report them.
    #[error("the kernel does not report its sockets: {0}")]
    Kernel(#[from] io::Error),
    /// It reported something else.
    #[error("the kernel's report cannot be read: {0}")]
    Unreadable(String),
}

impl ServerSockets {
    /// Prepares to read those of a server.
    ///
    /// # Errors
    /// When the server is not on this host, or the kernel has no `NETLINK_SOCK_DIAG`.
    pub(crate) fn of(server: SocketAddr) -> Result<Self, SocketsError> {
        // Only an address of this host can be bound to.
        UdpSocket::bind((server.ip(), 0)).map_err(|_elsewhere| SocketsError::NotHere)?;
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&NetlinkAddress::new(0, 0))?;
        Ok(Self { server, socket })
    }

    /// What they hold now.
    pub(crate) fn readings(&self) -> Result<Vec<Reading>, SocketsError> {
        let mut held = Held::default();
        // A server that listens on `::` receives IPv4 connections too.
        self.dump(AF_INET, &mut held)?;
        match self.dump(AF_INET6, &mut held) {
            // A kernel may be without IPv6.
            Err(SocketsError::Kernel(error)) if error.kind() == io::ErrorKind::NotFound => {}
            dumped => dumped?,
        }
        if held.listeners == 0.0 { Err(SocketsError::NotHere) } else { Ok(held.readings()) }
    }

    fn dump(&self, family: u8, held: &mut Held) -> Result<(), SocketsError> {
        self.socket.send(&request(family, self.server.port()), 0)?;
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
                    .map_err(|error| SocketsError::Unreadable(error.to_string()))?;
                let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => return Err(error.to_io().into()),
                    NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                        self.add(&response, held);
                    }
                    _ => {}
                }
                // Messages begin at multiples of four bytes (netlink(7)).
                rest = rest.get(length.next_multiple_of(4).max(4)..).unwrap_or_default();
            }
        }
    }

    fn add(&self, InetResponse { header, .. }: &InetResponse, held: &mut Held) {
        let SocketId { source_port, source_address, .. } = &header.socket_id;
        let is_any = source_address.is_unspecified();
        if *source_port != self.server.port() || !(is_any || is_same(*source_address, self.server.ip())) {
            return;
        }
        if header.state == TCP_LISTEN {
            held.listeners += 1.0;
            held.waiting += f64::from(header.recv_queue);
            held.waiting_max += f64::from(header.send_queue);
        } else {
            held.connections += 1.0;
            held.unread += f64::from(header.recv_queue > 0);
            held.unread_bytes += f64::from(header.recv_queue);
        }
    }
}

impl Held {
    fn readings(self) -> Vec<Reading> {
        let reading = |name: &str, description: &str, value: f64| Reading {
            name: name.to_owned(),
            kind: "gauge",
            description: description.to_owned(),
            labels: String::new(),
            part: None,
            value,
        };
        let mut readings = vec![
            reading("aiperfd:accept_queue", "Connections that the server has not accepted", self.waiting),
            reading(
                "aiperfd:accept_queue_limit",
                "Most connections that wait to be accepted",
                self.waiting_max,
            ),
        ];
        // Where none is known, they are those of a proxy or of another network namespace, and nothing is known of them.
        if self.connections > 0.0 {
            readings.extend([
                reading("aiperfd:connections", "Connections to the server", self.connections),
                reading(
                    "aiperfd:unread_connections",
                    "Connections with bytes that the server has not read",
                    self.unread,
                ),
                reading("aiperfd:unread_bytes", "Bytes that the server has not read", self.unread_bytes),
            ]);
        }
        readings
    }
}

/// Whether two addresses are the same, where an IPv4 address may be written as IPv6.
fn is_same(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

/// A request for a family's TCP sockets with this local port: the kernel leaves out all others (net/ipv4/inet_diag.c, `idiag_sport`).
fn request(family: u8, port: u16) -> Vec<u8> {
    let socket_id = SocketId {
        source_port: port,
        ..if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() }
    };
    let states = StateFlags::LISTEN | StateFlags::ESTABLISHED | StateFlags::CLOSE_WAIT;
    let request =
        InetRequest { family, protocol: IPPROTO_TCP, extensions: ExtensionFlags::empty(), states, socket_id };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// What is known of a server by the names of the metrics.
    fn seen(server: SocketAddr) -> Vec<(String, f64)> {
        let readings = ServerSockets::of(server).unwrap().readings().unwrap();
        readings.into_iter().map(|reading| (reading.name.replace("aiperfd:", ""), reading.value)).collect()
    }

    #[track_caller]
    fn check(server: SocketAddr, name: &str, expected: Option<f64>) {
        let seen = seen(server);
        let found = seen.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        assert_eq!(found, expected, "{name}: {seen:?}");
    }

    #[test]
    fn what_a_server_has_not_taken_is_seen() {
        let mut tried = 0;
        // A server on any address receives IPv4 connections too.
        for (listens, reached) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("0.0.0.0:0", "127.0.0.1"),
            ("[::]:0", "127.0.0.1"),
            ("[::1]:0", "::1"),
        ] {
            // A host may be without IPv6.
            let Ok(listener) = TcpListener::bind(listens) else { continue };
            tried += 1;
            let server = SocketAddr::new(reached.parse().unwrap(), listener.local_addr().unwrap().port());
            check(server, "accept_queue", Some(0.0));
            check(server, "unread_connections", None);
            let mut clients = [(); 3].map(|()| TcpStream::connect(server).unwrap());
            check(server, "accept_queue", Some(3.0));
            let mut taken = [(); 3].map(|()| listener.accept().unwrap().0);
            check(server, "accept_queue", Some(0.0));
            check(server, "unread_connections", Some(0.0));
            clients[0].write_all(b"request").unwrap();
            clients[2].write_all(b"re").unwrap();
            check(server, "connections", Some(3.0));
            check(server, "unread_connections", Some(2.0));
            check(server, "unread_bytes", Some(9.0));
            taken[0].read_exact(&mut [0; 7]).unwrap();
            check(server, "unread_connections", Some(1.0));
        }
        assert!(tried >= 2, "IPv4 is there");
    }

    #[test]
    fn the_sockets_of_other_hosts_are_not_known() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let elsewhere = SocketAddr::new("192.0.2.1".parse().unwrap(), port);
        assert!(
            matches!(ServerSockets::of(elsewhere), Err(SocketsError::NotHere)),
            "a documentation address"
        );
        // It listens at another address of this host.
        let other = ServerSockets::of(SocketAddr::new("127.0.0.2".parse().unwrap(), port)).unwrap();
        assert!(matches!(other.readings(), Err(SocketsError::NotHere)), "{:?}", other.readings());
        drop(listener);
        let gone = ServerSockets::of(SocketAddr::new("127.0.0.1".parse().unwrap(), port)).unwrap();
        assert!(gone.readings().is_err(), "nothing listens any more");
    }
}
