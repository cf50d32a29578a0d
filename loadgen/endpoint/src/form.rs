//! Requests that are forms: `multipart/form-data`.

use serde_json::{Map, Value};

/// A file in a form.
pub(crate) struct File<'a> {
    /// The field.
    pub(crate) field: &'static str,
    /// The file's name.
    pub(crate) name: String,
    /// The type of its content.
    pub(crate) kind: &'a str,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

/// The form's body: texts as they are, other values as JSON, then files.
///
/// # Errors
/// When the line that parts the fields is in one of them.
pub(crate) fn encoded(fields: &Map<String, Value>, files: &[File<'_>]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    for (field, value) in fields {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let head =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n", quoted(field));
        put(&mut body, &head, text.as_bytes())?;
    }
    for file in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
            file.field,
            quoted(&file.name),
            quoted(file.kind),
        );
        put(&mut body, &head, &file.bytes)?;
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Ok(body)
}

fn put(body: &mut Vec<u8>, head: &str, content: &[u8]) -> Result<(), String> {
    if memchr::memmem::find(content, BOUNDARY.as_bytes()).is_some() {
        return Err(format!("a field holds `{BOUNDARY}`, which parts the fields of a form"));
    }
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n");
    Ok(())
}

/// As browsers write names.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// The header's value.
pub(crate) const CONTENT_TYPE: &str = "multipart/form-data; boundary=aiperfd-1f0c6e2b9d7a4835";
const BOUNDARY: &str = "aiperfd-1f0c6e2b9d7a4835";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &str, files: &[File<'_>], expected: Result<&str, &str>) {
        let fields = serde_json::from_str(fields).unwrap();
        let form =
            encoded(&fields, files).map(|bytes| String::from_utf8(bytes).unwrap().replace(BOUNDARY, "B"));
        match expected {
            Ok(expected) => assert_eq!(form.as_deref(), Ok(expected), "{fields:?}"),
            Err(expected) => assert!(form.expect_err("refused").contains(expected), "{fields:?}"),
        }
    }

    #[test]
    fn fields_and_files() {
        let file =
            File { field: "file", name: "a\"b.wav".to_owned(), kind: "audio/wav", bytes: b"RIFF".to_vec() };
        check(
            r#"{"model":"m","n":1}"#,
            &[file],
            Ok(
                "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--B\r\nContent-Disposition: form-data; \
                name=\"n\"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.wav\"\r\n\
                Content-Type: audio/wav\r\n\r\nRIFF\r\n--B--\r\n",
            ),
        );
        check(&format!(r#"{{"x":"{BOUNDARY}"}}"#), &[], Err("parts the fields"));
    }
}
