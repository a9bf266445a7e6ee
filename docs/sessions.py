"""How many sessions a GPU serves, and what to scale on: the simulation behind sessions.md.

    python3 docs/sessions.py            prints the tables
    python3 docs/sessions.py --check    compares them with those in sessions.md (exit code 1: they differ)
    python3 docs/sessions.py --round 0.12 --shared 0.3      with your own GPU's figures

Nothing here is measured but what is said to be. Only Python's own library is used; every number
follows from the seed.
"""
import argparse
import math
import pathlib
import random
import re
import sys

FRAMES = 4  # of a micro-chunk
STEPS = 4  # rounds until a micro-chunk has left the window
# The paper's Table 4: 20.0 frames a second of one H100 with the tiny decoder, so at most 200 ms a
# round of four frames for everything else; the SD decoder makes it 253 ms.
ROUND = FRAMES / 20.0


def quantile(values, fraction):
    values = sorted(values)
    return values[max(0, math.ceil(fraction * len(values)) - 1)] if values else float("nan")


def gpu(sessions, rate, shared, round_time, seconds=300.0, seed=1):
    """One denoiser that takes the newest micro-chunk of every session that has one, and computes
    them together.

    A round of b sessions takes round_time * (shared + (1 - shared) * b): `shared` is the part of the
    work that does not grow with the batch. Returns frames a second of each session, the ages of
    frames (first of a chunk, captured until its round ends) and the share of time without work.
    """
    dice = random.Random(seed)
    period = FRAMES / rate
    due = [dice.uniform(0, period) + period for _ in range(sessions)]  # when a chunk is complete
    waiting = [None] * sessions
    window = [[] for _ in range(sessions)]
    ages, done, idle, now, start = [], 0, 0.0, 0.0, 30.0
    while now < seconds:
        for one in range(sessions):
            while due[one] <= now:  # what has not been taken is superseded
                waiting[one] = due[one] - period
                due[one] += period
        batch = [one for one in range(sessions) if waiting[one] is not None]
        if not batch:
            soon = min(due)
            idle += (soon - now) if now > start else 0
            now = soon
            continue
        now += round_time * (shared + (1 - shared) * len(batch))
        for one in batch:
            window[one].append(waiting[one])
            waiting[one] = None
            if len(window[one]) == STEPS:
                captured = window[one].pop(0)
                if now > start:
                    ages.append(now - captured)
                    done += 1
    length = seconds - start
    return done * FRAMES / length / sessions, ages, idle / length


def table_sessions(round_time):
    rows = ["| sessions on one GPU | " + " | ".join(
        f"shared {round(100 * s)} %" for s in (0.1, 0.3, 0.5)) + " |", "|---:|" + "---:|" * 3]
    for sessions in (1, 2, 3, 4, 6, 8):
        cells = []
        for shared in (0.1, 0.3, 0.5):
            fps, ages, idle = gpu(sessions, 15, shared, round_time)
            cells.append(f"{fps:.1f} fps, {quantile(ages, .95):.1f} s, {round(100 * (1 - idle))} %")
        rows.append(f"| {sessions} | " + " | ".join(cells) + " |")
    return rows


def table_capacity(round_time):
    rows = ["| the session's camera | " + " | ".join(
        f"shared {round(100 * s)} %" for s in (0.1, 0.3, 0.5)) + " |", "|---|" + "---:|" * 3]
    for rate in (5, 7.5, 10, 15):
        cells = []
        for shared in (0.1, 0.3, 0.5):
            fit = 0
            for sessions in range(1, 40):
                fps, _, _ = gpu(sessions, rate, shared, round_time, seconds=120)
                if fps < 0.95 * rate:
                    break
                fit = sessions
            cells.append(str(fit))
        rows.append(f"| {rate:g} fps | " + " | ".join(cells) + " |")
    return rows


def fleet(signal, shared, round_time, rate=10.0, seed=3):
    """A fleet of GPUs for an hour: 40 sessions, then 160 more within two minutes; each lasts some
    twelve minutes. A GPU needs two minutes to start. Every 15 s the signal says how many are wanted.

    Sessions are spread evenly. Returns GPU-hours, and the share of session time with less than 90 %
    of the wanted frames.
    """
    dice = random.Random(seed)
    step, start_time, length = 5.0, 120.0, 3600.0
    capacity = lambda per_gpu: (  # frames a second that a session gets with so many on its GPU
        min(rate, FRAMES * 1.0 / (round_time * (shared + (1 - shared) * per_gpu))) if per_gpu else rate)
    need = lambda per_gpu: per_gpu and rate * round_time * (shared + (1 - shared) * per_gpu) / FRAMES
    ends = [dice.expovariate(1 / 720) for _ in range(40)]
    ready, starting = 30, []
    hours, bad, total, now, calm = 0.0, 0.0, 0.0, 0.0, 0.0
    while now < length:
        arrivals = 160 / 120 if 600 <= now < 720 else (
            200 / 720 if now >= 720 else 40 / 720)  # keeps the number up
        for _ in range(int(arrivals * step) + (dice.random() < (arrivals * step) % 1)):
            ends.append(now + dice.expovariate(1 / 720))
        ends = [end for end in ends if end > now]
        ready += sum(1 for at in starting if at <= now)
        starting = [at for at in starting if at > now]
        per_gpu = len(ends) / max(ready, 1)
        fps = capacity(per_gpu)
        load = need(per_gpu)  # 1: exactly full; beyond, frames are dropped
        hours += (ready + len(starting)) * step / 3600
        total += len(ends) * step
        bad += len(ends) * step if fps < 0.9 * rate else 0
        if now % 15 < step:
            if signal == "utilisation":  # full is full: it does not say how much is missing
                wanted = ready * min(load, 1) / 0.8
            elif signal == "age":  # rounds grow with the load, and the age with them
                age = max(load, 1)
                wanted = ready * (age if age > 1 else load / 0.8)
            else:  # what sessions ask for against what is taken: room below 1, lack above
                wanted = ready * load / 0.8
            wanted = math.ceil(wanted)
            have = ready + len(starting)
            if wanted > have:
                starting += [now + start_time] * (wanted - have)
                calm = now
            elif wanted < ready and now - calm > 300:
                ready -= max(1, (ready - wanted) // 4)
                calm = now
        now += step
    return hours, bad / total


def table_signals(round_time):
    rows = ["| scaled on | GPU-hours | session time with too few frames |", "|---|---:|---:|"]
    for signal, name in (
        ("utilisation", "utilisation of the GPU, 80 %"),
        ("age", "age at the sink against the budget"),
        ("credits", "credits: demand over what is taken"),
    ):
        hours, bad = fleet(signal, 0.3, round_time)
        rows.append(f"| {name} | {hours:.0f} | {100 * bad:.1f} % |")
    return rows


TABLES = {"sessions": table_sessions, "capacity": table_capacity, "signals": table_signals}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--round", type=float, default=ROUND, help="seconds of a round of one session")
    parser.add_argument("--shared", type=float, help="only this share, for one to eight sessions")
    parser.add_argument("--check", action="store_true", help="compare with sessions.md")
    parser.add_argument("--write", action="store_true", help="write them into sessions.md")
    options = parser.parse_args()
    if options.shared is not None:
        for sessions in range(1, 9):
            fps, ages, idle = gpu(sessions, 15, options.shared, options.round)
            print(f"{sessions}: {fps:.1f} fps, age p95 {quantile(ages, .95):.2f} s, "
                  f"busy {100 * (1 - idle):.0f} %")
        return 0
    page = pathlib.Path(__file__).with_name("sessions.md")
    text = page.read_text() if page.exists() else ""
    differing = False
    for name, make in TABLES.items():
        table = "\n".join(make(options.round))
        block = f"<!-- {name} -->\n{table}\n<!-- end -->"
        found = re.search(rf"<!-- {name} -->\n.*?<!-- end -->", text, re.S)
        if options.check and (not found or found.group() != block):
            differing = True
            print(f"sessions.md differs from the simulation in its table '{name}'", file=sys.stderr)
        if options.write and found:
            text = text.replace(found.group(), block)
        if not options.check:
            print(table + "\n")
    if options.write:
        page.write_text(text)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
