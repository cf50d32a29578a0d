//! Draws pictures to look at: `cargo run -p picture --example look -- FOLDER` writes each as PNG, light and dark, small and large.

use picture::{Axis, Canvas, Figure, Mark, Point, Shape, Subject, Theme, png, svg};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "look".into()));
    std::fs::create_dir_all(&folder)?;
    for (name, figure) in figures() {
        for (theme, shade) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
            for pixels in [800, 1600] {
                let bytes = png(&figure, Canvas::fitting(&figure, theme), pixels)?;
                std::fs::write(folder.join(format!("{name}-{shade}-{pixels}.png")), bytes)?;
            }
        }
        std::fs::write(
            folder.join(format!("{name}.svg")),
            svg(&figure, Canvas::fitting(&figure, Theme::Light)),
        )?;
    }
    Ok(())
}

fn figures() -> Vec<(&'static str, Figure)> {
    let golden = include_str!("../tests/golden/figure.json");
    let lanes = include_str!("../tests/golden/lanes.json");
    let cloud = |count: u32, outlier: f64| {
        let point = |n: u32| {
            let noise = f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
            Point::new(f64::from(n) / 100.0, 20.0 + 30.0 * noise * noise)
        };
        let mut points = (0..count).map(point).collect::<Vec<_>>();
        points.extend((outlier > 0.0).then(|| Point::new(f64::from(count) / 200.0, outlier)));
        points
    };
    let above =
        |points: &[Point]| points.iter().map(|point| Point::new(point.x, point.y * 1.02 + 0.1)).collect();
    let both = |points: Vec<Point>| {
        let client = Mark::new("client", Subject::Client, Shape::Points { points: above(&points) });
        vec![client, Mark::new("kernel", Subject::Kernel, Shape::Points { points })]
    };
    let figure = |title: &str, marks: Vec<Mark>| Figure {
        title: title.to_owned(),
        subtitle: "a run · a model · concurrency 8".to_owned(),
        x: Axis::new("Time since the first request", "s"),
        y: Axis::new("Time to First Token", "ms"),
        marks,
        ..Figure::default()
    };
    let long = "a-very-long-model-name/".repeat(9);
    let many = (0..20_u32).map(|n| {
        let points = (0..5_u32).map(|x| Point::new(f64::from(x), f64::from(x * n + n))).collect();
        Mark::new(format!("{long}{n}"), Subject::Series(n as usize), Shape::Line { points })
    });
    vec![
        ("every", Figure::from_json(golden).unwrap_or_default()),
        ("lanes", Figure::from_json(lanes).unwrap_or_default()),
        ("cloud", figure("Time to first token of each request", both(cloud(400, 0.0)))),
        ("million", figure("A million requests", both(cloud(1_000_000, 0.0)))),
        ("outlier", figure("One request took a thousand seconds", both(cloud(400, 1e6)))),
        ("none", figure("Nothing", Vec::new())),
        ("one", figure("One point", both(cloud(1, 0.0)))),
        ("equal", figure("All are equal", both(vec![Point::new(3.0, 7.0); 50]))),
        (
            "nan",
            figure(
                "Some are no numbers",
                both([cloud(40, 0.0), vec![Point::new(f64::NAN, 1.0); 9]].concat()),
            ),
        ),
        ("names", figure(&long.repeat(3), many.collect())),
    ]
}
