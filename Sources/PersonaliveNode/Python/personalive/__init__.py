"""Nodes of personalive graphs, in Python.

    from personalive import node

    @node                                  # ports and settings come from node.yaml
    def grayscale(frame, strength=1.0):
        grey = frame.mean(axis=-1, keepdims=True)
        return (frame + (grey - frame) * strength).astype("uint8")

node.yaml's command is [python3, -m, personalive, ./grayscale.py]. A parameter is an input or a setting of
its name, with _ for -. Inputs are numpy arrays, read-only, large ones in the producer's own memory; a few
may be kept.
What is returned is sent: an array for the only output, a dictionary by output's name, a tuple in node.yaml's
order, None for nothing, Dropped("why") for a frame that ends here, or a list of such things.

A node that remembers something is a class:

    @node
    class Average:
        def __init__(self, weight=0.9):    # settings
            self.weight, self.mean = weight, 0.0

        def __call__(self, frame):         # a tick
            self.mean = self.weight * self.mean + (1 - self.weight) * frame
            return self.mean.astype("uint8")

        def save(self):                    # with `state: saved` in node.yaml; None where it cannot be said
            return pickle.dumps(self.mean)

        def restore(self, state):          # another process of it saved this
            self.mean = pickle.loads(state)

It may also have update(self, ...), which takes settings when live ones change, and finish(self), which is
called once after the last tick and may return what was held back. A node without inputs is a generator
function, whose every `yield` is a message, or a class whose __call__ raises StopIteration at the end.

The decorator changes nothing: tests call the function or the class themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Sequence, TypeVar

if TYPE_CHECKING:
    import numpy

__all__ = [
    "Dropped", "Message", "Stamp", "begin_anew", "cores", "empty", "figure", "node", "stamp", "status", "warn",
]

Subject = TypeVar("Subject", bound=Callable[..., Any])


class Dropped:
    """Returned for a frame that ends here, with the reason for the account at the run's end."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Stamp(NamedTuple):
    """Which frame it is and when: nanoseconds, `captured` of time.monotonic_ns()."""

    frame: int
    captured: int
    presentation: int
    duration: int
    epoch: int = 0


class Message(NamedTuple):
    """A tensor with its frame: what a source sends that says when it is to be shown (nanoseconds from the start
    of the stream), and a frame that was held back, with the stamp of its tick."""

    tensor: numpy.ndarray
    presentation: int = 0
    duration: int = 0
    stamp: Stamp | None = None


def node(subject: Subject) -> Subject:
    """Says that a function or a class is the node of this file."""
    _registered.append(subject)
    return subject


def empty(output: str, shape: Sequence[int]) -> numpy.ndarray:
    """An array where the next node can read it: filled and returned in the same tick, it is not copied."""
    return _current().empty(output, shape)


def stamp() -> Stamp:
    """The frame of the tick."""
    return _current().stamp


def cores() -> int:
    """How many processor cores the node's mathematics may use."""
    return _current().description["cores"]


def warn(text: str) -> None:
    """Says something that a person should read."""
    _current().library.say("warning", text)


def status(text: str) -> None:
    """Says what the node does now, for `personalive status` and `top`; from any thread."""
    _current().library.say("status", text)


def figure(name: str, value: float) -> None:
    """Sets a figure of the node's own, whose name ends with its unit; from any thread."""
    _current().library.figure(name, value)


def begin_anew(input: str) -> None:
    """Asks for what a new consumer gets first: a key picture, where pictures are compressed."""
    _current().library.say("beginning", input)


_registered: list[Callable[..., Any]] = []
_running: list[Any] = []


def _current() -> Any:
    if not _running:
        raise RuntimeError("there is no graph: this works only while 'personalive run' runs the node")
    return _running[0]
