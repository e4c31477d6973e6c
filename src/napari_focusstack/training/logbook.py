"""What a run says of itself, step by step: a CSV file that is as old as its checkpoint, and TensorBoard's events."""

from __future__ import annotations

import csv
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from ..files import replacing

__all__ = ["LOG", "Logbook", "read_log"]

LOG, EVENTS = "log.csv", "tensorboard"
COLUMNS = ("step", "loss", "rate", "psnr", "psnr_mean", "psnr_single", "seconds")


class Logbook:
    """Rows of numbers, kept until `write`; TensorBoard gets them at once.

    Parameters
    ----------
    folder : Path
        The run's.
    step : int
        Step that the run goes on from: rows beyond it, which a killed run left behind, are dropped.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        self.rows = [row for row in read_log(folder) if row["step"] <= step]
        self._events = SummaryWriter(str(folder / EVENTS), purge_step=step + 1, max_queue=100)

    @property
    def seconds(self) -> float:
        """Time that the steps so far have taken."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    def add(self, **values: float) -> None:
        """Add the row of a step; what is not given stays empty."""
        self.rows.append(values)
        for name, value in values.items():
            if name != "step":
                self._events.add_scalar(name, value, int(values["step"]))

    def write(self) -> None:
        """Write all rows; the file is replaced at once."""
        with replacing(self.folder / LOG) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({name: f"{value:.9g}" for name, value in row.items()} for row in self.rows)
        self._events.flush()

    def close(self) -> None:
        """Let go of TensorBoard's file."""
        self._events.close()


def read_log(folder: Path) -> list[dict[str, float]]:
    """Rows of a run's CSV file, without empty values; none if there is no such file."""
    path = folder / LOG
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
