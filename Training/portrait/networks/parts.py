"""What several networks are made of."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from . import attention


def group_norm(channels: int, groups: int, eps: float) -> nn.GroupNorm:
    return nn.GroupNorm(groups, channels, eps=eps)


class Resnet(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; `time` is the width of the time embedding."""

    def __init__(self, inputs: int, outputs: int, groups: int, eps: float, time: int | None):
        super().__init__()
        self.norm1 = group_norm(inputs, groups, eps)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        if time is not None:
            self.time_emb_proj = nn.Linear(time, outputs)
        self.norm2 = group_norm(outputs, groups, eps)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.conv_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor, time: torch.Tensor | None = None) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if time is not None:
            h = h + self.time_emb_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Sampler(nn.Module):
    """Doubles or halves rows and columns; weights under `conv`."""

    def __init__(self, channels: int, up: bool, corner: bool = False):
        super().__init__()
        self.up, self.corner = up, corner
        self.conv = nn.Conv2d(
            channels, channels, 3, stride=1 if up else 2, padding=0 if corner else 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        elif self.corner:  # the VAE's encoder pads at the right and at the bottom alone
            x = F.pad(x, (0, 1, 0, 1))
        return self.conv(x)


class GatedProjection(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.proj = nn.Linear(channels, 8 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    """GEGLU: value first, gate second."""

    def __init__(self, channels: int):
        super().__init__()
        self.net = nn.ModuleList(
            [GatedProjection(channels), nn.Identity(), nn.Linear(4 * channels, channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net[2](self.net[0](x))


class Attention(nn.Module):
    """Multi-head attention of `channels` over tokens that are `context` wide."""

    def __init__(self, channels: int, heads: int, context: int | None = None, bias: bool = False,
                 inner: int | None = None):
        super().__init__()
        context, inner = context or channels, inner or channels
        self.heads = heads
        self.to_q = nn.Linear(channels, inner, bias=bias)
        self.to_k = nn.Linear(context, inner, bias=bias)
        self.to_v = nn.Linear(context, inner, bias=bias)
        self.to_out = nn.ModuleList([nn.Linear(inner, channels)])

    def forward(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        context = x if context is None else context
        return self.attend(self.to_q(x), self.to_k(context), self.to_v(context))

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if attention.is_narrow(q, k, self.heads):
            return self.to_out[0](attention.attend(q, k, v, self.heads))
        n, t, c = q.shape
        q, k, v = (y.reshape(n, -1, self.heads, c // self.heads).transpose(1, 2)
                   for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v)
        return self.to_out[0](y.transpose(1, 2).reshape(n, t, c))


def waves(positions: int, count: int) -> torch.Tensor:
    """Sines at `count` frequencies from 1 down to almost 1/10000, then the cosines."""
    k = torch.arange(count, dtype=torch.float64)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * 10000 ** (-k / count)
    return torch.cat([angles.sin(), angles.cos()], 1).float()


def interleaved_waves(positions: int, width: int) -> torch.Tensor:
    """The temporal table: sine and cosine of each frequency side by side."""
    angles = torch.arange(positions)[:, None] * torch.exp(
        torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def zero(layer: nn.Linear | nn.Conv2d):
    """A layer that says nothing until it has learnt to."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
