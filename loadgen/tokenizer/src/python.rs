//! Values as Python writes them, for templates that were written for it: `json.dumps`, `str`, and methods of its texts.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;
use std::fmt::Write;

/// The filter `tojson` of transformers: `json.dumps`, which keeps keys in their order and escapes nothing for HTML.
pub(crate) fn tojson(value: &Value, options: &Kwargs) -> Result<Value, Error> {
    let indent = match options.get::<Option<Value>>("indent")? {
        None => None,
        Some(indent) if indent.is_none() => None,
        Some(indent) => Some(width(&indent)?),
    };
    let separators = options.get::<Option<Value>>("separators")?.filter(|separators| !separators.is_none());
    let separator = |place: usize, default: &str| match &separators {
        Some(pair) => pair.get_item_by_index(place).map(|separator| separator.to_string()),
        None => Ok(default.to_owned()),
    };
    let json = Json {
        ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        item: separator(0, if indent.is_some() { "," } else { ", " })?,
        key: separator(1, ": ")?,
        indent,
    };
    options.assert_all_used()?;
    let mut written = String::new();
    json.put(&mut written, value, 0)?;
    Ok(Value::from_safe_string(written))
}

/// The spaces of an indent.
fn width(indent: &Value) -> Result<String, Error> {
    if let Some(text) = indent.as_str() {
        return Ok(text.chars().take(INDENT_MAX).collect());
    }
    let wanted = indent.as_usize().filter(|wanted| *wanted <= INDENT_MAX);
    let wanted =
        wanted.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "no indent of tojson is so wide"))?;
    Ok(" ".repeat(wanted))
}

/// How JSON is written.
struct Json {
    ascii: bool,
    sorted: bool,
    indent: Option<String>,
    item: String,
    key: String,
}

impl Json {
    fn put(&self, out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&number(value)),
            ValueKind::String => self.text(out, value.as_str().unwrap_or_default()),
            ValueKind::Map => {
                let mut keys = value.try_iter()?.collect::<Vec<_>>();
                if self.sorted {
                    keys.sort();
                }
                let entries = keys.into_iter().map(|key| Ok((value.get_item(&key)?, Some(key))));
                self.group(out, ('{', '}'), entries, depth)?;
            }
            ValueKind::Seq | ValueKind::Iterable => {
                self.group(out, ('[', ']'), value.try_iter()?.map(|item| Ok((item, None))), depth)?;
            }
            kind => {
                let why = format!("a value of type {kind} is no JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, why));
            }
        }
        Ok(())
    }

    fn group(
        &self,
        out: &mut String,
        (open, close): (char, char),
        entries: impl Iterator<Item = Result<(Value, Option<Value>), Error>>,
        depth: usize,
    ) -> Result<(), Error> {
        if depth >= DEPTH_MAX {
            return Err(Error::new(ErrorKind::InvalidOperation, "a value is nested too deeply for tojson"));
        }
        out.push(open);
        let mut is_empty = true;
        for entry in entries {
            let (value, key) = entry?;
            if !std::mem::replace(&mut is_empty, false) {
                out.push_str(&self.item);
            }
            self.line(out, depth + 1);
            if let Some(key) = key {
                self.text(out, &text_of(&key));
                out.push_str(&self.key);
            }
            self.put(out, &value, depth + 1)?;
        }
        if !is_empty {
            self.line(out, depth);
        }
        out.push(close);
        Ok(())
    }

    fn line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    }

    fn text(&self, out: &mut String, text: &str) {
        out.push('"');
        for one in text.chars() {
            match one {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                one if u32::from(one) < 0x20 || (self.ascii && !one.is_ascii()) => {
                    for unit in one.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04x}").expect("a string accepts every text");
                    }
                }
                one => out.push(one),
            }
        }
        out.push('"');
    }
}

/// A value as `str` makes it, which is what a template shows.
pub(crate) fn text_of(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::String => value.to_string(),
        _ => {
            let mut shown = String::new();
            put_shown(&mut shown, value, 0);
            shown
        }
    }
}

/// A value as `repr` makes it.
fn put_shown(out: &mut String, value: &Value, depth: usize) {
    if depth >= DEPTH_MAX {
        return;
    }
    match value.kind() {
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => put_quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Map => {
            out.push('{');
            for (place, key) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                put_shown(out, &key, depth + 1);
                out.push_str(": ");
                put_shown(out, &value.get_item(&key).unwrap_or_default(), depth + 1);
            }
            out.push('}');
        }
        ValueKind::Seq => {
            out.push('[');
            for (place, item) in value.try_iter().into_iter().flatten().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                put_shown(out, &item, depth + 1);
            }
            out.push(']');
        }
        _ => out.push_str(&value.to_string()),
    }
}

/// A text in the quotes that Python chooses.
fn put_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for one in text.chars() {
        match one {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            one if one == quote => out.extend(['\\', one]),
            one if one.is_control() => {
                write!(out, "\\x{:02x}", u32::from(one)).expect("a string accepts every text");
            }
            one => out.push(one),
        }
    }
    out.push(quote);
}

/// A number as Python writes it: the exponent of a float has a sign and two digits.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    let Ok(float) = f64::try_from(value.clone()) else { return value.to_string() };
    if !float.is_finite() {
        return if float.is_nan() {
            "NaN"
        } else if float > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let shortest = format!("{float:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    match exponent.parse::<i32>() {
        Ok(exponent @ -4..=15) => {
            let plain = format!("{float}");
            if exponent >= 0 && !plain.contains('.') { plain + ".0" } else { plain }
        }
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        Err(_) => shortest,
    }
}

/// Methods of texts that Python has.
pub(crate) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    given: &[Value],
) -> Result<Value, Error> {
    let affix = given.first().and_then(Value::as_str);
    match (value.as_str(), name, affix) {
        (Some(text), "removeprefix", Some(affix)) => Ok(text.strip_prefix(affix).unwrap_or(text).into()),
        (Some(text), "removesuffix", Some(affix)) => Ok(text.strip_suffix(affix).unwrap_or(text).into()),
        (Some(text), "partition", Some(affix)) => {
            Ok(parts(text.split_once(affix).map_or([text, "", ""], |(before, after)| [before, affix, after])))
        }
        (Some(text), "rpartition", Some(affix)) => Ok(parts(
            text.rsplit_once(affix).map_or(["", "", text], |(before, after)| [before, affix, after]),
        )),
        _ => pycompat::unknown_method_callback(state, value, name, given),
    }
}

fn parts(texts: [&str; 3]) -> Value {
    texts.map(str::to_owned).to_vec().into()
}

/// Spaces by which a level is indented.
const INDENT_MAX: usize = 64;
/// As deep as JSON is read.
const DEPTH_MAX: usize = 128;
