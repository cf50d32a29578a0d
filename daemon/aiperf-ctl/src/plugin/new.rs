//! Runs `aiperf-ctl plugins new`: writes a project with one component that works, and its test.

use super::kinds::Kind;
use crate::args::{NewPluginArgs, PluginLanguage};
use crate::plan::Refusal;
use crate::terminal::print_result;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use store::Folder;

/// Writes the project; returns the exit status.
pub(super) fn run(args: &NewPluginArgs) -> Result<u8> {
    let kind = Kind::of(kind_of(&args.kind)).filter(|kind| template_of(*kind).is_some());
    let Some(kind) = kind else {
        let names = TEMPLATES.iter().map(|template| template.kind.name()).collect::<Vec<_>>().join(", ");
        return Err(Refusal(format!(
            "there is no project of the kind `{}` to begin with: {names}",
            args.kind
        ))
        .into());
    };
    let package = args.name.replace('-', "_");
    let is_name = package.starts_with(|letter: char| letter.is_ascii_lowercase())
        && package
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if !is_name {
        return Err(
            Refusal(format!("`{}`: a name has lower-case letters, digits, `-` and `_`", args.name)).into()
        );
    }
    let project = Path::new(&args.name);
    if project.exists() {
        return Err(Refusal(format!("`{}` exists already: give another name", project.display())).into());
    }
    let texts = match args.lang {
        PluginLanguage::Python => python(kind, &args.name, &package),
        PluginLanguage::Rust => rust(kind, &args.name, &package),
    };
    for (path, text) in texts.unwrap_or_default() {
        write(&project.join(path), &text)?;
    }
    let next = match args.lang {
        PluginLanguage::Python => "pip install -e '.[test]' && pytest",
        PluginLanguage::Rust => "cargo test",
    };
    print_result(&format!("{}: cd {0} && {next}\n", project.display()));
    Ok(0)
}

/// AIPerf's users say hook and exporter.
fn kind_of(given: &str) -> &str {
    match given {
        "hook" => "phase_hook",
        "exporter" => "data_exporter",
        "processor" => "post_processor",
        other => other,
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut file = Folder::open(folder)?.create(&name)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.finish()?;
    Ok(())
}

/// The files of a project by their paths.
type Texts = Vec<(PathBuf, String)>;

fn python(kind: Kind, name: &str, package: &str) -> Option<Texts> {
    let template = template_of(kind)?;
    let filled = |text: &str| filled(text, kind, name, package, template);
    let files = [
        ("pyproject.toml".to_owned(), include_str!("templates/python/pyproject.toml")),
        ("README.md".to_owned(), include_str!("templates/python/README.md")),
        (format!("{package}/__init__.py"), ""),
        (format!("{package}/plugins.yaml"), include_str!("templates/python/plugins.yaml")),
        (format!("{package}/component.py"), template.python),
        (format!("tests/test_{package}.py"), template.test),
    ];
    Some(files.into_iter().map(|(path, text)| (PathBuf::from(path), filled(text))).collect())
}

fn rust(kind: Kind, name: &str, package: &str) -> Option<Texts> {
    let template = template_of(kind)?;
    let filled = |text: &str| filled(text, kind, name, package, template);
    let mut files = vec![
        (PathBuf::from("Cargo.toml"), filled(include_str!("templates/rust/package.toml"))),
        (PathBuf::from("README.md"), filled(include_str!("templates/rust/README.md"))),
        (PathBuf::from("src/main.rs"), filled(include_str!("templates/rust/main.rs"))),
        (PathBuf::from("aiperfd-plugin/Cargo.toml"), filled(include_str!("templates/rust/protocol.toml"))),
    ];
    for (name, text) in PROTOCOL {
        // Its own tests need what is not there.
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
        let code = code.lines().filter(|line| !line.trim_start().starts_with("#[cfg_attr(test"));
        let code = code.collect::<Vec<_>>().join("\n") + "\n";
        files.push((Path::new("aiperfd-plugin/src").join(name), code));
    }
    Some(files)
}

fn filled(text: &str, kind: Kind, name: &str, package: &str, template: &Template) -> String {
    let class = package.split('_').map(|part| {
        let mut letters = part.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
            .unwrap_or_default()
    });
    let methods =
        template.methods.iter().map(|method| format!("\"{method}\"")).collect::<Vec<_>>().join(", ");
    text.replace("{{name}}", name)
        .replace("{{package}}", package)
        .replace("{{class}}", &class.collect::<String>())
        .replace("{{kind}}", kind.name())
        .replace("{{methods}}", &methods)
        .replace("{{result}}", template.result)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
}

/// What a project of a kind begins with.
struct Template {
    kind: Kind,
    python: &'static str,
    test: &'static str,
    /// In Rust: the methods, and an expression of what each returns.
    methods: &'static [&'static str],
    result: &'static str,
}

fn template_of(kind: Kind) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.kind == kind)
}

/// A kind that a project may begin with is a line here and two files.
const TEMPLATES: &[Template] = &[
    Template {
        kind: Kind::PhaseHook,
        python: include_str!("templates/python/phase_hook.py"),
        test: include_str!("templates/python/test_phase_hook.py"),
        methods: &["start", "sending_complete", "complete", "timeout"],
        result: "Value::Null",
    },
    Template {
        kind: Kind::PostProcessor,
        python: include_str!("templates/python/post_processor.py"),
        test: include_str!("templates/python/test_post_processor.py"),
        methods: &["records", "process"],
        result: "serde_json::json!({\"success\": true})",
    },
    Template {
        kind: Kind::DataExporter,
        python: include_str!("templates/python/data_exporter.py"),
        test: include_str!("templates/python/test_data_exporter.py"),
        methods: &["export"],
        result: "serde_json::json!({\"files\": [self.file.display().to_string()]})",
    },
    Template {
        kind: Kind::StreamExporter,
        python: include_str!("templates/python/stream_exporter.py"),
        test: include_str!("templates/python/test_stream_exporter.py"),
        methods: &["rows", "finish"],
        result: "Value::Null",
    },
];

/// The source of the protocol's crate.
const PROTOCOL: &[(&str, &str)] = &[
    ("frame.rs", include_str!("../../../plugin/src/frame.rs")),
    ("lib.rs", include_str!("../../../plugin/src/lib.rs")),
    ("message.rs", include_str!("../../../plugin/src/message.rs")),
    ("serve.rs", include_str!("../../../plugin/src/serve.rs")),
];
