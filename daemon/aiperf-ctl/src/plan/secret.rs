//! What never reaches a file: values of keys and headers.

/// The command line without the values of flags that hold secrets.
pub(crate) fn redacted(command_line: &[String]) -> String {
    let mut redacted = Vec::new();
    let mut hide_next = false;
    for argument in command_line {
        if std::mem::take(&mut hide_next) {
            redacted.push("<redacted>".to_owned());
            continue;
        }
        match argument.split_once('=') {
            Some((flag, _)) if SECRET_FLAGS.contains(&flag) => redacted.push(format!("{flag}=<redacted>")),
            _ if argument.starts_with("-H") && argument.len() > 2 => redacted.push("-H<redacted>".to_owned()),
            _ => {
                hide_next = SECRET_FLAGS.contains(&argument.as_str());
                redacted.push(if argument.contains(' ') {
                    format!("'{argument}'")
                } else {
                    argument.clone()
                });
            }
        }
    }
    redacted.join(" ")
}

const SECRET_FLAGS: &[&str] = &["--api-key", "--header", "-H"];
