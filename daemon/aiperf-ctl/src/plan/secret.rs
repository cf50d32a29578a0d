//! Removes secrets before anything is stored: values of keys and headers, and keys in URLs.

use spec::url::shown;

/// The command line with the values of secret flags redacted.
pub(crate) fn redacted(command_line: &[String]) -> String {
    let mut redacted = Vec::new();
    let mut hide_next = false;
    let mut before = "";
    for argument in command_line.iter().map(String::as_str) {
        let is_plugin = std::mem::replace(&mut before, argument) == "--plugin" && argument.contains('=');
        if std::mem::take(&mut hide_next) {
            redacted.push("<redacted>".to_owned());
            continue;
        }
        match argument.split_once('=') {
            Some((flag, _)) if SECRET_FLAGS.contains(&flag) => redacted.push(format!("{flag}=<redacted>")),
            // A configuration is stored with the plan, without its secrets.
            Some(("--plugin", value)) if value.contains('=') => {
                redacted.push(without_config("--plugin=", value))
            }
            _ if argument.starts_with("-H") && argument.len() > 2 => redacted.push("-H<redacted>".to_owned()),
            _ => {
                hide_next = SECRET_FLAGS.contains(&argument);
                let argument = if is_plugin { without_config("", argument) } else { shown(argument) };
                redacted.push(if argument.contains(' ') { format!("'{argument}'") } else { argument });
            }
        }
    }
    redacted.join(" ")
}

/// A plugin's name without its configuration.
fn without_config(flag: &str, value: &str) -> String {
    let name = value.split('=').next().unwrap_or_default();
    format!("{flag}{name}=<redacted>")
}

const SECRET_FLAGS: &[&str] = &["--api-key", "--header", "-H"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_stored() {
        let words = [
            "aiperf-ctl",
            "--api-key",
            "k",
            "-Hx",
            "--header=a: b",
            "--url",
            "http://a/x@y",
            "--mlflow-tracking-uri",
            "https://user:hush@b:5000/m",
            "--otel-url=http://u:p@c",
            "a b",
            "--url",
            "h:1/v1?api-key=k",
            "--custom-endpoint=/x?token=k",
            "--plugin",
            "p={\"token\": 1}",
            "--plugin=q={\"token\": 1}",
            "--plugin=r",
        ];
        let expected = "aiperf-ctl --api-key <redacted> -H<redacted> --header=<redacted> --url http://a/x@y \
                        --mlflow-tracking-uri https://<redacted>@b:5000/m --otel-url=http://<redacted>@c 'a b' --url h:1/v1?api-key=[redacted] \
                        --custom-endpoint=/x?token=[redacted] --plugin p=<redacted> --plugin=q=<redacted> --plugin=r";
        assert_eq!(redacted(&words.map(str::to_owned)), expected, "the stored command line");
    }
}
