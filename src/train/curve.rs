//! A training's loss curve as an SVG.
//!
//! Takes the history; returns one SVG with its own text alternative, without external resources.
//!
//! # Invariants
//!
//! Every number in it is finite, and no text in it comes from a user.

use std::fmt::Write as _;

use super::fit::CurvePoint;
use super::step::Losses;

/// The size of the picture, and the margins around the curve.
const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 320.0;
const LEFT: f32 = 56.0;
const TOP: f32 = 36.0;
const RIGHT: f32 = 16.0;
const BOTTOM: f32 = 40.0;
/// The font of the texts.
const FONT: &str = r#"font-family="sans-serif" font-size="12""#;

/// Draws the loss of training and validation pictures over the steps, and marks the best vector.
pub fn draw(history: &[CurvePoint], best_step: u32) -> String {
    let last = history.last().map_or(1, |point| point.step).max(1) as f32;
    let losses = || history.iter().flat_map(|p| [Some(p.training.loss), p.validation.map(|v| v.loss)]).flatten();
    let top = losses().filter(|loss| loss.is_finite()).fold(0.0f32, f32::max).max(1e-3) * 1.05;
    let x = |step: u32| LEFT + (WIDTH - LEFT - RIGHT) * step as f32 / last;
    let y = |loss: f32| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (loss / top).clamp(0.0, 1.0));
    let line = |of: &dyn Fn(&CurvePoint) -> Option<Losses>| -> String {
        let points = history.iter().filter_map(|p| Some((p.step, of(p)?.loss))).filter(|(_, loss)| loss.is_finite());
        points.map(|(step, loss)| format!("{:.1},{:.1}", x(step), y(loss))).collect::<Vec<_>>().join(" ")
    };
    let (training, validation) = (line(&|p| Some(p.training)), line(&|p| p.validation));
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {FONT}>
<title>Loss over {last:.0} steps; best after step {best_step}</title>
<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>
"##
    );
    for part in 0..=4 {
        let value = top * part as f32 / 4.0;
        let (at, edge) = (y(value), WIDTH - RIGHT);
        let _ = write!(svg, r##"<path d="M{LEFT} {at:.1}H{edge}" stroke="#ddd"/>"##);
        let (left, below) = (LEFT - 6.0, at + 4.0);
        let _ = writeln!(svg, r##"<text x="{left:.1}" y="{below:.1}" text-anchor="end">{value:.2}</text>"##);
    }
    let (best, bottom, above) = (x(best_step).clamp(LEFT + 40.0, WIDTH - RIGHT - 40.0), HEIGHT - BOTTOM, TOP - 6.0);
    let _ = write!(svg, r##"<path d="M{best:.1} {TOP}V{bottom:.1}" stroke="#999" stroke-dasharray="3 3"/>"##);
    let _ = write!(svg, r##"<text x="{best:.1}" y="{above:.1}" text-anchor="middle" fill="#555">"##);
    let _ = writeln!(svg, "best, step {best_step}</text>");
    let (middle, below) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10.0);
    let _ = write!(svg, r##"<text x="{middle:.1}" y="{below:.1}" text-anchor="middle">"##);
    let _ = writeln!(svg, "steps (0 to {last:.0})</text>");
    for (points, colour, dash, name, place) in
        [(training, "#1f6feb", "", "training", LEFT), (validation, "#c2410c", "6 3", "validation", LEFT + 90.0)]
    {
        if points.is_empty() {
            continue;
        }
        let _ = write!(svg, r##"<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" "##);
        let _ = write!(svg, r##"points="{points}"/>"##);
        let _ = writeln!(svg, r##"<text x="{place}" y="16" fill="{colour}">{name}</text>"##);
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
        let point = |step, a, b| CurvePoint { step, training: losses(a), validation: b };
        let history =
            [point(0, 2.0, Some(losses(2.5))), point(10, f32::NAN, None), point(20, 1.0, Some(losses(f32::INFINITY)))];
        let svg = draw(&history, 20);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains("best after step 20"));
        assert!(draw(&[], 0).contains("</svg>"));
    }
}
