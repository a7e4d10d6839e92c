"""The training step: begins as the stock encoder, leaves frozen weights alone, and its ONNX graph agrees with
PyTorch."""

import pytest
import torch

from housestyle_models import fixture
from housestyle_models.bundle import TextEncoder
from housestyle_models.train_step import contrast, example, make_step


@pytest.fixture(scope="module")
def step():
    return make_step(fixture.components().text_encoder, fixture.TRAINING)


def test_at_the_start_prompts_read_as_stock(step):
    trained = step.unflatten(torch.zeros(step.size))
    ids = example(step, fixture.LENGTH, (4, 4, 4))[step.inputs().index("input_ids")]
    states, pooled = step.encode(trained, ids)
    stock_states, stock_pooled = TextEncoder(step.text)(ids)
    assert torch.equal(states, stock_states) and torch.equal(pooled, stock_pooled)


def test_only_the_vector_learns(step):
    values = example(step, fixture.LENGTH, (4, 4, 4))
    before = [p.clone() for p in step.parameters()]
    out = dict(zip(step.outputs(), step(*values), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, step.parameters(), strict=True))
    moved = (out["params_out"] != values[0]).float().mean()
    assert moved > 0.9, "most of the vector should get a gradient"


def test_masked_images_and_prompts_count_for_nothing():
    torch.manual_seed(3)
    image, text = (torch.nn.functional.normalize(torch.randn(n, 8), dim=-1) for n in (4, 6))
    targets, allowed = torch.zeros(4, 6), torch.zeros(4, 6)
    targets[0, 1] = targets[1, 2] = 1.0
    allowed[:, :3] = 1.0
    margin = torch.tensor(0.2)
    full = contrast(image, text, targets, allowed, 10.0, margin)
    alone = contrast(image[:2], text[:3], targets[:2, :3], allowed[:2, :3], 10.0, margin)
    torch.testing.assert_close(full, alone)
