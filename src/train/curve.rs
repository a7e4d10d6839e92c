//! A training's loss curve as a picture.
//!
//! In: the history. Out: one SVG with its own text alternative, without anything from outside. What always holds: every number
//! in it is finite, and no text in it comes from a user.

use std::fmt::Write as _;

use super::fit::Point;
use super::step::Losses;

/// The picture's size, and the margins around the curve.
const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 320.0;
const LEFT: f32 = 56.0;
const TOP: f32 = 36.0;
const RIGHT: f32 = 16.0;
const BOTTOM: f32 = 40.0;

/// Draws it: the loss of training and validation pictures over the steps, and where the best vector was.
pub fn draw(history: &[Point], best_step: u32) -> String {
    let last = history.last().map_or(1, |point| point.step).max(1) as f32;
    let losses = || history.iter().flat_map(|p| [Some(p.training.loss), p.validation.map(|v| v.loss)]).flatten();
    let top = losses().filter(|loss| loss.is_finite()).fold(0.0f32, f32::max).max(1e-3) * 1.05;
    let x = |step: u32| LEFT + (WIDTH - LEFT - RIGHT) * step as f32 / last;
    let y = |loss: f32| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (loss / top).clamp(0.0, 1.0));
    let line = |of: &dyn Fn(&Point) -> Option<Losses>| -> String {
        let points = history.iter().filter_map(|p| Some((p.step, of(p)?.loss))).filter(|(_, loss)| loss.is_finite());
        points.map(|(step, loss)| format!("{:.1},{:.1}", x(step), y(loss))).collect::<Vec<_>>().join(" ")
    };
    let (training, validation) = (line(&|p| Some(p.training)), line(&|p| p.validation));
    let mut svg = String::new();
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="12">
<title>Loss over {last:.0} steps; best after step {best_step}</title>
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
"##
    );
    for part in 0..=4 {
        let value = top * part as f32 / 4.0;
        let (at, edge) = (y(value), WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            r##"<path d="M{LEFT} {at:.1}H{edge}" stroke="#ddd"/><text x="{:.1}" y="{:.1}" text-anchor="end">{value:.2}</text>"##,
            LEFT - 6.0,
            at + 4.0
        );
    }
    let _ = writeln!(
        svg,
        r##"<path d="M{0:.1} {TOP}V{1:.1}" stroke="#999" stroke-dasharray="3 3"/><text x="{0:.1}" y="{2:.1}" text-anchor="middle" fill="#555">best, step {best_step}</text>"##,
        x(best_step).clamp(LEFT + 40.0, WIDTH - RIGHT - 40.0),
        HEIGHT - BOTTOM,
        TOP - 6.0
    );
    let _ = writeln!(
        svg,
        r##"<text x="{:.1}" y="{:.1}" text-anchor="middle">steps (0 to {last:.0})</text>"##,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0
    );
    for (points, colour, dash, name, place) in
        [(training, "#1f6feb", "", "training", LEFT), (validation, "#c2410c", "6 3", "validation", LEFT + 90.0)]
    {
        if points.is_empty() {
            continue;
        }
        let _ = writeln!(
            svg,
            r##"<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" points="{points}"/><text x="{place}" y="16" fill="{colour}">{name}</text>"##
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_every_finite_point_and_no_other() {
        let losses = |loss| Losses { loss, ..Losses::default() };
        let point = |step, a, b| Point { step, training: losses(a), validation: b };
        let history =
            [point(0, 2.0, Some(losses(2.5))), point(10, f32::NAN, None), point(20, 1.0, Some(losses(f32::INFINITY)))];
        let svg = draw(&history, 20);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains("best after step 20"));
        assert!(draw(&[], 0).contains("</svg>"));
    }
}
