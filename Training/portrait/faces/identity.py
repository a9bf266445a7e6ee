"""Who is seen: the numbers that renderer.c takes for an identity, in its order."""
import numpy as np

NAMES = [
    *[f"{part}_{c}" for part in
      ("skin", "hair", "iris", "lips", "cloth", "back1", "back2", "frame") for c in "rgb"],
    "skull", "jaw", "chin", "nose_length", "nose_width", "eye_spacing", "eye_y", "eye_width",
    "eye_height", "brow_thickness", "brow_y", "mouth_width", "lip_thickness", "mouth_y", "style",
    "volume", "fringe", "beard", "freckles", "glasses", "light_x", "light_y", "light_z",
    "ambient", "seed", "ears", "back_angle", "blush",
]
INDEX = {name: i for i, name in enumerate(NAMES)}
STYLES = 8

SKINS = np.array([(.98, .87, .78), (.95, .78, .65), (.87, .67, .52), (.76, .55, .40),
                  (.60, .41, .28), (.43, .28, .19), (.33, .21, .15)])
HAIRS = np.array([(.09, .07, .07), (.22, .14, .09), (.38, .23, .13), (.58, .37, .17),
                  (.86, .68, .36), (.66, .26, .11), (.72, .72, .74), (.2, .33, .62),
                  (.85, .42, .6), (.45, .28, .6)])
HAIR_ODDS = np.array([.2, .17, .14, .11, .12, .1, .07, .03, .03, .03])
IRISES = np.array([(.3, .18, .08), (.2, .12, .06), (.25, .42, .62), (.28, .48, .3), (.45, .42, .4)])


def sample(random: np.random.Generator) -> np.ndarray:
    """One invented person, before one background."""
    v = dict.fromkeys(NAMES, 0.0)

    def colour(name: str, rgb, spread: float) -> None:
        for c, value in zip("rgb", rgb):
            v[f"{name}_{c}"] = float(np.clip(value + random.normal(0, spread), .02, 1))

    i = random.uniform(0, len(SKINS) - 1.001)
    low = int(i)
    skin = SKINS[low] + (SKINS[low + 1] - SKINS[low]) * (i - low)
    colour("skin", skin, .015)
    colour("hair", HAIRS[random.choice(len(HAIRS), p=HAIR_ODDS)], .03)
    colour("iris", IRISES[random.integers(len(IRISES))], .03)
    colour("lips", skin * .55 + np.array([.42, .12, .13]) + random.uniform(-.06, .06), .03)
    colour("cloth", random.uniform(.1, .95, 3), 0)
    grey = random.uniform(.35, .9)
    back = grey + .55 * (random.uniform(.2, .95, 3) - grey)
    colour("back1", back, 0)
    colour("back2", back + random.uniform(-.2, .2, 3), 0)
    colour("frame", [(.08, .08, .09), (.35, .2, .1), (.2, .25, .5)][random.integers(3)], .03)
    u = random.uniform
    v |= dict(
        skull=u(.66, .78), jaw=u(.46, .62), chin=u(.46, .6), nose_length=u(.1, .2),
        nose_width=u(.09, .15), eye_spacing=u(.27, .34), eye_y=u(-.12, -.02),
        eye_width=u(.15, .19), eye_height=u(.095, .14), brow_thickness=u(.025, .055),
        brow_y=u(0, .05), mouth_width=u(.21, .3), lip_thickness=u(.035, .07), mouth_y=u(.46, .54),
        style=random.choice(STYLES, p=[.06, .17, .14, .15, .15, .1, .11, .12]),
        volume=u(.02, .1), fringe=u(-.62, -.42), seed=u(0, 10), ears=u(.13, .2),
        back_angle=u(0, 6.28), blush=u(0, .5), ambient=u(.35, .6))
    v["eye_height"] = min(v["eye_height"], .75 * v["eye_width"])
    if v["style"] in (3, 4) and u() < .5:
        v["fringe"] -= .12
    if v["style"] == 6:
        v["volume"] += .08
    if u() < .22:
        v["beard"] = u(.45, .9)
    if u() < .2:
        v["freckles"] = u(.4, .8)
    if u() < .3:
        v["glasses"] = random.integers(1, 3)
    light = np.array([u(-.8, .8), u(-.9, -.2), -1.0])
    v["light_x"], v["light_y"], v["light_z"] = light / np.linalg.norm(light)
    return np.array([v[name] for name in NAMES], np.float32)


def samples(count: int, seed: int) -> np.ndarray:
    """`[count, numbers]`; the same seed gives the same people, and more of them begin alike."""
    return np.stack([sample(np.random.default_rng([seed, i])) for i in range(count)])


def mirrored(identities: np.ndarray) -> np.ndarray:
    """Who is seen in a mirror of `[n, numbers]`: light and background come from the other side."""
    seen = identities.copy()
    seen[:, INDEX["light_x"]] *= -1
    seen[:, INDEX["back_angle"]] *= -1
    return seen


def attribute_names() -> list[str]:
    """What each of `attributes` is."""
    return [*_NUMBERS, "back_sin", "back_cos", *[f"style_{k}" for k in range(STYLES)],
            *[f"glasses_{k}" for k in range(3)]]


def attributes(identities: np.ndarray) -> np.ndarray:
    """What a viewer could tell of a person, each number about -1...1: `[n, 57]`."""
    scaled = []
    for name in _NUMBERS:
        values = identities[:, INDEX[name]]
        low, high = _RANGES.get(name, (0, 1))
        scaled.append((values - low) / (high - low) * 2 - 1)
    angle = identities[:, INDEX["back_angle"]]
    scaled += [np.sin(angle), np.cos(angle)]
    style = identities[:, INDEX["style"]].astype(int)
    glasses = identities[:, INDEX["glasses"]].astype(int)
    scaled += [(style == k) * 2.0 - 1 for k in range(STYLES)]
    scaled += [(glasses == k) * 2.0 - 1 for k in range(3)]
    return np.stack(scaled, 1).astype(np.float32)


_NUMBERS = [name for name in NAMES if name not in ("style", "glasses", "seed", "back_angle")]
_RANGES = dict(
    skull=(.66, .78), jaw=(.46, .62), chin=(.46, .6), nose_length=(.1, .2),
    nose_width=(.09, .15), eye_spacing=(.27, .34), eye_y=(-.12, -.02), eye_width=(.15, .19),
    eye_height=(.095, .14), brow_thickness=(.025, .055), brow_y=(0, .05), mouth_width=(.21, .3),
    lip_thickness=(.035, .07), mouth_y=(.46, .54), volume=(.02, .18), fringe=(-.74, -.42),
    ears=(.13, .2), blush=(0, .5), ambient=(.35, .6), light_x=(-1, 1), light_y=(-1, 1),
    light_z=(-1, 0))
