//! The sheet that a rater votes on: one HTML page, whose votes come back as a JSON file.
//!
//! Takes a handout and its pictures. Returns the page.
//!
//! # Invariants
//!
//! Pictures are shown at one size, without names or metadata; the page holds nothing that tells whose a picture is;
//! it can be voted on by keyboard alone.

use maud::{Markup, html};

use super::reviews::{BallotQuestion, Handout, VERSION};
use crate::eval::evaluation::Arm;
use crate::html::{Lang, Page, Thumbnail, safe};

const STYLE: &str = include_str!("sheet.css");
const SCRIPT: &str = include_str!("ballot_page.js");

/// Renders the ballot page; `picture` returns the image of an arm by its id.
pub fn page(handout: &Handout, lang: Lang, picture: impl Fn(Arm, &str) -> Option<Thumbnail>) -> String {
    let title = lang.t("Which one is better?", "どちらが良いですか");
    let total = handout.questions.len();
    let body = html! {
        main data-sheet=(handout.sheet) data-version=(VERSION) {
            h1 { (title) }
            p { (lang.t(
                "For each pair, choose the picture you would rather publish for what is written above it, or neither. \
                    You are not told who made which. When you are done, save your votes and send the file back.",
                "各組について、見出しの内容として採用したい画像を選んでください。優劣がなければ「同じ」を選びます。どちらが誰の制作かは示されません。終わったら「投票を保存」を押し、保存されたファイルを返送してくださ\
                    い。")) }
            form {
                @for (i, question) in handout.questions.iter().enumerate() {
                    (pair(i, total, question, lang, &picture))
                }
                p {
                    button type="submit" { (lang.t("Save my votes", "投票を保存")) }
                    " " output role="status" data-done=(lang.t("of", "/")) {}
                }
            }
        }
    };
    Page { lang, title, style: STYLE, script: Some(SCRIPT), body }.text()
}

fn pair(
    i: usize,
    total: usize,
    question: &BallotQuestion,
    lang: Lang,
    picture: &impl Fn(Arm, &str) -> Option<Thumbnail>,
) -> Markup {
    let of = |arm: Arm| match arm {
        Arm::InHouse => picture(arm, &question.in_house),
        Arm::Outsourced => picture(arm, &question.outsourced),
    };
    let right = if question.left == Arm::InHouse { Arm::Outsourced } else { Arm::InHouse };
    let side = |arm: Arm, name: &str| {
        html! {
            @match of(arm) {
                // One size for both, whatever they were: resolution would give them away.
                Some(shown) => img src=(shown.uri) width="192" height="192" alt=(name);,
                None => span.missing { (lang.t("picture missing", "画像なし")) },
            }
        }
    };
    let choice = |value: &str, label: &str, inner: Markup| {
        html! {
            label {
                input type="radio" name=(question.token) value=(value);
                (inner)
                span { (label) }
            }
        }
    };
    let (left_word, right_word) = (lang.t("left", "左"), lang.t("right", "右"));
    html! {
        fieldset {
            legend {
                (i + 1) " / " (total) ": " (safe(&crate::spec::words(&question.brief.category)))
                    " · " (safe(&question.brief.style))
            }
            (choice("left", left_word, side(question.left, left_word)))
            (choice("tie", lang.t("neither", "同じ"), html! {}))
            (choice("right", right_word, side(right, right_word)))
        }
    }
}
