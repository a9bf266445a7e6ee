#!/usr/bin/env python3
"""Listens to every packet of a network interface until its standard input ends.

Prints "listening" when it does, and in the end one line of JSON: how many bytes went by, how many
packets the kernel had to drop, and how many carried a message's header or a payload in clear.
"""

import json
import select
import socket
import struct
import sys

SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33
# How a message's header begins, and what 'test-source' repeats.
CLEAR = (b"PLV\x01", b"\x07" * 64)
# What was sent before the end is here by then.
SILENCE = 0.3

line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
line.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
line.bind((sys.argv[1], 0))
print("listening", flush=True)
heard = clear = 0
is_over = False
while True:
    wanted = [line] if is_over else [line, sys.stdin]
    ready = select.select(wanted, [], [], SILENCE if is_over else None)[0]
    if is_over and not ready:
        break
    if line in ready:
        try:
            packet = line.recv(70000)
        except OSError:
            continue  # a cable that is pulled
        heard += len(packet)
        clear += any(word in packet for word in CLEAR)
    if sys.stdin in ready:
        is_over = not sys.stdin.buffer.read1(4096)
_, dropped = struct.unpack("II", line.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
print(json.dumps({"bytes": heard, "clear": clear, "dropped": dropped}), flush=True)
