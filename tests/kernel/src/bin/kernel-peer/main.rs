//! Exchanges bytes over TCP by a script on its command line: the process that the kernel tests put into a cgroup.
//!
//! ```text
//! kernel-peer connect ADDRESS STEP...      kernel-peer listen ADDRESS STEP...      kernel-peer attach CGROUP
//!
//! sequence:N     the first byte that it sends has this sequence number (only first, only with connect)
//! send:N         writes N bytes at once             hole:N         the same, starting with HOLE
//! receive:N      reads N bytes                      pause:MS       does nothing
//! echo:COUNT:N   so many times: sends N bytes, then receives N
//! reply:COUNT:N  so many times: receives N bytes, then sends N
//! ```
//!
//! It waits for a line on standard input before it makes its socket, and for another one before it closes it.
#![deny(unsafe_code)]

mod option;

use aiperfd::probe::{Object, Probes};
use common::id::SocketCookie;
use kernel_tests::peer::Account;
use kernel_tests::stage::ROOMY;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "kernel-peer {arguments:?}: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> io::Result<()> {
    let [role, address, script @ ..] = arguments else { return Err(io::ErrorKind::InvalidInput.into()) };
    print("ready")?;
    wait()?;
    match role.as_str() {
        "connect" => play(connect(address, script)?, script),
        "listen" => {
            let listener = TcpListener::bind(address)?;
            print(&format!("listening on {}", listener.local_addr()?))?;
            play(listener.accept()?.0, script)
        }
        "attach" => attach(address),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Attaches the probes to a cgroup and crashes.
fn attach(cgroup: &str) -> io::Result<()> {
    let object = Object::find(None).map_err(io::Error::other)?;
    let probes = Probes::attach(&object, &File::open(cgroup)?, ROOMY, None).map_err(io::Error::other)?;
    print("attached")?;
    wait()?;
    // Not dropped: whatever detaches them, it is not this process's doing.
    std::mem::forget(probes);
    std::process::abort();
}

fn connect(address: &str, script: &[String]) -> io::Result<TcpStream> {
    match script.first().and_then(|step| step.strip_prefix("sequence:")) {
        Some(sequence) => {
            let address = address.parse().map_err(io::Error::other)?;
            option::connect_from(sequence.parse().map_err(io::Error::other)?, &address)
        }
        None => TcpStream::connect(address),
    }
}

/// Runs the script, prints an account, and waits for the order to close.
fn play(mut socket: TcpStream, script: &[String]) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let (mut sent, mut received) = (0, 0);
    let mut send = |socket: &mut TcpStream, begin: &[u8], count: u64| {
        let mut bytes = vec![b'.'; usize::try_from(count).unwrap_or(0).max(begin.len())];
        bytes[..begin.len()].copy_from_slice(begin);
        sent += count;
        socket.write_all(&bytes)
    };
    let mut receive = |socket: &mut TcpStream, count: u64| {
        received += io::copy(&mut socket.take(count), &mut io::sink())?;
        io::Result::Ok(())
    };
    for step in script {
        let (name, numbers) = read(step)?;
        match (name, numbers.as_slice()) {
            ("sequence", [_]) => {}
            ("send", [count]) => send(&mut socket, b"", *count)?,
            ("hole", [count]) => send(&mut socket, b"HOLE", *count)?,
            ("receive", [count]) => receive(&mut socket, *count)?,
            ("pause", [millis]) => std::thread::sleep(Duration::from_millis(*millis)),
            ("echo", [times, count]) => {
                for _ in 0..*times {
                    send(&mut socket, b"", *count)?;
                    receive(&mut socket, *count)?;
                }
            }
            ("reply", [times, count]) => {
                for _ in 0..*times {
                    receive(&mut socket, *count)?;
                    send(&mut socket, b"", *count)?;
                }
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    let cookie = SocketCookie(rustix::net::sockopt::socket_cookie(&socket)?);
    let (segments_received, segments_sent) = option::data_segments(&socket)?;
    let account = Account { cookie, sent, received, segments_sent, segments_received };
    print(&serde_json::to_string(&account)?)?;
    wait()
}

/// A step's name and its numbers.
fn read(step: &str) -> io::Result<(&str, Vec<u64>)> {
    let mut parts = step.split(':');
    let name = parts.next().unwrap_or_default();
    let numbers = parts.map(|part| part.parse().map_err(io::Error::other)).collect::<io::Result<_>>()?;
    Ok((name, numbers))
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn wait() -> io::Result<()> {
    io::stdin().lock().read_line(&mut String::new()).map(|_| ())
}

/// Longer than any test waits, so that a peer that was left alone ends.
const PATIENCE: Duration = Duration::from_secs(20);
