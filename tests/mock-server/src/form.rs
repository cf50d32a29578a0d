//! Reads bodies that are forms: `multipart/form-data` (RFC 7578).

use serde_json::{Map, Value};

/// What parts the fields, by the content type; none if that is no form.
pub(crate) fn boundary(content_type: &[u8]) -> Option<Box<str>> {
    let text = str::from_utf8(content_type).ok()?;
    let rest = text.strip_prefix("multipart/form-data")?;
    let boundary = rest.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"').into())
}

/// The fields by name: texts as they are, of files the number of bytes.
pub(crate) fn fields(body: &[u8], boundary: &str) -> Result<Map<String, Value>, String> {
    let delimiter = format!("--{boundary}");
    let begin = body.strip_prefix(delimiter.as_bytes());
    let mut rest = begin.ok_or("the form does not start with its boundary")?;
    let next = format!("\r\n{delimiter}");
    let mut fields = Map::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = memchr::memmem::find(part, next.as_bytes()).ok_or("a field of the form has no end")?;
        let (name, value) = field(&part[..end])?;
        fields.insert(name, value);
        rest = &part[end + next.len()..];
    }
    if rest == b"--\r\n" || rest == b"--" { Ok(fields) } else { Err("the form has no end".to_owned()) }
}

fn field(part: &[u8]) -> Result<(String, Value), String> {
    let middle = memchr::memmem::find(part, b"\r\n\r\n").ok_or("a field of the form has no head")?;
    let head = str::from_utf8(&part[..middle]).map_err(|error| error.to_string())?;
    let content = &part[middle + 4..];
    let (_, named) = head.split_once("; name=\"").ok_or("a field of the form has no name")?;
    let (name, after) = named.split_once('"').ok_or("a field's name has no end")?;
    let value = if after.starts_with("; filename=\"") {
        Value::from(content.len())
    } else {
        let text = str::from_utf8(content).map_err(|error| error.to_string())?;
        serde_json::from_str(text).ok().filter(Value::is_number).unwrap_or_else(|| Value::from(text))
    };
    Ok((name.to_owned(), value))
}
