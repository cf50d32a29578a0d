//! The terminal: taken and given back, as often as the user stops and continues the command.

use super::guard::Guard;
use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr,
};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The terminal of this process.
pub(super) struct Terminal {
    file: File,
    saved: Termios,
    state: Mutex<State>,
}

struct State {
    /// Whether the screen is ours at this moment.
    is_taken: bool,
    guard: Guard,
}

/// What came from the keyboard.
pub(super) enum Input {
    Nothing,
    /// Keys as bytes.
    Keys(Vec<u8>),
    /// The terminal is gone.
    HungUp,
}

/// Why the dashboard cannot be shown here, if so.
pub(in super::super) fn unfit() -> Option<&'static str> {
    let (input, output, errors) = (io::stdin(), io::stdout(), io::stderr());
    if !(input.is_terminal() && output.is_terminal() && errors.is_terminal()) {
        return Some("standard input, output and error are not all terminals");
    }
    let device = |fd: &dyn Fn() -> rustix::io::Result<rustix::fs::Stat>| fd().map(|stat| stat.st_rdev).ok();
    let devices = [
        device(&|| rustix::fs::fstat(&input)),
        device(&|| rustix::fs::fstat(&output)),
        device(&|| rustix::fs::fstat(&errors)),
    ];
    if devices[0] != devices[1] || devices[1] != devices[2] {
        return Some("standard input, output and error are different terminals");
    }
    if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        return Some("TERM names no terminal with a screen");
    }
    if tcgetpgrp(&output).ok() != Some(getpgrp()) {
        return Some("the command is in the background");
    }
    let is_small = tcgetwinsize(&output).map_or(true, |size| size.ws_col < WIDTH || size.ws_row < HEIGHT);
    is_small.then_some("the terminal is smaller than 80×24")
}

impl Terminal {
    /// This process's terminal, which stays as it is until [`Terminal::take`].
    pub(super) fn open() -> Result<Self> {
        let file =
            File::from(io::stdout().as_fd().try_clone_to_owned().context("failed to open the terminal")?);
        let saved = tcgetattr(&file).context("failed to read the terminal's settings")?;
        let guard = Guard::start(&file)?;
        Ok(Self { file, saved, state: Mutex::new(State { is_taken: false, guard }) })
    }

    /// Where frames are written.
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Makes the screen ours if it is not, or `again`; returns whether it must be drawn from scratch.
    pub(super) fn take(&self, again: bool) -> io::Result<bool> {
        let mut state = self.state();
        if state.is_taken && !again {
            return Ok(false);
        }
        state.guard.notify(true);
        state.is_taken = true;
        tcsetattr(&self.file, OptionalActions::Now, &quiet(&self.saved))?;
        (&self.file).write_all(ENTER)?;
        Ok(true)
    }

    /// Gives the screen back, as it was.
    pub(super) fn release(&self) {
        self.give_back(false);
    }

    /// The same; before something is printed on it, it may wait for a terminal that does not read.
    pub(super) fn give_back(&self, waits: bool) {
        // One that takes it just now may wait for a terminal that does not read; then the guard restores it.
        let mut state = (0..LOOKS).find_map(|_| {
            let state = self.state.try_lock().ok();
            if state.is_none() {
                std::thread::sleep(LOOK);
            }
            state
        });
        let Some(state) = state.as_mut().filter(|state| state.is_taken) else { return };
        let is_restored = restore(&self.file, &self.saved) || (waits && leave(&self.file));
        state.is_taken = false;
        // Otherwise the guard restores it when this process is gone.
        if is_restored {
            state.guard.notify(false);
        }
    }

    /// The screen is another program's.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        if state.is_taken {
            state.is_taken = false;
            state.guard.notify(false);
        }
    }

    /// The guard is not needed any more.
    pub(super) fn dismiss_guard(&self) {
        self.state().guard.dismiss();
    }

    /// Whether the terminal is this process's to read and draw on.
    pub(super) fn is_foreground(&self) -> bool {
        tcgetpgrp(&self.file).ok() == Some(getpgrp())
    }

    /// Its columns and rows, if they are known.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        tcgetwinsize(&self.file).ok().map(|size| (size.ws_col, size.ws_row))
    }

    /// Waits for keys.
    pub(super) fn input(&self, time: Duration) -> io::Result<Input> {
        let stdin = io::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
        match poll(&mut fds, Some(&time)) {
            Ok(0) | Err(Errno::INTR) => return Ok(Input::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if !fds[0].revents().contains(PollFlags::IN) {
            return Ok(Input::HungUp);
        }
        let mut keys = [0; 256];
        match rustix::io::read(&stdin, &mut keys) {
            Ok(0) | Err(Errno::IO) => Ok(Input::HungUp),
            Ok(read) => Ok(Input::Keys(keys[..read].to_vec())),
            Err(Errno::INTR | Errno::AGAIN) => Ok(Input::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Restores a terminal's settings, if they are still the display's, and its screen.
pub(super) fn restore(file: impl AsFd + Copy, saved: &Termios) -> bool {
    let ours = quiet(saved);
    // A shell may have made its own already.
    let is_ours = tcgetattr(file).is_ok_and(|current| {
        (current.local_modes, current.input_modes) == (ours.local_modes, ours.input_modes)
    });
    if is_ours {
        tcsetattr(file, OptionalActions::Now, saved).ok();
    }
    let mut fds = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::OUT)];
    // One that does not read would hold up the end of the command.
    matches!(poll(&mut fds, Some(&WRITE_PATIENCE)), Ok(1)) && leave(file)
}

/// Leaves the alternate screen, as soon as the terminal reads.
fn leave(file: impl AsFd) -> bool {
    let mut left = LEAVE;
    while !left.is_empty() {
        match rustix::io::write(&file, left) {
            Ok(written) => left = &left[written..],
            Err(Errno::INTR) => {}
            Err(_gone) => return false,
        }
    }
    true
}

/// A terminal's settings while the dashboard has it: keys are read as they are typed, and are not echoed. Those for signals stay.
fn quiet(saved: &Termios) -> Termios {
    let mut ours = saved.clone();
    ours.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL | LocalModes::IEXTEN);
    // A signal must not cut a frame short.
    ours.local_modes.insert(LocalModes::NOFLSH);
    // Ctrl-S is a key.
    ours.input_modes.remove(InputModes::IXON);
    ours.special_codes[SpecialCodeIndex::VMIN] = 1;
    ours.special_codes[SpecialCodeIndex::VTIME] = 0;
    ours
}

/// The least size of a terminal.
pub(super) const WIDTH: u16 = 80;
/// The least size of a terminal.
pub(super) const HEIGHT: u16 = 24;
/// To the alternate screen, cleared, without a cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[2J\x1b[?25l";
/// Default colors, cursor, and the screen from before.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";
/// How often, and how long apart, it is looked whether the terminal's state is free.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(10);
const WRITE_PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
