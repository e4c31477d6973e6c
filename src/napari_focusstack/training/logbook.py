"""What a run says of itself, step by step: a CSV file that is as old as its checkpoint, and TensorBoard's events."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from torch.utils.tensorboard import SummaryWriter

from ..files import standing

__all__ = ["LOG", "Logbook", "read_log"]

LOG, EVENTS = "log.csv", "tensorboard"
SCORES = (  # of all tasks
    "psnr",
    "psnr_mean",
    "psnr_single",
    "miou",
    "sigma_error",
    "depth_error",
    "wrong",
    "wrong_before",
    "gain",
    "gain_rules",
)
COLUMNS = ("step", "loss", "rate", *SCORES, "seconds")


class Logbook:
    """Rows of numbers, one a step; none is written before the checkpoint that it belongs to.

    So no step stands in the files twice, however often the run was killed.

    Parameters
    ----------
    folder : Path
        The run's.
    step : int
        Step that the run goes on from.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        self.rows = [row for row in read_log(folder) if row["step"] <= step]
        self._shown = len(self.rows)

    @property
    def seconds(self) -> float:
        """Time that the steps so far have taken."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    def add(self, **values: float) -> None:
        """Add the row of a step; what is not given stays empty."""
        self.rows.append(values)

    def write(self, folder: Path) -> None:
        """Write all rows as a CSV file, into the folder that becomes the checkpoint's."""
        with (folder / LOG).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({name: f"{value:.9g}" for name, value in row.items()} for row in self.rows)

    def show(self) -> None:
        """Let TensorBoard see the rows since the last time.

        Its file is closed again at once, as a folder with an open file could not be replaced on Windows, and named by
        the clock's finest tick: TensorBoard reads in the order of names, and its own tell no two of one second apart.
        """
        new, self._shown = self.rows[self._shown :], len(self.rows)
        if not new:
            return
        now = time.time() - new[-1]["seconds"]
        with TemporaryDirectory(dir=self.folder) as aside:
            with SummaryWriter(aside, purge_step=int(new[0]["step"])) as events:
                for row in new:
                    for name in row.keys() - {"step"}:
                        events.add_scalar(name, row[name], int(row["step"]), walltime=now + row["seconds"])
            (self.folder / EVENTS).mkdir(exist_ok=True)
            for file in Path(aside).iterdir():
                file.replace(self.folder / EVENTS / f"events.out.tfevents.{time.time_ns()}")


def read_log(folder: Path) -> list[dict[str, float]]:
    """Rows of a run's CSV file, without empty values; none if there is no such file."""
    path = standing(folder) / LOG
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
