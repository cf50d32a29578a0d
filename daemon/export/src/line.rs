//! Builds one line of JSON key by key, in a buffer that is reused.

use crate::error::ExportError;
use serde::Serialize;
use std::io::Write;

/// A line of JSON under construction.
#[derive(Debug, Default)]
pub(crate) struct Line {
    text: Vec<u8>,
    /// Whether the innermost object or array already has an entry.
    is_filled: bool,
}

impl Line {
    /// Starts a line with an object.
    pub(crate) fn start(&mut self) {
        self.text.clear();
        self.text.push(b'{');
        self.is_filled = false;
    }

    /// Ends the line and writes it.
    pub(crate) fn end_into(&mut self, out: &mut dyn Write) -> Result<(), ExportError> {
        self.text.extend_from_slice(b"}\n");
        Ok(out.write_all(&self.text)?)
    }

    /// Adds a key with a value. A float that is not finite becomes `null`, as in serde_json.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), ExportError> {
        self.key(key)?;
        serde_json::to_writer(&mut self.text, value)?;
        Ok(())
    }

    /// Adds a key with JSON text, unchanged.
    pub(crate) fn put_json(&mut self, key: &str, json: &str) -> Result<(), ExportError> {
        self.key(key)?;
        self.text.extend_from_slice(json.as_bytes());
        Ok(())
    }

    /// Adds a key with an object.
    pub(crate) fn object(
        &mut self,
        key: &str,
        fill: impl FnOnce(&mut Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.key(key)?;
        self.enclose(b'{', b'}', fill)
    }

    /// Adds a key with an array, to be filled with [`Self::item`].
    pub(crate) fn array(
        &mut self,
        key: &str,
        fill: impl FnOnce(&mut Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.key(key)?;
        self.enclose(b'[', b']', fill)
    }

    /// Adds an object to an array.
    pub(crate) fn item(
        &mut self,
        fill: impl FnOnce(&mut Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.comma();
        self.enclose(b'{', b'}', fill)
    }

    fn enclose(
        &mut self,
        open: u8,
        close: u8,
        fill: impl FnOnce(&mut Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        self.text.push(open);
        self.is_filled = false;
        fill(self)?;
        self.text.push(close);
        self.is_filled = true;
        Ok(())
    }

    fn key(&mut self, key: &str) -> Result<(), ExportError> {
        self.comma();
        serde_json::to_writer(&mut self.text, key)?;
        self.text.push(b':');
        Ok(())
    }

    fn comma(&mut self) {
        if self.is_filled {
            self.text.push(b',');
        }
        self.is_filled = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_separated() {
        let mut line = Line::default();
        let mut out = Vec::new();
        line.start();
        line.put("a", &1).unwrap();
        line.object("b", |line| line.put("c", "d\"")).unwrap();
        line.array("e", |line| {
            line.item(|line| line.put("f", &1.5))?;
            line.item(|_| Ok(()))
        })
        .unwrap();
        line.put_json("g", "null").unwrap();
        line.end_into(&mut out).unwrap();
        let expected = "{\"a\":1,\"b\":{\"c\":\"d\\\"\"},\"e\":[{\"f\":1.5},{}],\"g\":null}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected, "valid JSON");
    }
}
