//! Writes a certificate that no client needs to trust, and its key, for the scripted server: `certificate FOLDER`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    match env::args_os().nth(1).map(PathBuf::from).map(write) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn write(folder: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(folder.join("certificate.pem"), made.cert.pem())?;
    Ok(fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?)
}
