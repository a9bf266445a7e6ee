"""Writes the figures of `metrics.json` into a model card: `python -m portrait.card ../Models/small`.

Tables stand between `<!-- NAME -->` and `<!-- end -->`, so that a card has the numbers that were
measured and no others.
"""
import argparse
import json
import re
from pathlib import Path

TITLES = dict(
    psnr="PSNR", ssim="SSIM", keypoints_px="key points, px", r2_lids="lids R²", r2_open="mouth open R²",
    r2_gaze="gaze R²", r2_brows="brows R²", r2_all="all nine R²", identity_error="identity error", r2_identity="identity R²",
    acceleration="acceleration")
ROWS = dict(
    truth="truth", autoencoder="autoencoder", full_decoder="… with the full decoder",
    copied_portrait="copied portrait", ours_full_decoder="ours with the full decoder",
    ours="**ours**, from pictures", ours_exact_motion="ours, exact motion",
    tokens_shuffled="… motion tokens shuffled", tokens_neutral="… motion tokens neutral",
    keypoints_shuffled="… key points shuffled", portrait_shuffled="… portrait shuffled",
    no_temporal_modules="… without temporal modules", no_keyframes="… without keyframes",
    no_interpolated_start="… without interpolated start", no_motion_tokens="… without motion tokens",
    chunks_of_2="… chunks of 2")


def number(name: str, value: float | None) -> str:
    if value is None or value > 1e6:
        return "∞"
    digits = 1 if name in ("psnr", "keypoints_px") else 3 if name == "identity_error" else 2
    return f"{value:.{digits}f}"


def table(figures: dict) -> str:
    names = [name for name in TITLES if name in next(iter(figures.values()))]
    lines = ["| | " + " | ".join(TITLES[name] for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for row, values in figures.items():
        lines.append(f"| {ROWS.get(row, row)} | "
                     + " | ".join(number(name, values[name]) for name in names) + " |")
    return "\n".join(lines)


def write(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    tables = dict(stills=metrics["figures"])
    if "films" in metrics:
        tables["films"] = metrics["films"]["figures"]
    card = (folder / "README.md").read_text()
    for name, figures in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.S)
        if not pattern.search(card):
            raise SystemExit(f"{folder}/README.md has no '<!-- {name} -->' … '<!-- end -->'")
        card = pattern.sub(lambda m: f"{m[1]}{table(figures)}\n{m[2]}", card)
    (folder / "README.md").write_text(card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="portrait.card", description=__doc__)
    parser.add_argument("folder", nargs="?", default="../Models/small")
    write(Path(parser.parse_args().folder))
