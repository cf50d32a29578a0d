//! The client's program; all of its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words = std::env::args_os().collect::<Vec<_>>();
    aiperf_ctl::main(&words, &build_info::BUILD)
}
