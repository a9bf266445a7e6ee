"""What all stages share: time budgets, schedules, averages of weights, checkpoints, curves."""
import atexit
import functools
import json
import math
import os
import signal
import time
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import published
from .optimizers import Muon


@functools.cache
def engine():
    """accelerate, which joins the processes that `accelerate launch` starts; None where there is
    only this one."""
    count = int(os.environ.get("WORLD_SIZE", 1))
    if count == 1:
        return None
    try:
        from accelerate import Accelerator
    except ImportError:
        raise SystemExit(f"WORLD_SIZE is {count}, and several processes need accelerate: "
                         "pip install accelerate") from None
    accelerator = Accelerator()
    # Before the interpreter takes its threads down: a group that still stands then can abort.
    atexit.register(accelerator.end_training)
    return accelerator


def device() -> torch.device:
    if engine() and engine().device.type != "cpu":  # its processors have numbers, torch's have not
        return engine().device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def half_precision(enabled: bool = True):
    """bf16 where it is fast: on GPUs, and on processors that multiply it."""
    with torch.autocast(device().type, torch.bfloat16, enabled=enabled):
        yield


def share(parameters: list[nn.Parameter], numbers: list[float] = ()) -> list[float]:
    """Averages gradients over all processes, and numbers, which it gives back.

    By hand, and not in accelerate's wrapper of a model, because stages call several networks in
    several ways and each of them only once in a while.
    """
    if not engine():
        return list(numbers)
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    more = torch.tensor(list(numbers), device=parameters[0].device)
    flat = engine().reduce(torch.cat([p.grad.flatten() for p in parameters] + [more]), "mean")
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters] + [len(more)])):
        p.grad.copy_(part.view_as(p))
    return flat[len(flat) - len(more):].tolist()


def run_options(options: dict) -> dict:
    """Those of a stage's options that are a run's."""
    return {k: options[k] for k in ("seconds", "steps", "warmup", "average", "decay", "optimizer",
                                    "betas", "final", "begin") if k in options}


def board(folder: Path):
    """TensorBoard's curves, `tensorboard --logdir FOLDER/curves`, where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "curves"))


class Average:
    """An exponential average of weights, which is what is exported."""

    def __init__(self, models: dict[str, nn.Module], decay: float):
        self.decay, self.steps = decay, 0
        self.models = {name: deepcopy(model).requires_grad_(False) for name, model in models.items()}

    @torch.no_grad()
    def update(self, models: dict[str, nn.Module]) -> None:
        self.steps += 1
        weight = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, model in models.items():
            mine = self.models[name].state_dict()
            theirs = model.state_dict()
            floats = [k for k in mine if mine[k].is_floating_point()]
            torch._foreach_lerp_([mine[k] for k in floats], [theirs[k] for k in floats], weight)
            for key in mine.keys() - set(floats):
                mine[key].copy_(theirs[key])


class Run:
    """One stage: trains `models` for a time, or a number of steps, and can be stopped at any time.

    Time is what was spent in steps: a machine that is busy with something else, or a process that
    was stopped for minutes, does not use the budget up.
    """

    def __init__(self, folder: Path, name: str, models: dict[str, nn.Module], *, rate: float,
                 seconds: float | None = None, steps: int | None = None, warmup: int = 100,
                 decay: float = .01, average: float = .998, betas=(.9, .99), final: float = .02,
                 groups: list[dict] | None = None, optimizer: str = "adamw",
                 begin: str | None = None):
        for kind, model in models.items():
            published.load(begin, kind, model)
        self.folder, self.name, self.models = Path(folder), name, models
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rate, self.seconds, self.steps, self.warmup = rate, seconds, steps, warmup
        self.final = final
        if groups is None:
            groups = [dict(params=[p for m in models.values() for p in m.parameters()
                                   if p.requires_grad])]
        for group in groups:
            group["factor"] = group.get("factor", 1.0)
        made = dict(adamw=functools.partial(torch.optim.AdamW, fused=True), muon=Muon)[optimizer]
        self.kind = optimizer
        self.optimizer = made(groups, lr=rate, betas=betas, weight_decay=decay)
        self.average = Average(models, average)
        self.step = 0
        self.trained = 0.0
        self.typical = None
        self.saved = time.monotonic()
        self.shown = 0.0
        self.means: dict[str, float] = {}
        self.asked = self.stopping = False  # to stop; and whether all processes know it
        self.beside: list = []  # what is saved along: critics
        self._resume()
        self.board = board(self.folder) if self.is_first else None
        for asks in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asks, self._stop)

    def _stop(self, number, _):
        """After the step under way; Ctrl-C once more is at once."""
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.pt"

    @property
    def progress(self) -> float:
        parts = [self.trained / self.seconds if self.seconds else 0,
                 self.step / self.steps if self.steps else 0]
        return min(1.0, max(parts))

    @property
    def is_done(self) -> bool:
        return self.progress >= 1

    def _resume(self) -> None:
        if not self.path.exists():
            return
        state = torch.load(self.path, weights_only=True, map_location=device())
        for name, model in self.models.items():
            model.load_state_dict(state["models"][name])
            self.average.models[name].load_state_dict(state["average"][name])
        own, saved = self.optimizer.state_dict(), state["optimizer"]
        same = [len(g["params"]) for g in own["param_groups"]] == [
            len(g["params"]) for g in saved["param_groups"]]
        if same and state.get("kind", "adamw") == self.kind:  # otherwise its state begins anew
            self.optimizer.load_state_dict(saved)
        self.step, self.trained = state["step"], state["trained"]
        self.average.steps = state["step"]

    def save(self) -> None:
        state = dict(
            models={n: m.state_dict() for n, m in self.models.items()},
            average={n: m.state_dict() for n, m in self.average.models.items()},
            optimizer=self.optimizer.state_dict(), kind=self.kind, step=self.step, trained=self.trained)
        torch.save(state, self.path.with_suffix(".new"))
        os.replace(self.path.with_suffix(".new"), self.path)
        for kept in self.beside:
            kept.save()
        self.saved = time.monotonic()

    def _learning_rate(self) -> float:
        ramp = min(1.0, (self.step + 1) / self.warmup)
        cosine = .5 * (1 + math.cos(math.pi * self.progress))
        return self.rate * ramp * (self.final + (1 - self.final) * cosine)

    def loop(self, loss_of, evaluate=None, every: float = 240) -> dict[str, nn.Module]:
        """Calls `loss_of(step)`, which gives the loss and numbers to show, until the end.

        Returns the averaged models. `evaluate(step, models)` is called every so many trained
        seconds and at the end.
        """
        evaluated = self.trained
        for model in self.models.values():
            model.train()
        while not self.is_done and not self.stopping:
            began = time.monotonic()
            for group in self.optimizer.param_groups:
                group["lr"] = self._learning_rate() * group["factor"]
            self.optimizer.zero_grad(set_to_none=True)
            loss, numbers = loss_of(self.step)
            if torch.isfinite(loss):
                loss.backward()
            self._share_gradients()
            norm = nn.utils.clip_grad_norm_(self._parameters(), 1.0)
            if torch.isfinite(norm):
                self.optimizer.step()
                self.average.update(self.models)
            numbers = dict(numbers, loss=float(loss.detach()), norm=float(norm))
            self.step += 1
            spent = time.monotonic() - began
            if self.typical is None or spent < self.typical:
                self.typical = spent
            self.typical = self.typical * .99 + min(spent, 3 * self.typical) * .01
            self.trained += min(spent, 3 * self.typical)
            if not self.is_first:
                continue
            self._tell(numbers)
            if time.monotonic() - self.saved > 60:
                self.save()
            if evaluate and self.trained - evaluated > every and not self.is_done:
                evaluated = self.trained
                self._evaluate(evaluate)
        if self.is_first:
            self.save()
        if evaluate and self.is_done and self.is_first:
            self._evaluate(evaluate)
        if self.stopping:
            raise SystemExit(f"{self.name}: stopped at step {self.step}; the same command goes on")
        return self.average.models

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _share_gradients(self) -> None:
        """Averages gradients over all processes, and with them what decides when to stop."""
        more = share(self._parameters(), [self.trained, float(self.asked)])
        self.trained, self.stopping = more[0], more[1] > 0

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and speaks; the only one, as a rule."""
        return not engine() or engine().is_main_process

    def _evaluate(self, evaluate) -> None:
        for model in self.average.models.values():
            model.eval()
        with torch.no_grad():
            numbers = evaluate(self.step, self.average.models)
        self.write(dict(numbers, evaluation=True))
        print(f"{self.name} step {self.step} evaluation: "
              + "  ".join(f"{k} {v:.4g}" for k, v in numbers.items()), flush=True)

    def _tell(self, numbers: dict[str, float]) -> None:
        for key, value in numbers.items():
            self.means[key] = self.means.get(key, value) * .95 + value * .05
        if time.monotonic() - self.shown < 15:
            return
        self.shown = time.monotonic()
        self.write(self.means)
        left = (1 - self.progress) / max(self.progress, 1e-9) * self.trained
        print(f"{self.name} step {self.step}  {100 * self.progress:.0f} %  {left / 60:.1f} min left  "
              f"{self.step / max(self.trained, 1e-9):.2f} it/s  "
              + "  ".join(f"{k} {v:.4g}" for k, v in self.means.items()), flush=True)

    def write(self, numbers: dict) -> None:
        for key, value in numbers.items():
            if self.board and key != "evaluation":
                self.board.add_scalar(f"{self.name}/{key}", value, self.step)
        row = dict(stage=self.name, step=self.step, trained=round(self.trained, 1),
                   time=time.time(), **numbers)
        with open(self.folder / "curves.jsonl", "a") as file:
            file.write(json.dumps(row) + "\n")


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """Bytes `[n, h, w, 3]` to -1...1 `[n, 3, h, w]`, channels last in memory."""
    x = torch.from_numpy(np.array(pictures)).to(device())
    return (x.permute(0, 3, 1, 2).float() / 127.5 - 1)


def to_bytes(images: torch.Tensor) -> np.ndarray:
    x = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return x.permute(0, 2, 3, 1).cpu().numpy()


def grid(rows: list[list[np.ndarray]], path: Path) -> None:
    """Pictures of bytes in rows, as a PNG."""
    from PIL import Image
    Image.fromarray(np.concatenate([np.concatenate(row, 1) for row in rows], 0)).save(path)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of images in -1...1, over all of them."""
    return float(10 * torch.log10(4 / (a.float().clamp(-1, 1) - b.float()).square().mean()))
