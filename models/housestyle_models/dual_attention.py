"""Control-CLIP's plug-and-play cross-attention: one frozen UNet, two text conditionings.

In every cross-attention layer, with the layer's own frozen projections (arXiv 2502.11532, section on guiding the UNet):

    A_c = Attn(Q, K(h_c), V(h_c))        h_c: states of the category prompt
    A_s = Attn(Q, K(h_s), V(h_s))        h_s: states of the style prompt
    out = (1 - s) * A_c + s * A_s        s = style_scale, one value a sample and a layer, in 0..1

Invariants: s = 0 gives the unmodified UNet's values bit for bit in the same runtime (the arithmetic of A_c is left as
it is, and x * 1 + y * 0 = x), s = 1 gives the unmodified UNet read with h_s; no weight is added or changed.

Layers are counted in the order they run: down blocks, middle block, up blocks.
"""

from __future__ import annotations

import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn


class DualCrossAttention:
    """Processor of the cross-attention layer number `layer`. Without `style_scale` it is plain attention to the
    category."""

    def __init__(self, layer: int) -> None:
        self.layer = layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        encoder_hidden_states_style: Tensor | None = None,
        style_scale: Tensor | None = None,
    ) -> Tensor:
        """[b, pixels, channels], [b, L, D], [b, L2, D], [b, layers] -> [b, pixels, channels]."""
        if attention_mask is not None:
            raise ValueError("the prompts' states carry no mask: pad them as the text encoder was trained")
        query = _heads(attn, attn.to_q(hidden_states))
        blended = _attend(attn, query, encoder_hidden_states)
        if style_scale is not None and encoder_hidden_states_style is not None:
            style = _attend(attn, query, encoder_hidden_states_style)
            scale = style_scale[:, self.layer, None, None]
            blended = (1.0 - scale) * blended + scale * style
        for project in attn.to_out:  # linear, dropout
            blended = project(blended)
        return blended / attn.rescale_output_factor


class PlainSelfAttention(AttnProcessor2_0):
    """diffusers' own self-attention, which takes the style arguments of its neighbours and leaves them alone."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        encoder_hidden_states_style: Tensor | None = None,
        style_scale: Tensor | None = None,
    ) -> Tensor:
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, temb)


def _heads(attn: Attention, x: Tensor) -> Tensor:
    """[b, n, heads * d] -> [b, heads, n, d]."""
    return x.view(x.shape[0], -1, attn.heads, x.shape[-1] // attn.heads).transpose(1, 2)


def _attend(attn: Attention, query: Tensor, context: Tensor) -> Tensor:
    """Attention of `query` [b, heads, n, d] to `context` [b, L, D] -> [b, n, heads * d], before the output
    projection."""
    key, value = _heads(attn, attn.to_k(context)), _heads(attn, attn.to_v(context))
    mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=0.0, is_causal=False)
    return mixed.transpose(1, 2).reshape(query.shape[0], -1, key.shape[1] * key.shape[3])


def cross_attention_layers(unet: UNet2DConditionModel) -> list[str]:
    """Names of the cross-attention layers (diffusers' `attn2`), in the order in which they run."""
    names = [name for name, module in unet.named_modules() if isinstance(module, Attention) and name.endswith(".attn2")]
    rooms = ["down_blocks", "mid_block", "up_blocks"]
    return sorted(names, key=lambda name: rooms.index(name.split(".")[0]))  # stable: the order inside a room stays


def install(unet: UNet2DConditionModel) -> int:
    """Puts the processors into `unet`, in place, and returns the number of its cross-attention layers.

    A UNet that is not shaped as Stable Diffusion 1.x's is a ValueError: its conditioning would not go through `attn2`
    alone.
    """
    config = unet.config
    for key in ("class_embed_type", "addition_embed_type", "encoder_hid_dim", "num_class_embeds", "time_cond_proj_dim"):
        if config.get(key) is not None:
            raise ValueError(f"not a Stable-Diffusion-1.x-shaped UNet: its config sets {key} = {config[key]!r}")
    if config.get("dual_cross_attention") or config.get("only_cross_attention"):
        raise ValueError("not a Stable-Diffusion-1.x-shaped UNet: dual_cross_attention or only_cross_attention is set")
    layers = cross_attention_layers(unet)
    if not layers:
        raise ValueError("the UNet has no cross-attention layer that a prompt could steer")
    for name, module in unet.named_modules():
        if not isinstance(module, Attention):
            continue
        odd = ("spatial_norm", "group_norm", "norm_cross", "norm_q", "norm_k")
        if any(getattr(module, key) is not None for key in odd) or module.residual_connection:
            raise ValueError(f"attention layer {name} has a norm or a residual that Stable Diffusion 1.x does not have")
        module.set_processor(DualCrossAttention(layers.index(name)) if name in layers else PlainSelfAttention())
    return len(layers)


class DualUNet(nn.Module):
    """The UNet as the bundle exports it. Installs the processors into the given module (which stays usable as it
    was)."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.layers = install(unet)
        self.unet = unet

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_style: Tensor,
        style_scale: Tensor,
    ) -> Tensor:
        """[b, C, h, w], [b], [b, L, D] (category), [b, L2, D] (style), [b, layers] -> prediction [b, C, h, w]."""
        style = {"encoder_hidden_states_style": encoder_hidden_states_style, "style_scale": style_scale}
        return self.unet(sample, timestep, encoder_hidden_states, cross_attention_kwargs=style, return_dict=False)[0]


class PlainUNet(nn.Module):
    """The unmodified UNet with positional tensors in and out: what `DualUNet` is compared with."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        """[b, C, h, w], [b], [b, L, D] -> prediction [b, C, h, w]."""
        return self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]
