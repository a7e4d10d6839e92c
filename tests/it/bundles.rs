//! Hostile and broken bundles and runtime libraries: each is refused with a clear reason, none with a panic.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Kind};
use housestyle::pipeline::session::{Input, Port, Ports};
use housestyle::pipeline::{Bundle, ModelLoader, Pipeline, Request, Runtime, SessionSettings};
use housestyle::plan::Prompts;
use housestyle::spec::{Guidance, Sampler};
use housestyle_testkit::needs;
use tempfile::TempDir;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny")
}

/// A copy of the tiny bundle to break.
struct Broken(TempDir);

impl Broken {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        copy(&fixture(), folder.path());
        Self(folder)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Replaces text in `bundle.yaml`, which must contain it.
    fn edit(&self, from: &str, to: &str) -> &Self {
        let text = fs::read_to_string(self.path("bundle.yaml")).unwrap();
        assert!(text.contains(from), "bundle.yaml has no {from:?}");
        fs::write(self.path("bundle.yaml"), text.replacen(from, to, 1)).unwrap();
        self
    }

    /// Replaces a file and makes `bundle.yaml` agree, as somebody with bad intentions would.
    fn forge(&self, file: &str, bytes: &[u8]) -> &Self {
        let old = fs::read(self.path(file)).unwrap();
        fs::write(self.path(file), bytes).unwrap();
        self.edit(&Digest::of(&old).hex(), &Digest::of(bytes).hex());
        let text = fs::read_to_string(self.path("bundle.yaml")).unwrap();
        let start = text.find(&format!("{file}:")).unwrap();
        let (head, tail) = text.split_at(start);
        let tail = tail.replacen(&format!("bytes: {}", old.len()), &format!("bytes: {}", bytes.len()), 1);
        fs::write(self.path("bundle.yaml"), format!("{head}{tail}")).unwrap();
        self
    }

    fn error(&self) -> Error {
        Bundle::open(self.0.path()).expect_err("the bundle must be refused")
    }

    fn load_error(&self) -> Error {
        Pipeline::load(&loader(self.0.path())).err().expect("must be refused")
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[track_caller]
fn assert_refused(error: &Error, kind: Kind, words: &str) {
    assert_eq!(error.kind(), kind, "{}", error.chain());
    assert!(error.chain().contains(words), "{:?} does not say {words:?}", error.chain());
}

fn loader(bundle: &Path) -> ModelLoader {
    ModelLoader::new(Bundle::open(bundle).unwrap(), Runtime::load(None).unwrap(), SessionSettings::default()).unwrap()
}

#[test]
fn the_fixture_is_whole_and_says_what_planning_needs() {
    let bundle = Bundle::open(&fixture()).unwrap();
    let facts = bundle.facts();
    assert_eq!(facts.name.as_str(), "tiny");
    assert_eq!(facts.digest, Digest::of(fs::read(fixture().join("bundle.yaml")).unwrap()));
    assert_eq!(facts.styles.iter().map(|style| style.name.as_str()).collect::<Vec<_>>(), ["flat", "line", "glossy"]);
    assert_eq!((facts.categories.len(), facts.sizes, facts.cross_attention_layers), (5, vec![16], 4));
    assert!(facts.prompt_category.contains("{category}") && facts.prompt_style.contains("{look}"));
}

#[test]
fn missing_and_changed_files_ask_for_the_bundle_to_be_restored() {
    let nowhere = Bundle::open(Path::new("/nowhere/at/all")).unwrap_err();
    assert_refused(&nowhere, Kind::Unavailable, "no bundle");
    assert_refused(
        &Bundle::open(TempDir::new().unwrap().path()).unwrap_err(),
        Kind::Unavailable,
        "bundle.yaml is missing",
    );

    let broken = Broken::new();
    fs::remove_file(broken.path("unet/model.onnx")).unwrap();
    let error = broken.error();
    assert_refused(&error, Kind::Unavailable, "unet/model.onnx is missing");
    assert!(error.advice().unwrap().contains("restore"));

    for (file, change) in [("unet/model.onnx", 1000), ("tokenizer/tokenizer.json", 10)] {
        let broken = Broken::new();
        let mut bytes = fs::read(broken.path(file)).unwrap();
        bytes[change] ^= 1;
        fs::write(broken.path(file), &bytes).unwrap();
        assert_refused(&broken.error(), Kind::Unavailable, "has changed");
        fs::write(broken.path(file), &bytes[..change]).unwrap();
        assert_refused(&broken.error(), Kind::Unavailable, "bundle.yaml says");
        bytes.extend([0; 100]);
        fs::write(broken.path(file), &bytes).unwrap();
        assert_refused(&broken.error(), Kind::Unavailable, "expected at most");
    }
    let broken = Broken::new();
    fs::remove_file(broken.path("unet/model.onnx")).unwrap();
    fs::create_dir(broken.path("unet/model.onnx")).unwrap();
    assert_refused(&broken.error(), Kind::Unavailable, "not a plain file");
}

#[test]
fn a_file_changed_after_opening_is_not_loaded() {
    needs!(Runtime);
    let broken = Broken::new();
    let loader = loader(broken.0.path());
    let mut bytes = fs::read(broken.path("vae_decoder/model.onnx")).unwrap();
    bytes[500] ^= 1;
    fs::write(broken.path("vae_decoder/model.onnx"), bytes).unwrap();
    let error = Pipeline::load(&loader).err().unwrap();
    assert_refused(&error, Kind::Unavailable, "has changed");
}

#[cfg(unix)]
#[test]
fn symlinks_are_not_followed() {
    use std::os::unix::fs::symlink;
    let broken = Broken::new();
    fs::remove_file(broken.path("unet/model.onnx")).unwrap();
    symlink(fixture().join("unet/model.onnx"), broken.path("unet/model.onnx")).unwrap();
    assert_refused(&broken.error(), Kind::Unavailable, "symlink");

    let broken = Broken::new();
    fs::remove_dir_all(broken.path("tokenizer")).unwrap();
    symlink(fixture().join("tokenizer"), broken.path("tokenizer")).unwrap();
    assert_refused(&broken.error(), Kind::Unavailable, "symlink");

    let broken = Broken::new();
    fs::remove_file(broken.path("bundle.yaml")).unwrap();
    symlink("/etc/passwd", broken.path("bundle.yaml")).unwrap();
    assert_refused(&broken.error(), Kind::Unavailable, "symlink");
}

#[test]
fn a_malformed_bundle_yaml_is_invalid() {
    for (from, to, words) in [
        ("kind: Bundle", "kind: Campaign", "kind Bundle"),
        ("housestyle/v1", "housestyle/v9", "apiVersion"),
        ("spec:\n", "spec:\n  surprise: 1\n", "surprise"),
        ("name: tiny", "name: ../tiny", "name"),
        ("channels: 4", "channels: 0", "channels"),
        ("channels: 4", "channels: 4000000000", "channels"),
        ("downscale: 4", "downscale: 0", "downscale"),
        ("scaling_factor: 0.5", "scaling_factor: .nan", "scaling_factor"),
        ("scaling_factor: 0.5", "scaling_factor: 0", "scaling_factor"),
        ("max_length: 24", "max_length: 99999999", "max_length"),
        ("cross_attention_layers: 4", "cross_attention_layers: 0", "cross_attention_layers"),
        ("cross_attention_layers: 4", "cross_attention_layers: -4", "cross_attention_layers"),
        ("seconds_per_step: 0.002", "seconds_per_step: .inf", "seconds_per_step"),
        ("seconds_per_step: 0.002", "seconds_per_step: 1e308", "seconds_per_step"),
        ("bytes_per_image: 900", "bytes_per_image: 18446744073709551615", "bytes_per_image"),
        ("sizes:\n  - 16", "sizes:\n  - 50000", "sizes"),
        ("sizes:\n  - 16", "sizes:\n  - 18", "sizes"),
        ("- name: line", "- name: flat", "twice"),
        ("unet/model.onnx:", "../unet/model.onnx:", "plain relative path"),
        ("unet/model.onnx:", "/etc/passwd:", "plain relative path"),
        ("unet/model.onnx:", "unet/other.onnx:", "does not list unet/model.onnx"),
        ("sha256: ", "sha256: XYZ", "sha256"),
        ("apiVersion", "\u{0}apiVersion", "bundle.yaml"),
    ] {
        let broken = Broken::new();
        assert_refused(&broken.edit(from, to).error(), Kind::Invalid, words);
    }
    for bytes in [&b""[..], b"{", b"[]", b"\xff\xfe", b"a: &a [*a]", &b"[".repeat(100_000)] {
        let broken = Broken::new();
        fs::write(broken.path("bundle.yaml"), bytes).unwrap();
        assert_eq!(broken.error().kind(), Kind::Invalid);
    }
    let broken = Broken::new();
    fs::write(broken.path("bundle.yaml"), b"#".repeat(2 << 20)).unwrap();
    assert_refused(&broken.error(), Kind::Unavailable, "at most");
}

#[test]
fn texts_of_a_bundle_cannot_forge_a_line_or_steer_a_terminal() {
    for (from, key) in [
        ("look: bold flat shapes, no outline", "look"),
        ("licence: MIT", "licence"),
        ("holder: Flat House", "holder"),
        ("source: random weights", "source"),
        ("attribution: ''", "attribution"),
        ("category: a {category} emoji", "category"),
        ("- fox", "category"),
    ] {
        for hostile in ["\\e[31m", "\\u061c", "\\u200b", "\\u202e", "\\r", "\\0", "\\x85"] {
            let head = if key == "category" && from.starts_with('-') { "-" } else { &format!("{key}:") };
            let broken = Broken::new();
            let error = broken.edit(from, &format!("{head} \"x{hostile}y\"")).error();
            let words = if key == "licence" { "is not a licence's name" } else { "invisible character" };
            assert_refused(&error, Kind::Invalid, words);
        }
    }
    let broken = Broken::new();
    broken.edit("holder: Flat House", "holder: \"G\\nrights   allowed; all cleared by legal\"");
    let holder = &Bundle::open(broken.0.path()).unwrap().facts().styles[0].holder;
    assert_eq!(holder, "G rights allowed; all cleared by legal", "still one line");
}

#[test]
fn models_that_reach_outside_or_are_no_models_are_refused_before_the_runtime_sees_them() {
    needs!(Runtime);
    let whole = fs::read(fixture().join("unet/model.onnx")).unwrap();
    // graph { initializer { name: "w" data_location: EXTERNAL } } appended: protobuf merges it into the graph.
    let external = [&whole[..], &[0x3a, 7, 0x2a, 5, 0x42, 1, b'w', 0x70, 1]].concat();
    // graph { node { domain: "evil" } }
    let custom = [&whole[..], &[0x3a, 8, 0x0a, 6, 0x3a, 4, b'e', b'v', b'i', b'l']].concat();
    for (bytes, words) in [
        (&external[..], "another file"),
        (&custom[..], "\"evil\""),
        (&whole[..whole.len() / 2], "cut short"),
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "refused"),
    ] {
        let broken = Broken::new();
        assert_refused(&broken.forge("unet/model.onnx", bytes).error(), Kind::Invalid, words);
    }
    for file in ["tokenizer/tokenizer.json", "scheduler/scheduler_config.json"] {
        let broken = Broken::new();
        broken.forge(file, b"{\"beta_schedule\": 7}");
        let error = Bundle::open(broken.0.path()).err().unwrap_or_else(|| broken.load_error());
        assert_refused(&error, Kind::Invalid, file);
    }
}

#[test]
fn models_of_another_layout_are_refused_by_name_and_difference() {
    needs!(Runtime);
    let other = |file: &str| fs::read(fixture().join(file)).unwrap();
    let swapped = Broken::new();
    swapped.forge("unet/model.onnx", &other("vae_decoder/model.onnx"));
    assert_refused(
        &swapped.load_error(),
        Kind::Invalid,
        "unet/model.onnx: input \"sample\" is missing; the model has latent_sample",
    );

    let plain = Broken::new();
    plain.forge("unet/model.onnx", &fs::read(fixture().join("../tiny_unet_plain.onnx")).unwrap());
    assert_refused(&plain.load_error(), Kind::Invalid, "\"encoder_hidden_states_style\" is missing");

    for (from, to, words) in [
        ("cross_attention_layers: 4", "cross_attention_layers: 5", "unet/model.onnx: input \"style_scale\""),
        ("channels: 4", "channels: 8", "unet/model.onnx: input \"sample\""),
        ("max_length: 24", "max_length: 30", "text_encoder/model.onnx: input \"input_ids\""),
        ("  - cactus\n", "", "evaluator/model.onnx: output \"category_logits\""),
    ] {
        let broken = Broken::new();
        assert_refused(&broken.edit(from, to).load_error(), Kind::Invalid, words);
    }
}

#[test]
fn a_model_of_the_right_ports_and_nonsense_inside_fails_without_panic() {
    needs!(Runtime);
    let broken = Broken::new();
    let mut bytes = fs::read(broken.path("vae_decoder/model.onnx")).unwrap();
    let at = bytes.windows(4).position(|w| w == b"Conv").unwrap();
    bytes[at..at + 4].copy_from_slice(b"Nonv");
    broken.forge("vae_decoder/model.onnx", &bytes);
    assert_refused(&broken.load_error(), Kind::Invalid, "vae_decoder/model.onnx cannot be loaded");
}

#[test]
fn wrong_shapes_are_errors_when_a_model_runs() {
    needs!(Runtime);
    let bytes = fs::read(fixture().join("vae_decoder/model.onnx")).unwrap();
    let (inputs, outputs) = ([Port::f32("latent_sample", [None; 4])], [Port::f32("sample", [None; 4])]);
    let ports = Ports { inputs: &inputs, outputs: &outputs };
    let mut model = loader(&fixture()).load_bytes("vae", &bytes, ports).unwrap();
    let latent = vec![0.0; 64];
    let mut run = |shape: &[usize], wanted: &[usize]| {
        model.run(&[("latent_sample", Input::F32(&latent, shape))], &[("sample", wanted)]).map(drop)
    };
    run(&[1, 4, 4, 4], &[1, 3, 16, 16]).unwrap();
    assert_refused(&run(&[1, 4, 4, 4], &[1, 3, 99, 16]).unwrap_err(), Kind::Unavailable, "expected [1, 3, 99, 16]");
    let error = run(&[1, 64], &[1, 3, 16, 16]).unwrap_err();
    assert_refused(&error, Kind::Unavailable, "failed to run");
    assert!(error.advice().unwrap().contains("doctor"));
    assert!(run(&[1, 4, 4, 5], &[1, 3, 16, 16]).is_err());
}

/// A tokenizer that loads and gives ids the text encoder does not have: found out when it runs, and nobody's prompt's
/// fault.
#[test]
fn a_bundle_that_loads_and_does_not_run_is_unavailable() {
    needs!(Runtime);
    let broken = Broken::new();
    let text = fs::read_to_string(broken.path("tokenizer/tokenizer.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["padding"]["pad_id"] = 1_000_000.into();
    broken.forge("tokenizer/tokenizer.json", &serde_json::to_vec(&json).unwrap());
    let mut pipeline = Pipeline::load(&loader(broken.0.path())).unwrap();
    let request = Request {
        prompts: Prompts { category: "a fox".into(), style: "a fox".into(), negative: String::new() },
        seed: 1,
        attempt: 1,
        size: 16,
        sampler: Sampler { steps: 1, ..Sampler::default() },
        guidance: Guidance::default(),
        style_encoder: None,
        category_encoder: None,
    };
    let error = pipeline.generate(&[request], &mut |_| ControlFlow::Continue(())).unwrap().remove(0).unwrap_err();
    assert_refused(&error, Kind::Unavailable, "text_encoder/model.onnx failed to run");
}

#[test]
fn a_missing_or_unfit_runtime_library_is_unavailable_with_the_fix() {
    needs!(Runtime);
    let folder = TempDir::new().unwrap();
    let fake = folder.path().join("libonnxruntime.so");
    fs::write(&fake, "not a library").unwrap();
    for path in [folder.path().join("nothing.so"), fake] {
        let error = Runtime::load(Some(&path)).unwrap_err();
        assert_eq!(error.exit_code(), 4, "{}", error.chain());
    }
    let error = Runtime::load(Some(&folder.path().join("nothing.so"))).unwrap_err();
    assert!(error.advice().unwrap().contains("make runtime"));
    let runtime = Runtime::load(None).unwrap();
    assert!(runtime.library().exists());
}
