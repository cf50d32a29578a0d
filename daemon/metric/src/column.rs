//! Stores one metric's values for every request compactly: one, four or eight bytes each.

use crate::value::{Value, small};

/// Values by index; a missing value costs as much as a present one, but a column without values costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    cells: Cells,
    /// Indices before the first value.
    skipped: usize,
}

#[derive(Clone, Debug, Default)]
enum Cells {
    #[default]
    None,
    Bytes(Vec<u8>),
    Words(Vec<u32>),
    Floats(Vec<f64>),
}

impl Column {
    /// Sets the value at an index; indices only grow.
    pub(crate) fn put(&mut self, place: usize, value: Value) {
        if matches!(self.cells, Cells::None) {
            self.skipped = place;
            self.cells = Cells::Bytes(Vec::new());
        }
        let place = place - self.skipped;
        let number = value.get();
        match (&mut self.cells, small(number)) {
            (Cells::Floats(cells), _) => extend(cells, place, f64::NAN, number),
            (Cells::Words(cells), Some(word)) if word < u32::MAX => extend(cells, place, u32::MAX, word),
            (Cells::Bytes(cells), Some(word @ 0..255)) => {
                extend(cells, place, u8::MAX, u8::try_from(word).unwrap_or(u8::MAX));
            }
            (_, fit) => self.widen(place, number, fit),
        }
    }

    /// The value at an index.
    pub(crate) fn get(&self, place: usize) -> Option<f64> {
        let place = place.checked_sub(self.skipped)?;
        match &self.cells {
            Cells::None => None,
            Cells::Bytes(cells) => {
                cells.get(place).filter(|cell| **cell < u8::MAX).map(|cell| f64::from(*cell))
            }
            Cells::Words(cells) => {
                cells.get(place).filter(|cell| **cell < u32::MAX).map(|cell| f64::from(*cell))
            }
            Cells::Floats(cells) => cells.get(place).copied().filter(|cell| !cell.is_nan()),
        }
    }

    /// Releases unused capacity.
    pub(crate) fn close(&mut self) {
        match &mut self.cells {
            Cells::None => {}
            Cells::Bytes(cells) => cells.shrink_to_fit(),
            Cells::Words(cells) => cells.shrink_to_fit(),
            Cells::Floats(cells) => cells.shrink_to_fit(),
        }
    }

    #[cold]
    #[inline(never)]
    fn widen(&mut self, place: usize, number: f64, fit: Option<u32>) {
        let old = std::mem::take(&mut self.cells);
        self.cells = match (old, fit) {
            (Cells::Bytes(bytes), Some(word)) if word < u32::MAX => {
                let widened = |cell: u8| if cell == u8::MAX { u32::MAX } else { u32::from(cell) };
                let mut words = bytes.into_iter().map(widened).collect();
                extend(&mut words, place, u32::MAX, word);
                Cells::Words(words)
            }
            (Cells::Bytes(bytes), _) => {
                let widened = |cell: u8| if cell == u8::MAX { f64::NAN } else { f64::from(cell) };
                Self::floats(bytes.into_iter().map(widened), place, number)
            }
            (Cells::Words(words), _) => {
                let widened = |cell: u32| if cell == u32::MAX { f64::NAN } else { f64::from(cell) };
                Self::floats(words.into_iter().map(widened), place, number)
            }
            (Cells::Floats(floats), _) => Cells::Floats(floats),
            (Cells::None, _) => Cells::None,
        };
    }

    fn floats(cells: impl Iterator<Item = f64>, place: usize, number: f64) -> Cells {
        let mut floats = cells.collect();
        extend(&mut floats, place, f64::NAN, number);
        Cells::Floats(floats)
    }
}

/// Fills up to an index and sets the value there, growing by a quarter instead of doubling.
fn extend<T: Copy>(cells: &mut Vec<T>, place: usize, absent: T, number: T) {
    if cells.capacity() <= place {
        cells.reserve_exact((place - cells.len()).max(cells.len() / 4).max(1024));
    }
    cells.resize(place, absent);
    cells.push(number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_are_stored() {
        let numbers = [7.0, 254.0, 255.0, 1e9, 4_294_967_295.0, 0.5, -3.0, 1e300];
        let mut column = Column::default();
        for (place, number) in numbers.iter().enumerate() {
            column.put(place * 2 + 5, Value::new(*number).unwrap());
        }
        for (place, number) in numbers.iter().enumerate() {
            assert_eq!(column.get(place * 2 + 5).map(f64::to_bits), Some(number.to_bits()), "{number}");
            assert_eq!(column.get(place * 2 + 6), None, "nothing between");
        }
        assert_eq!(column.get(0), None, "nothing before");
    }
}
