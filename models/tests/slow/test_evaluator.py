"""The judge: what it is fed, and that what is exported is what was trained."""

from types import SimpleNamespace

import torch

from housestyle_models.evaluator import COLOURS, Evaluator, frame, glyphs, labels, palettes, pasted
from housestyle_models.tower import palette

PIXELS = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(7)) * 2 - 1


def test_palettes_are_distributions_and_move_with_the_colours():
    plain = palette(PIXELS, COLOURS)
    assert plain.shape == (3, COLOURS**3)
    torch.testing.assert_close(plain.square().sum(1), torch.ones(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(palettes(PIXELS, 0.0).float(), plain, atol=1e-3, rtol=0)
    assert not torch.allclose(palettes(PIXELS, 0.1).float(), plain, atol=1e-3)


def test_the_judge_takes_its_own_palette_where_none_is_given():
    model = Evaluator(categories=5, widths=(8, 8, 8), blocks=1, others=3).eval()
    for own, given in zip(model(PIXELS), model(PIXELS, palette(PIXELS, COLOURS)), strict=True):
        torch.testing.assert_close(own, given)
    style, category, embedding = model(PIXELS)
    assert (style.shape, category.shape, embedding.shape) == ((3, 10), (3, 5), (3, 256))


def test_the_frame_is_how_far_paper_reaches_from_each_side():
    drawing = torch.ones(1, 3, 64, 64)
    drawing[:, 1, 10:50, 20:60] = -1
    paper = frame(drawing).reshape(4, 64)
    left, right, top, bottom = paper.sum(1).tolist()
    assert (left, right, top, bottom) == (20, 4, 10, 14)
    assert torch.equal(frame(torch.ones(1, 3, 64, 64)), torch.ones(1, 256))
    faint = drawing.clone()
    faint[:, :, :, :5] = 0.92
    assert torch.equal(frame(faint).reshape(4, 64), paper), "four per cent of ink is paper"


def test_pieces_come_from_the_other_drawing():
    torch.manual_seed(0)
    seen, chosen = pasted(torch.zeros(64, 3, 64, 64), torch.ones(64, 3, 64, 64), 0.5)
    shares = seen.mean((1, 2, 3))
    assert 10 < chosen.sum() < 54
    assert (shares[~chosen] == 0).all() and (shares[chosen] > 0).all() and (shares < 0.6).all()


def test_glyphs_are_black_on_white_paper():
    torch.manual_seed(0)
    paper = torch.ones(8, 3, 64, 64)
    drawing = paper.clone()
    drawing[:, :, 16:48, 16:48] = torch.tensor([0.9, -0.7, -0.7])[:, None, None]
    drawn = glyphs(drawing)
    assert torch.equal(glyphs(paper), paper)
    assert drawn.amin() < -0.9 and torch.equal(drawn[:, 0], drawn[:, 2])
    assert torch.equal(drawn[..., :8, :8], paper[..., :8, :8])


def test_names_that_are_no_class_have_no_label():
    rows = [{"house": "noto", "name": "fox"}, {"house": "fxemoji", "name": "owl"}]
    style, category = labels(SimpleNamespace(rows=rows), ["fox"])
    assert style.tolist() == [0, 9] and category.tolist() == [0, -1]
