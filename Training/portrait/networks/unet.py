"""Both UNets: the one that reads a portrait, and the one that paints it."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from .parts import Attention, FeedForward, Resnet, Sampler, group_norm, interleaved_waves, zero

RESNET_EPS, MODULE_EPS = 1e-5, 1e-6


class TransformerBlock(nn.Module):
    """Self-attention that also sees banks, the image token, and a feed-forward layer."""

    def __init__(self, channels: int, heads: int, token: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, heads, context=token)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, x, token, banks, collected):
        normed = self.norm1(x)
        if collected is not None:
            collected.append(normed)
        a = self.attn1
        k, v = a.to_k(normed), a.to_v(normed)
        if banks:
            seen = torch.cat(banks, 1)  # [portraits, tokens, c]
            each = len(x) // len(seen)
            k = torch.cat([k, a.to_k(seen).repeat_interleave(each, 0)], 1)
            v = torch.cat([v, a.to_v(seen).repeat_interleave(each, 0)], 1)
        x = x + a.attend(a.to_q(normed), k, v)
        # One token: attention to it has the weight 1.
        row = self.attn2.to_out[0](self.attn2.to_v(token))
        x = x + row.repeat_interleave(len(x) // len(row), 0)[:, None]
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    def __init__(self, channels: int, heads: int, token: int, groups: int):
        super().__init__()
        self.norm = group_norm(channels, groups, MODULE_EPS)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, heads, token)])
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x, token, banks, collected):
        n, c, h, w = x.shape
        y = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        y = self.transformer_blocks[0](y, token, banks, collected)
        return x + self.proj_out(y.transpose(1, 2).reshape(n, c, h, w))


class TemporalAttention(Attention):
    """Frames of a window look at each other at each pixel."""

    def __init__(self, channels: int, heads: int, longest: int = 32):
        super().__init__(channels, heads)
        self.pos_encoder = nn.Module()
        self.pos_encoder.register_buffer("pe", interleaved_waves(longest, channels)[None])

    def forward(self, x, motion, frames):
        n, t, c = x.shape
        y = x.reshape(n // frames, frames, t, c).transpose(1, 2).reshape(-1, frames, c)
        y = super().forward(y + self.pos_encoder.pe[:, :frames])
        return y.reshape(n // frames, t, frames, c).transpose(1, 2).reshape(n, t, c)


class MotionAttention(Attention):
    """A frame looks at its own motion tokens."""

    def forward(self, x, motion, frames):
        return super().forward(x, motion)


class ModuleBlock(nn.Module):
    def __init__(self, channels: int, attention):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(channels) for _ in range(2)])
        self.attention_blocks = nn.ModuleList([attention() for _ in range(2)])
        self.ff_norm = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, x, motion, frames):
        for norm, attention in zip(self.norms, self.attention_blocks):
            x = x + attention(norm(x), motion, frames)
        return x + self.ff(self.ff_norm(x))


class Module(nn.Module):
    """A motion or temporal module: weights under `temporal_transformer`, as published."""

    def __init__(self, channels: int, groups: int, attention):
        super().__init__()
        t = self.temporal_transformer = nn.Module()
        t.norm = group_norm(channels, groups, MODULE_EPS)
        t.proj_in = nn.Linear(channels, channels)
        t.transformer_blocks = nn.ModuleList([ModuleBlock(channels, attention)])
        t.proj_out = zero(nn.Linear(channels, channels))

    def forward(self, x, motion, frames):
        n, c, h, w = x.shape
        t = self.temporal_transformer
        y = t.proj_in(t.norm(x).flatten(2).transpose(1, 2))
        y = t.proj_out(t.transformer_blocks[0](y, motion, frames))
        return x + y.transpose(1, 2).reshape(n, c, h, w)


class Block(nn.Module):
    """The layers of one resolution, down, up or in the middle."""

    def __init__(self, widths: list[tuple[int, int]], unet: dict, motion: int | None,
                 has_attention: bool, sampler: str | None):
        super().__init__()
        groups, time = unet["norm_groups"], unet["time_embedding_dim"]
        self.resnets = nn.ModuleList(
            [Resnet(a, b, groups, RESNET_EPS, time) for a, b in widths])
        if has_attention:
            self.attentions = nn.ModuleList([
                SpatialTransformer(
                    b, unet["attention_heads"], unet["cross_attention_dim"], groups)
                for _, b in widths])
        if motion is not None:
            self.motion_modules = nn.ModuleList([
                Module(b, groups, lambda b=b: MotionAttention(
                    b, unet["motion_heads"], context=motion)) for _, b in widths])
            self.temporal_modules = nn.ModuleList([
                Module(b, groups, lambda b=b: TemporalAttention(b, unet["temporal_heads"]))
                for _, b in widths])
        if sampler:
            setattr(self, sampler, nn.ModuleList(
                [Sampler(widths[-1][1], up=sampler == "upsamplers")]))


class UNet(nn.Module):
    """The body; `motion` is the width of motion tokens, None in the reference UNet."""

    def __init__(self, unet: dict, motion: int | None = None):
        super().__init__()
        widths, time = unet["block_out_channels"], unet["time_embedding_dim"]
        layers, levels, top = unet["layers_per_block"], len(widths), widths[-1]
        self.frequencies = widths[0]
        self.conv_in = nn.Conv2d(unet["latent_channels"], widths[0], 3, padding=1)
        self.time_embedding = nn.Module()
        self.time_embedding.linear_1 = nn.Linear(widths[0], time)
        self.time_embedding.linear_2 = nn.Linear(time, time)
        skips, down, current = [widths[0]], [], widths[0]
        for level, width in enumerate(widths):
            pairs = [(current if i == 0 else width, width) for i in range(layers)]
            last = level == levels - 1
            down.append(Block(pairs, unet, motion, unet["attention_levels"][level],
                              None if last else "downsamplers"))
            skips += [width] * (layers if last else layers + 1)
            current = width
        self.down_blocks = nn.ModuleList(down)
        self.mid_block = Block([(top, top)], unet, motion, True, None)
        self.mid_block.resnets.append(Resnet(top, top, unet["norm_groups"], RESNET_EPS, time))
        up = []
        for level in reversed(range(levels)):
            pairs = []
            for _ in range(layers + 1):
                pairs.append((current + skips.pop(), widths[level]))
                current = widths[level]
            up.append(Block(pairs, unet, motion, unet["attention_levels"][level],
                            "upsamplers" if level else None))
        self.up_blocks = nn.ModuleList(up)
        self.has_output = motion is not None
        if self.has_output:
            self.conv_norm_out = group_norm(widths[0], unet["norm_groups"], RESNET_EPS)
            self.conv_out = nn.Conv2d(widths[0], unet["latent_channels"], 3, padding=1)

    def embed(self, timesteps: torch.Tensor) -> torch.Tensor:
        half = self.frequencies // 2
        w = torch.exp(torch.arange(half, device=timesteps.device) * (-math.log(10000.0) / half))
        angles = timesteps.float()[:, None] * w
        t = self.time_embedding
        return t.linear_2(F.silu(t.linear_1(torch.cat([angles.cos(), angles.sin()], 1))))

    def run(self, latents, timesteps, token, motion=None, pose=None, banks=None, frames=1,
            temporal=True):
        """Features, and the input of each spatial attention.

        Rows of `latents` are frames; `token` and each of `banks` have one row per portrait, whose
        frames lie side by side.
        """
        time = self.embed(timesteps)
        collected: list[torch.Tensor] = []
        x = self.conv_in(latents)
        if pose is not None:
            x = x + pose
        number = 0

        def layer(block, i, x):
            nonlocal number
            x = block.resnets[i](x, time)
            if hasattr(block, "attentions"):
                own = [bank[number] for bank in banks] if banks else None
                x = block.attentions[i](x, token, own, None if banks else collected)
                number += 1
            if motion is not None:
                x = block.motion_modules[i](x, motion, frames)
                if temporal:
                    x = block.temporal_modules[i](x, motion, frames)
            return x

        skips = [x]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                x = layer(block, i, x)
                skips.append(x)
            if hasattr(block, "downsamplers"):
                x = block.downsamplers[0](x)
                skips.append(x)
        x = self.mid_block.resnets[1](layer(self.mid_block, 0, x), time)
        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                x = layer(block, i, torch.cat([x, skips.pop()], 1))
            if hasattr(block, "upsamplers"):
                x = block.upsamplers[0](x)
        return x, collected


class ReferenceUNet(UNet):
    """Reads appearance: its product is what its self-attentions see."""

    def forward(self, latents: torch.Tensor, token: torch.Tensor) -> list[torch.Tensor]:
        zeros = torch.zeros(len(latents), device=latents.device)
        return self.run(latents, zeros, token)[1]


class DenoisingUNet(UNet):
    def __init__(self, configuration: dict):
        super().__init__(configuration["unet"], configuration["motion_tokens"]["dim"])

    def forward(self, latents, timesteps, token, motion, pose, banks, frames=1, temporal=True):
        """`banks` are lists of the reference UNet, the portrait's first, then keyframes'."""
        x, _ = self.run(latents, timesteps, token, motion, pose, banks, frames, temporal)
        return self.conv_out(F.silu(self.conv_norm_out(x)))
