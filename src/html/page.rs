//! One HTML page that holds everything it shows, with a content security policy that lets nothing else in.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbImage, imageops};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::appearance::picture;
use crate::base::error::{Context as _, Kind, Result};
use crate::base::text;

/// Largest side of a stored picture that is taken in.
const MAX_SIDE: u32 = 8192;

/// The languages that pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Lang {
    /// Returns the language code of HTML.
    pub fn code(self) -> &'static str {
        self.t("en", "ja")
    }

    /// Returns the text of this language: both stand side by side where they are used, so that neither is forgotten.
    pub fn t<T>(self, en: T, ja: T) -> T {
        match self {
            Self::En => en,
            Self::Ja => ja,
        }
    }
}

/// The parts of a page.
#[derive(Debug)]
pub struct Page<'a> {
    /// The language.
    pub lang: Lang,
    /// The title.
    pub title: &'a str,
    /// The style sheet.
    pub style: &'a str,
    /// The script; most pages have none.
    pub script: Option<&'a str>,
    /// The category.
    pub body: Markup,
}

impl Page<'_> {
    /// Returns the page as HTML.
    pub fn text(&self) -> String {
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        let script = self.script.map_or_else(|| "'none'".into(), hash);
        let style = hash(self.style);
        let policy = format!(
            "default-src 'none'; img-src data:; style-src {style}; script-src {script}; base-uri 'none'; form-action \
                'none'"
        );
        html! {
            (DOCTYPE)
            html lang=(self.lang.code()) {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    title { (safe(self.title)) }
                    style { (PreEscaped(self.style)) }
                }
                body {
                    (self.body)
                    @if let Some(script) = self.script { script { (PreEscaped(script)) } }
                }
            }
        }
        .into_string()
    }
}

/// Escapes invisible and direction-changing characters of a text; the template escapes markup.
pub(crate) fn safe(text: &str) -> String {
    text::escape(text)
}

/// A picture embedded in a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnail {
    /// Its `data:` address.
    pub uri: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A stored PNG as a picture of at most `side` pixels; `name` is for the error.
pub(crate) fn thumbnail(bytes: &[u8], name: &str, side: u32) -> Result<Thumbnail> {
    let picture = picture::decode_small(bytes, name, MAX_SIDE)?;
    let (width, height) = picture.dimensions();
    let picture: RgbImage = match width.max(height) {
        largest if largest > side => {
            let scaled = |length: u32| (u64::from(length) * u64::from(side) / u64::from(largest)).max(1) as u32;
            imageops::thumbnail(&picture, scaled(width), scaled(height))
        }
        _ => picture,
    };
    let mut encoded = Cursor::new(Vec::new());
    picture.write_to(&mut encoded, ImageFormat::Png).context(Kind::Internal, || format!("cannot write {name} anew"))?;
    let uri = format!("data:image/png;base64,{}", STANDARD.encode(encoded.into_inner()));
    Ok(Thumbnail { uri, width: picture.width(), height: picture.height() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_shown_and_not_read() {
        let hostile = "<script>alert(1)</script>\u{202e}gpj\" onload=\"x";
        let body = html! { p title=(safe(hostile)) { (safe(hostile)) } };
        let text = Page { lang: Lang::En, title: hostile, style: "p{}", script: None, body }.text();
        assert!(!text.contains("<script") && !text.contains('\u{202e}') && !text.contains("\" onload"), "{text}");
        assert!(
            text.contains("&lt;script&gt;")
                && text.contains("script-src 'none'")
                && text.contains("default-src 'none'")
        );
    }

    #[test]
    fn pictures_shrink_and_lose_what_they_carried() {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::new(400, 100).write_to(&mut bytes, ImageFormat::Png).unwrap();
        let small = thumbnail(bytes.get_ref(), "x", 64).unwrap();
        assert_eq!((small.width, small.height), (64, 16));
        assert!(small.uri.starts_with("data:image/png;base64,"));
        assert!(thumbnail(b"no picture", "x", 64).is_err());
    }
}
