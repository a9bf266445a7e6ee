"""Attention of narrow heads on a processor, by attention.c; PyTorch's wherever that cannot be."""
import ctypes
from pathlib import Path

import torch

from .. import compiled


WIDTH, QUERIES, MOST = 8, 4, 1024  # attention.c's: of a head, at once, and of keys


def _library() -> ctypes.CDLL:
    return compiled.library(Path(__file__).with_name("attention.c"))


def _address(x: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.data_ptr())


def is_narrow(q: torch.Tensor, k: torch.Tensor, heads: int) -> bool:
    """Whether `attend` takes queries `[n, tokens, channels]` and keys like these."""
    if q.device.type != "cpu" or q.dtype != torch.float32 or k.dtype != torch.float32:
        return False
    return (q.shape[2] == heads * WIDTH and q.shape[1] % QUERIES == 0 and k.shape[1] <= MOST)


@torch.library.custom_op("portrait::attend", mutates_args=())
def _forward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor,
             heads: int) -> tuple[torch.Tensor, torch.Tensor]:
    q, k, v = (x.contiguous() for x in (q, k, v))
    n, queries, _ = q.shape
    out, sums = torch.empty_like(q), torch.empty(n, heads, queries)
    _library().forward(n, heads, queries, k.shape[1], *map(_address, (q, k, v, out, sums)))
    return out, sums


@_forward.register_fake
def _(q, k, v, heads):
    return q.new_empty(q.shape), q.new_empty(len(q), heads, q.shape[1])


@torch.library.custom_op("portrait::attend_backward", mutates_args=())
def _backward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, out: torch.Tensor,
              sums: torch.Tensor, given: torch.Tensor) -> list[torch.Tensor]:
    rows = [x.contiguous() for x in (q, k, v, out, sums, given)]
    n, queries, _ = q.shape
    found = [torch.empty_like(x) for x in rows[:3]]
    _library().backward(
        n, sums.shape[1], queries, k.shape[1], *map(_address, rows + found))
    return found


@_backward.register_fake
def _(q, k, v, out, sums, given):
    return [x.new_empty(x.shape) for x in (q, k, v)]


def _remember(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:3], *output)


def _gradients(ctx, given, _):
    return *_backward(*ctx.saved_tensors, given), None


_forward.register_autograd(_gradients, setup_context=_remember)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """Attention over rows `[n, tokens, channels]`, a head's channels side by side."""
    return _forward(q, k, v, heads)[0]
