"""How a head is held and what a face expresses: renderer.c's numbers for a motion, in its order."""
import numpy as np

POSE = ["yaw", "pitch", "roll", "t_x", "t_y", "scale"]
EXPRESSION = [
    "lid_left", "lid_right", "gaze_x", "gaze_y", "brow_up", "brow_tilt", "open", "wide", "smile"]
NAMES = POSE + EXPRESSION
INDEX = {name: i for i, name in enumerate(NAMES)}
EXPRESSIONS = slice(len(POSE), len(NAMES))
# The least that an expression's number can be; the most is 1.
LOW = np.array([0, 0, -1, -1, -1, -1, 0, -1, -1], np.float32)


def mirrored(motions: np.ndarray) -> np.ndarray:
    """What is seen in a mirror of `[n, numbers]`: left is right."""
    seen = motions.copy()
    for name in ("yaw", "roll", "t_x", "gaze_x"):
        seen[:, INDEX[name]] *= -1
    lids = [INDEX["lid_left"], INDEX["lid_right"]]
    seen[:, lids] = motions[:, lids[::-1]]
    return seen


def pose(random: np.random.Generator, spread: float = 1) -> np.ndarray:
    """Yaw, pitch and roll in degrees, place and size of a head."""
    turn = random.normal(0, [16, 9, 6]) * spread
    turn = np.clip(turn, [-36, -20, -16], [36, 20, 16])
    place = random.uniform([-.12, -.02], [.12, .12])
    return np.array([*turn, *place, random.uniform(.64, .76)])


def expression(random: np.random.Generator) -> np.ndarray:
    """A face that does something: extremes are as frequent as rest."""
    lids = random.choice([0, 0, 1, random.uniform(0, 1)])
    left = right = float(lids)
    if random.uniform() < .15:
        left, right = random.choice([0, 1], 2)
    gaze = random.uniform(-1, 1, 2) * (random.uniform() < .75)
    brows = random.uniform(-1, 1, 2) * (random.uniform(size=2) < .7)
    opening = random.choice([0, random.uniform(0, 1), random.uniform(.4, 1)])
    mouth = random.uniform(-1, 1, 2) * (random.uniform(size=2) < .75)
    return np.array([left, right, *gaze, *brows, opening, *mouth])


def sample(random: np.random.Generator) -> np.ndarray:
    return np.concatenate([pose(random), expression(random)]).astype(np.float32)


def rest(random: np.random.Generator) -> np.ndarray:
    """As one sits for a portrait: towards the camera, eyes open, mouth nearly closed."""
    face = np.array([random.uniform(0, .15), 0, *random.normal(0, .15, 2), *random.normal(0, .2, 2),
                     max(0, random.normal(0, .08)), *random.normal(.1, .25, 2)])
    face[1] = face[0]
    return np.concatenate([pose(random, .35), face]).astype(np.float32)


def _smooth(random: np.random.Generator, frames: int, rate: float, period: float) -> np.ndarray:
    """Smooth noise of deviation 1 that changes about once in `period` seconds."""
    knots = int(frames / rate / period) + 4
    values = random.normal(0, 1, knots)
    at = np.arange(frames) / rate / period + random.uniform(0, 1)
    low = at.astype(int)
    t = at - low
    t = t * t * (3 - 2 * t)
    return values[low] * (1 - t) + values[low + 1] * t


def sequence(random: np.random.Generator, frames: int, rate: float = 25) -> np.ndarray:
    """Somebody who talks, looks about and blinks: `[frames, numbers]`."""
    def noise(period: float) -> np.ndarray:
        return _smooth(random, frames, rate, period)

    m = np.zeros((frames, len(NAMES)))
    start = pose(random, .4)
    m[:, 0] = np.clip(start[0] + 13 * noise(1.3), -36, 36)
    m[:, 1] = np.clip(start[1] + 6 * noise(.9) + 2 * noise(.35), -20, 20)
    m[:, 2] = np.clip(start[2] + 5 * noise(1.5), -16, 16)
    m[:, 3] = np.clip(start[3] + .04 * noise(1.7), -.16, .16)
    m[:, 4] = np.clip(start[4] + .02 * noise(1.4), -.06, .16)
    m[:, 5] = start[5]
    lids = np.clip(.1 + .1 * noise(1.1), 0, .5)
    at = random.uniform(0, 1.5)
    seconds = np.arange(frames) / rate
    while at < seconds[-1]:
        lids = np.maximum(lids, np.clip(1.6 - np.abs(seconds - at) / .085, 0, 1))
        at += random.uniform(.7, 3)
    wink = np.zeros(frames)
    if random.uniform() < .4:
        wink = np.clip(1.8 - np.abs(seconds - random.uniform(0, seconds[-1])) / .25, 0, 1)
    side = random.integers(2)
    m[:, 6] = np.maximum(lids, wink * (side == 0))
    m[:, 7] = np.maximum(lids, wink * (side == 1))
    m[:, 8] = np.clip(.6 * noise(.8), -1, 1)
    m[:, 9] = np.clip(.4 * noise(.9), -1, 1)
    m[:, 10] = np.clip(.55 * noise(1.0), -1, 1)
    m[:, 11] = np.clip(.5 * noise(1.4), -1, 1)
    talking = np.clip(noise(1.8) + .6, 0, 1)
    m[:, 12] = np.clip(talking * np.clip(.35 + .5 * noise(.14), 0, 1), 0, 1)
    m[:, 13] = np.clip(.55 * noise(.3), -1, 1)
    m[:, 14] = np.clip(.15 + .6 * noise(1.2), -1, 1)
    return m.astype(np.float32)
