"""A node that speaks the protocol of Plugins/README.md itself, so that tests can change what it says.

It takes the colour out of frames. Needs pyzmq and numpy.
"""

import argparse
import collections
import json
import math
import mmap
import os
import resource
import select
import signal
import struct
import sys
import time
import traceback

import numpy
import zmq


class Node:
    """One step of a graph: arrays in, arrays out."""

    def __init__(self, settings):
        """Loads. `settings` has every setting of node.yaml that has a value."""
        self.update(settings)

    def update(self, settings):
        """Called between two ticks when settings that say `live: true` in node.yaml have changed;
        `settings` has all of them, as above."""
        self.strength = settings["strength"]

    def process(self, inputs):
        """Handles one tick: arrays by input's name in, arrays by output's name out.

        Inputs are read-only, and valid until this returns: copy what is to be kept.
        """
        frame = inputs["frame"]
        # Luma of ITU-R BT.601: the weights of Y'.
        grey = frame @ numpy.array([0.299, 0.587, 0.114], numpy.float32)
        mixed = self.strength * grey[..., None] + (1 - self.strength) * frame
        return {"frame": (mixed + 0.5).astype(numpy.uint8)}

    def finish(self):
        """Called once after the last tick, when the run is stopped early, and when another process
        takes this one's place, which knows nothing of it: close files here."""


# --- The protocol: version 1 ------------------------------------------------------------------

MAGIC = 0x01564C50
HELLO, GRANT, BYE, DATA, END = 1, 2, 3, 4, 5
# numpy has no bfloat16 (5): its bits are handed over as they are.
TYPES = {1: "u1", 2: "<i4", 3: "<i8", 4: "<f2", 5: "<u2", 6: "<f4", 7: "<f8"}
CODES = {numpy.dtype(name): code for code, name in TYPES.items()}
FIXED = struct.Struct("<IBBBBQQqqqqII")
PLACE = struct.Struct("<QIIQ")
Stamp = collections.namedtuple("Stamp", "frame captured presentation duration epoch")
Place = collections.namedtuple("Place", "slot process descriptor capacity")
NO_STAMP = Stamp(0, 0, 0, 0, 0)


class Header:
    """The fixed 64 bytes of a message, its axes, its place in shared memory, and slots given back."""

    def __init__(self, kind, stamp=NO_STAMP, sequence=0, sent=0, code=1, shape=(), place=None,
                 count=0, released=()):
        self.kind, self.stamp, self.sequence, self.sent = kind, stamp, sequence, sent
        self.code, self.shape, self.place = code, tuple(shape), place
        self.count, self.released = count, tuple(released)

    def encoded(self):
        stamp = self.stamp
        fixed = FIXED.pack(
            MAGIC, self.kind, self.code, len(self.shape), 1 if self.place else 0, self.sequence,
            stamp.frame, stamp.captured, stamp.presentation, stamp.duration, self.sent,
            stamp.epoch, self.count)
        place = PLACE.pack(*self.place) if self.place else b""
        return (fixed + struct.pack(f"<{len(self.shape)}Q", *self.shape) + place
                + struct.pack(f"<{len(self.released)}Q", *self.released))

    @staticmethod
    def decoded(data):
        if len(data) < FIXED.size:
            raise ValueError(f"a header of {len(data)} bytes, {FIXED.size} are needed")
        (magic, kind, code, rank, flags, sequence, frame, captured, presentation, duration, sent,
         epoch, count) = FIXED.unpack_from(data)
        if magic != MAGIC:
            raise ValueError(f"a header that starts with {magic:#x}, not with {MAGIC:#x}")
        axes, place_bytes = 8 * rank, PLACE.size if flags & 1 else 0
        rest = len(data) - FIXED.size - axes - place_bytes
        if rank > 8 or rest < 0 or rest % 8:
            raise ValueError(f"a header of {len(data)} bytes for {rank} axes")
        shape = struct.unpack_from(f"<{rank}Q", data, FIXED.size)
        place = None
        if place_bytes:
            place = Place(*PLACE.unpack_from(data, FIXED.size + axes))
        released = struct.unpack_from(f"<{rest // 8}Q", data, FIXED.size + axes + place_bytes)
        stamp = Stamp(frame, captured, presentation, duration, epoch)
        return Header(kind, stamp, sequence, sent, code, shape, place, count, released)


class Frames:
    """A set of frame numbers, as runs of first and last."""

    def __init__(self):
        self.runs = []

    def add(self, frame):
        if self.runs and frame == self.runs[-1][1] + 1:
            self.runs[-1][1] = frame
        elif not self.runs or frame > self.runs[-1][1]:
            self.runs.append([frame, frame])
        elif not any(first <= frame <= last for first, last in self.runs):
            merged = []
            for first, last in sorted(self.runs + [[frame, frame]]):
                if merged and first == merged[-1][1] + 1:
                    merged[-1][1] = last
                else:
                    merged.append([first, last])
            self.runs = merged


class Ages:
    """Ages by size: step n reaches up to 0.01 ms times 1.02 to the n."""

    def __init__(self):
        self.counts, self.maximum = collections.Counter(), 0.0

    def add(self, nanoseconds):
        milliseconds = max(nanoseconds / 1e6, 0.0)
        self.maximum = max(self.maximum, milliseconds)
        steps = math.log(max(milliseconds, 0.01) / 0.01) / math.log(1.02)
        self.counts[math.ceil(steps)] += 1

    def report(self):
        return {"counts": self.counts, "maximum_ms": self.maximum}


class Slots:
    """Shared memory of producers, mapped once for each slot."""

    KEPT = 24

    def __init__(self):
        self.maps = collections.OrderedDict()

    def view(self, place):
        key = (place.process, place.slot)
        if key not in self.maps:
            descriptor = os.open(f"/proc/{place.process}/fd/{place.descriptor}", os.O_RDONLY)
            try:
                self.maps[key] = mmap.mmap(descriptor, place.capacity, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
            while len(self.maps) > self.KEPT:
                self.maps.popitem(last=False)
        self.maps.move_to_end(key)
        return self.maps[key]


class Input:
    """The consumer's end of an edge."""

    def __init__(self, context, node, edge, next):
        self.port, self.keep, self.window = edge["port"], edge["keep"], edge["window"]
        # A value that stays valid until the next one: `pace: last` of node.yaml.
        self.is_value = self.keep == "last"
        self.context, self.identity = context, f"{node}.{self.port}".encode()
        self.next = next
        self.connect(edge["endpoint"])
        self.waiting = collections.deque()
        self.has_ended = False
        self.owed = 0
        self.unpaired, self.hop, self.age = Frames(), Ages(), Ages()
        self.received = self.bytes = 0
        self.tell(Header(HELLO, count=self.window, sequence=next))

    def connect(self, endpoint):
        # Tells this socket's words, and the answers to them, from those of one before it.
        self.endpoint, self.connection = endpoint, time.monotonic_ns() | 1
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, self.identity)
        self.socket.setsockopt(zmq.LINGER, 2000)
        self.socket.connect(endpoint)

    def reconnect(self, endpoint, is_fresh, slots, used):
        """The producer is another process now: it sends on from what has been received.

        `used` messages are not done with yet: their credits will be the new process's.
        """
        if is_fresh:
            self.read(slots)  # what the old one has sent is not sent again
        self.socket.close(linger=0)
        self.connect(endpoint)
        self.has_ended = False
        for header, _ in self.waiting:
            header.place = None  # its slot was the old process's
        self.next = 0 if is_fresh else self.next
        count = max(self.window - len(self.waiting) - used, 0)
        self.tell(Header(HELLO, count=count, sequence=self.next))

    def tell(self, header):
        header.stamp = header.stamp._replace(frame=self.connection)
        self.socket.send(header.encoded())

    def done(self, header):
        """Gives a message's slot back, and its credit: to an `even` producer all at once."""
        self.owed += 1
        released = [header.place.slot] if header.place else []
        grant = self.owed if self.keep != "even" or self.owed >= self.window else 0
        self.owed -= grant
        if grant or released:
            self.tell(Header(GRANT, count=grant, released=released))

    def read(self, slots=None):
        """Takes in what has come; without `slots` it is only counted."""
        while True:
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            header = Header.decoded(frames[0])
            if header.count not in (0, self.connection & 0xFFFFFFFF):
                continue  # sent before the producer heard this socket's hello: it comes again
            if header.kind == DATA:
                self.next = header.sequence + 1
            if header.kind == END:
                self.has_ended = True
                self.tell(Header(BYE))
            elif header.kind == DATA and slots is None:
                self.waiting.append((header, None))
            elif header.kind == DATA:
                dtype = numpy.dtype(TYPES[header.code])
                count = int(numpy.prod(header.shape, dtype=numpy.int64))
                data = slots.view(header.place) if header.place else frames[1]
                array = numpy.frombuffer(data, dtype, count) if count else numpy.empty(0, dtype)
                array = array.reshape(header.shape)
                now = time.monotonic_ns()
                self.hop.add(now - header.sent)
                self.age.add(now - header.stamp.captured)
                self.received += 1
                self.bytes += array.nbytes
                self.waiting.append((header, array))


class Output:
    """The producer's end of an edge: spends credits and decides what waits."""

    def __init__(self, edge):
        self.port, self.consumer, self.keep = edge["port"], edge["to"], edge["keep"]
        self.window = edge["window"]
        self.credits = 0
        self.waiting = []
        self.latest = None
        self.dropped, self.unwanted = Frames(), Frames()
        self.sent = self.dropped_count = 0
        self.is_connected = self.has_ended = self.end_sent = self.is_closed = False

    @property
    def is_taken(self):
        """Whether the consumer is done with all that it was sent, as far as credits say."""
        return self.is_closed or not self.waiting and (
            self.keep == "even" or self.credits >= self.window)

    @property
    def is_full(self):
        return self.keep == "all" and bool(self.waiting)

    def offer(self, message):
        if self.is_closed:
            self.unwanted.add(message[0].stamp.frame)
            return
        if self.keep == "newest" and self.credits == 0:
            self.drop(lambda index: True)
        elif self.keep == "last":
            self.waiting = []
            self.latest = message
        self.waiting.append(message)
        if self.keep == "even" and len(self.waiting) > 64:
            self.drop(lambda index: index % 2 == 1)

    def drop(self, is_dropped):
        for index, (header, _) in enumerate(self.waiting):
            if is_dropped(index):
                self.dropped.add(header.stamp.frame)
                self.dropped_count += 1
        self.waiting = [m for index, m in enumerate(self.waiting) if not is_dropped(index)]

    def hear(self, header):
        if header.kind == HELLO:
            self.is_connected = True
            self.credits = header.count
            if self.latest and not self.waiting:
                self.waiting = [self.latest]
        elif header.kind == GRANT:
            self.credits += header.count
        elif header.kind == BYE:
            # A consumer that leaves early waits for the end too.
            self.is_closed = self.has_ended = True
            for waiting, _ in self.waiting:
                self.unwanted.add(waiting.stamp.frame)
            self.waiting = []

    def flush(self, router):
        count = len(self.waiting)
        if self.keep == "even" and self.credits >= self.window and count > self.window:
            chosen = {i * count // self.window - 1 for i in range(1, self.window + 1)}
            self.drop(lambda index: index not in chosen)
        while self.credits and self.waiting:
            header, payload = self.waiting.pop(0)
            self.credits -= 1
            self.sent += 1
            router.send_multipart([self.consumer.encode(), header.encoded(), payload])
        # Whoever has not said hello would not hear it.
        if self.is_connected and self.has_ended and not self.waiting and not self.end_sent:
            self.end_sent = True
            router.send_multipart([self.consumer.encode(), Header(END).encoded()])


class Host:
    """The life of a node: hello, configure, ready, connect, start, ticks, end, bye, done."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.context = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self.router.setsockopt(zmq.LINGER, 2000)
        self.router.bind(f"ipc://{folder}/{name}.sock")
        self.control = self.context.socket(zmq.DEALER)
        self.control.setsockopt(zmq.IDENTITY, name.encode())
        self.control.setsockopt(zmq.LINGER, 2000)
        self.control.connect(f"ipc://{folder}/control.sock")
        self.poller = zmq.Poller()
        self.poller.register(self.control, zmq.POLLIN)
        self.poller.register(sys.stdin.fileno(), zmq.POLLIN)
        self.node, self.slots = None, Slots()
        self.inputs, self.outputs, self.kept = [], [], {}
        self.sequences = collections.Counter()
        self.delivered, self.delivered_count, self.age = Frames(), 0, Ages()
        self.work = Ages()
        # By reason and output (None for all of them), the frames that ended here.
        self.dropped = collections.defaultdict(Frames)
        self.ticks, self.busy, self.loading = 0, 0.0, 0.0
        self.recent = collections.deque(maxlen=256)
        # What the last tick used up and is not done with.
        self.used = []
        self.is_running = self.has_finished = self.is_told = False
        # Until when consumers may take what was made before another process takes over.
        self.retires_by = None
        self.next_report = time.monotonic() + 0.25
        # The last frame that a tick took, or that a source made.
        self.last_frame = None
        self.say("hello", retires=True, sets=True)

    def say(self, type, **members):
        self.control.send(json.dumps({"type": type, **members}).encode())

    def run(self):
        # From the supervisor to end the node early, from the kernel when the supervisor is gone.
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "is_told", True))
        while True:
            ready = dict(self.poller.poll(50))
            if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1):
                return self.end_alone()
            if self.is_told:
                # The signal of a death may come a little before the pipe's end.
                return self.end_alone() if self.is_alone(within=0.1) else self.end_early()
            if self.control in ready:
                self.read_control()
            for input in self.inputs:
                input.read(self.slots)
            if self.router in ready:
                self.read_router()
            while self.tick():
                pass
            if self.node and self.outputs and not self.has_finished:
                if all(output.is_closed for output in self.outputs):
                    self.leave()
            if self.retires_by and not self.has_finished and self.is_drained():
                return self.retire()
            if self.has_finished and all(output.is_closed for output in self.outputs):
                if self.is_alone():
                    return self.end_alone()
                self.say("done", report=self.report())
                return 0
            if self.node and time.monotonic() > self.next_report:
                self.next_report = time.monotonic() + 0.25
                self.say("progress", report=self.report(is_last=False))

    @staticmethod
    def is_alone(within=0):
        """Whether the supervisor is gone: standard input never brings anything but its end."""
        return bool(select.select([sys.stdin], [], [], within)[0])

    def leave(self):
        """All consumers have left: so does this node, with an eye on what is still under way."""
        self.node.finish()
        self.has_finished = True
        for input in self.inputs:
            if not input.has_ended:
                input.tell(Header(BYE))
        deadline = time.monotonic() + 0.25
        while time.monotonic() < deadline and not all(i.has_ended for i in self.inputs):
            self.poller.poll(10)
            for input in self.inputs:
                input.read()
        for input in self.inputs:
            while input.waiting:
                self.drop(input)

    def is_drained(self):
        return time.monotonic() > self.retires_by or all(o.is_taken for o in self.outputs)

    def retire(self):
        """Another process takes over: it is told which messages are its own, and nothing else."""
        try:
            self.node.finish()
        except Exception as error:  # whoever takes over is ready, and does not know of it
            self.say("warning", text=f"{type(error).__name__}: {error}")
        for input, header in self.used:
            input.done(header)
        for output in self.outputs:  # its successor does not know of what waits there
            if output.keep in ("newest", "even"):
                output.drop(lambda index: True)
        next = {i.port: i.waiting[0][0].sequence if i.waiting else i.next for i in self.inputs}
        self.say("retired", report=self.report(), next=next)
        return 0

    def end_early(self):
        """Told to end: what was made so far is kept."""
        if self.node and not self.has_finished:
            self.node.finish()
        self.say("done", report=self.report())
        return 0

    def end_alone(self):
        """After the supervisor was killed nobody else can clean up: the last node out does."""
        if self.node and not self.has_finished:
            self.node.finish()
        self.context.destroy(linger=0)
        for remove, path in [
                (os.unlink, f"{self.folder}/{self.name}.sock"),
                (os.unlink, f"{self.folder}/control.sock"),
                (os.unlink, f"{self.folder}/name"), (os.rmdir, self.folder)]:
            try:
                remove(path)
            except OSError:
                pass
        return 1

    def read_control(self):
        while self.control.poll(0):
            message = json.loads(self.control.recv())
            if message["type"] == "configure":
                self.configuration = message
                self.outputs = [Output(edge) for edge in message["outputs"]]
                if "listen" in message:
                    self.router.bind(message["listen"])
                # Until now a consumer's hello would mean nothing: it waits in the socket.
                self.poller.register(self.router, zmq.POLLIN)
                began = time.monotonic()
                self.node = Node(message["settings"])
                self.loading = time.monotonic() - began
                self.say("ready")
            elif message["type"] == "connect":
                next = message.get("next", {})
                self.inputs = [
                    Input(self.context, self.configuration["node"], edge, next.get(edge["port"], 0))
                    for edge in self.configuration["inputs"]]
                for input in self.inputs:
                    self.poller.register(input.socket, zmq.POLLIN)
            elif message["type"] == "start":
                self.is_running = True
            elif message["type"] == "reconnect":
                for input in self.inputs:
                    if input.port == message["port"]:
                        self.poller.unregister(input.socket)
                        used = sum(1 for other, _ in self.used if other is input)
                        input.reconnect(
                            message["endpoint"], message.get("fresh", False), self.slots, used)
                        self.poller.register(input.socket, zmq.POLLIN)
            elif message["type"] == "set":
                self.node.update(message["settings"])
                frame = {} if self.last_frame is None else {"frame": self.last_frame + 1}
                self.say("applied", edition=message["edition"], **frame)
            elif message["type"] == "retire":
                self.retires_by = time.monotonic() + 3
            elif message["type"] == "finish":
                self.is_told = True

    def read_router(self):
        while self.router.poll(0):
            identity, data = self.router.recv_multipart()
            name, header = identity.decode(), Header.decoded(data)
            for output in self.outputs:
                if output.consumer == name:
                    output.hear(header)
                    output.flush(self.router)

    def tick(self):
        """Handles one tick if there is one; false when something is still missing."""
        self.settle()
        if not self.is_running or self.has_finished or self.retires_by or any(o.is_full for o in self.outputs):
            return False
        for input in self.inputs:
            while input.is_value and input.waiting:
                header, array = input.waiting.popleft()
                self.kept[input.port] = array.copy()
                input.done(header)
        missing = [i for i in self.inputs if i.is_value and i.port not in self.kept]
        for input in missing:
            if input.has_ended:
                raise ValueError(f"input '{input.port}' ended without ever giving a value")
        if missing:
            return False
        paced = [i for i in self.inputs if not i.is_value]
        if self.align(paced):
            self.process(paced)
            return True
        if not paced or any(i.has_ended and not i.waiting for i in paced):
            self.node.finish()
            self.has_finished = True
            for output in self.outputs:
                output.has_ended = True
                output.flush(self.router)
        return False

    def align(self, paced):
        """Drops what can have no partner; true when all inputs have a message of one frame."""
        while paced and all(input.waiting for input in paced):
            newest = max(input.waiting[0][0].stamp.frame for input in paced)
            late = [i for i in paced if i.waiting[0][0].stamp.frame < newest]
            if not late:
                return True
            for input in late:
                self.drop(input)
        if any(input.has_ended and not input.waiting for input in paced):
            for input in paced:
                while input.waiting:
                    self.drop(input)
        return False

    def drop(self, input):
        header, _ = input.waiting.popleft()
        input.unpaired.add(header.stamp.frame)
        input.done(header)

    def process(self, inputs):
        messages = [(input, *input.waiting.popleft()) for input in inputs]
        arrays = {**self.kept, **{input.port: array for input, _, array in messages}}
        stamp = messages[0][1].stamp
        began = time.monotonic_ns()
        outputs = self.node.process(arrays)
        duration = time.monotonic_ns() - began
        self.work.add(duration)
        self.busy += duration / 1e9
        self.ticks += 1
        self.recent.append([began, duration, stamp.frame])
        if self.outputs and not outputs:
            self.dropped["it gave nothing for them", None].add(stamp.frame)
        elif outputs:
            for port in {o.port for o in self.outputs if o.keep != "last"} - outputs.keys():
                self.dropped[f"it gave no '{port}' for them", port].add(stamp.frame)
        self.publish(outputs or {}, stamp)
        self.last_frame = stamp.frame
        self.age.add(time.monotonic_ns() - stamp.captured)
        if not self.outputs:
            self.delivered.add(stamp.frame)
            self.delivered_count += 1
        self.used += [(input, header) for input, header, _ in messages]
        self.settle()

    def settle(self):
        """Gives back what was used up: for a window of 1 not before what came of it has been taken."""
        if any(o.is_full for o in self.outputs) and any(i.window == 1 for i, _ in self.used):
            return
        for input, header in self.used:
            input.done(header)
        self.used = []

    def publish(self, arrays, stamp):
        for port, array in arrays.items():
            array = numpy.asarray(array)
            if array.dtype not in CODES:
                raise TypeError(f"output '{port}' is {array.dtype}, which cannot be sent")
            header = Header(
                DATA, stamp, self.sequences[port], time.monotonic_ns(), CODES[array.dtype],
                array.shape)
            self.sequences[port] += 1
            for output in self.outputs:
                if output.port == port:
                    output.offer((header, array.tobytes()))
                    output.flush(self.router)

    def report(self, is_last=True):
        """Sets of frames grow with every gap, so that only the last report has them."""
        inputs = [
            {"port": i.port, "received": i.received, "bytes": i.bytes, "hop": i.hop.report(),
             "age": i.age.report()} for i in self.inputs]
        outputs = [
            {"port": o.port, "to": o.consumer.split(".")[0],
             "input": o.consumer.split(".")[1].split("~")[0],
             "edition": int((o.consumer.split("~") + ["0"])[1]), "keep": o.keep, "sent": o.sent,
             "waiting": len(o.waiting), "credits": o.credits, "dropped_count": o.dropped_count}
            for o in self.outputs]
        brief = {
            "inputs": inputs, "outputs": outputs, "recent": list(self.recent),
            "ticks": self.ticks, "busy_s": self.busy, "load_s": self.loading,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
            "delivered_count": self.delivered_count, "age": self.age.report(),
            "work": self.work.report()}
        if not is_last:
            return brief
        return {
            **brief,
            "delivered": self.delivered.runs,
            "dropped": [
                {"reason": reason, "port": port, "frames": frames.runs}
                for (reason, port), frames in self.dropped.items()],
            "inputs": [
                {**found, "unpaired": i.unpaired.runs} for i, found in zip(self.inputs, inputs)],
            "outputs": [
                {**found, "dropped": o.dropped.runs, "unwanted": o.unwanted.runs}
                for o, found in zip(self.outputs, outputs)],
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the node's name in the graph")
    parser.add_argument("--kind", required=True, help="the word after 'use:'")
    parser.add_argument("--folder", required=True, help="the folder of the run's sockets")
    options = parser.parse_args()
    host = Host(options.name, options.folder)
    try:
        status = host.run()
    except Exception as error:
        traceback.print_exc()
        host.say("failed", reason=f"{type(error).__name__}: {error}")
        # Neighbours that were killed take their memory along.
        status = host.end_alone() if host.is_alone() else 1
    host.context.destroy(linger=2000)
    sys.exit(status)


if __name__ == "__main__":
    main()
