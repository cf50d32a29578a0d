//! Requests that use several texts, images, audio clips and videos of a pool, each drawn by itself from all rows.

use super::dataset::Row;
use super::{Problem, mixed};
use endpoint::{Media, Text, Turn};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use spec::PoolBatch;

/// What the rows of a pool hold, kind by kind.
#[derive(Debug, Default)]
pub(super) struct Pool {
    texts: Vec<Item>,
    images: Vec<Item>,
    audios: Vec<Item>,
    videos: Vec<Item>,
}

/// One text or medium: its row, and its place among those of its kind there.
#[derive(Clone, Copy, Debug)]
struct Item {
    row: u32,
    place: u32,
}

impl Pool {
    /// Adds the content of a row.
    ///
    /// # Errors
    /// The problem, when something of it has a name: what is drawn by itself has none.
    pub(super) fn take(&mut self, number: u32, turn: &Turn) -> Result<(), String> {
        let is_named = |text: &Text| !["", UNNAMED].contains(&text.name.as_str());
        if turn.texts.iter().any(is_named) || turn.images.iter().any(|image| image.uuid.is_some()) {
            return Err("what has a name or a uuid is not drawn by itself: leave out --prompt-batch-size, \
                        --image-batch-size and the like, or the names"
                .to_owned());
        }
        let count = turn.texts.iter().map(|text| text.contents.len()).sum();
        let kinds = [
            (&mut self.texts, count),
            (&mut self.images, turn.images.len()),
            (&mut self.audios, turn.audios.len()),
            (&mut self.videos, turn.videos.len()),
        ];
        for (items, count) in kinds {
            let places = 0..u32::try_from(count).unwrap_or(u32::MAX);
            items.extend(places.map(|place| Item { row: number, place }));
        }
        Ok(())
    }

    /// Whether a request is something else than one row: of some kind of content in the pool, it uses none or more than one.
    pub(super) fn is_wanted(&self, batch: PoolBatch) -> bool {
        self.kinds(batch).iter().any(|(items, wanted)| !items.is_empty() && *wanted != 1)
    }

    /// Whether a request would hold anything.
    ///
    /// # Errors
    /// When it would not.
    pub(super) fn check(&self, batch: PoolBatch) -> Result<(), Problem> {
        if self.kinds(batch).iter().any(|(items, wanted)| !items.is_empty() && *wanted > 0) {
            return Ok(());
        }
        Err(Problem::TooLittle(
            "requests of this pool would be empty: give a batch size above 0 for something that its rows hold"
                .to_owned(),
        ))
    }

    /// The request of a conversation.
    pub(super) fn draw(
        &self,
        batch: PoolBatch,
        (seed, place): (u64, usize),
        row: impl Fn(u32) -> Result<Row, Problem>,
    ) -> Result<Turn, Problem> {
        let mut generator = StdRng::seed_from_u64(mixed(seed, place as u64));
        let mut turn = Turn { role: "user".to_owned(), ..Turn::default() };
        let mut contents = Vec::new();
        let mut drawn = |items: &[Item], wanted: u32, put: &mut dyn FnMut(Turn, usize)| {
            let wanted = if items.is_empty() { 0 } else { wanted };
            for _ in 0..wanted {
                let Some(item) = items.get(generator.random_range(0..items.len())) else { continue };
                let Some(planned) = row(item.row)?.turns.into_iter().next() else { continue };
                put(planned.turn, item.place as usize);
            }
            Ok::<(), Problem>(())
        };
        drawn(&self.texts, batch.texts, &mut |turn, place| {
            contents.extend(turn.texts.into_iter().flat_map(|text| text.contents).nth(place));
        })?;
        let of = |media: Vec<Media>, place: usize| media.into_iter().nth(place);
        drawn(&self.images, batch.images, &mut |from, place| turn.images.extend(of(from.images, place)))?;
        drawn(&self.audios, batch.audios, &mut |from, place| turn.audios.extend(of(from.audios, place)))?;
        drawn(&self.videos, batch.videos, &mut |from, place| turn.videos.extend(of(from.videos, place)))?;
        if !contents.is_empty() {
            turn.texts.push(Text { name: String::new(), contents });
        }
        Ok(turn)
    }

    const fn kinds(&self, batch: PoolBatch) -> [(&Vec<Item>, u32); 4] {
        [
            (&self.texts, batch.texts),
            (&self.images, batch.images),
            (&self.audios, batch.audios),
            (&self.videos, batch.videos),
        ]
    }
}

/// What a row's only text is called.
const UNNAMED: &str = "text";
