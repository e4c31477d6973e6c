"""The words of the command line that have to do with training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .devices import DEVICES
from .fusion import FUSERS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]

__all__ = ["add_training"]


def add_training(commands: Commands) -> None:
    """Add `dataset`, `train`, `evaluate` and `checkpoint` to the commands."""
    dataset = commands.add_parser("dataset", help="make and describe datasets to train on", allow_abbrev=False)
    parts = dataset.add_subparsers(required=True, metavar="COMMAND")
    _add_build(_part(parts, "build", "from one's own bursts"))
    _add_simulate(_part(parts, "simulate", "from simulated bursts, to compare checkpoints on"))
    _add_dataset_info(_part(parts, "info", "say what a dataset holds"))
    _add_train(commands.add_parser("train", help="train a network", allow_abbrev=False))
    _add_evaluate(commands.add_parser("evaluate", help="measure how good a checkpoint is", allow_abbrev=False))
    checkpoint = commands.add_parser("checkpoint", help="describe trained networks", allow_abbrev=False)
    parts = checkpoint.add_subparsers(required=True, metavar="COMMAND")
    info = _part(parts, "info", "say what a checkpoint is, and whether it is whole")
    info.add_argument("checkpoint", metavar="NAME|FOLDER", help="name of one that came with the program, or its folder")
    info.set_defaults(command="checkpoint info")
    listing = _part(parts, "list", "list checkpoints, broken ones with what is wrong")
    listing.add_argument("folders", nargs="*", metavar="FOLDER", help="checkpoints, or folders that hold some")
    listing.set_defaults(command="checkpoint list")


def _part(parts: Commands, name: str, text: str) -> argparse.ArgumentParser:
    about = f"{text[0].upper()}{text[1:]}."
    parser: argparse.ArgumentParser = parts.add_parser(name, help=text, description=about, allow_abbrev=False)
    return parser


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make a dataset from bursts: aligned, with a fused picture as the truth, cut to tiles, split by burst."
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="a burst each: its folder, or a multi-page TIFF")
    _add_out(parser)
    parser.add_argument(
        "--kind", choices=["rgb", "raw"], default="rgb", help="pictures, or planes of a raw file's mosaic (rgb)"
    )
    parser.add_argument(
        "--fuser", choices=list(FUSERS), default="pyramid", help="method that makes the truth (pyramid)"
    )
    parser.add_argument(
        "--targets", type=Path, metavar="FOLDER", help="one's own fused pictures as the truth, named after the bursts"
    )
    parser.add_argument("--tile", type=int, default=128, metavar="PX", help="side of a tile (128)")
    parser.add_argument("--held-out", type=float, default=0.15, metavar="SHARE", help="bursts not trained on (0.15)")
    parser.add_argument("--seed", type=int, default=0, help="decides which bursts are held out (0)")
    parser.add_argument("--skip-bad", action="store_true", help="go on without frames and bursts that cannot be used")
    _add_device(parser)
    parser.set_defaults(command="dataset build")


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a dataset of simulated bursts with depth; the same words make the same version."
    _add_out(parser)
    parser.add_argument(
        "--library", type=Path, metavar="FOLDER", help="pictures to draw from, beside the simulator's own"
    )
    parser.add_argument(
        "--split",
        choices=["test", "train"],
        default="test",
        help="pictures that are never trained on, or others (test)",
    )
    parser.add_argument("--bursts", type=int, default=64, metavar="NUMBER", help="how many (64)")
    parser.add_argument(
        "--frames", type=int, nargs=2, default=(2, 30), metavar=("FEWEST", "MOST"), help="of a burst (2 30)"
    )
    parser.add_argument("--size", type=int, default=256, metavar="PX", help="height and width (256)")
    parser.add_argument("--seed", type=int, default=0, help="all that is random follows from it (0)")
    parser.set_defaults(command="dataset simulate")


def _add_dataset_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DATASET", help="its folder")
    parser.add_argument("--check", action="store_true", help="read everything, and compare it with the manifest")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(command="dataset info")


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a network as a recipe says. Stopped at any moment, the same command goes on to the same numbers. "
        "Several processes and nodes: start it with torchrun or srun."
    )
    parser.add_argument("recipe", metavar="RECIPE.json", help="file, or name of a recipe that came with the program")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="of the checkpoint (the recipe's name, here)")
    parser.add_argument("--minutes", type=float, metavar="NUMBER", help="stop after so long, with a checkpoint")
    _add_device(parser)
    parser.set_defaults(command="train")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure a checkpoint on a dataset's held-out bursts, beside methods that need no training."
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="name of one that came with the program, or its folder"
    )
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a dataset")
    parser.add_argument(
        "--methods", nargs="*", choices=list(FUSERS), metavar="METHOD", help=f"of {', '.join(FUSERS)} (classical ones)"
    )
    parser.add_argument(
        "--split", choices=["test", "train"], default="test", help="held-out bursts, or those to train on (test)"
    )
    _add_device(parser)
    parser.set_defaults(command="evaluate")


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DATASET", help="the dataset's folder")
    parser.add_argument("--overwrite", action="store_true", help="replace a dataset that is there already")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no report")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (auto)")
    if parser.get_default("quiet") is None:
        parser.add_argument("--quiet", action="store_true", help="no progress bar and no report")
