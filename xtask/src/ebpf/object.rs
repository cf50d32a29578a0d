//! What of an object of kernel programs matters to a kernel: programs, instructions, maps and license.
//!
//! Two builds may differ in what is left: the order of the string table, and names that the compiler makes up.

use ::object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

/// An object's contents, by names that both compilers keep.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    sections: BTreeMap<String, Instructions>,
    /// Programs by name: the section.
    programs: BTreeMap<String, String>,
    /// Maps by name: their definition.
    maps: BTreeMap<String, Vec<u8>>,
    license: Vec<u8>,
}

/// A section's instructions, and at which place what is referred to.
type Instructions = (Vec<u8>, Vec<(u64, String)>);

impl Contents {
    /// Reads an object file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let file = ::object::File::parse(bytes).context("no ELF object")?;
        let mut contents = Self {
            sections: BTreeMap::new(),
            programs: BTreeMap::new(),
            maps: BTreeMap::new(),
            license: Vec::new(),
        };
        for section in file.sections() {
            let name = section.name()?.to_owned();
            if section.kind() == SectionKind::Text {
                let relocations = section.relocations().map(|(at, relocation)| match relocation.target() {
                    RelocationTarget::Symbol(index) => {
                        Ok((at, file.symbol_by_index(index)?.name()?.to_owned()))
                    }
                    _ => bail!("`{name}` refers to something that is no symbol"),
                });
                let relocations = relocations.collect::<Result<_>>()?;
                contents.sections.insert(name, (section.data()?.to_vec(), relocations));
            } else if name == "license" {
                contents.license = section.data()?.to_vec();
            }
        }
        for symbol in file.symbols() {
            let Some(section) = symbol.section_index() else { continue };
            let section = file.section_by_index(section)?;
            let (name, home) = (symbol.name()?.to_owned(), section.name()?);
            if symbol.kind() == SymbolKind::Text && symbol.is_global() {
                contents.programs.insert(name, home.to_owned());
            } else if home == "maps" && symbol.size() > 0 {
                let definition = section.data_range(symbol.address(), symbol.size())?;
                contents.maps.insert(name, definition.context("a map ends behind its section")?.to_vec());
            }
        }
        if contents.maps.is_empty() || contents.programs.is_empty() {
            bail!("an object without programs or maps");
        }
        Ok(contents)
    }

    /// What another object has otherwise.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.license != other.license {
            found.push("the license".to_owned());
        }
        differing("the program", &self.programs, &other.programs, &mut found);
        differing("the map", &self.maps, &other.maps, &mut found);
        differing(INSTRUCTIONS, &self.sections, &other.sections, &mut found);
        found
    }
}

/// Whether a difference is one that another version of the compiler may make.
pub(super) fn is_of_instructions(difference: &str) -> bool {
    difference.starts_with(INSTRUCTIONS)
}

fn differing<V: PartialEq>(
    what: &str,
    one: &BTreeMap<String, V>,
    other: &BTreeMap<String, V>,
    found: &mut Vec<String>,
) {
    let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
    let names = names.filter(|name| one.get(*name) != other.get(*name));
    found.extend(names.map(|name| format!("{what} `{name}`")));
}

const INSTRUCTIONS: &str = "the instructions of";

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> Vec<u8> {
        std::fs::read(crate::project::root().unwrap().join(super::super::OBJECT)).unwrap()
    }

    #[test]
    fn one_bit_of_an_instruction_map_or_license_is_seen() {
        let whole = Contents::read(&committed()).unwrap();
        assert!(whole.differences(&Contents::read(&committed()).unwrap()).is_empty(), "the same");
        let file = committed();
        let file = ::object::File::parse(&*file).unwrap();
        for (section, expected) in
            [("sockops", INSTRUCTIONS), ("maps", "the map"), ("license", "the license")]
        {
            let (at, _) = file.section_by_name(section).unwrap().file_range().unwrap();
            let mut changed = committed();
            changed[usize::try_from(at).unwrap()] ^= 1;
            let differences = whole.differences(&Contents::read(&changed).unwrap());
            assert!(
                differences.len() == 1 && differences[0].starts_with(expected),
                "{section}: {differences:?}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bytes in [&b""[..], b"\x7fELF", &committed()[..200]] {
            assert!(Contents::read(bytes).is_err(), "{} bytes", bytes.len());
        }
    }
}
