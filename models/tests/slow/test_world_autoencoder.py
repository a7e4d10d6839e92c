"""The autoencoder begins as the best linear code of its channels, and its network learns on top of it."""

import torch
import torch.nn.functional as F

from housestyle_models.world.autoencoder import BLOCK, Autoencoder, psnr, round_trip


def pictures() -> torch.Tensor:
    """Smooth pictures [8, 3, 128, 128] in [-1, 1]."""
    coarse = torch.randn(8, 3, 12, 12, generator=torch.Generator().manual_seed(3))
    return F.interpolate(coarse, size=128, mode="bicubic").tanh()


def test_it_begins_as_principal_components():
    x, model = pictures(), Autoencoder((16, 16, 16), channels=24).eval()
    model.begin_with(x)
    blocks = F.pixel_unshuffle(x, BLOCK).permute(0, 2, 3, 1).flatten(0, 2)
    centred = blocks - blocks.mean(0)
    left_over = torch.linalg.svdvals(centred)[24:].square().sum() / centred.numel()
    with torch.no_grad():
        latents = model.encode(x).latent_dist
        error = (model.decode(latents.mean).sample - x).square().mean()
    assert latents.mean.shape == (8, 24, 8, 8)
    assert latents.std.max() < 0.06
    torch.testing.assert_close(error, left_over, rtol=1e-2, atol=1e-6)


def test_its_network_learns_on_top():
    torch.manual_seed(0)
    x, model = pictures(), Autoencoder((16, 16, 16), channels=4)
    model.begin_with(x)
    with torch.no_grad():
        before = psnr(x, round_trip(model, x)).mean()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(12):
        y, _ = model(x)
        optimizer.zero_grad()
        (x - y).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        assert psnr(x, round_trip(model, x)).mean() > before
