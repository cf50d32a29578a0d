//! The user's own images, in the requested sizes.

use super::{Problem, draw};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use endpoint::Media;
use image::imageops::FilterType;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use spec::{Images, Taking};

/// Images that are used one after the other, in the plan's order.
pub(super) struct Pictures {
    /// Data URIs.
    pictures: Vec<String>,
    taking: Taking,
    /// The order of this round, and how far it has come.
    order: Vec<usize>,
    taken: usize,
}

impl Pictures {
    /// The lines of what the client uploaded.
    pub(super) fn new(lines: &str, taking: Taking) -> Self {
        let pictures = lines.lines().map(str::to_owned).collect::<Vec<_>>();
        let order = (0..pictures.len()).collect();
        Self { pictures, taking, order, taken: 0 }
    }

    /// Images for one turn, as data URIs.
    pub(super) fn images(&mut self, wanted: &Images, generator: &mut StdRng) -> Result<Vec<Media>, Problem> {
        (0..wanted.batch_size).map(|_| self.picture(wanted, generator)).collect()
    }

    fn picture(&mut self, wanted: &Images, generator: &mut StdRng) -> Result<Media, Problem> {
        let fail = |why: &dyn std::fmt::Display| Problem::Media(format!("--image-source: {why}"));
        let (width, height) = (draw::drawn(&wanted.width, generator), draw::drawn(&wanted.height, generator));
        let place = self.next(generator);
        let source = self.pictures.get(place).ok_or_else(|| fail(&"there are no images"))?;
        let (_, bytes) = source.split_once(',').ok_or_else(|| fail(&"an image is no data URI"))?;
        let bytes = STANDARD.decode(bytes).map_err(|error| fail(&error))?;
        let read = image::load_from_memory(&bytes)
            .map_err(|error| fail(&format!("image {} by name: {error}", place + 1)))?;
        let resized = read.resize_exact(width, height, FilterType::Triangle).to_rgb8();
        super::noise::encoded(resized.as_raw(), width, height, wanted, generator)
    }

    fn next(&mut self, generator: &mut StdRng) -> usize {
        let count = self.order.len().max(1);
        if self.taking == Taking::RandomWithReplacement {
            return generator.random_range(0..count);
        }
        let within = self.taken % count;
        if within == 0 && self.taking == Taking::ShuffleCycle {
            self.order.shuffle(generator);
        }
        self.taken += 1;
        self.order.get(within).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use spec::Length;

    /// Images of one colour each, taken nine times; the colours by number.
    fn taken(taking: Taking) -> Vec<u8> {
        let picture = |shade: u8| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            let made = image::RgbImage::from_pixel(4, 4, image::Rgb([shade * 40; 3]));
            made.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            format!("data:image/png;base64,{}", STANDARD.encode(bytes.into_inner()))
        };
        let lines = [0, 1, 2].map(picture).join("\n");
        let length = |mean| Length::fixed(mean);
        let (width, height) = (length(6.0), length(3.0));
        let wanted = Images { batch_size: 1, width, height, format: "png".to_owned(), source: Some(taking) };
        let mut pictures = Pictures::new(&lines, taking);
        let mut generator = StdRng::seed_from_u64(7);
        let shades = (0..9).map(|_| {
            let media = pictures.images(&wanted, &mut generator).unwrap().remove(0);
            let bytes = STANDARD.decode(media.content.split(',').nth(1).unwrap()).unwrap();
            let read = image::load_from_memory(&bytes).unwrap().to_rgb8();
            assert_eq!((read.width(), read.height()), (6, 3), "in the requested size");
            read.get_pixel(1, 1)[0] / 40
        });
        shades.collect()
    }

    #[test]
    fn images_are_used_in_the_plans_order() {
        assert_eq!(taken(Taking::SequentialCycle), [0, 1, 2, 0, 1, 2, 0, 1, 2], "in turn");
        for round in taken(Taking::ShuffleCycle).chunks(3) {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2], "each once a round");
        }
        let drawn = taken(Taking::RandomWithReplacement);
        assert!(drawn.iter().all(|shade| *shade < 3) && drawn.len() == 9, "any of them: {drawn:?}");
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let length = Length::fixed(2.0);
        let taking = Taking::SequentialCycle;
        let wanted = Images {
            batch_size: 1,
            width: length.clone(),
            height: length,
            format: "png".to_owned(),
            source: Some(taking),
        };
        let refused = |lines: &str| {
            let mut generator = StdRng::seed_from_u64(7);
            Pictures::new(lines, taking).images(&wanted, &mut generator).unwrap_err().to_string()
        };
        assert!(refused("").contains("no images"), "none");
        assert!(refused("data:image/png;base64,AAAA").contains("image 1 by name"), "none that can be read");
    }
}
