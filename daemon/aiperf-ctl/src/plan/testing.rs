//! Plans of command lines, for tests.

use super::{Profile, plan};
use crate::args::{Command, ProfileArgs, Unparsed, parse};
use std::ffi::OsString;

/// The arguments and the plan of `aiperf-ctl profile` with these flags.
pub(crate) fn profile_of(flags: &str) -> Result<(ProfileArgs, Profile), String> {
    let line = format!("aiperf-ctl profile {flags}");
    let words = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let given = words.iter().map(OsString::from).collect::<Vec<_>>();
    let args = parse(&given).map_err(|error| match error {
        Unparsed::Clap(error) => error.to_string(),
        Unparsed::Refused(why) => why,
    })?;
    let Command::Profile(args) = args.command else { panic!("profile") };
    let checked = plan(&args, &words).map_err(|refusal| refusal.0)?;
    Ok((*args, checked.profile))
}
