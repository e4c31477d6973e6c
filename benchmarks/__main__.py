"""Command line of the benchmarks. Only what a command needs is imported: `speed` must stay a small process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SPEED_CASES = ("2x10", "2x60", "8x30", "20x10")


def main() -> int:
    """Run the command that was asked for; return the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=(sys.modules["benchmarks"].__doc__ or ""))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    quality = commands.add_parser("quality", help="PSNR, SSIM and the band beside depth edges on simulated bursts")
    quality.add_argument("--cases", type=_names, help="names, separated by commas; all by default")
    quality.add_argument("--methods", type=_names, help="rows, separated by commas; all that are there by default")
    quality.add_argument("--size", type=int, default=384, help="height and width of the frames in px (384)")
    quality.add_argument("--pictures", type=Path, metavar="FOLDER", help="also write every picture as PNG")
    quality.add_argument("--json", type=Path, metavar="FILE", help="also write all figures as JSON")
    quality.set_defaults(run=_quality)

    speed = commands.add_parser("speed", help="CPU seconds, wall seconds and peak memory of whole processes")
    speed.add_argument("--cases", type=_names, default=SPEED_CASES, help="MEGAPIXELSxFRAMES, separated by commas")
    speed.add_argument("--tools", type=_names, help="names, separated by commas; all but the networks by default")
    speed.add_argument("--depth", action="store_true", help="measure the depth, too; error against its truth")
    speed.add_argument("--runs", type=int, default=3, help="runs of each tool, taken in turn (3)")
    speed.add_argument("--data", type=Path, metavar="FOLDER", help="where bursts are made and kept")
    speed.add_argument("--training", action="store_true", help="frames simulated and steps trained a second, instead")
    speed.add_argument("--seconds", type=float, default=20, help="training: of each measurement (20)")
    speed.add_argument("--device", default="auto", help="training: auto, cpu, cuda or mps (auto)")
    speed.add_argument("--recipe", default="unet-small", help="training: a name or a file (unet-small)")
    speed.add_argument("--json", type=Path, metavar="FILE", help="also write all figures as JSON")
    speed.set_defaults(run=_speed)

    depth = commands.add_parser("depth", help="error of depth maps and of their σ on bursts with a known depth")
    depth.add_argument("--cases", type=_names, help="names or their beginnings, separated by commas; all by default")
    depth.add_argument("--methods", type=_names, help="rows, separated by commas; all by default")
    depth.add_argument("--data", type=Path, metavar="FOLDER", help="holds */frames with */gt_depth_frameindex.npy")
    depth.add_argument("--json", type=Path, metavar="FILE", help="also write all figures as JSON")
    depth.set_defaults(run=_depth)

    alignment = commands.add_parser("alignment", help="distance of alignments from the simulated motions")
    alignment.set_defaults(run=_alignment)

    learned = commands.add_parser("learned", help="learned, classical and published fusion of pictures and raw files")
    learned.add_argument("--methods", type=_names, help="rows, separated by commas; all by default")
    learned.add_argument("--bursts", type=int, default=16, help="bursts in each set (16)")
    learned.add_argument("--size", type=int, default=192, help="height and width of the frames in px (192)")
    learned.add_argument("--device", default="auto", help="what fuses: auto, cpu, cuda or mps (auto)")
    learned.add_argument("--json", type=Path, metavar="FILE", help="also write the figures of each burst as JSON")
    learned.set_defaults(run=_learned)

    attended = commands.add_parser("learned-depth", help="depth by networks and by classical measures on few frames")
    attended.add_argument("--methods", type=_names, help="rows, separated by commas; all by default")
    attended.add_argument("--bursts", type=int, default=10, help="bursts in each set (10)")
    attended.add_argument("--size", type=int, default=192, help="height and width of the frames in px (192)")
    attended.add_argument("--steps", type=int, default=40, help="of adapting a network to a burst (40)")
    attended.add_argument("--data", type=Path, metavar="FOLDER", help="holds */frames with */gt_depth_frameindex.npy")
    attended.add_argument("--device", default="auto", help="of the networks: auto, cpu, cuda or mps (auto)")
    attended.add_argument("--json", type=Path, metavar="FILE", help="also write the figures of each burst as JSON")
    attended.set_defaults(run=_learned_depth)

    diffusion = commands.add_parser("diffusion", help="pairs and stacks with and without diffusion elimination")
    diffusion.add_argument("--parts", type=_names, help="pairs, kernels, stacks, robustness, time; all by default")
    diffusion.add_argument("--pairs", type=int, default=64, help="simulated pairs, with noise and without (64)")
    diffusion.add_argument("--size", type=int, default=256, help="height and width of the frames in px (256)")
    diffusion.add_argument("--corpus", type=Path, metavar="FOLDER", help="add its test split to the simulator's own")
    diffusion.add_argument("--folder", type=Path, help="measure pairs without truth, instead: NAME-A.jpg, NAME-B.jpg")
    diffusion.add_argument("--fsb", default="fsb", help="checkpoint that finds the foreground (fsb)")
    diffusion.add_argument("--frb", default="frb", help="checkpoint that finds what is wrong with it (frb)")
    diffusion.add_argument("--keb", default="keb", help="checkpoint that finds the kernel (keb)")
    diffusion.add_argument("--device", default="auto", help="of the networks: auto, cpu, cuda or mps (auto)")
    diffusion.add_argument("--json", type=Path, metavar="FILE", help="also write all figures as JSON")
    diffusion.set_defaults(run=_diffusion)

    average = commands.add_parser("average", help="write the mean of several checkpoints, and how good each of them is")
    average.add_argument("out", type=Path, metavar="FOLDER", help="of the checkpoint that is written")
    average.add_argument("names", nargs="+", metavar="CHECKPOINT", help="name or folder, of one architecture")
    average.add_argument("--recipe", required=True, help="name or file: measured on what it holds out")
    average.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    average.set_defaults(run=_average)

    chosen = parser.parse_args()
    if chosen.run is _speed and not chosen.training and chosen.data is None:
        speed.error("--data FOLDER is needed: bursts of gigabytes are made there")
    chosen.run(chosen)
    return 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _quality(chosen: argparse.Namespace) -> None:
    from .quality import report

    report(chosen.cases, chosen.methods, size=chosen.size, pictures=chosen.pictures, json_file=chosen.json)


def _speed(chosen: argparse.Namespace) -> None:
    if chosen.training:
        _training(chosen)
        return
    from .speed import report

    report(chosen.cases, chosen.tools, runs=chosen.runs, data=chosen.data, json_file=chosen.json, depth=chosen.depth)


def _depth(chosen: argparse.Namespace) -> None:
    from .depth import report

    report(chosen.cases, chosen.methods, data=chosen.data, json_file=chosen.json)


def _training(chosen: argparse.Namespace) -> None:
    from .training import report

    report(seconds=chosen.seconds, device=chosen.device, recipe=chosen.recipe, json_file=chosen.json)


def _learned(chosen: argparse.Namespace) -> None:
    from .learned import report

    report(chosen.methods, bursts=chosen.bursts, size=chosen.size, device=chosen.device, json_file=chosen.json)


def _learned_depth(chosen: argparse.Namespace) -> None:
    from .learned_depth import report

    shared = {"data": chosen.data, "device": chosen.device, "json_file": chosen.json}
    report(chosen.methods, bursts=chosen.bursts, size=chosen.size, steps=chosen.steps, **shared)


def _diffusion(chosen: argparse.Namespace) -> None:
    from .diffusion import report, report_folder

    networks = {name: getattr(chosen, name) for name in ("fsb", "frb", "keb")}
    shared = {"networks": networks, "device": chosen.device, "json_file": chosen.json}
    if chosen.folder:
        report_folder(chosen.folder, **shared)
    else:
        report(chosen.parts, count=chosen.pairs, size=chosen.size, corpus=chosen.corpus, **shared)


def _average(chosen: argparse.Namespace) -> None:
    from .averaging import report

    report(chosen.out, chosen.names, recipe=chosen.recipe, device=chosen.device)


def _alignment(chosen: argparse.Namespace) -> None:  # noqa: ARG001 - called like the others
    from .alignment import report

    report()


if __name__ == "__main__":
    sys.exit(main())
