"""The Stable Diffusion autoencoder and TAESD, of any width."""
import torch
import torch.nn.functional as F
from torch import nn

from .parts import Attention, Resnet, Sampler, group_norm

EPS = 1e-6


class MidAttention(Attention):
    def __init__(self, channels: int, groups: int):
        super().__init__(channels, 1, bias=True)
        self.group_norm = group_norm(channels, groups, EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        return x + super().forward(tokens).transpose(1, 2).reshape(n, c, h, w)


class Half(nn.Module):
    """Encoder or decoder."""

    def __init__(self, vae: dict, decodes: bool):
        super().__init__()
        widths, groups = vae["block_out_channels"], vae["norm_groups"]
        layers, latent = vae["layers_per_block"], vae["latent_channels"]
        if decodes:
            widths, layers = widths[::-1], layers + 1
        top = vae["block_out_channels"][-1]
        self.conv_in = nn.Conv2d(latent if decodes else 3, widths[0], 3, padding=1)
        stages, current = [], widths[0]
        for level, width in enumerate(widths):
            stage = nn.Module()
            stage.resnets = nn.ModuleList([
                Resnet(current if i == 0 else width, width, groups, EPS, None)
                for i in range(layers)])
            if level < len(widths) - 1:
                name = "upsamplers" if decodes else "downsamplers"
                setattr(stage, name, nn.ModuleList([Sampler(width, decodes, not decodes)]))
            stages.append(stage)
            current = width
        self.stages = stages  # not a module list: the published name depends on the half
        setattr(self, "up_blocks" if decodes else "down_blocks", nn.ModuleList(stages))
        self.mid_block = nn.Module()
        self.mid_block.resnets = nn.ModuleList(
            [Resnet(top, top, groups, EPS, None) for _ in range(2)])
        self.mid_block.attentions = nn.ModuleList([MidAttention(top, groups)])
        self.conv_norm_out = group_norm(current, groups, EPS)
        self.conv_out = nn.Conv2d(current, 3 if decodes else 2 * latent, 3, padding=1)
        self.decodes = decodes

    def middle(self, x):
        block = self.mid_block
        return block.resnets[1](block.attentions[0](block.resnets[0](x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(x)
        if self.decodes:
            x = self.middle(x)
        for stage in self.stages:
            for resnet in stage.resnets:
                x = resnet(x)
            sampler = getattr(stage, "upsamplers" if self.decodes else "downsamplers", None)
            if sampler:
                x = sampler[0](x)
        if not self.decodes:
            x = self.middle(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class VAE(nn.Module):
    """Images in -1...1 to latents in the diffusion model's scale, and back."""

    def __init__(self, vae: dict):
        super().__init__()
        latent = vae["latent_channels"]
        self.scaling = vae["scaling"]
        self.encoder = Half(vae, decodes=False)
        self.quant_conv = nn.Conv2d(2 * latent, 2 * latent, 1)
        self.post_quant_conv = nn.Conv2d(latent, latent, 1)
        self.decoder = Half(vae, decodes=True)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return self.quant_conv(self.encoder(images)).chunk(2, 1)[0] * self.scaling

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.post_quant_conv(latents / self.scaling))

    @torch.no_grad()
    def standardise(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        """Makes latents of that mean and deviation per channel standard; pictures stay as they are.

        Both 1 x 1 convolutions at the latent take it up, so nothing else needs to know.
        """
        c = len(mean)
        mean, deviation = mean / self.scaling, deviation / self.scaling
        target = 1 / self.scaling
        post, quant = self.post_quant_conv, self.quant_conv
        post.bias += post.weight[:, :, 0, 0] @ mean
        post.weight *= (deviation / target)[None, :, None, None]
        quant.bias[:c] = (quant.bias[:c] - mean) / deviation * target
        quant.weight[:c] *= (target / deviation)[:, None, None, None]


class TinyBlock(nn.Module):
    def __init__(self, c: int):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(c, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(x) + x)


class TinyAutoencoder(nn.Module):
    """TAESD: images in -1...1, latents in the diffusion model's scale."""

    def __init__(self, taesd: dict, latent: int):
        super().__init__()
        c = taesd["channels"]
        conv = lambda a, b, **more: nn.Conv2d(a, b, 3, padding=1, **more)  # noqa: E731
        layers: list[nn.Module] = [conv(3, c)]
        for level, blocks in enumerate(taesd["encoder_blocks"]):
            if level:
                layers.append(conv(c, c, stride=2, bias=False))
            layers += [TinyBlock(c) for _ in range(blocks)]
        self.encoder = nn.Module()
        self.encoder.layers = nn.Sequential(*layers, conv(c, latent))
        layers = [conv(latent, c), nn.ReLU()]
        for level, blocks in enumerate(taesd["decoder_blocks"]):
            if level:
                layers += [nn.Upsample(scale_factor=2), conv(c, c, bias=False)]
            layers += [TinyBlock(c) for _ in range(blocks)]
        self.decoder = nn.Module()
        self.decoder.layers = nn.Sequential(*layers, conv(c, 3))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return self.encoder.layers(images / 2 + .5)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return self.decoder.layers(3 * torch.tanh(latents / 3)) * 2 - 1

    @torch.no_grad()
    def begin_as_resampler(self) -> None:
        """Weights with which three channels of a latent are the mean colours of its cell.

        Training then begins at a blurred picture and not at none, which saves most of its first
        thousand steps; blocks begin as almost nothing.
        """
        smooth = torch.tensor([1.0, 2.0, 1.0]) / 4
        smooth = smooth[:, None] * smooth
        for layers in (self.encoder.layers, self.decoder.layers):
            for layer in layers:
                if isinstance(layer, TinyBlock):
                    layer.conv[4].weight.mul_(.1)
                    layer.conv[4].bias.zero_()
            convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
            for layer in convolutions:
                layer.weight[:3] *= .05
                for i in range(3):
                    if layer.bias is None:
                        layer.weight[i, i] = smooth
                    else:
                        layer.weight[i, i, 1, 1] = 1
                        layer.bias[i] = 0
        last, first = self.encoder.layers[-1], self.decoder.layers[0]
        last.weight[:3] *= 4
        last.bias[:3] = -2
        first.weight[:3] /= 4
        first.bias[:3] = .5
