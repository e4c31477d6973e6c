"""Draw the course of a training run: python docs/_scripts/training_curve.py RUN_FOLDER, into docs/images."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

IMAGES = Path(__file__).parents[1] / "images"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 64, 150, 20, 48  # px
LINES = {  # column of the log, what it is, colour
    "psnr": ("network", "#0b7285"),
    "psnr_single": ("best single frame", "#e67700"),
    "psnr_mean": ("mean of the frames", "#868e96"),
}


def main(run: Path) -> None:
    """Read the run's log and write the picture."""
    with (run / "log.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["psnr"]]
    steps = [int(float(row["step"])) for row in rows]
    values = {name: [float(row[name]) for row in rows] for name in LINES}
    low = int(min(map(min, values.values())))
    high = int(max(map(max, values.values()))) + 1
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(step: float, value: float) -> tuple[float, float]:
        return LEFT + across * step / steps[-1], TOP + up * (high - value) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" ',
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for value in range(low, high + 1, max(1, (high - low) // 8)):
        x, y = place(0, value)
        parts.append(f'<line x1="{x}" y1="{y:.1f}" x2="{x + across}" y2="{y:.1f}" stroke="#dee2e6"/>')
        parts.append(f'<text x="{x - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#495057">{value}</text>')
    for step in range(0, steps[-1] + 1, max(1, steps[-1] // 5)):
        x, y = place(step, low)
        parts.append(f'<text x="{x:.1f}" y="{y + 20:.1f}" text-anchor="middle" fill="#495057">{step:,}</text>')
    parts.append(f'<text x="{LEFT + across / 2}" y="{HEIGHT - 8}" text-anchor="middle" fill="#495057">steps</text>')
    parts.append(f'<text x="{LEFT - 48}" y="{TOP - 6}" fill="#495057">PSNR, dB</text>')
    for name, (title, colour) in LINES.items():
        points = " ".join("{:.1f},{:.1f}".format(*place(s, v)) for s, v in zip(steps, values[name], strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        x, y = place(steps[-1], values[name][-1])
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{title}</text>')
    (IMAGES / f"training_{run.name}.svg").write_text("\n".join([*parts, "</svg>"]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
