//! Training against PyTorch's recorded values: the exported step learns as the original does.

use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Stdio;

use housestyle::base::digest::Digest;
use housestyle::base::error::Kind;
use housestyle::pipeline::TextEncoder;
use housestyle::pipeline::noise::{Stream, normals};
use housestyle::train::batch::{DenoisingTerm, Example, TokenIds};
use housestyle::train::fit::{Checkpoint, Recipe, fit};
use housestyle::train::probe::Identifier;
use housestyle::train::step::{ContrastBatch, DenoisingBatch, OptimizerState, StepRates, TrainingBatch};
use housestyle::train::{Losses, TrainingLayout, TrainingStep, checkpoint};
use housestyle_testkit::files::files;
use housestyle_testkit::needs;
use housestyle_testkit::program::{housestyle, output, terminate};
use image::{Rgb, RgbImage};
use tempfile::TempDir;

use crate::parity::{Reference, deviation, fixtures, tiny};

/// A training graph and the recorded batch it learns.
fn recorded(name: &str, denoising: bool) -> (TrainingStep, OptimizerState, TrainingBatch, StepRates, Vec<f32>) {
    let reference = Reference::load();
    let step = TrainingStep::load(&tiny(), denoising).unwrap();
    let get = |key: &str| reference.get(&format!("{name}.{key}")).to_vec();
    let ids = |key: &str| get(key).into_iter().map(|id| id as i64).collect();
    let one = |key: &str| get(key)[0];
    let contrast = ContrastBatch {
        image_features: get("image_features"),
        input_ids: ids("input_ids"),
        targets: get("targets"),
        allowed: get("allowed"),
    };
    let denoising = denoising.then(|| DenoisingBatch {
        noisy_latents: get("noisy_latents"),
        timesteps: get("timesteps"),
        noise_targets: get("noise_targets"),
        encoder_hidden_states: get("encoder_hidden_states"),
        style_ids: ids("style_ids"),
        style_scale: get("style_scale"),
    });
    let rates = StepRates {
        learning_rate: one("learning_rate"),
        weight_decay: one("weight_decay"),
        cross_entropy: one("cross_entropy_weight"),
        triplet: one("triplet_weight"),
        denoising: one("denoising_weight"),
        margin: one("margin"),
    };
    (step, OptimizerState::new(get("params")), TrainingBatch { contrast, denoising }, rates, get("curve"))
}

#[test]
fn the_loss_curve_is_that_of_pytorch() {
    needs!(Runtime);
    for (name, denoising) in [("train_step", false), ("train_step_denoising", true)] {
        let (mut step, mut state, batch, rates, curve) = recorded(name, denoising);
        let steps = curve.chunks_exact(5);
        assert_eq!(steps.len(), 20);
        for (i, expected) in steps.enumerate() {
            let Losses { loss, cross_entropy, triplet, denoising, accuracy } =
                step.take(&mut state, &batch, &rates).unwrap();
            for (actual, expected) in [loss, cross_entropy, triplet, denoising, accuracy].into_iter().zip(expected) {
                assert!(
                    (actual - expected).abs() <= 1e-4 * expected.abs().max(1.0),
                    "{name} step {i}: {actual} for {expected}"
                );
            }
        }
        assert!(curve[95] < 0.97 * curve[0], "{name} learned nothing: {} to {}", curve[0], curve[95]);
    }
}

#[test]
fn looking_learns_nothing_and_a_diverging_step_changes_nothing() {
    needs!(Runtime);
    let (mut step, mut state, batch, rates, curve) = recorded("train_step", false);
    let before = state.clone();
    let seen = step.evaluate(&state, &batch, &rates).unwrap();
    assert!((seen.loss - curve[0]).abs() < 1e-4);
    let wild = StepRates { learning_rate: f32::INFINITY, ..rates };
    assert!(step.take(&mut state, &batch, &wild).unwrap_err().to_string().contains("diverged"));
    assert_eq!(state, before);
}

#[test]
fn a_version_reads_prompts_as_its_weights_say() {
    needs!(Runtime);
    let (reference, loader) = (Reference::load(), tiny());
    let step = TrainingStep::load(&loader, false).unwrap();
    let adapter = step.layout().write(reference.get("train_step.params")).unwrap();
    let digest = Digest::of(&adapter);
    let mut encoder = TextEncoder::load(&loader).unwrap();
    let prompt = reference.about["prompts"][1].as_str().unwrap();
    assert_eq!(encoder.states_of(prompt, Some(&digest)).unwrap_err().kind(), Kind::Unavailable);
    encoder.adopt(&loader, &digest, &adapter).unwrap();

    let states = encoder.states_of(prompt, Some(&digest)).unwrap();
    let worst = deviation(&states, reference.get("train_step.adapted_states"));
    assert!(worst <= 1e-4, "{worst:.1e}");
    let stock = deviation(&encoder.states(prompt).unwrap(), reference.get("text.1.last_hidden_state"));
    assert!(stock <= 1e-4, "the stock encoder changed: {stock:.1e}");

    // The same adapter for another shape of encoder is refused.
    let smaller = step.layout().write(reference.get("train_step.params")).map(|bytes| {
        let text = String::from_utf8_lossy(&bytes[..4000]).into_owned();
        let at = text.find("layers.0.self_attn").unwrap();
        [&bytes[..at], b"layers.9.self_attn", &bytes[at + 18..]].concat()
    });
    let error = encoder.adopt(&loader, &Digest::of("other"), &smaller.unwrap()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
}

#[test]
fn pictures_are_identified_as_the_training_step_sees_them() {
    needs!(Runtime);
    let (reference, loader) = (Reference::load(), tiny());
    let mut step = TrainingStep::load(&loader, false).unwrap();
    let layout = step.layout().clone();
    let params = reference.get("train_step.params").to_vec();
    let texts = ["a fox", "a rocket in acme style", "a teapot"].map(String::from);
    let feature = normals(7, 9, Stream::Initial, step.features());

    // One image whose right prompt is the second of three.
    let encoder = TextEncoder::load(&loader).unwrap();
    let (n, m) = (layout.batch.images, layout.batch.prompts);
    let mut contrast = ContrastBatch { image_features: feature.repeat(n), ..ContrastBatch::default() };
    (contrast.targets, contrast.allowed) = (vec![0.0; n * m], vec![0.0; n * m]);
    contrast.targets[1] = 1.0;
    contrast.allowed[..3].fill(1.0);
    for i in 0..m {
        contrast.input_ids.extend(encoder.tokens(&texts[i.min(2)]).unwrap());
    }
    let rates = StepRates {
        learning_rate: 0.0,
        weight_decay: 0.0,
        cross_entropy: 1.0,
        triplet: 0.0,
        denoising: 0.0,
        margin: 0.2,
    };
    let seen = step
        .evaluate(&OptimizerState::new(params.clone()), &TrainingBatch { contrast, denoising: None }, &rates)
        .unwrap();

    let loss = |trained: Option<(&TrainingLayout, &[f32])>| {
        let mut identifier = Identifier::load(&loader, trained).unwrap();
        let image = identifier.image(&feature);
        let cosines = identifier.cosines(&image, &texts).unwrap();
        let powers: Vec<f32> = cosines.iter().map(|cosine| (layout.logit_scale * cosine).exp()).collect();
        -(powers[1] / powers.iter().sum::<f32>()).ln()
    };
    let trained = loss(Some((&layout, &params)));
    let gap = |loss: f32| (loss - seen.cross_entropy).abs() / seen.cross_entropy;
    // The merged file holds its weights in half precision.
    assert!(gap(trained) < 1e-3, "{trained} here, {} there", seen.cross_entropy);
    assert!(gap(loss(None)) > 1e-2, "the weights make no difference");
}

/// Examples with the shapes of the tiny bundle.
fn examples(count: usize) -> Vec<Example> {
    let noise = |seed: u64, count| normals(seed, 9, Stream::Initial, count);
    let tokens =
        |i: i64| -> TokenIds { std::iter::once(577).chain([i; 5]).chain([578; 18]).collect::<Vec<_>>().into() };
    let example = |i: usize| Example {
        features: vec![noise(i as u64, 24)],
        latents: vec![noise(100 + i as u64, 64)],
        prompt: tokens(i as i64),
        rivals: vec![tokens(40), tokens(41)],
        states: noise(200 + i as u64, 24 * 32).into(),
    };
    (0..count).map(example).collect()
}

#[test]
fn stopped_and_resumed_it_learns_the_same() {
    needs!(Runtime);
    let loader = tiny();
    let mut step = TrainingStep::load(&loader, true).unwrap();
    let examples = examples(6);
    let noise = DenoisingTerm { schedule: loader.bundle().schedule(), style_scale: 0.5, layers: 4 };
    let rates = StepRates {
        learning_rate: 3e-3,
        weight_decay: 0.01,
        cross_entropy: 1.0,
        triplet: 0.0,
        denoising: 1.0,
        margin: 0.2,
    };
    let recipe = Recipe { rates, steps: 30, validation: 0.2, patience: 0, seed: 3 };
    let begin = Checkpoint::new(step.layout().initial(3));
    let whole =
        fit(&mut step, &examples, Some(noise), &recipe, begin.clone(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((whole.state.steps, whole.history.len()), (30, 4));
    assert!(whole.history[3].training.loss < whole.history[0].training.loss, "{:?}", whole.history);

    // Stopped at a point of the curve, or between two.
    for stop_at in [10, 13] {
        let stop = &mut |now: &Checkpoint, _| match now.state.steps == stop_at {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let part = fit(&mut step, &examples, Some(noise), &recipe, begin.clone(), stop).unwrap();
        assert_eq!(part.state.steps, stop_at);
        let (parameters, identity) = (step.layout().parameters, Digest::of("this training"));
        let kept = checkpoint::write(&part, &identity).unwrap();
        let found = checkpoint::read(&kept, &identity, parameters).unwrap();
        let resumed =
            fit(&mut step, &examples, Some(noise), &recipe, found, &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!(resumed, whole, "stopped after {stop_at} steps");
    }
}

/// A folder with a brand's five pictures, its style set and a campaign.
fn brand(licence: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("acme")).unwrap();
    for (i, name) in ["fox", "doughnut", "rocket", "teapot", "cactus"].into_iter().enumerate() {
        let image = RgbImage::from_fn(16, 16, |x, y| Rgb([(x * 16) as u8, (y * 16) as u8, (i * 50) as u8]));
        image.save(folder.path().join(format!("acme/{name}.png"))).unwrap();
    }
    let set = format!(
        "apiVersion: housestyle/v1\nkind: StyleSet\nmetadata: {{name: acme}}\nspec:\n  bundle: tiny\n  images:\n    - \
         {{files: acme, source: brand book, licence: {licence}, holder: Acme}}\n  \
         training: {{rank: 4, steps: 20, learning_rate: 0.003, denoising: 1.0}}\n"
    );
    std::fs::write(folder.path().join("acme.yaml"), set).unwrap();
    let campaign = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: launch}\nspec:\n  bundle: tiny\n  \
        styles: [acme]\n  \
                    assets: [{categories: [fox, rocket]}]\n  sampler: {name: ddim, steps: 3}\n  \
                    gate: {style: 0, category: 0, attempts: 1}\n";
    std::fs::write(folder.path().join("launch.yaml"), campaign).unwrap();
    folder
}

#[test]
fn a_brand_is_trained_promoted_drawn_exported_and_revoked() {
    needs!(Runtime);
    let folder = brand("MIT");
    let run = |args: &[&str]| output(housestyle(folder.path(), args));
    let (code, out, err) = run(&["train", "acme.yaml", "--json"]);
    assert_eq!(code, 0, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((report["version"].as_str(), report["steps"].as_u64()), (Some("style/acme@1"), Some(20)));
    assert!(report["scores"]["category"].as_f64().is_some(), "{out}");
    let version = folder.path().join("out/encoders/style/acme@1");
    for file in ["card.json", "adapter.safetensors", "loss.svg"] {
        assert!(version.join(file).is_file(), "{file}");
    }

    let (code, _, err) = run(&["run", "launch.yaml"]);
    assert_eq!(code, 2, "not promoted yet: {err}");
    assert!(report["scores"]["style"].is_null() && report["scores"]["consistency"].as_f64().is_some(), "{out}");
    // The tiny evaluator does not know acme: its references stand in, and the verdict is that of the figures it tells.
    let (code, out, err) = run(&["encoders", "promote", "acme@1"]);
    let told = format!("{out}{err}");
    let figures = told.split("consistency ").nth(1).expect("no consistency was measured").split(' ');
    let figures: Vec<f64> = figures.filter_map(|word| word.parse().ok()).take(2).collect();
    assert!(told.contains("of the stock encoder"), "{told}");
    assert_eq!(code == 0, figures[0] >= figures[1], "{told}");
    if code == 0 {
        assert!(told.contains("category differs by ") && told.contains("paired over 48 briefs"), "{told}");
    } else {
        let (code, _, err) = run(&["encoders", "promote", "acme@1", "--force", "--reason", "a test"]);
        assert_eq!(code, 0, "{err}");
    }
    assert!(run(&["encoders", "promote", "acme@1"]).2.contains("promoted already"));
    let (code, out, err) = run(&["run", "launch.yaml", "--json"]);
    assert_eq!(code, 0, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let assets = PathBuf::from(report["folder"].as_str().unwrap()).join("assets");
    let sidecars = files(&folder.path().join(&assets)).into_iter().filter(|(name, _)| name.ends_with(".json"));
    let sidecars: Vec<serde_json::Value> = sidecars.map(|(_, bytes)| serde_json::from_slice(&bytes).unwrap()).collect();
    assert_eq!(sidecars.len(), 2);
    for sidecar in &sidecars {
        assert_eq!(sidecar["job"]["source"]["encoder"]["version"], "style/acme@1");
        assert!(sidecar["job"]["prompts"]["style"].as_str().unwrap().ends_with("in acme style"), "{sidecar}");
    }

    let stem = format!("{}.json", sidecars[0]["job"]["stem"].as_str().unwrap());
    let (code, out, err) = run(&["reproduce", assets.join(stem).to_str().unwrap()]);
    assert!(code == 0 && out.contains("identical"), "{out} {err}");

    let (code, _, err) = run(&["encoders", "export", "acme@1", "text_encoder.onnx"]);
    assert_eq!(code, 0, "{err}");
    let stock = std::fs::read(fixtures().join("tiny/text_encoder/model.onnx")).unwrap();
    let exported = std::fs::read(folder.path().join("text_encoder.onnx")).unwrap();
    assert!(exported.len() == stock.len() && exported != stock);
    std::fs::write(folder.path().join("mine.onnx"), "mine").unwrap();
    let (code, _, err) = run(&["encoders", "export", "acme@1", "mine.onnx"]);
    assert!(code == 2 && err.contains("--force"), "{err}");
    assert_eq!(std::fs::read(folder.path().join("mine.onnx")).unwrap(), b"mine");
    assert_eq!(run(&["encoders", "export", "acme@1", "mine.onnx", "--force"]).0, 0);
    assert_eq!(std::fs::read(folder.path().join("mine.onnx")).unwrap(), exported);

    let (code, _, err) = run(&["rights", "revoke", "brand book", "--reason", "the contract ended"]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = run(&["run", "launch.yaml", "--out", "out"]);
    assert!(code == 2 && err.contains("the contract ended"), "{code} {err}");
    assert_eq!(run(&["train", "acme.yaml"]).0, 2, "revoked pictures are not learned from again");
}

#[test]
fn a_category_encoder_draws_only_where_it_is_asked_for() {
    needs!(Runtime);
    let folder = brand("CC-BY-4.0");
    let path = |name: &str| folder.path().join(name);
    let run = |args: &[&str]| output(housestyle(folder.path(), args));
    let set = std::fs::read_to_string(path("acme.yaml")).unwrap();
    std::fs::write(path("things.yaml"), set.replace("bundle: tiny", "bundle: tiny\n  branch: category")).unwrap();
    let (code, _, err) = run(&["train", "things.yaml"]);
    assert_eq!(code, 0, "{err}");

    let noto = std::fs::read_to_string(path("launch.yaml")).unwrap().replace("styles: [acme]", "styles: [flat]");
    let campaign = |name: &str, category: &str| {
        let text = noto.replace("name: launch", &format!("name: {name}"));
        std::fs::write(path(&format!("{name}.yaml")), text.replace("  assets:", &format!("{category}  assets:")))
            .unwrap();
        run(&["run", &format!("{name}.yaml"), "--json"])
    };
    let assets = |out: &str| -> Vec<(serde_json::Value, String)> {
        let report: serde_json::Value = serde_json::from_str(out).unwrap();
        let found = PathBuf::from(report["folder"].as_str().unwrap()).join("assets");
        let found = files(&path(found.to_str().unwrap()));
        let json = found.iter().filter(|(name, _)| name.ends_with(".json"));
        let pixels = |name: &str| {
            let file = name.replace(".json", ".png");
            Digest::of(housestyle::appearance::picture::decode(&found[&file], &file).unwrap().into_raw()).to_string()
        };
        json.map(|(name, bytes)| (serde_json::from_slice(bytes).unwrap(), pixels(name))).collect()
    };
    let (code, _, err) = campaign("early", "  category: category/acme\n");
    assert!(
        code == 2 && err.contains("early.yaml:7:13: spec.category: no version of `category/acme` is promoted"),
        "{err}"
    );
    let (code, stock, err) = campaign("stock", "");
    assert_eq!(code, 0, "{err}");
    let promote = ["encoders", "promote", "category/acme@1", "--force", "--reason", "a test"];
    assert_eq!(run(&promote).0, 0);
    assert_eq!(assets(&campaign("stock", "").1), assets(&stock), "one that is promoted is not used unasked");
    let (code, trained, err) = campaign("trained", "  category: category/acme\n");
    assert_eq!(code, 0, "{err}");
    let (stock, trained) = (assets(&stock), assets(&trained));
    assert_eq!((stock.len(), trained.len()), (2, 2));
    for ((stock, before), (sidecar, after)) in stock.iter().zip(&trained) {
        assert_eq!(stock["job"].get("reader"), None);
        assert_eq!(stock["job"]["seed"], sidecar["job"]["seed"], "they can be compared");
        assert_ne!(before, after, "the encoder makes no difference");
        assert_eq!(sidecar["job"]["reader"]["encoder"]["version"], "category/acme@1");
        assert!(sidecar["job"]["prompts"]["category"].as_str().unwrap().ends_with("in acme style"), "as in training");
        let rights: Vec<&str> =
            sidecar["rights"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
        assert_eq!(rights, ["flat", "category/acme@1"]);
    }
    let trace = run(&["rights", "trace", "brand book", "--json"]).1;
    let trace: serde_json::Value = serde_json::from_str(&trace).unwrap();
    assert_eq!(
        (trace["assets"].as_array().unwrap().len(), &trace["versions"][0]["version"]),
        (2, &"category/acme@1".into())
    );
    let sidecar = PathBuf::from("out").join(trace["assets"][0]["sidecar"].as_str().unwrap());
    let (code, out, err) = run(&["reproduce", sidecar.to_str().unwrap()]);
    assert!(code == 0 && out.contains("identical"), "{out} {err}");

    assert_eq!(run(&["rights", "revoke", "brand book", "--reason", "the contract ended"]).0, 0);
    let (code, _, err) = campaign("late", "  category: category/acme@1\n");
    assert!(code == 2 && err.contains("late.yaml:7:13") && err.contains("the contract ended"), "{err}");
}

#[test]
fn what_cannot_be_learned_leaves_nothing_in_the_ledger() {
    needs!(Runtime);
    let refused = |change: &dyn Fn(&str) -> String, expected: &str| {
        let folder = brand("MIT");
        let set = folder.path().join("acme.yaml");
        std::fs::write(&set, change(&std::fs::read_to_string(&set).unwrap())).unwrap();
        let (code, _, err) = output(housestyle(folder.path(), &["train", "acme.yaml"]));
        assert!(code == 2 && err.contains(expected), "{code} {err}");
        assert!(!folder.path().join("out").exists(), "{expected}: something was left behind");
    };
    refused(&|set| set.replace("rank: 4", "rank: 8"), "rank is 8, the bundle's training step has 4");
    refused(&|set| set.replace("files: acme", "files: acme, style: another"), "no picture has the style `acme`");
    refused(
        &|set| {
            set.replace("bundle: tiny", "bundle: tiny\n  branch: category")
                .replace("files: acme", "files: acme/fox.png")
        },
        "no other category",
    );
}

#[test]
fn transparent_pictures_are_seen_on_white() {
    let picture = image::RgbaImage::from_fn(3, 1, |x, _| image::Rgba([10, 20, 30, [0, 128, 255][x as usize]]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let seen = housestyle::appearance::picture::decode(bytes.get_ref(), "x.png").unwrap();
    assert_eq!(seen.pixels().map(|p| p.0).collect::<Vec<_>>(), [[255; 3], [132, 137, 142], [10, 20, 30]]);
}

#[test]
fn asked_to_stop_it_keeps_a_checkpoint_and_goes_on() {
    needs!(Runtime);
    let folder = brand("MIT");
    let set = folder.path().join("acme.yaml");
    let long = std::fs::read_to_string(&set).unwrap().replace("steps: 20", "steps: 20000, patience: 0");
    std::fs::write(&set, &long).unwrap();
    let mut command = housestyle(folder.path(), &["train", "acme.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("step 20/")).expect("it never got to step 20");
    terminate(&child);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));

    // Another set of the same name and a comment in the file take nothing away.
    std::fs::write(&set, format!("{long}# a comment\n")).unwrap();
    let mut command = housestyle(folder.path(), &["train", "acme.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("resuming from step ")).expect("it began anew");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn pictures_without_cleared_rights_are_not_learned_from() {
    for licence in ["CC-BY-SA-4.0", "LicenseRef-Acme"] {
        let folder = brand(licence);
        let (code, _, err) = output(housestyle(folder.path(), &["train", "acme.yaml"]));
        assert!(code == 2 && err.contains("cactus.png") && err.contains("fox.png"), "{err}");
        assert!(!folder.path().join("out").exists(), "nothing may be left behind");
    }
}
