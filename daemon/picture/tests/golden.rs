//! A figure with every kind of mark, against the bytes that it gave before; `UPDATE_GOLDEN=1 cargo test -p picture` writes them anew.

use picture::{Canvas, Figure, Shape, Theme, png, svg};
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn figure() -> Figure {
    named("figure.json")
}

fn named(name: &str) -> Figure {
    let text = std::fs::read_to_string(path(name)).expect("it is in the repository");
    Figure::from_json(&text).expect("a figure")
}

#[test]
fn the_same_figure_gives_the_same_bytes() {
    let (marks, lanes) = (figure(), named("lanes.json"));
    for (figure, theme, name) in [
        (&marks, Theme::Light, "light.svg"),
        (&marks, Theme::Dark, "dark.svg"),
        (&lanes, Theme::Light, "lanes.svg"),
    ] {
        let text = svg(figure, Canvas::fitting(figure, theme));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path(name), &text).unwrap();
        }
        let expected = std::fs::read_to_string(path(name)).unwrap();
        assert!(text == expected, "{name} differs: UPDATE_GOLDEN=1 writes it anew, to be looked at");
    }
}

/// The values of an attribute, as numbers, of every mark that has it.
fn attribute(svg: &str, name: &str) -> Vec<Vec<f64>> {
    let begin = format!(" {name}=\"");
    let texts = svg.split(&begin).skip(1).filter_map(|rest| rest.split('"').next());
    texts.map(|text| text.split(' ').map(|number| number.parse().expect("a number")).collect()).collect()
}

#[test]
fn the_numbers_of_the_picture_are_those_of_the_json() {
    check_numbers(&figure());
    check_numbers(&named("lanes.json"));
}

fn check_numbers(figure: &Figure) {
    let figure = Figure::from_json(&figure.to_json().expect("JSON")).expect("a figure");
    let text = svg(&figure, Canvas::new(Theme::Light));
    let (mut x, mut y) = (attribute(&text, "data-x").into_iter(), attribute(&text, "data-y").into_iter());
    let below = figure.panels.iter().flat_map(|panel| &panel.marks);
    for mark in figure.marks.iter().chain(below) {
        let (expected_x, expected_y): (Vec<f64>, Vec<f64>) = match &mark.shape {
            Shape::Line { points }
            | Shape::Step { points }
            | Shape::Points { points }
            | Shape::Area { points } => points.iter().map(|point| (point.x, point.y)).unzip(),
            Shape::Polygon { vertices, .. } => vertices.iter().map(|vertex| (vertex[0], vertex[1])).unzip(),
            Shape::Bars { bars } => (Vec::new(), bars.iter().map(|bar| bar.y).collect()),
            Shape::Gantt { spans } => (Vec::new(), spans.iter().map(|span| span.y).collect()),
            Shape::Blocks { blocks, .. } => (Vec::new(), blocks.iter().map(|block| block.y).collect()),
            Shape::Band { ranges } => (ranges.iter().map(|range| range.x).collect(), Vec::new()),
            Shape::Vertical { x } => (vec![*x], Vec::new()),
            Shape::Horizontal { y } => (Vec::new(), vec![*y]),
        };
        for (expected, found) in [(expected_x, &mut x), (expected_y, &mut y)] {
            if !expected.is_empty() {
                assert_eq!(found.next().as_ref(), Some(&expected), "{}", mark.name);
            }
        }
    }
    assert_eq!((x.next(), y.next()), (None, None), "no other numbers");
}

#[test]
fn pixels_have_the_size_and_the_colors() {
    let bytes = png(&figure(), Canvas::new(Theme::Light), 480).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n", "a PNG");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (480, 240), "half as high as wide");
    assert_ne!(bytes, png(&figure(), Canvas::new(Theme::Dark), 480).unwrap(), "another theme");
    assert!(png(&figure(), Canvas::new(Theme::Light), 100_000).is_err(), "too large");
}

#[test]
fn many_rows_and_panels_have_room() {
    let lanes = named("lanes.json");
    let height = |figure: &Figure| Canvas::fitting(figure, Theme::Light).height;
    assert_eq!(height(&figure()), 480, "without either");
    let mut many = lanes.clone();
    many.marks.iter_mut().for_each(|mark| {
        if let Shape::Blocks { blocks, .. } = &mut mark.shape {
            blocks.iter_mut().for_each(|block| block.y *= 60.0);
        }
    });
    assert!(height(&many) > height(&lanes) + 500, "180 rows: {}", height(&many));
    many.panels.clear();
    assert!(height(&many) + 100 < height(&Figure { panels: lanes.panels, ..many.clone() }), "a panel");
    assert!(png(&many, Canvas::fitting(&many, Theme::Dark), 480).is_ok(), "it is drawn");
}

#[test]
fn hostile_data_gives_a_picture() {
    let long = "name ".repeat(40);
    let points = |points: &str| {
        format!(
            r#"{{"title":"{long}","x":{{"label":"{long}"}},"y":{{"label":"y"}},"marks":[{{"name":"{long}","subject":"client","kind":"points","points":[{points}]}}]}}"#
        )
    };
    for data in [
        "",
        r#"{"x":1,"y":1}"#,
        r#"{"x":1,"y":1},{"x":1,"y":1}"#,
        r#"{"x":0,"y":1e300},{"x":-1e300,"y":1e-300}"#,
    ] {
        let figure = Figure::from_json(&points(data)).unwrap();
        let text = svg(&figure, Canvas::new(Theme::Light));
        assert!(!text.contains("NaN") && !text.contains("inf"), "{data}: {text}");
        assert_eq!(text.contains("no data"), data.is_empty(), "{data}");
    }
}
