//! Style against category as a picture: one line an arm, along λ.
//!
//! Takes [`Findings`]. Returns one SVG with its own text alternative, without anything from outside. Invariants:
//! every number in it was measured; a point says its setting when it is pointed at.

use std::fmt::Write as _;

use crate::choose::Tried;
use crate::setting::Task;
use crate::study::{Findings, PULLS};

const WIDTH: f64 = 840.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 360.0;
const BOTTOM: f64 = 48.0;
/// Okabe and Ito's colours, which the colour-blind tell apart.
const COLOURS: [&str; 10] =
    ["#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#999999", "#56B4E9", "#D55E00", "#8B6F00", "#6A3D9A"];

/// Dashes of each of [`PULLS`].
const DASHES: [&str; 4] = ["none", "7 4", "2 3", "9 3 2 3"];

/// Draws the settings that were tried on the kept names: each guidance has its own dashes.
pub fn draw(findings: &Findings) -> String {
    let all = || findings.tried.iter().flatten();
    let most = (all().map(|t| t.shares.style).fold(0.0, f64::max) * 10.0).ceil().max(1.0) / 10.0;
    let least = (all().map(|t| t.shares.five).fold(1.0, f64::min) * 10.0).floor() / 10.0;
    let x = |five: f64| LEFT + (WIDTH - LEFT - RIGHT) * (five - least) / (1.0 - least).max(0.1);
    let y = |style: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - style / most);
    let title = match findings.task {
        Task::Houses => "Nine houses as brands: style against category, along λ",
        Task::NewHouse => "A house never seen: style against category, along λ",
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">
<title>{title}</title>
<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/><text x=\"{LEFT}\" y=\"22\" font-size=\"14\">{title}</text>
"
    );
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for tenth in 0..=(most * 10.0).round() as u32 {
        let at = y(f64::from(tenth) / 10.0);
        let (label, text) = (10 * tenth, at + 4.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{text:.1}\" \
             text-anchor=\"end\">{label}</text>",
            LEFT - 6.0
        );
    }
    for tenth in (least * 10.0).round() as u32..=10 {
        let at = x(f64::from(tenth) / 10.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            10 * tenth
        );
    }
    let floor = x(findings.floor.clamp(least, 1.0));
    let _ = writeln!(
        svg,
        "<path d=\"M{floor:.1} {TOP}V{bottom}\" stroke=\"#777\" stroke-width=\"0.7\"/><text x=\"{:.1}\" y=\"{:.1}\" \
         text-anchor=\"middle\">category right, top 5, %</text><text transform=\"translate(16 {:.1}) rotate(-90)\" \
         text-anchor=\"middle\">style right, %</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 10.0,
        (TOP + bottom) / 2.0
    );
    let drawn = findings.tried.iter().filter(|tried| !tried.is_empty());
    for (place, tried) in drawn.enumerate() {
        let arm = tried[0].setting.arm;
        let colour = COLOURS[arm as usize % COLOURS.len()];
        for (pull, dashes) in PULLS.iter().zip(DASHES) {
            let line: Vec<&Tried> = tried.iter().filter(|t| (t.setting.category, t.setting.style) == *pull).collect();
            let points: String =
                line.iter().map(|t| format!("{:.1},{:.1} ", x(t.shares.five), y(t.shares.style))).collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
                 stroke-dasharray=\"{dashes}\"/>"
            );
            for t in line {
                let (cx, cy, setting) = (x(t.shares.five), y(t.shares.style), t.setting);
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.5\" fill=\"{colour}\"><title>{setting}: style {:.1}, \
                     top 5 {:.1}</title></circle>",
                    100.0 * t.shares.style,
                    100.0 * t.shares.five
                );
            }
        }
        let at = TOP + 12.0 + 20.0 * place as f64;
        let _ = writeln!(
            svg,
            "<path d=\"M{:.1} {at:.1}h18\" stroke=\"{colour}\" stroke-width=\"3\"/><text x=\"{:.1}\" \
             y=\"{:.1}\">{}</text>",
            right + 16.0,
            right + 40.0,
            at + 4.0,
            arm.title()
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#555\">guidance 3, 3 full · 3, 5 dashed · 5, 5 dotted · 7, 7 \
         both</text><text x=\"{:.1}\" y=\"{:.1}\" fill=\"#555\">thin: the floor that settings are chosen \
         above</text></svg>",
        right + 16.0,
        bottom - 20.0,
        right + 16.0,
        bottom
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Shares;
    use crate::setting::{Arm, Setting};

    #[test]
    fn every_setting_is_a_point_and_every_arm_a_line() {
        let tried = |arm, scale, style, five| Tried {
            setting: Setting::new(Task::Houses, arm, (3.0, 3.0), scale),
            shares: Shares { style, first: 0.5, five, pictures: 9 },
        };
        let arms = vec![
            vec![tried(Arm::Name, 0.5, 0.1, 0.9), tried(Arm::Name, 1.0, 0.12, 0.88)],
            vec![tried(Arm::Worded, 1.0, 0.5, 0.84)],
        ];
        let svg = draw(&Findings { task: Task::Houses, floor: 0.88, tried: arms, tested: vec![], extras: vec![] });
        assert_eq!((svg.matches("<circle").count(), svg.matches("stroke-width=\"3\"").count()), (3, 2));
        assert!(svg.contains("style 50.0, top 5 84.0") && !svg.contains("NaN") && svg.ends_with("</svg>\n"), "{svg}");
    }
}
