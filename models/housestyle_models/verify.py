"""Verifies a bundle on disk: its digests, the shape of its models, its tokenizer. Needs no PyTorch.

In: a folder. Out: every problem at once, in words; an empty list where the bundle is what `bundle.yaml` says.
Invariants: nothing in the folder is run but its ONNX graphs' loading, nothing is unpickled, nothing is written.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import yaml
from tokenizers import Tokenizer

UNLISTED = ("bundle.yaml", "README.md")
"""The files that no digest in bundle.yaml names."""
OPSETS = range(18, 21)
REQUIRED = {
    "text_encoder": (["input_ids"], ["last_hidden_state", "text_embeds"]),
    "unet": (
        ["sample", "timestep", "encoder_hidden_states", "encoder_hidden_states_style", "style_scale"],
        ["out_sample"],
    ),
    "vae_decoder": (["latent_sample"], ["sample"]),
    "vae_encoder": (["sample"], ["latent_sample"]),
}
"""The models of every bundle, with the names of their inputs and outputs."""
OPTIONAL = {
    "image_encoder": (["pixel_values"], ["image_embeds"]),
    "evaluator": (["pixel_values"], ["style_logits", "category_logits", "embedding"]),
}
STEPS = ("train_step", "train_step_denoising")


def digests(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns sha256 and size of every file of a bundle but `bundle.yaml` and the card, by path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in named.items()
        if name not in UNLISTED
    }


def digest(folder: Path) -> str:
    """Returns the digest that names the bundle: sha256 of its bundle.yaml, in hexadecimal."""
    return hashlib.sha256((folder / "bundle.yaml").read_bytes()).hexdigest()


def verify(folder: Path) -> list[str]:
    """Returns every problem of a bundle, each as `place: what is wrong`."""
    try:
        facts = yaml.safe_load((folder / "bundle.yaml").read_text("utf-8"))
        spec = facts["spec"] if facts["kind"] == "Bundle" else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        return [f"bundle.yaml: cannot be read as a bundle's facts ({type(error).__name__}: {error})"]
    if spec is None:
        return [f"bundle.yaml: kind is {facts['kind']!r}, not Bundle"]
    problems = list(_file_problems(folder, spec.get("files", {})))
    for name, (inputs, outputs) in (REQUIRED | OPTIONAL).items():
        if (folder / name).is_dir():
            problems += _model_problems(folder / name / "model.onnx", inputs, outputs, batch=True)
        elif name in REQUIRED:
            problems.append(f"{name}: is missing, and every bundle has it")
    for name in STEPS:
        if (folder / name).is_dir():
            problems += _model_problems(folder / name / "model.onnx", None, None, batch=False)
            problems += _layout_problems(folder / name)
    return problems + list(_tokenizer_problems(folder / "tokenizer/tokenizer.json", spec))


def _file_problems(folder: Path, listed: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yields where the files differ from what bundle.yaml lists."""
    found = digests(folder)
    for name in sorted(listed.keys() - found.keys()):
        yield f"{name}: bundle.yaml lists it, and it is not there"
    for name in sorted(found.keys() - listed.keys()):
        yield f"{name}: bundle.yaml does not list it"
    for name in sorted(listed.keys() & found.keys()):
        if listed[name] != found[name]:
            yield f"{name}: {found[name]} where bundle.yaml says {listed[name]}"


def _model_problems(path: Path, inputs: list[str] | None, outputs: list[str] | None, *, batch: bool) -> list[str]:
    """Returns what is wrong with one model file; `inputs` and `outputs` of None are not compared."""
    place = f"{path.parent.name}/{path.name}"
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # each of the two libraries raises classes of its own
        return [f"{place}: cannot be loaded ({error})"]
    problems = []
    foreign = {opset.domain for opset in model.opset_import} - {""}
    if foreign or model.functions:
        problems.append(f"{place}: uses operators outside the standard ({sorted(foreign) or 'functions'})")
    problems += [
        f"{place}: is written in opset {opset.version}, not one of {OPSETS.start} to {OPSETS.stop - 1}"
        for opset in model.opset_import
        if opset.domain == "" and opset.version not in OPSETS
    ]
    if any(tensor.external_data for tensor in model.graph.initializer):
        problems.append(f"{place}: keeps weights in another file")
    for what, wanted, ports in (
        ("inputs", inputs, session.get_inputs()),
        ("outputs", outputs, session.get_outputs()),
    ):
        names = [port.name for port in ports]
        if wanted is not None and names != wanted:
            problems.append(f"{place}: its {what} are {names}, not {wanted}")
        fixed = [port.name for port in ports if batch and not (port.shape and isinstance(port.shape[0], str))]
        if fixed:
            problems.append(f"{place}: the batch of {', '.join(fixed)} is fixed")
    return problems


def _layout_problems(folder: Path) -> list[str]:
    """Returns where a training step's layout.json does not add up to the vector that its graph takes."""
    place = f"{folder.name}/layout.json"
    try:
        layout = json.loads((folder / "layout.json").read_text("utf-8"))
        total = sum(math.prod(tensor["shape"]) for tensor in layout["tensors"])
        promised = layout["parameters"]
        graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
    except Exception as error:
        return [f"{place}: cannot be read ({type(error).__name__}: {error})"]
    taken = {port.name: [axis.dim_value for axis in port.type.tensor_type.shape.dim] for port in graph.input}
    problems = []
    if total != promised:
        problems.append(f"{place}: its tensors have {total} numbers, and it promises {promised}")
    if taken.get("params") != [promised]:
        problems.append(f"{place}: it promises {promised} numbers, and the graph takes {taken.get('params')}")
    return problems


def _tokenizer_problems(path: Path, spec: dict[str, Any]) -> Iterator[str]:
    """Yields where the tokenizer would cut prompts or pad them to another length than bundle.yaml says."""
    place = f"{path.parent.name}/{path.name}"
    try:
        tokenizer = Tokenizer.from_file(str(path))
        length = spec["tokenizer"]["max_length"]
    except Exception as error:  # the library raises a bare Exception
        yield f"{place}: cannot be read ({error})"
        return
    if tokenizer.truncation is not None:
        yield f"{place}: cuts long prompts, which the engine refuses instead"
    padded = (tokenizer.padding or {}).get("length")
    if padded != length:
        yield f"{place}: pads to {padded}, and bundle.yaml says {length}"
