//! Pixels: the SVG rasterized, with the compiled-in font and no other.

use crate::Canvas;
use crate::error::PictureError;
use crate::figure::Figure;
use crate::number::narrow;
use crate::svg::svg;
use crate::text::{FAMILY, REGULAR, SEMIBOLD};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::sync::Arc;

/// The figure as a PNG of this many pixels in width.
///
/// # Errors
/// When the picture would be too large or too small.
pub fn png(figure: &Figure, canvas: Canvas, pixels: u32) -> Result<Vec<u8>, PictureError> {
    let scale = f64::from(pixels) / f64::from(canvas.width.max(1));
    let size = PictureError::Size { width: pixels, height: canvas.height };
    if !(FEWEST..=MOST).contains(&pixels)
        || canvas.width == 0
        || canvas.height > canvas.width.saturating_mul(4)
    {
        return Err(size);
    }
    let mut options = Options { font_family: FAMILY.to_owned(), ..Options::default() };
    let fonts = Arc::make_mut(&mut options.fontdb);
    fonts.load_font_data(REGULAR.to_vec());
    fonts.load_font_data(SEMIBOLD.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    let text = svg(figure, canvas);
    let tree = Tree::from_str(&text, &options).map_err(|error| PictureError::Raster(error.to_string()))?;
    let height = crate::number::whole((f64::from(canvas.height) * scale).round());
    let Some(mut pixmap) = u32::try_from(height).ok().and_then(|height| Pixmap::new(pixels, height)) else {
        return Err(size);
    };
    resvg::render(&tree, Transform::from_scale(narrow(scale), narrow(scale)), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| PictureError::Raster(error.to_string()))
}

const FEWEST: u32 = 200;
const MOST: u32 = 8000;
