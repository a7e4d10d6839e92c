"""Training goes on where it stopped with the batches it would have seen; what was seen can be looked up; looks
render."""

import hashlib
import json

import numpy as np
import pytest
import torch
from torch import nn
from world_toy import body

from housestyle_models.world import training
from housestyle_models.world.catalogue import Drawing
from housestyle_models.world.compose import redrawn
from housestyle_models.world.looks import UNSEEN_LOOKS, training_looks
from housestyle_models.world.seen import has_seen, summary
from housestyle_models.world.splits import near, small
from housestyle_models.world.training import Settings, Trainer
from housestyle_models.world.vector import SIZE, rendered


def run(steps: int) -> tuple[list[float], torch.Tensor]:
    torch.manual_seed(1)
    trainer = Trainer("toy", nn.Linear(4, 1), Settings(minutes=60, batch=2, lr=1e-2, steps=steps), "cpu")
    drawn = []

    def step(model: nn.Module):
        x = torch.randn(2, 4)
        drawn.append(x.sum().item())
        return model(x).square().mean(), {}

    trainer.run(step, lambda model: {"weight": model.weight.sum().item()})
    return drawn, trainer.model.weight.detach().clone()


def test_a_resumed_training_sees_the_same_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "WORK", tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    whole, _ = run(6)
    monkeypatch.setattr(training, "WORK", tmp_path / "parts")
    (tmp_path / "parts").mkdir()
    first, _ = run(3)
    second, _ = run(6)
    assert first + second == whole
    lines = [json.loads(line) for line in (tmp_path / "parts/toy.log.jsonl").read_text().splitlines()]
    assert [(line["kind"], line["samples"]) for line in lines] == [("final", 6), ("final", 12)]


def test_averaged_weights_leave_the_present_ones_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "WORK", tmp_path)
    trainer = Trainer("toy", nn.Linear(2, 1), Settings(minutes=1, batch=1, lr=1.0), "cpu")
    with torch.no_grad():
        trainer.model.weight.fill_(3)
        trainer.average["weight"].fill_(1)
    with trainer.averaged() as model:
        assert (model.weight == 1).all()
    assert (trainer.model.weight == 3).all()


def test_a_loss_that_is_no_number_stops_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "WORK", tmp_path)
    trainer = Trainer("toy", nn.Linear(2, 1), Settings(minutes=1, batch=1, lr=1.0, steps=2), "cpu")

    def nothing(model):
        return (model(torch.ones(1, 2)).sum() * float("nan"), {"loss": torch.tensor(float("nan"))})

    with pytest.raises(FloatingPointError, match="step 1"):
        trainer.run(nothing, lambda model: {}, every=1)


def test_what_was_seen_can_be_looked_up():
    digests = [hashlib.sha256(bytes([i])).digest()[:8] for i in range(200)]
    seen = summary(digests[::2] + digests[:1])
    assert seen["count"] == 100
    assert all(has_seen(seen, d) == (i % 2 == 0) for i, d in enumerate(digests))


@pytest.mark.parametrize("look", [*training_looks()[::40], *UNSEEN_LOOKS], ids=lambda look: look.name)
def test_a_look_renders_alike_each_time_and_unlike_the_drawing(look):
    drawing = Drawing(body(look.base, "toy"), 0, 0, 32, 32)
    one, two = redrawn(drawing, look), redrawn(drawing, look)
    assert one == two
    pixels = rendered(one)
    assert pixels.shape == (SIZE, SIZE, 3) and pixels.std() > 2
    plain = rendered(redrawn(drawing, training_looks()[0]))
    assert look == training_looks()[0] or np.abs(pixels.astype(int) - plain).mean() > 1


def test_near_copies_are_found_by_root_mean_square():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    moved = np.clip(one.astype(int) + 20, 0, 255).astype(np.uint8)
    other = np.full_like(one, 255)
    found = near(small(one), small(np.concatenate([moved, other])))
    assert found[:, :3].diagonal().all() and not found[:, 3:].any()
