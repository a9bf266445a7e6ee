"""What looks at faces: motion extractor, motion encoder, pose guider, image encoder."""
import torch
import torch.nn.functional as F
from torch import nn

from .parts import Attention, FeedForward, waves, zero


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of a map."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        g = (x.float().square().sum((1, 2), keepdim=True) + 1e-12).sqrt()
        n = g / (g.mean(-1, keepdim=True) + 1e-6)
        return self.gamma * (x * n) + self.beta + x


class ConvNeXtBlock(nn.Module):
    def __init__(self, c: int):
        super().__init__()
        self.dwconv = nn.Conv2d(c, c, 7, padding=3, groups=c)
        self.norm = nn.LayerNorm(c, eps=1e-6)
        self.pwconv1 = nn.Linear(c, 4 * c)
        self.grn = ResponseNorm(4 * c)
        self.pwconv2 = nn.Linear(4 * c, c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(self.grn(F.gelu(self.pwconv1(y))))
        return x + y.permute(0, 3, 1, 2)


class MotionExtractor(nn.Module):
    """Pictures in 0...1 to key points at rest, angles, translation and scale."""

    def __init__(self, extractor: dict):
        super().__init__()
        d = self.detector = nn.Module()
        widths, depths, bins = extractor["dims"], extractor["depths"], extractor["bins"]
        d.downsample_layers = nn.ModuleList([nn.Sequential(
            nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0], eps=1e-6))])
        for a, b in zip(widths, widths[1:]):
            d.downsample_layers.append(nn.Sequential(
                ChannelNorm(a, eps=1e-6), nn.Conv2d(a, b, 2, stride=2)))
        d.stages = nn.ModuleList([
            nn.Sequential(*[ConvNeXtBlock(w) for _ in range(n)]) for w, n in zip(widths, depths)])
        d.norm = nn.LayerNorm(widths[-1], eps=1e-6)
        d.fc_kp = nn.Linear(widths[-1], 3 * extractor["keypoints"])
        d.fc_scale, d.fc_t = nn.Linear(widths[-1], 1), nn.Linear(widths[-1], 3)
        for name in ("pitch", "yaw", "roll"):
            setattr(d, f"fc_{name}", nn.Linear(widths[-1], bins))
        self.register_buffer("idx_tensor", torch.arange(bins).float())

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        d, x = self.detector, pictures
        for down, stage in zip(d.downsample_layers, d.stages):
            x = stage(down(x))
        x = d.norm(x.mean((2, 3))).float()
        found = dict(keypoints=d.fc_kp(x).reshape(len(x), -1, 3), scale=d.fc_scale(x),
                     translation=d.fc_t(x))
        for name in ("pitch", "yaw", "roll"):
            p = getattr(d, f"fc_{name}")(x).float().softmax(1)
            found[name] = 3 * (p * self.idx_tensor).sum(1) - 97.5
        return found


class Residual(nn.Module):
    """Three convolutions of shrinking width, side by side, added to their input."""

    def __init__(self, a: int, b: int):
        super().__init__()
        widths = [a, b // 2, b // 4, b // 4]
        for i in range(3):
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(widths[i]))
            setattr(self, f"conv{i + 1}",
                    nn.Conv2d(widths[i], widths[i + 1], 3, padding=1, bias=False))
        self.downsample = None
        if a != b:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(a, eps=1e-4), nn.ReLU(), nn.Conv2d(a, b, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.conv1(F.relu(self.bn1(x)))
        second = self.conv2(F.relu(self.bn2(first)))
        third = self.conv3(F.relu(self.bn3(second)))
        short = x if self.downsample is None else self.downsample(x)
        return torch.cat([first, second, third], 1) + short


class Hourglass(nn.Module):
    def __init__(self, channels: int, depth: int):
        super().__init__()
        self.depth = depth
        for level in range(1, depth + 1):
            for name in ("b1", "b2", "b3"):
                setattr(self, f"{name}_{level}", Residual(channels, channels))
        self.b2_plus_1 = Residual(channels, channels)

    def forward(self, x: torch.Tensor, level: int | None = None) -> torch.Tensor:
        level = level or self.depth
        up = getattr(self, f"b1_{level}")(x)
        low = getattr(self, f"b2_{level}")(F.max_pool2d(x, 2))
        inner = self.b2_plus_1(low) if level == 1 else self(low, level - 1)
        low = getattr(self, f"b3_{level}")(inner)
        return up + F.interpolate(low, up.shape[2:], mode="bilinear", align_corners=False)


class PatchBlock(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width)])
        self.attention_blocks = nn.ModuleList([Attention(width, heads)])
        self.ff_norm = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention_blocks[0](self.norms[0](x))
        return x + self.ff(self.ff_norm(x))


class PatchAttention(nn.Module):
    def __init__(self, channels: int, patch: int, side: int, heads: int, head: int):
        super().__init__()
        width = heads * head
        self.patch, self.side = patch, side
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.pos_embed = nn.Module()
        self.pos_embed.proj = nn.Conv2d(channels, width, patch, stride=patch)
        table = waves(side, width // 4)
        columns, rows = table.repeat(side, 1), table.repeat_interleave(side, 0)
        self.register_buffer("table", torch.cat([columns, rows], 1), persistent=False)
        self.transformer_blocks = nn.ModuleList([PatchBlock(width, heads)])
        self.proj_out = zero(nn.Linear(width // patch ** 2, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        p, s = self.patch, self.side
        y = self.pos_embed.proj(self.norm(x)).flatten(2).transpose(1, 2) + self.table
        y = self.proj_out(self.transformer_blocks[0](y).reshape(n, s, s, p, p, -1))
        return x + y.permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)


class MotionEncoder(nn.Module):
    """Faces in -1...1 to motion tokens `[n, tokens, width]`."""

    def __init__(self, configuration: dict):
        super().__init__()
        e, tokens = configuration["motion_encoder"], configuration["motion_tokens"]
        c, side = e["stem_channels"], e["input_size"] // 8
        m = self.model = nn.Module()
        m.conv1, m.bn1 = nn.Conv2d(3, c, 7, stride=2, padding=3), nn.BatchNorm2d(c)
        m.conv2, m.conv3 = Residual(c, 2 * c), Residual(2 * c, 2 * c)
        m.conv4, m.top_m_0 = Residual(2 * c, 4 * c), Residual(4 * c, 4 * c)
        for name, channels, patch in (("att_1", 2 * c, 4), ("att_2", 4 * c, 2),
                                      ("att_3", 4 * c, 2)):
            setattr(m, name, PatchAttention(
                channels, patch, side, e["attention_heads"], e["attention_head_dim"]))
        m.m0 = Hourglass(4 * c, e["hourglass_depth"])
        m.conv_last0, m.bn_end0 = nn.Conv2d(4 * c, 4 * c, 1), nn.BatchNorm2d(4 * c)
        marks = e["landmark_channels"]
        m.l0, m.bn5 = nn.Conv2d(4 * c, marks, 1), nn.BatchNorm2d(marks)
        m.conv6 = nn.Conv2d(marks, 1, 3, stride=2, padding=1)
        nn.init.constant_(m.conv6.bias, 1.0)  # a ReLU follows: it must not start dead
        m.fc = nn.Linear(e["fc_input"], e["output"])
        self.final_proj = nn.Linear(e["output"], e["output"])
        self.register_buffer("pe", waves(tokens["count"], tokens["dim"] // 2)[None])

    def maps(self, faces: torch.Tensor) -> list[torch.Tensor]:
        """What it sees before all goes through one narrow map: the features that enter the hourglass
        and those that leave it, both `[n, 4 · stem, size / 4, size / 4]`."""
        m = self.model
        x = m.conv2(F.relu(m.bn1(m.conv1(faces))))
        x = F.max_pool2d(m.att_1(x), 2)
        entering = m.att_2(m.conv4(m.conv3(x)))
        x = m.top_m_0(m.m0(entering))
        return [entering, F.relu(m.att_3(m.bn_end0(m.conv_last0(x))))]

    def told(self, leaving: torch.Tensor) -> torch.Tensor:
        """The tokens that the last of its maps amounts to."""
        m = self.model
        x = F.relu(m.conv6(F.relu(m.bn5(m.l0(leaving)))))
        x = self.final_proj(m.fc(x.flatten(1)))
        return x.reshape(len(x), *self.pe.shape[1:]) + self.pe

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.told(self.maps(faces)[-1])


class PoseGuider(nn.Module):
    """Drawn key points, `[n, 3, size, size]` in 0...1, to features at the latent's size."""

    def __init__(self, guider: dict):
        super().__init__()
        widths = guider["block_channels"]
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        blocks = []
        for a, b in zip(widths, widths[1:]):
            blocks += [nn.Conv2d(a, a, 3, padding=1), nn.Conv2d(a, b, 3, stride=2, padding=1)]
        self.blocks = nn.ModuleList(blocks)
        self.conv_out_modify = nn.Conv2d(widths[-1], guider["output_channels"], 3, padding=1)

    @torch.no_grad()
    def begin_as_heat_maps(self) -> None:
        """Weights with which each drawn point has four channels of its own around where it is.

        Discs on black fade to nothing in eight convolutions of PyTorch's usual beginning: then
        thousands of samples pass before the pose is used at all. Needs widths of 8 and more, and
        28 outputs.
        """
        layers = [self.conv_in, *self.blocks, self.conv_out_modify]
        smooth = torch.tensor([1.0, 2.0, 1.0]) / 4
        smooth = smooth[:, None] * smooth
        for layer in layers:
            layer.weight[:7] = 0
            layer.bias[:7] = 0
        # How much of each colour is in a pixel; the last disc's is between red and magenta.
        colours = [[1, -1, -3, -.5], [1, 1, -2, -1.5], [-1, 1, -1, -.5], [-1, 1, 1, -1.5],
                   [-1, -1, 1, -.5], [1, -1, 1, -1.6], [1, -1, 0, -.5]]
        for k, (r, g, b, offset) in enumerate(colours):
            layers[0].weight[k, :, 1, 1] = 16 * torch.tensor([r, g, b])
            layers[0].bias[k] = 16 * offset
        for layer in layers[1:-1]:
            layer.weight[7:] *= .5
            for k in range(7):
                layer.weight[k, k] = smooth
        layers[1].weight[:7] = 0
        for k in range(7):
            layers[1].weight[k, k, 1, 1] = 1
        layers[1].weight[6, 0, 1, 1] = -1
        layers[1].weight[6, 5, 1, 1] = -1.25
        side, out = torch.tensor([-1.0, 0, 1]), layers[-1]
        out.weight.mul_(.2)
        out.bias.zero_()
        for k in range(7):
            out.weight[k, k, 1, 1] = 2
            out.weight[7 + k, k] = smooth[1] * 4 * side[None]
            out.weight[14 + k, k] = smooth[1] * 4 * side[:, None]
            out.weight[21 + k, k] = .5

    def forward(self, canvases: torch.Tensor) -> torch.Tensor:
        x = F.silu(self.conv_in(canvases))
        for block in self.blocks:
            x = F.silu(block(x))
        return self.conv_out_modify(x)


class ClipAttention(nn.Module):
    def __init__(self, c: int, heads: int):
        super().__init__()
        self.heads = heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(c, c))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, c = x.shape
        q, k, v = (f(x).reshape(n, t, self.heads, -1).transpose(1, 2)
                   for f in (self.q_proj, self.k_proj, self.v_proj))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c)
        return self.out_proj(y)


class ClipLayer(nn.Module):
    def __init__(self, e: dict):
        super().__init__()
        c, eps = e["hidden_size"], e["layer_norm_eps"]
        self.self_attn = ClipAttention(c, e["num_attention_heads"])
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(c, eps=eps), nn.LayerNorm(c, eps=eps)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(c, e["intermediate_size"])
        self.mlp.fc2 = nn.Linear(e["intermediate_size"], c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        y = self.mlp.fc1(self.layer_norm2(x))
        return x + self.mlp.fc2(y * torch.sigmoid(1.702 * y))


class ImageEncoder(nn.Module):
    """A normalised picture to the one token that all cross-attentions see."""

    def __init__(self, e: dict):
        super().__init__()
        c, side = e["hidden_size"], e["image_size"] // e["patch_size"]
        v = self.vision_model = nn.Module()
        v.embeddings = nn.Module()
        v.embeddings.class_embedding = nn.Parameter(torch.randn(c) * .02)
        v.embeddings.patch_embedding = nn.Conv2d(
            3, c, e["patch_size"], stride=e["patch_size"], bias=False)
        v.embeddings.position_embedding = nn.Embedding(side * side + 1, c)
        nn.init.normal_(v.embeddings.position_embedding.weight, std=.02)
        v.pre_layrnorm = nn.LayerNorm(c, eps=e["layer_norm_eps"])
        v.encoder = nn.Module()
        v.encoder.layers = nn.ModuleList(
            [ClipLayer(e) for _ in range(e["num_hidden_layers"])])
        v.post_layernorm = nn.LayerNorm(c, eps=e["layer_norm_eps"])
        self.visual_projection = nn.Linear(c, e["projection_dim"], bias=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        v = self.vision_model
        x = v.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
        first = v.embeddings.class_embedding.expand(len(x), 1, -1)
        x = v.pre_layrnorm(torch.cat([first, x], 1) + v.embeddings.position_embedding.weight)
        for layer in v.encoder.layers:
            x = layer(x)
        return self.visual_projection(v.post_layernorm(x[:, 0]))
