//! Where the TCP payload of a packet begins: runs in the kernel, and under fuzz in user space.

use crate::kernel_event::Drop;

/// Reads bytes of a packet, counted from its IP header.
pub trait PacketReader {
    /// `N` bytes from `offset`, or nothing when the packet is shorter.
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]>;
}

/// A TCP header that was found in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader {
    /// Where the payload begins, in bytes from the IP header.
    pub payload_offset: u32,
    /// The sequence number of the first payload byte (of a SYN: its own, the payload begins one later).
    pub sequence: u32,
    /// FIN, SYN, RST, PSH, ACK ... from the lowest bit.
    pub flags: u8,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

/// Finds the TCP header of an IPv4 or IPv6 packet.
///
/// `Ok(None)` is a packet of another protocol. Lengths inside the headers are not used for the payload's length:
/// the caller knows the buffer's, which is right for merged (GRO, GSO, BIG TCP) buffers too.
///
/// # Errors
/// The [`Drop`] reason that the caller counts.
#[inline(always)]
pub fn tcp_header(packet: &(impl PacketReader + ?Sized)) -> Result<Option<TcpHeader>, Drop> {
    // An IPv4 header without options and the TCP header after it: most packets need this one read.
    let Some(first) = packet.read::<40>(0) else { return tcp_header_of_short(packet) };
    if first[0] == PLAIN_V4 && first[9] == PROTOCOL_TCP && first[6] & 0x1f == 0 && first[7] == 0 {
        let mut tcp = [0; 14];
        tcp.copy_from_slice(&first[20..34]);
        return header(20, tcp);
    }
    tcp_header_of(packet, first[0], first[6], first[7], first[9])
}

/// A packet too short for TCP can still be a fragment or of another protocol.
#[inline(always)]
fn tcp_header_of_short(packet: &(impl PacketReader + ?Sized)) -> Result<Option<TcpHeader>, Drop> {
    let Some(first) = packet.read::<20>(0) else { return Err(Drop::HeaderUnreadable) };
    tcp_header_of(packet, first[0], first[6], first[7], first[9])
}

/// The TCP header of a packet whose bytes 0, 6, 7 and 9 are given.
#[inline(always)]
fn tcp_header_of(
    packet: &(impl PacketReader + ?Sized),
    version: u8,
    sixth: u8,
    seventh: u8,
    ninth: u8,
) -> Result<Option<TcpHeader>, Drop> {
    let tcp_offset = match version >> 4 {
        4 => {
            if ninth != PROTOCOL_TCP {
                return Ok(None);
            }
            let fragment_offset = u16::from_be_bytes([sixth & 0x1f, seventh]);
            if fragment_offset != 0 {
                return Err(Drop::Fragment);
            }
            u32::from(version & 0x0f) * 4
        }
        6 => match tcp_offset_v6(packet, sixth)? {
            Some(offset) => offset,
            None => return Ok(None),
        },
        _ => return Err(Drop::NotParsed),
    };
    if tcp_offset < 20 {
        return Err(Drop::NotParsed);
    }
    let Some(tcp) = packet.read::<14>(tcp_offset) else { return Err(Drop::HeaderUnreadable) };
    header(tcp_offset, tcp)
}

/// What the first bytes of a TCP header say.
#[inline(always)]
fn header(tcp_offset: u32, tcp: [u8; 14]) -> Result<Option<TcpHeader>, Drop> {
    let header_length = u32::from(tcp[12] >> 4) * 4;
    if header_length < 20 {
        return Err(Drop::NotParsed);
    }
    Ok(Some(TcpHeader {
        payload_offset: tcp_offset + header_length,
        sequence: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
        flags: tcp[13],
        source_port: u16::from_be_bytes([tcp[0], tcp[1]]),
        destination_port: u16::from_be_bytes([tcp[2], tcp[3]]),
    }))
}

/// Follows at most [`EXTENSION_HEADERS_MAX`] IPv6 extension headers to the TCP header.
#[inline(always)]
fn tcp_offset_v6(packet: &(impl PacketReader + ?Sized), next_header: u8) -> Result<Option<u32>, Drop> {
    let mut protocol = next_header;
    let mut offset = 40_u32;
    for _ in 0..EXTENSION_HEADERS_MAX {
        match protocol {
            PROTOCOL_TCP => return Ok(Some(offset)),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                let Some(header) = packet.read::<2>(offset) else { return Err(Drop::HeaderUnreadable) };
                protocol = header[0];
                offset += (u32::from(header[1]) + 1) * 8;
            }
            FRAGMENT => {
                let Some(header) = packet.read::<4>(offset) else { return Err(Drop::HeaderUnreadable) };
                if u16::from_be_bytes([header[2], header[3]]) & 0xfff8 != 0 {
                    return Err(Drop::Fragment);
                }
                protocol = header[0];
                offset += 8;
            }
            _ => return Ok(None),
        }
    }
    if protocol == PROTOCOL_TCP { Ok(Some(offset)) } else { Err(Drop::NotParsed) }
}

/// Version 4, five words of header.
const PLAIN_V4: u8 = 0x45;
const PROTOCOL_TCP: u8 = 6;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
const EXTENSION_HEADERS_MAX: u32 = 4;

/// A packet in user space.
impl PacketReader for [u8] {
    fn read<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let begin = usize::try_from(offset).ok()?;
        self.get(begin..begin.checked_add(N)?)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn check(packet: Vec<u8>, expected: Result<Option<TcpHeader>, Drop>) {
        assert_eq!(tcp_header(packet.as_slice()), expected, "{packet:02x?}");
    }

    fn tcp(sequence: u32, header_words: u8) -> Vec<u8> {
        let mut tcp = std::vec![0_u8; usize::from(header_words) * 4];
        tcp[..4].copy_from_slice(&[0x1f, 0x90, 0, 0x50]);
        tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
        tcp[12] = header_words << 4;
        tcp[13] = 0x18;
        tcp
    }

    fn v4(options: u8, protocol: u8, fragment_offset: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = std::vec![0_u8; 20 + usize::from(options) * 4];
        packet[0] = 0x45 + options;
        packet[6..8].copy_from_slice(&fragment_offset.to_be_bytes());
        packet[9] = protocol;
        packet.extend_from_slice(payload);
        packet
    }

    fn v6(next_header: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = std::vec![0_u8; 40];
        packet[0] = 0x60;
        packet[6] = next_header;
        packet.extend_from_slice(rest);
        packet
    }

    fn found(payload_offset: u32) -> Result<Option<TcpHeader>, Drop> {
        Ok(Some(TcpHeader {
            payload_offset,
            sequence: 0xdead_beef,
            flags: 0x18,
            source_port: 0x1f90,
            destination_port: 0x50,
        }))
    }

    #[test]
    fn finds_the_payload_of_ipv4() {
        check(v4(0, 6, 0, &tcp(0xdead_beef, 8)), found(20 + 32));
        check(v4(3, 6, 0x4000, &tcp(0xdead_beef, 5)), found(32 + 20));
        check(v4(0, 17, 0, &tcp(0xdead_beef, 5)), Ok(None));
        check(v4(0, 6, 1, &tcp(0xdead_beef, 5)), Err(Drop::Fragment));
        check(v4(0, 6, 0, &tcp(0xdead_beef, 5)[..10]), Err(Drop::HeaderUnreadable));
        check(v4(0, 6, 0, &tcp(0xdead_beef, 4)), Err(Drop::NotParsed));
    }

    #[test]
    fn finds_the_payload_of_ipv6() {
        check(v6(6, &tcp(0xdead_beef, 8)), found(40 + 32));
        let mut extended = std::vec![6, 1];
        extended.extend_from_slice(&[0; 14]);
        extended.extend_from_slice(&tcp(0xdead_beef, 5));
        check(v6(0, &extended), found(40 + 16 + 20));
        check(v6(58, &[]), Ok(None));
        let endless = [0_u8; 64];
        check(v6(0, &endless), Err(Drop::NotParsed));
    }

    #[test]
    fn refuses_what_is_not_ip() {
        check(Vec::new(), Err(Drop::HeaderUnreadable));
        check(std::vec![0x15; 64], Err(Drop::NotParsed));
    }
}
