#!/bin/bash
# Marks a film, treats it as other people would, and prints what `personalive verify` finds: the table of
# docs/marks.md. Also: what the marks cost.
#
#   Tests/detect-marks.sh FILM [SIDE] [FRAMES]
#
# FILM is scaled to SIDE x SIDE (512); FRAMES (250) of it are used. Needs ffmpeg and jq.
set -eu
film=$(realpath "$1") side=${2:-512} frames=${3:-250}
tool=${TOOL:-.build/release/personalive}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ffmpeg -v error -i "$film" -frames:v "$frames" -an -vf "scale=$side:$side" -c:v libx264 -qp 0 "$work/plain.mp4"
graph() {
  cat >"$work/$1.yaml" <<Y
nodes:
  camera: { use: video-file, with: { path: $work/plain.mp4 } }
  encoder: { use: video-encoder, in: { frame: camera.frame }, with: { path: $work/$1.mp4$2 } }
Y
}
graph marked ""
graph unmarked ", label-ai-generated: false"
TIMEFORMAT='%R s, of processors %U s'
for name in unmarked marked unmarked marked unmarked marked; do
  echo -n "$name: $frames frames in "
  { time "$tool" run "$work/$name.yaml" --quiet --json >/dev/null 2>"$work/errors"; } 2>&1 ||
    { cat "$work/errors"; exit 1; }
done
for name in unmarked marked; do echo "$name: $(stat -c %s "$work/$name.mp4") bytes"; done

show() { # NAME FILE
  "$tool" verify "$2" --json >"$work/report" || true
  jq -r --arg name "$1" '[$name, (if .watermark.found then "10^\(.watermark.log10_odds | round)" else
    "not found (10^\(.watermark.log10_odds | round))" end), (.watermark.run // "-"),
    (if .sign.found then "sign" else "no sign" end), .signature.state] | "| " + join(" | ") + " |"' "$work/report"
}
treat() { # NAME ARGUMENTS...
  local name=$1
  shift
  ffmpeg -v error -y -i "$work/marked.mp4" "$@" -c:v libx264 "$work/treated.mp4"
  show "$name" "$work/treated.mp4"
}
size=$(stat -c %s "$work/marked.mp4")
rate=$((size * 8 * 25 / frames / 1000 / 2))
show "as it was made" "$work/marked.mp4"
cp "$work/marked.mp4" "$work/tampered.mp4"
place=$(($(grep -abo mdat "$work/tampered.mp4" | head -1 | cut -d: -f1) + size / 3))
printf '\x55' | dd of="$work/tampered.mp4" bs=1 seek="$place" conv=notrunc status=none
show "one byte changed" "$work/tampered.mp4"
for crf in 23 28 32; do treat "compressed again, CRF $crf" -crf $crf; done
treat "scaled to 0.75, CRF 23" -vf "scale=trunc(iw*3/8)*2:-2" -crf 23
treat "cropped by 10 %, CRF 23" -vf "crop=iw*9/10:ih*9/10" -crf 23
treat "cropped, scaled and CRF 28" -vf "crop=iw*9/10:ih*9/10,scale=trunc(iw*3/8)*2:-2" -crf 28
treat "recorded from a screen" -vf "scale=trunc(iw*2/3)*2:-2,fps=30" -b:v "${rate}k"
treat "stretched by 2 %" -vf "scale=trunc(iw*51/100)*2:ih" -crf 23
treat "one frame, CRF 28" -frames:v 1 -crf 28
show "the film before it was marked" "$work/plain.mp4"
