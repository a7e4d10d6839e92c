//! Hostile and broken style sets: every problem at once, in its place, and no picture from outside the folder.

use std::path::Path;

use housestyle::base::limits;
use housestyle::base::version::Branch;
use housestyle::spec::{Loss, StyleSet, Training};
use housestyle_testkit::program::{housestyle, output};
use proptest::prelude::*;

use crate::specs::PIECES;

const VALID: &str = include_str!("../../specs/fxemoji.yaml");
const PICTURE: &[u8] = include_bytes!("../../specs/fxemoji/alien.png");

fn lines(yaml: &str) -> Vec<String> {
    StyleSet::parse(yaml, "s.yaml").expect_err("this set should be refused").iter().map(ToString::to_string).collect()
}

/// A set whose only entry of `images` is this, and whose spec ends with `rest`.
fn with(images: &str, rest: &str) -> String {
    format!(
        "apiVersion: housestyle/v1\nkind: StyleSet\nmetadata: {{name: acme}}\nspec:\n  bundle: tiny\n  images:\n    \
         - {{{images}}}\n{rest}"
    )
}

/// Another picture for each number.
fn picture(number: u32) -> Vec<u8> {
    [PICTURE, &number.to_be_bytes()].concat()
}

#[test]
fn the_shipped_example_and_the_defaults_are_as_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/fxemoji.yaml");
    let set = StyleSet::load(&path).unwrap();
    let pictures = set.resolve(path.parent().unwrap()).unwrap();
    assert_eq!((set.name.as_str(), set.branch, pictures.len()), ("fxemoji", Branch::Style, 16));
    let alien = &pictures[0];
    assert_eq!((alien.file.as_str(), alien.category.as_str(), alien.width), ("fxemoji/alien.png", "alien", 64));
    assert_eq!(alien.read().unwrap(), PICTURE);
    let least = StyleSet::parse(&with("files: a.png", ""), "s").unwrap();
    assert_eq!((least.prompt.as_str(), &least.training), ("a {category} emoji in {style} style", &Training::default()));
    assert_eq!(
        (least.images[0].category.as_str(), least.images[0].style.as_ref().unwrap().as_str()),
        ("{stem}", "acme")
    );
    assert_eq!(StyleSet::parse(&with("files: a.png, style: null", ""), "s").unwrap().images[0].style, None);
    let training = "  training: {loss: triplet, denoising: 0, patience: 0, rank: 64, learning_rate: 0.1}\n";
    let training = StyleSet::parse(&with("files: a.png", training), "s").unwrap().training;
    assert_eq!((training.loss, training.denoising, training.rank), (Loss::Triplet, 0.0, 64));
}

#[test]
fn every_problem_at_once_with_its_place() {
    let yaml = "apiVersion: housestyle/v1\nkind: StyleSet\nmetadata: {name: Acme}\nspec:\n  bundle: tiny\n  \
        branch: styl\n  \
                prompt: a {categroy} emoji\n  images:\n    - {files: ../secret.png, category: '{style}', style: \
        7}\n    \
                - {files: a.png, licence: all rights reserved, until: 2027-02-30, holder: ''}\n    \
        - {category: fox}\n  training: {steps: 0, los: triplet}\n";
    assert_eq!(
        lines(yaml),
        [
            "s.yaml:3:18: metadata.name: `Acme` is not a name: use lower-case letters, digits and dashes (did you mean \
             `acme`?)",
            "s.yaml:6:11: spec.branch: `styl` is not known here; known: style, category (did you mean `style`?)",
            "s.yaml:7:11: spec.prompt: has an unknown placeholder `{categroy}`; known: {category}, {style} (did you \
             mean `{category}`?)",
            "s.yaml:9:15: spec.images[0].files: `../secret.png` leaves the style set's folder; put the pictures beside \
             the YAML",
            "s.yaml:9:40: spec.images[0].category: has an unknown placeholder `{style}`; known: {stem}",
            "s.yaml:9:58: spec.images[0].style: expected a text, got the number 7 (did you mean \"7\"?)",
            "s.yaml:10:31: spec.images[1].licence: `all rights reserved` is not a licence's name: expected one of \
             SPDX, such as `Apache-2.0`, or your own, `LicenseRef-…`",
            "s.yaml:10:59: spec.images[1].until: `2027-02-30` is not a day: expected one such as `2027-12-31`",
            "s.yaml:10:79: spec.images[1].holder: `` is empty",
            "s.yaml:11:7: spec.images[2]: the key `files` is missing",
            "s.yaml:12:21: spec.training.steps: expected a whole number from 1 to 20000, got the number 0",
            "s.yaml:12:24: spec.training: unknown key `los` (did you mean `loss`?)",
        ]
    );
}

#[test]
fn hostile_values_are_refused_one_by_one() {
    for images in [
        "files: /etc/passwd",
        "files: ../a.png",
        "files: a/../../b.png",
        "files: \"a\\\\b.png\"",
        "files: \"a\\0.png\"",
        "files: \"a\\u202Egnp.png\"",
        "files: \"\\e[31m.png\"",
        "files: .hidden/a.png",
        "files: ''",
        "files: 'C:/x.png'",
        "files: [a.png]",
        "files: a.png, category: ../x",
        "files: a.png, category: '{stem'",
        "files: a.png, category: ''",
        "files: a.png, style: ../x",
        "files: a.png, source: \"\\e[31m\"",
        "files: a.png, licence: \"MIT\\r\"",
        "files: a.png, licence: MIT OR GPL-2.0",
        "files: a.png, channels: []",
        "files: a.png, territories: JP",
        "files: a.png, evidence: null",
        "files: a.png, until: tomorrow",
        "files: a.png, owner: x",
    ] {
        let lines = lines(&with(images, ""));
        assert_eq!(lines.len(), 1, "{images}: {lines:?}");
        assert!(!lines[0].contains(|c: char| c.is_control() || c == '\u{202e}'), "{lines:?}");
    }
    for rest in [
        "prompt: a picture",
        "prompt: 'a {category} emoji'",
        "training: {denoising: -1}",
        "training: {denoising: .nan}",
        "training: {learning_rate: 1}",
        "training: {learning_rate: 0}",
        "training: {rank: 65}",
        "training: {rank: 8.5}",
        "training: {steps: 999999999999}",
        "training: {validation: 0.6}",
        "training: {style_scale: 2}",
        "training: {seed: -1}",
        "training: {loss: mse}",
        "training: []",
        "branch: both",
    ] {
        let found = lines(&with("files: a.png", &format!("  {rest}\n")));
        assert_eq!(found.len(), 1, "{rest}: {found:?}");
    }
    let many = format!("{}{}", with("files: a.png", ""), "    - {files: b.png}\n".repeat(limits::PICTURES));
    assert!(lines(&many)[0].contains("2001 entries"));
    assert!(lines(&with(&format!("files: {}", "x".repeat(1_900)), ""))[0].contains("more than 300 characters"));
    assert!(
        StyleSet::parse(&with("files: a.png", "  branch: category\n  prompt: 'a {category} emoji'\n"), "s").is_ok()
    );
}

#[test]
fn finds_files_folders_and_patterns() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    for (i, name) in
        ["one.png", "set/red-apple.PNG", "set/b.png", "set/sub/c.png", "other/fox-1.png", "other/fox-2.png"]
            .iter()
            .enumerate()
    {
        write(name, &picture(i as u32));
    }
    write("set/notes.txt", b"not a picture");
    write("set/.hidden.png", b"not looked at");
    let found = |files: &str| {
        let set = StyleSet::parse(&with(&format!("files: '{files}'"), ""), "s.yaml").unwrap();
        let files = set.resolve(folder.path()).map(|found| found.into_iter().map(|r| r.file).collect::<Vec<_>>());
        files.map_err(|problems| problems[0].to_string())
    };
    assert_eq!(found("one.png").unwrap(), ["one.png"]);
    assert_eq!(found("./set/").unwrap(), ["set/b.png", "set/red-apple.PNG"]);
    assert_eq!(found("other/fox-?.png").unwrap(), ["other/fox-1.png", "other/fox-2.png"]);
    assert_eq!(found("*/sub/*").unwrap(), ["set/sub/c.png"]);
    assert_eq!(found("set/*").unwrap(), ["set/b.png", "set/red-apple.PNG", "set/sub/c.png"]);
    for (files, word) in [
        ("none.png", "no such file"),
        ("none/*.png", "no such file"),
        ("set/*.jpg", "finds no PNG file"),
        ("set/notes.txt", "is not a PNG file"),
    ] {
        let problem = found(files).unwrap_err();
        assert!(problem.starts_with("s.yaml:7:15: spec.images[0].files: ") && problem.contains(word), "{problem}");
    }
}

#[test]
fn pictures_are_whole_modest_and_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("a.png", &picture(1));
    write("b.png", &picture(1));
    write("text.png", b"GIF89a");
    write("empty.png", b"");
    let mut huge = picture(2);
    huge[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    write("huge.png", &huge);
    std::fs::File::create(folder.path().join("endless.png")).unwrap().set_len(1 << 40).unwrap();
    write("(){}.png", &picture(3));
    let yaml = with("files: a.png", "    - {files: '*.png'}\n    - {files: a.png}\n");
    let set = StyleSet::parse(&yaml, "s.yaml").unwrap();
    let problems: Vec<String> = set.resolve(folder.path()).unwrap_err().iter().map(ToString::to_string).collect();
    for word in [
        "`a.png`: is taken by two entries",
        "`b.png`: is the same picture as `a.png`",
        "`text.png`: is not a PNG file",
        "`empty.png`: is not a PNG file",
        "`huge.png`: is 50000×50000 pixels, at most 4096×4096 are taken",
        "`endless.png`: has 1099511627776 bytes",
        "`(){}.png`: holds `{`, which is not allowed in a category",
    ] {
        assert!(problems.iter().any(|p| p.contains(word)), "{word}: {problems:#?}");
    }
    let set = StyleSet::parse(&with("files: a.png", ""), "s").unwrap();
    let found = set.resolve(folder.path()).unwrap();
    write("a.png", &picture(9));
    assert!(found[0].read().unwrap_err().to_string().contains("has changed"));
    std::fs::remove_file(folder.path().join("a.png")).unwrap();
    assert_eq!(found[0].read().unwrap_err().exit_code(), 2);
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret.png"), picture(1)).unwrap();
    symlink(outside.path().join("secret.png"), folder.path().join("link.png")).unwrap();
    symlink(outside.path(), folder.path().join("folder")).unwrap();
    symlink("/dev/zero", folder.path().join("zero.png")).unwrap();
    std::fs::create_dir(folder.path().join("inside")).unwrap();
    symlink(outside.path().join("secret.png"), folder.path().join("inside/link.png")).unwrap();
    for files in [
        "link.png",
        "*.png",
        "folder",
        "folder/secret.png",
        "folder/*",
        "*/secret.png",
        "inside",
        "inside/*",
        "zero.png",
    ] {
        let set = StyleSet::parse(&with(&format!("files: '{files}'"), ""), "s").unwrap();
        let problems = set.resolve(folder.path()).unwrap_err();
        assert!(problems[0].reason.contains("symlink"), "{files}: {problems:?}");
    }
}

#[test]
fn check_takes_both_kinds() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.png"), picture(1)).unwrap();
    std::fs::write(folder.path().join("good.yaml"), with("files: a.png", "")).unwrap();
    std::fs::write(folder.path().join("bad.yaml"), with("files: b.png, style: X", "")).unwrap();
    std::fs::write(folder.path().join("none.yaml"), with("files: b.png", "").replace("StyleSet", "Styleset")).unwrap();
    let campaign = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: c}\nspec:\n  bundle: tiny\n  \
        styles: [flat]\n  assets: [{categories: [fox]}]\n";
    std::fs::write(folder.path().join("campaign.yaml"), campaign).unwrap();
    let check = |file: &str| output(housestyle(folder.path(), &["check", file]));
    assert!(check("good.yaml").1.contains("good.yaml: ok, 1 picture(s)"));
    assert_eq!(check("campaign.yaml").0, 0);
    let (code, _, stderr) = check("bad.yaml");
    assert!(code == 2 && stderr.contains("bad.yaml:7:29: spec.images[0].style"), "{stderr}");
    let (code, _, stderr) = check("none.yaml");
    assert!(code == 2 && stderr.contains("none.yaml:2:7: kind: `Styleset` is not known here"), "{stderr}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A valid set with some of its text cut, doubled or replaced.
    #[test]
    fn damaged_sets_are_read_or_refused(
        cuts in prop::collection::vec((0usize..VALID.len(), 0usize..40, prop::sample::select(&PIECES)), 1..4),
    ) {
        let mut text: Vec<char> = VALID.chars().collect();
        for (at, length, insert) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        match StyleSet::parse(&text, "s") {
            Ok(set) => {
                let leaves = |files: &str| files.split('/').any(|part| part == "..");
                prop_assert!(set.source == text && !set.images.iter().any(|images| leaves(&images.files)));
            }
            Err(problems) => prop_assert!(problems.iter().all(|p| !p.to_string().contains(char::is_control))),
        }
    }
}
