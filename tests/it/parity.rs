//! Every stage of the pipeline against values recorded with PyTorch and diffusers, and the promises built on them:
//! a job gives the same image alone and in any batch, one bad request spoils nothing, and a stop is heard.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use housestyle::base::error::Kind;
use housestyle::pipeline::decode::Decoder;
use housestyle::pipeline::denoise::{Denoiser, LatentRequest, PromptStates, Start};
use housestyle::pipeline::sampler::SamplerSteps;
use housestyle::pipeline::schedule::Schedule;
use housestyle::pipeline::session::{Input, Model, Port, Ports};
use housestyle::pipeline::{
    Bundle, ModelLoader, Pipeline, Provider, Request, Runtime, SessionSettings, StepProgress, TextEncoder, guidance,
};
use housestyle::plan::Prompts;
use housestyle::spec::{Guidance, Sampler, SamplerName, StyleScale};
use housestyle_testkit::needs;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

const TOLERANCE: f64 = 1e-4;

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub fn settings() -> SessionSettings {
    SessionSettings { threads: 2, ..SessionSettings::default() }
}

pub fn tiny() -> ModelLoader {
    tiny_with(settings())
}

fn tiny_with(settings: SessionSettings) -> ModelLoader {
    let bundle = Bundle::open(&fixtures().join("tiny")).unwrap();
    ModelLoader::new(bundle, Runtime::load(None).unwrap(), settings).unwrap()
}

fn pipeline() -> Pipeline {
    Pipeline::load(&tiny()).unwrap()
}

/// The recorded values.
pub struct Reference {
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
    pub about: Value,
}

impl Reference {
    pub fn load() -> Self {
        let bytes = std::fs::read(fixtures().join("reference.safetensors")).unwrap();
        let read = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            let data = match view.dtype() {
                Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
                Dtype::I64 => {
                    view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f32).collect()
                }
                other => panic!("{name} is {other:?}"),
            };
            (name, (view.shape().to_vec(), data))
        };
        let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors().into_iter().map(read).collect();
        let about = std::fs::read_to_string(fixtures().join("reference.json")).unwrap().replace("-Infinity", "null");
        Self { tensors, about: serde_json::from_str(&about).unwrap() }
    }

    pub fn get(&self, name: &str) -> &[f32] {
        &self.tensors.get(name).unwrap_or_else(|| panic!("no {name}")).1
    }

    fn shape(&self, name: &str) -> &[usize] {
        &self.tensors[name].0
    }

    fn input(&self, name: &str) -> Input<'_> {
        Input::F32(self.get(name), self.shape(name))
    }
}

/// The largest difference, relative where values are larger than one.
pub fn deviation(actual: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let pair = |(a, b): (&f32, &f32)| f64::from((a - b).abs()) / f64::from(b.abs().max(1.0));
    actual.iter().zip(expected).map(pair).fold(0.0, |worst, d| if d.is_nan() { f64::INFINITY } else { worst.max(d) })
}

#[track_caller]
fn assert_close(what: &str, actual: &[f32], expected: &[f32]) {
    let worst = deviation(actual, expected);
    assert!(worst <= TOLERANCE, "{what} deviates by {worst:.2e}");
}

#[track_caller]
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn model(file: &'static str, path: &Path, inputs: &[Port], outputs: &[Port]) -> Model {
    tiny().load_bytes(file, &std::fs::read(path).unwrap(), Ports { inputs, outputs }).unwrap()
}

#[test]
fn tokens_and_text_states_are_those_of_the_reference() {
    needs!(Runtime);
    let reference = Reference::load();
    let mut encoder = TextEncoder::load(&tiny()).unwrap();
    for (i, prompt) in reference.about["prompts"].as_array().unwrap().iter().enumerate() {
        let prompt = prompt.as_str().unwrap();
        let tokens: Vec<f32> = encoder.tokens(prompt).unwrap().into_iter().map(|id| id as f32).collect();
        assert_eq!(tokens, reference.get(&format!("tokens.{i}")), "{prompt:?}");
        assert_close(prompt, &encoder.states(prompt).unwrap(), reference.get(&format!("text.{i}.last_hidden_state")));
        assert_close(prompt, &encoder.embedding(prompt).unwrap(), reference.get(&format!("text.{i}.text_embeds")));
    }
    let long = &reference.about["too_long"];
    let error = encoder.states(text(long, "text")).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains(&format!("has {} tokens", long["tokens"])), "{error}");
    assert!(error.to_string().contains(&format!("takes {}", long["max_length"])), "{error}");
}

#[test]
fn the_unet_blends_two_conditionings_and_is_the_plain_one_at_scale_zero() {
    needs!(Runtime);
    let reference = Reference::load();
    let states = [("encoder_hidden_states", "unet.h_c"), ("encoder_hidden_states_style", "unet.h_s")];
    let layers = reference.about["cross_attention_layers"].as_u64().unwrap() as usize;
    let port = |name, rank| Port::f32(name, vec![None; rank]);
    let base = [port("sample", 4), port("timestep", 1), port("encoder_hidden_states", 3)];
    let dual: Vec<Port> =
        base.iter().cloned().chain([port("encoder_hidden_states_style", 3), port("style_scale", 2)]).collect();
    let outputs = [port("out_sample", 4)];
    let mut dual = model("unet", &fixtures().join("tiny/unet/model.onnx"), &dual, &outputs);
    let mut plain = model("plain", &fixtures().join("tiny_unet_plain.onnx"), &base, &outputs);
    let shape = reference.shape("unet.sample");
    let common = [("sample", reference.input("unet.sample")), ("timestep", reference.input("unet.timestep"))];
    let mut blended = |scale: &[f32]| {
        let mut inputs = common.to_vec();
        inputs.extend(states.map(|(name, tensor)| (name, reference.input(tensor))));
        let scale_shape = [shape[0], layers];
        inputs.push(("style_scale", Input::F32(scale, &scale_shape)));
        dual.run(&inputs, &[("out_sample", shape)]).unwrap().concat()
    };
    for (scale, name) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
        assert_close(name, &blended(&vec![scale; shape[0] * layers]), reference.get(&format!("unet.out_scale_{name}")));
    }
    assert_close("mixed", &blended(reference.get("unet.style_scale_mixed")), reference.get("unet.out_scale_mixed"));

    let mut inputs = common.to_vec();
    inputs.push(("encoder_hidden_states", reference.input("unet.h_c")));
    let unmodified = plain.run(&inputs, &[("out_sample", shape)]).unwrap().concat();
    assert_close("plain", &unmodified, reference.get("unet.plain"));
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(
        bits(&blended(&vec![0.0; shape[0] * layers])),
        bits(&unmodified),
        "scale 0 must be the unmodified UNet to the bit"
    );
}

#[test]
fn decoder_evaluator_and_image_encoder_are_those_of_the_reference() {
    needs!(Runtime);
    let reference = Reference::load();
    let tiny = fixtures().join("tiny");
    let any = |name, rank| Port::f32(name, vec![None; rank]);
    for (file, input, given, wanted) in [
        ("vae_decoder", any("latent_sample", 4), "vae.latent", vec![("sample", "vae.image")]),
        ("vae_encoder", any("sample", 4), "evaluator.pixels", vec![("latent_sample", "vae.encoded")]),
        ("image_encoder", any("pixel_values", 4), "evaluator.pixels", vec![("image_embeds", "image.embeds")]),
        (
            "evaluator",
            any("pixel_values", 4),
            "evaluator.pixels",
            vec![
                ("style_logits", "evaluator.style_logits"),
                ("category_logits", "evaluator.category_logits"),
                ("embedding", "evaluator.embedding"),
            ],
        ),
    ] {
        let outputs: Vec<Port> = wanted.iter().map(|(name, tensor)| any(name, reference.shape(tensor).len())).collect();
        let name = input.name;
        let mut model = model(file, &tiny.join(file).join("model.onnx"), &[input], &outputs);
        let shapes: Vec<(&'static str, &[usize])> =
            wanted.iter().map(|(name, tensor)| (*name, reference.shape(tensor))).collect();
        for (actual, (name, tensor)) in
            model.run(&[(name, reference.input(given))], &shapes).unwrap().iter().zip(&wanted)
        {
            assert_close(name, actual, reference.get(tensor));
        }
    }
}

#[test]
fn every_sampler_gives_the_values_of_diffusers() {
    needs!(Runtime);
    let reference = Reference::load();
    let cases = reference.about["schedulers"].as_array().unwrap();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut failures = Vec::new();
    for case in cases {
        let id = text(case, "id");
        let (_, name) = SamplerName::ALL.into_iter().find(|(name, _)| *name == text(case, "sampler")).unwrap();
        let schedule = Schedule::parse(case["config"].to_string().as_bytes()).unwrap();
        let count = case["steps"].as_u64().unwrap() as usize;
        let plan = SamplerSteps::new(name, count, &schedule).unwrap();
        let timesteps: Vec<f32> = plan.steps.iter().map(|step| step.timestep as f32).collect();
        let mut x: Vec<f32> =
            reference.get(&format!("sched.{id}.init")).iter().map(|x| x * plan.init_scale as f32).collect();
        let mut before = vec![0.0; x.len()];
        for (k, step) in plan.steps.iter().enumerate() {
            let bend = 0.2 * (0.01 * step.timestep).sin();
            let model: Vec<f32> = x.iter().map(|x| (0.3 * f64::from(*x) * step.input_scale + bend) as f32).collect();
            let noise = if step.noise == 0.0 { &[] } else { reference.get(&format!("sched.{id}.noise.{k}")) };
            step.advance(plan.clip, &mut x, &model, &mut before, noise);
        }
        let init = deviation(&[plan.init_scale as f32], &[case["init_noise_sigma"].as_f64().unwrap() as f32]);
        let time = deviation(&timesteps, reference.get(&format!("sched.{id}.timesteps")));
        let last = deviation(&x, reference.get(&format!("sched.{id}.final")));
        // Schedules that start at a noise level in the thousands lose digits in the reference, which steps in f32.
        let tolerance = TOLERANCE.max(f64::from(f32::EPSILON) * plan.init_scale);
        if init.max(time).max(last) > tolerance {
            failures.push(format!("{id}: start {init:.1e}, timesteps {time:.1e}, final {last:.1e}"));
        }
        *seen.entry(text(case, "sampler")).or_default() += 1;
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert!(SamplerName::ALL.iter().all(|(name, _)| seen[name] >= 18), "{seen:?}");
}

/// The request a recorded pipeline case makes.
fn recorded(case: &Value) -> Request {
    let scale = match &case["style_scale"] {
        Value::Array(values) => StyleScale::PerLayer(values.iter().map(|v| v.as_f64().unwrap() as f32).collect()),
        value => StyleScale::Uniform(value.as_f64().unwrap() as f32),
    };
    let axis = |name: &str| case["guidance"][name].as_f64().unwrap() as f32;
    let (_, name) = SamplerName::ALL.into_iter().find(|(name, _)| *name == text(case, "sampler")).unwrap();
    Request {
        prompts: serde_json::from_value::<Prompts>(case["prompts"].clone()).unwrap(),
        seed: 7,
        attempt: 1,
        size: 16,
        sampler: Sampler { name, steps: case["steps"].as_u64().unwrap() as u32 },
        guidance: Guidance { category: axis("category"), style: axis("style"), style_scale: scale },
        style_encoder: None,
        category_encoder: None,
    }
}

#[test]
fn whole_pictures_are_those_of_the_reference() {
    needs!(Runtime);
    let reference = Reference::load();
    let loader = tiny();
    let mut encoder = TextEncoder::load(&loader).unwrap();
    let mut denoiser = Denoiser::load(&loader, encoder.shape()).unwrap();
    let mut decoder = Decoder::load(&loader).unwrap();
    let mut pipeline = pipeline();
    for (i, case) in reference.about["pipelines"].as_array().unwrap().iter().enumerate() {
        let request = recorded(case);
        let prompts = &request.prompts;
        let mut states = |text: &str| encoder.states(text).unwrap();
        let states = PromptStates {
            negative: states(&prompts.negative),
            category: states(&prompts.category),
            style: states(&prompts.style),
        };
        let item = LatentRequest {
            seed: 0,
            attempt: 0,
            branches: guidance::branches(&request.guidance),
            states,
            style_scale: guidance::per_layer(&request.guidance.style_scale, 4).unwrap(),
        };
        let steps = SamplerSteps::new(request.sampler.name, request.sampler.steps as usize, loader.bundle().schedule())
            .unwrap();
        let noise = |_: &LatentRequest, step: usize| reference.get(&format!("pipeline.{i}.noise.{step}")).to_vec();
        let latents = vec![reference.get(&format!("pipeline.{i}.init")).to_vec()];
        let start = Start { latents, edge: 4, noise: &noise };
        let latents = denoiser.run_from(&[item], start, &steps, &mut |_| ControlFlow::Continue(())).unwrap();
        // Every step's own arithmetic is held to 1e-4 above; guided steps of a random UNet multiply the rounding of the
        // ones before them, so that another processor's last digits show here, far below one of 255 levels.
        let worst = deviation(&latents[0], reference.get(&format!("pipeline.{i}.latent")));
        assert!(worst <= 1e-3, "latent {i} deviates by {worst:.2e}");

        let image = decoder.decode(&latents[0], 16).unwrap();
        let expected = reference.get(&format!("pipeline.{i}.image"));
        for (x, y, pixel) in image.enumerate_pixels() {
            for (channel, actual) in pixel.0.into_iter().enumerate() {
                let exact = (expected[channel * 256 + (y * 16 + x) as usize] * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0;
                assert!(
                    (f32::from(actual) - exact).abs() <= 0.51,
                    "image {i} at {x},{y},{channel}: {actual} for {exact}"
                );
            }
        }
        let score = pipeline.classify(&image).unwrap();
        let style = deviation(&score.styles, reference.get(&format!("pipeline.{i}.style_probabilities")));
        let category = deviation(&score.categories, reference.get(&format!("pipeline.{i}.category_probabilities")));
        // The reference scored the picture before it was rounded to 8 bits.
        assert!(style < 0.02 && category < 0.02, "scores {i}: {style:.1e} {category:.1e}");
        assert_eq!(score.top_styles(5).len(), 3);
        assert!(score.style(text(case, "style")).is_some() && score.category_rank(text(case, "category")).is_some());
    }
}

/// `count` requests that differ in prompt, seed, guidance and number of branches.
fn varied(count: usize, sampler: SamplerName) -> Vec<Request> {
    let reference = Reference::load();
    let cases = reference.about["pipelines"].as_array().unwrap();
    let vary = |i: usize| Request {
        seed: 100 + i as u64,
        attempt: 1 + (i % 3) as u32,
        sampler: Sampler { name: sampler, steps: 3 },
        ..recorded(&cases[i % cases.len()])
    };
    (0..count).map(vary).collect()
}

fn images(pipeline: &mut Pipeline, batch: &[Request]) -> Vec<Vec<u8>> {
    let made = pipeline.generate(batch, &mut |_| ControlFlow::Continue(())).unwrap();
    made.into_iter().map(|one| one.unwrap().image.into_raw()).collect()
}

#[test]
fn a_job_gives_the_same_image_alone_in_any_batch_and_in_any_order() {
    needs!(Runtime);
    let mut pipeline = pipeline();
    for sampler in [SamplerName::Dpmpp2m, SamplerName::EulerAncestral] {
        let requests = varied(8, sampler);
        let alone: Vec<Vec<u8>> =
            requests.iter().map(|one| images(&mut pipeline, std::slice::from_ref(one)).remove(0)).collect();
        assert!((1..alone.len()).all(|i| alone[i] != alone[0]), "the requests must not all draw the same");
        for size in [2, 3, 5, 8] {
            let batched: Vec<Vec<u8>> = requests.chunks(size).flat_map(|batch| images(&mut pipeline, batch)).collect();
            assert_eq!(batched, alone, "batches of {size}");
        }
        let backwards: Vec<Request> = requests.iter().rev().cloned().collect();
        let made: Vec<Vec<u8>> = images(&mut pipeline, &backwards).into_iter().rev().collect();
        assert_eq!(made, alone, "backwards");
    }
    let mut again = self::pipeline();
    let requests = varied(2, SamplerName::Ddim);
    assert_eq!(images(&mut pipeline, &requests), images(&mut again, &requests), "another session");
}

#[test]
fn another_attempt_or_seed_is_another_image() {
    needs!(Runtime);
    let mut pipeline = pipeline();
    let base = varied(1, SamplerName::Dpmpp2m).remove(0);
    let others = [base.clone(), Request { attempt: 2, ..base.clone() }, Request { seed: 1, ..base }];
    let made = images(&mut pipeline, &others);
    assert!(made[0] != made[1] && made[0] != made[2] && made[1] != made[2]);
}

#[test]
fn one_bad_request_spoils_nothing() {
    needs!(Runtime);
    let mut pipeline = pipeline();
    let mut batch = varied(4, SamplerName::Euler);
    let good = images(&mut pipeline, &batch[3..]).remove(0);
    batch[0].prompts.category = "fox ".repeat(100);
    batch[1].guidance.style_scale = StyleScale::PerLayer(vec![0.5; 9]);
    batch[2].guidance.category = 3e38; // overflows on the way: nothing a picture could be made of
    let made = pipeline.generate(&batch, &mut |_| ControlFlow::Continue(())).unwrap();
    let kinds: Vec<Option<Kind>> = made.iter().map(|one| one.as_ref().err().map(|e| e.kind())).collect();
    assert_eq!(kinds, [Some(Kind::Invalid), Some(Kind::Invalid), Some(Kind::Permanent), None]);
    assert!(made[2].as_ref().unwrap_err().to_string().contains("not finite"));
    assert_eq!(made[3].as_ref().unwrap().image.as_raw(), &good);

    let all_bad = pipeline.generate(&batch[..2], &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(all_bad.iter().all(Result::is_err));
    assert!(pipeline.generate(&[], &mut |_| ControlFlow::Continue(())).unwrap().is_empty());
}

#[test]
fn impossible_batches_are_refused_as_a_whole() {
    needs!(Runtime);
    let mut pipeline = pipeline();
    let base = varied(1, SamplerName::Euler).remove(0);
    let mut kind = |batch: &[Request]| pipeline.generate(batch, &mut |_| ControlFlow::Continue(())).unwrap_err().kind();
    assert_eq!(kind(&[Request { size: 24, ..base.clone() }]), Kind::Invalid);
    let sampler = Sampler { name: SamplerName::Euler, steps: 0 };
    assert_eq!(kind(&[Request { sampler, ..base.clone() }]), Kind::Invalid);
    let other = Request { sampler: Sampler { name: SamplerName::Ddim, steps: 3 }, ..base.clone() };
    assert_eq!(kind(&[base, other]), Kind::Internal);
}

#[test]
fn progress_is_reported_and_a_stop_ends_the_batch() {
    needs!(Runtime);
    let loader = tiny();
    let mut pipeline = Pipeline::load(&loader).unwrap();
    let batch = varied(2, SamplerName::Dpmpp2m);
    let mut told = Vec::new();
    let made = pipeline.generate(&batch, &mut |progress| {
        told.push(progress);
        ControlFlow::Continue(())
    });
    let timings = made.unwrap().remove(0).unwrap().timings;
    assert!(timings.unet > 0.0 && timings.decode > 0.0);
    assert_eq!(told, [1, 2, 3].map(|step| StepProgress { step, steps: 3, images: 2 }));

    let mut steps = 0;
    let stopped = pipeline.generate(&batch, &mut |_| {
        steps += 1;
        ControlFlow::Break(())
    });
    assert_eq!((stopped.unwrap_err().kind(), steps), (Kind::Transient, 1));

    let stopped = pipeline.generate(&batch, &mut |_| {
        loader.stop().stop(); // as another thread would, in the middle of everything
        ControlFlow::Continue(())
    });
    assert_eq!(stopped.unwrap_err().kind(), Kind::Transient);
    assert!(pipeline.generate(&batch, &mut |_| ControlFlow::Continue(())).is_err(), "it stays stopped");
}

#[test]
fn a_provider_that_is_not_there_is_never_replaced() {
    needs!(Runtime);
    let offered = Runtime::load(None).unwrap().providers();
    assert!(offered.contains(&Provider::Cpu));
    for provider in Provider::ALL.into_iter().filter(|provider| !offered.contains(provider)) {
        let error = Pipeline::load(&tiny_with(SessionSettings { provider, ..settings() })).err().unwrap();
        assert_eq!(error.exit_code(), 4, "{provider}: {}", error.chain());
        assert!(error.advice().unwrap().contains("cpu"), "{provider}");
    }
    assert_eq!(pipeline().provider(), Provider::Cpu);
}
