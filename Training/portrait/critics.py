"""Losses beyond squares: how unlike pictures look, and whether a critic can tell them from true ones."""
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from . import training


class Perceptual(nn.Module):
    """Distance of normalised features in several layers of a frozen network (as LPIPS has it).

    At full size the network is VGG16, from a file with torchvision's names; the small model uses
    its own autoencoder's encoder, so that its recipe needs nothing from outside.
    """

    def __init__(self, layers: nn.Sequential, taken: list[int], mean=0.0, deviation=1.0):
        super().__init__()
        self.layers = layers.eval().requires_grad_(False)
        self.taken = set(taken)
        self.register_buffer("mean", torch.as_tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("deviation", torch.as_tensor(deviation).reshape(-1, 1, 1))

    @classmethod
    def of_autoencoder(cls, tiny) -> "Perceptual":
        """Features at every resolution, before each halving and at the end."""
        layers = tiny.encoder.layers[:-1]
        taken = [i for i, layer in enumerate(layers)
                 if i == len(layers) - 1 or getattr(layers[i + 1], "stride", (1, 1)) == (2, 2)]
        return cls(layers, taken)

    @classmethod
    def of_vgg(cls, path: str | Path) -> "Perceptual":
        """VGG16 up to its fifth stage; what counts is seen after the last ReLU of each."""
        from safetensors.torch import load_file
        path = Path(path)
        weights = (load_file(path) if path.suffix == ".safetensors"
                   else torch.load(path, weights_only=True))
        layers, taken, current = [], [], 3
        for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                layers += [nn.Conv2d(current, width, 3, padding=1), nn.ReLU()]
                current = width
            taken.append(len(layers) - 1)
            layers.append(nn.MaxPool2d(2))
        layers = nn.Sequential(*layers[:-1])
        layers.load_state_dict({
            key.removeprefix("features."): value for key, value in weights.items()
            if key.startswith("features.")})
        # ImageNet's mean and deviation, for pictures in -1...1.
        return cls(layers, taken, [-.030, -.088, -.188], [.458, .448, .450])

    def features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        x, found = (pictures - self.mean) / self.deviation, []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.taken:
                found.append(x * (x.square().sum(1, keepdim=True) + 1e-6).rsqrt())
        return found

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            wanted = self.features(b)
        return sum((x - y).square().sum(1).mean() for x, y in zip(self.features(a), wanted))


class Discriminator(nn.Module):
    """StyleGAN2's residual form: halves a picture to 4 x 4, looks at a batch's spread, judges."""

    def __init__(self, channels: int, size: int, width: int, widest: int = 512):
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        blocks, side = [], size
        while side > 4:
            wide = min(2 * width, widest)
            block = nn.Module()
            block.conv1 = nn.Conv2d(width, width, 3, padding=1)
            block.conv2 = nn.Conv2d(width, wide, 3, padding=1)
            block.skip = nn.Conv2d(width, wide, 1, bias=False)
            blocks.append(block)
            width, side = wide, side // 2
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(width + 1, width, 3, padding=1)
        self.judge = nn.Sequential(
            nn.Linear(width * side * side, width), nn.LeakyReLU(.2), nn.Linear(width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.first(x), .2)
        for block in self.blocks:
            y = F.leaky_relu(block.conv2(F.leaky_relu(block.conv1(x), .2)), .2)
            x = (F.avg_pool2d(y, 2) + block.skip(F.avg_pool2d(x, 2))) / 2 ** .5
        # Of what is the same in all pictures a deviation has no second derivative.
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean().expand(len(x), 1, *x.shape[2:])
        x = F.leaky_relu(self.last(torch.cat([x, spread], 1)), .2)
        return self.judge(x.flatten(1))[:, 0]


class PatchDiscriminator(nn.Sequential):
    """Judges every neighbourhood by itself (as pix2pix does), which little data is enough for."""

    def __init__(self, channels: int, width: int):
        def layer(a: int, b: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(a, b, 3, stride, padding=1)

        act = nn.LeakyReLU(.2)
        super().__init__(layer(channels, width), act, layer(width, width, 2), act,
                         layer(width, width), act, layer(width, 1))


class Critic:
    """A discriminator that learns beside a stage, and is kept beside its checkpoint.

    It sees `context` with what it judges (a portrait, a pose), so it can tell not only what is
    blurred but also what is out of place. Logistic losses with a gradient penalty on the truth.
    """

    def __init__(self, path: Path, model: nn.Module, rate: float, penalty: float = 1.0,
                 every: int = 4):
        self.path, self.model, self.penalty, self.every = path, model, penalty, every
        self.optimizer = torch.optim.Adam(model.parameters(), rate, (0.0, .99))
        self.step = 0
        if path.exists():
            state = torch.load(path, weights_only=True)
            model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def loss(self, made: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """What the painter is to make small; the critic learns nothing from it."""
        self.model.requires_grad_(False)
        loss = F.softplus(-self.model(torch.cat([made, context], 1))).mean()
        self.model.requires_grad_(True)
        return loss

    def learn(self, made: torch.Tensor, truth: torch.Tensor, context: torch.Tensor) -> dict:
        real = torch.cat([truth, context], 1)
        punished = self.step % self.every == 0
        if punished:
            real.requires_grad_(True)
        yes = self.model(real)
        no = self.model(torch.cat([made.detach(), context], 1))
        loss = F.softplus(-yes).mean() + F.softplus(no).mean()
        if punished:
            gradient, = torch.autograd.grad(yes.sum(), real, create_graph=True)
            loss = loss + self.penalty * self.every / 2 * gradient.square().sum((1, 2, 3)).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        training.share([p for p in self.model.parameters() if p.grad is not None])
        self.optimizer.step()
        self.step += 1
        return dict(critic_yes=float((yes > 0).float().mean()),
                    critic_no=float((no < 0).float().mean()))

    def save(self) -> None:
        state = dict(model=self.model.state_dict(), optimizer=self.optimizer.state_dict(),
                     step=self.step)
        torch.save(state, self.path.with_suffix(".new"))
        self.path.with_suffix(".new").replace(self.path)
