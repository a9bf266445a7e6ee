"""Calls the node of a file for every tick."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
import time
import traceback
from typing import Any, Callable, Sequence

import numpy

import personalive
from personalive import Dropped, Message, Stamp
from personalive._library import FINISH, RESTORE, SETTINGS, TICK, TYPES, Library, Tensor


class Fault(Exception):
    """What the author has to change, in a sentence."""


class Host:
    """The node of a file, and the library that it lives in."""

    def __init__(self, path: str, library: Library) -> None:
        self.path, self.library = os.path.abspath(path), library
        self.tensor = Tensor()
        self.frame, self.began = 0, time.monotonic_ns()
        self.stamp = Stamp(0, 0, 0, 0)
        self.rooms: dict[int, numpy.ndarray] = {}
        self.node: Any = None
        self.messages: Any = None
        self.read()

    def read(self) -> None:
        """Takes the description and the settings."""
        self.description = json.loads(self.library.describe())
        self.settings = self.description["settings"]
        self.inputs = [port["name"] for port in self.description["inputs"]]
        self.lasting = {port["name"] for port in self.description["inputs"] if port["pace"] == "last"}
        self.outputs = {port["name"]: port for port in self.description["outputs"]}

    # The life of the node.

    def run(self) -> int:
        try:
            self.load()
            while event := self.library.next():
                self.answer(event)
                self.rooms = {}
        except BaseException as error:  # whatever it is ends this node, and only this one
            self.fail(error)
        return self.library.close()

    def answer(self, event: int) -> None:
        if event == TICK:
            self.tick()
        elif event == SETTINGS:
            self.update()
        elif event == RESTORE:
            self.node.restore(self.library.restored())
        elif event == FINISH and hasattr(self.node, "finish"):
            self.send(self.node.finish())

    def load(self) -> None:
        subject = self.subject()
        self.name = subject.__name__
        self.node, call, self.made_of = subject, subject, {}
        if inspect.isclass(subject):
            if subject.__init__ is not object.__init__:
                self.made_of = self.parameters(subject.__init__, self.settings)
            self.node = subject(**self.values(self.made_of))
            if not callable(self.node):
                raise Fault(f"class {self.name} has no __call__, which is a tick")
            call = self.node.__call__
        self.takes = self.parameters(call, [*self.inputs, *self.settings])
        # Settings that are handed over once.
        self.fixed = {p: name for p, name in self.made_of.items() if name not in self.takes.values()}
        if not self.inputs and inspect.isgeneratorfunction(call):
            self.messages = call(**self.values(self.takes))
            self.fixed.update(self.takes)
        self.saves = self.description["state"] == "saved"
        if self.saves and not (hasattr(self.node, "save") and hasattr(self.node, "restore")):
            raise Fault(
                f"node.yaml says 'state: saved': {self.name} needs to be a class with save() and restore(state)")

    def subject(self) -> Callable[..., Any]:
        """What @node stands before in the file."""
        name = os.path.splitext(os.path.basename(self.path))[0]
        sys.path.insert(0, os.path.dirname(self.path))
        spec = importlib.util.spec_from_file_location(name, self.path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        before = len(personalive._registered)
        spec.loader.exec_module(module)
        found = personalive._registered[before:]
        kind = self.description["kind"]
        own = [node for node in found if node.__name__ == kind.replace("-", "_")]
        if len(found) > 1 and len(own) == 1:
            return own[0]
        if len(found) != 1:
            raise Fault(
                f"{os.path.basename(self.path)} has {len(found) or 'no'} nodes: put @node before one function "
                f"or class" + (f", or call one of them {kind.replace('-', '_')}" if found else ""))
        return found[0]

    def update(self) -> None:
        old = self.settings
        self.read()
        if hasattr(self.node, "update"):
            names = self.parameters(self.node.update, self.settings)
            return self.node.update(**self.values(names))
        for parameter, name in self.fixed.items():
            if old.get(name) != self.settings.get(name):
                raise Fault(
                    f"setting '{name}' has changed, and {self.name} was given it once: it needs to be a class with "
                    f"update(self, {parameter}), or to take it in every call")

    def fail(self, error: BaseException) -> None:
        """Names the line that is at fault: the innermost of the author's own files."""
        if isinstance(error, Fault):
            return self.library.say("failure", str(error))
        folder = os.path.dirname(self.path) + os.sep
        place = ""
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith(folder):
                place = f"{os.path.relpath(frame.filename, folder)}:{frame.lineno}: "
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{os.path.basename(error.filename)}:{error.lineno}: "
        advice = ""
        requirements = os.path.join(folder, "requirements.txt")
        if isinstance(error, ImportError) and os.path.exists(requirements):
            advice = f": pip install -r {requirements}"
        traceback.print_exception(type(error), error, error.__traceback__)
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self.library.say("failure", place + words + advice)

    # Parameters.

    def parameters(self, call: Callable[..., Any], names: Sequence[str]) -> dict[str, str]:
        """By parameter, the input or setting that it is."""
        found = {}
        for parameter in inspect.signature(call).parameters.values():
            if parameter.name == "self" or parameter.kind == parameter.VAR_POSITIONAL:
                continue
            if parameter.kind == parameter.VAR_KEYWORD:
                rest = [name for name in names if name not in found.values()]
                found.update({name.replace("-", "_"): name for name in rest})
                continue
            name = next((n for n in names if n.replace("-", "_") == parameter.name), None)
            if name is not None:
                found[parameter.name] = name
            elif parameter.default is parameter.empty:
                known = ", ".join(f"'{name}'" for name in names) or "nothing"
                place = inspect.getsourcelines(call)[1]
                raise Fault(
                    f"{os.path.basename(self.path)}:{place}: parameter '{parameter.name}' is no input and no "
                    f"setting that has a value: node.yaml has {known}")
        return found

    def values(self, parameters: dict[str, str]) -> dict[str, Any]:
        """Inputs of this tick (None where one has nothing) and settings, by parameter."""
        found = {}
        for parameter, name in parameters.items():
            if name in self.inputs:
                found[parameter] = self.array(name)
            elif name in self.settings:
                found[parameter] = self.settings[name]
        return found

    # Ticks.

    def tick(self) -> None:
        try:
            if self.messages is not None:
                result = next(self.messages)
            else:
                result = self.node(**self.values(self.takes))
        except StopIteration:
            if self.inputs:
                raise
            return self.library.say("over", "")
        self.send(result)
        if self.saves:
            state = self.node.save()
            if state is not None:
                self.library.save(bytes(state))

    def array(self, port: str) -> numpy.ndarray | None:
        hold = self.library.input(port.encode(), self.tensor)
        if hold is None:
            return None
        tensor = self.tensor
        if port not in self.lasting:
            self.stamp = Stamp(
                tensor.frame, tensor.captured, tensor.presentation, tensor.duration, tensor.epoch)
        return numpy.asarray(hold)

    def empty(self, output: str, shape: Sequence[int]) -> numpy.ndarray:
        self.tensor.rank = len(shape)
        self.tensor.shape[:len(shape)] = [int(extent) for extent in shape]
        hold = self.library.output(output.encode(), self.tensor)
        if hold is None:
            raise ValueError(f"output '{output}' cannot be {list(shape)}")
        array = numpy.asarray(hold)
        self.rooms[self.tensor.data] = array
        return array

    def send(self, result: Any) -> None:
        if result is None:
            return
        if isinstance(result, list):
            for part in result:
                self.send(part)
            return
        if isinstance(result, Dropped):
            return self.library.say("drop", result.reason)
        if isinstance(result, dict):
            arrays = {name if name in self.outputs else name.replace("_", "-"): array
                      for name, array in result.items()}
        elif isinstance(result, tuple) and not isinstance(result, Message):
            arrays = dict(zip(self.outputs, result))
        elif self.outputs:
            arrays = {next(iter(self.outputs)): result}
        else:
            raise Fault(f"{self.name} gave something, and node.yaml has no outputs")
        for name, array in arrays.items():
            self.send_one(name, array)
        self.frame += 1

    def own_stamp(self, array: Any) -> Stamp | None:
        """Frames of a source count from 0, and are shown when they were made unless it says otherwise."""
        if isinstance(array, Message) and array.stamp is not None:
            return array.stamp
        if self.inputs:
            return None
        now = time.monotonic_ns()
        if isinstance(array, Message):
            return Stamp(self.frame, now, array.presentation, array.duration)
        return Stamp(self.frame, now, now - self.began, 0)

    def send_one(self, name: str, array: Any) -> None:
        if array is None:
            return
        stamp = self.own_stamp(array)
        array = numpy.asarray(array.tensor if isinstance(array, Message) else array)
        port = self.outputs.get(name)
        if port is None:
            raise Fault(f"{self.name} gave '{name}', and node.yaml has the outputs {list(self.outputs)}")
        code, dtype = TYPES[port["type"]]
        if array.dtype != dtype or array.ndim > 8:
            raise Fault(
                f"output '{name}' was given {array.dtype} {list(array.shape)}, and node.yaml says {port['type']} "
                f"{port['axes']}: .astype('{numpy.dtype(dtype).name}') converts numbers")
        if not array.flags.c_contiguous:
            array = numpy.ascontiguousarray(array)
        tensor = self.tensor
        tensor.data, tensor.type, tensor.rank = array.__array_interface__["data"][0], code, array.ndim
        tensor.shape[:array.ndim] = array.shape
        tensor.has_own_frame = stamp is not None
        if stamp is not None:
            tensor.frame, tensor.captured, tensor.epoch = stamp.frame, stamp.captured, stamp.epoch
            tensor.presentation, tensor.duration = stamp.presentation, stamp.duration
        self.library.send(name.encode(), tensor)
        room = self.rooms.get(tensor.data)
        if room is not None:  # from here on it is the next node's
            room.flags.writeable = False
