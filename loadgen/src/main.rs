//! The load generator's program.

use build_info::BUILD;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok()).collect::<Vec<_>>();
    let words = words.iter().map(String::as_str).collect::<Vec<_>>();
    match words[..] {
        ["run", ..] => loadgen::session::run(),
        ["--version" | "-V"] => print(&BUILD.line(PROGRAM)),
        ["--version" | "-V", "--json"] => print(&BUILD.json(PROGRAM)),
        _ => {
            eprint(
                "aiperf-loadgen is started by aiperfd, not by hand.\n\
                 Run `aiperf-ctl profile --help` to begin.\n",
            );
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) -> ExitCode {
    let printed = std::io::stdout().write_all(text.as_bytes());
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn eprint(text: &str) {
    // Standard error may be closed; then the error can't be reported.
    std::io::stderr().write_all(text.as_bytes()).ok();
}

const PROGRAM: &str = "aiperf-loadgen";
