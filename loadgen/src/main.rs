//! The load generator's program: a nursery that starts load generators, or a load generator.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("nursery") => loadgen::nursery::run(),
        Some("run") => loadgen::session::run(),
        _ => {
            eprint(
                "aiperf-loadgen is started by aiperfd, not by hand.\n\
                 Run `aiperf-ctl profile --help` to begin.\n",
            );
            ExitCode::from(2)
        }
    }
}

fn eprint(text: &str) {
    // Standard error may be closed; there is nobody to tell then.
    std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
}
