//! Plans which plugins a run uses.

use super::{Planned, Refusal, input, refuse};
use crate::args::ProfileArgs;
use serde_json::{Map, Value};
use spec::{Plugin, Plugins};

/// The plugins that flags name; none without any.
pub(super) fn plugins(all: &ProfileArgs) -> Planned<Option<Plugins>> {
    let args = &all.plugin;
    let wanted = args.plugins.iter().map(|text| plugin(text)).collect::<Planned<Vec<_>>>()?;
    let allowed = args.plugin_allowed.iter().map(|text| match text.split_once('=') {
        Some((name, "secrets")) if !name.is_empty() => Ok(name.to_owned()),
        _ => refuse(format!("--plugin-allow {text}: write it as NAME=secrets")),
    });
    let allowed = allowed.collect::<Planned<Vec<_>>>()?;
    if wanted.is_empty() {
        return Ok(None);
    }
    Ok(Some(Plugins {
        wanted,
        python: args.plugin_python.clone(),
        timeout_seconds: args.plugin_timeout,
        allowed,
        dataset_loader: input::loader(all).map(str::to_owned),
    }))
}

fn plugin(text: &str) -> Planned<Plugin> {
    let (name, config) = text.split_once('=').unwrap_or((text, "{}"));
    if name.is_empty() {
        return refuse(format!("--plugin {text}: it has no name"));
    }
    let config = serde_json::from_str::<Map<String, Value>>(config).map_err(|error| {
        Refusal(format!(
            "--plugin {name}: its configuration is no JSON object, such as {{\"key\": \"value\"}}: {error}"
        ))
    })?;
    Ok(Plugin { name: name.to_owned(), config })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_a_name_and_may_have_a_configuration() {
        let plain = plugin("phase_hook.log").unwrap();
        assert_eq!((plain.name.as_str(), plain.config.len()), ("phase_hook.log", 0));
        let configured = plugin(r#"log={"file": "a=b"}"#).unwrap();
        assert_eq!((configured.name.as_str(), &configured.config["file"]), ("log", &Value::from("a=b")));
        assert!(plugin("log=file").unwrap_err().0.contains("no JSON object"));
        assert!(plugin("={}").unwrap_err().0.contains("no name"));
    }
}
