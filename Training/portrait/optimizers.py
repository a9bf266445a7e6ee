"""Muon for matrices, AdamW for the rest: about twice AdamW's progress per sample on this recipe."""
from collections import defaultdict

import torch

# Four steps of a quintic iteration towards the nearest orthogonal matrix (Jordan et al., "Muon").
QUINTIC = (3.4445, -4.7750, 2.0315)
STEPS = 4


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """Matrices `[n, r, c]` with all singular values brought near 1."""
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(STEPS):
        square = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


def is_matrix(value: torch.Tensor) -> bool:
    """Whether Muon takes it: not vectors, not what is a few channels wide, not a filter each."""
    if value.ndim < 2 or value.ndim == 4 and value.shape[1] == 1:
        return False
    return min(len(value), value[0].numel()) >= 16


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, for weights that are matrices; AdamW for biases, norms and edges.

    Steps are scaled to AdamW's usual size (0.2 of the rate for each number), so rates and weight
    decay carry over from AdamW.
    """

    def __init__(self, groups, lr: float, betas=(.9, .99), weight_decay: float = .01,
                 momentum: float = .95):
        super().__init__(groups, dict(
            lr=lr, betas=betas, weight_decay=weight_decay, momentum=momentum))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            given = [p for p in group["params"] if p.grad is not None]
            self._matrices([p for p in given if is_matrix(p)], group)
            self._others([p for p in given if not is_matrix(p)], group)

    def _matrices(self, values: list, group: dict) -> None:
        shapes = defaultdict(list)
        for p in values:
            state = self.state[p]
            if not state:
                state["momentum"] = torch.zeros_like(p)
            state["momentum"].lerp_(p.grad, 1 - group["momentum"])
            shapes[tuple(p.flatten(1).shape)].append(p)
        for (rows, columns), same in shapes.items():
            ahead = torch.stack([
                p.grad.lerp(self.state[p]["momentum"], group["momentum"]).flatten(1)
                for p in same])
            size = .2 * max(rows, columns) ** .5 * group["lr"]
            for p, update in zip(same, orthogonal(ahead)):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.reshape(p.shape), alpha=-size)

    def _others(self, values: list, group: dict) -> None:
        if not values:
            return
        for p in values:
            if not self.state[p]:
                self.state[p] = dict(mean=torch.zeros_like(p), square=torch.zeros_like(p), step=0)
            self.state[p]["step"] += 1
        a, b = group["betas"]
        means, squares = ([self.state[p][key] for p in values] for key in ("mean", "square"))
        gradients = [p.grad for p in values]
        torch._foreach_lerp_(means, gradients, 1 - a)
        torch._foreach_mul_(squares, b)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - b)
        sizes = torch._foreach_sqrt(squares)
        counts = [self.state[p]["step"] for p in values]
        torch._foreach_div_(sizes, [(1 - b ** n) ** .5 for n in counts])
        torch._foreach_add_(sizes, 1e-8)
        torch._foreach_mul_(values, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_addcdiv_(values, means, sizes, [-group["lr"] / (1 - a ** n) for n in counts])
