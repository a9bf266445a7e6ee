"""libpersonalive-node.so by ctypes: the calls of personalive_node.h, which says what they do."""

from __future__ import annotations

import ctypes
import sys
from typing import Callable

VERSION = 1
TYPES = {
    "u8": (1, "u1"), "i32": (2, "<i4"), "i64": (3, "<i8"), "f16": (4, "<f2"),
    # numpy has no bfloat16: its bits are handed over as they are.
    "bf16": (5, "<u2"), "f32": (6, "<f4"), "f64": (7, "<f8"),
}
DTYPES = {code: dtype for code, dtype in TYPES.values()}
END, TICK, SETTINGS, RESTORE, FINISH = range(5)
WORDS = {"failure": 1, "drop": 2, "warning": 3, "status": 4, "over": 5, "beginning": 6}


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("shape", ctypes.c_int64 * 8), ("rank", ctypes.c_int32),
        ("type", ctypes.c_int32), ("frame", ctypes.c_uint64), ("captured", ctypes.c_int64),
        ("presentation", ctypes.c_int64), ("duration", ctypes.c_int64), ("epoch", ctypes.c_uint32),
        ("has_own_frame", ctypes.c_uint32),
    ]


class Library:
    """One node. Its ends are in the run that started this process."""

    def __init__(self, arguments: list[str]) -> None:
        try:
            library = ctypes.CDLL("libpersonalive-node.so")
        except OSError as error:
            sys.exit(
                f"{error}: the tool puts its folder into LD_LIBRARY_PATH; 'swift build -c release' of "
                "personalive makes it, and 'personalive doctor GRAPH --install' copies it to machines")
        node, text, tensor = ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Tensor)
        for name, result, *types in [
            ("open_version", node, ctypes.c_int, ctypes.c_int, ctypes.POINTER(text)),
            ("next", ctypes.c_int, node), ("describe", text, node),
            ("input", ctypes.c_int, node, text, tensor), ("hold", ctypes.c_void_p, node, text),
            ("release", None, ctypes.c_void_p), ("output", ctypes.c_void_p, node, text, tensor),
            ("hold_output", ctypes.c_void_p, node, ctypes.c_void_p),
            ("send", ctypes.c_int, node, text, tensor), ("save", None, node, text, ctypes.c_size_t),
            ("restored", ctypes.c_void_p, node, ctypes.POINTER(ctypes.c_size_t)),
            ("say", None, node, ctypes.c_int, text), ("figure", None, node, text, ctypes.c_double),
            ("close", ctypes.c_int, node),
        ]:
            call = getattr(library, "personalive_" + name)
            call.restype, call.argtypes = result, types
            setattr(self, "_" + name, call)
        words = [argument.encode() for argument in arguments]
        self._node = self._open_version(VERSION, len(words), (text * len(words))(*words))

    def next(self) -> int:
        return self._next(self._node)

    def describe(self) -> bytes:
        return self._describe(self._node)

    def input(self, port: bytes, tensor: Tensor) -> Hold | None:
        if not self._input(self._node, port, ctypes.byref(tensor)):
            return None
        return Hold(self._hold(self._node, port), self._release, tensor, is_input=True)

    def output(self, port: bytes, tensor: Tensor) -> Hold | None:
        if not self._output(self._node, port, ctypes.byref(tensor)):
            return None
        hold = self._hold_output(self._node, tensor.data)
        return Hold(hold, self._release, tensor, is_input=False)

    def send(self, port: bytes, tensor: Tensor) -> None:
        self._send(self._node, port, ctypes.byref(tensor))

    def save(self, state: bytes) -> None:
        self._save(self._node, state, len(state))

    def restored(self) -> bytes:
        count = ctypes.c_size_t()
        address = self._restored(self._node, ctypes.byref(count))
        return ctypes.string_at(address, count.value) if address else b""

    def say(self, what: str, text: str) -> None:
        self._say(self._node, WORDS[what], text.encode(errors="replace"))

    def figure(self, name: str, value: float) -> None:
        self._figure(self._node, name.encode(), value)

    def close(self) -> int:
        return self._close(self._node)


class Hold:
    """Memory of the graph's, as numpy takes it; given back when the last array over it is gone."""

    __slots__ = ("__array_interface__", "_hold", "_release")

    def __init__(self, hold: int, release: Callable[[int], None], tensor: Tensor, is_input: bool) -> None:
        self._hold, self._release = hold, release
        self.__array_interface__ = {
            "version": 3, "typestr": DTYPES[tensor.type], "data": (tensor.data, is_input),
            "shape": tuple(tensor.shape[:tensor.rank]),
        }

    def __del__(self) -> None:
        self._release(self._hold)
