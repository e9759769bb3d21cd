"""Curves of a run while it runs: TensorBoard's event files, and a picture for those who do not have it."""

from pathlib import Path
from typing import TYPE_CHECKING, Self

from indexer.durable import replace_file
from indexer.training_curves import training_curves
from indexer.training_folder import CURVES_FILE, LOGS_FOLDER

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from retrieval.training.loop import Progress


class TrainingLog:
    """Writes each epoch down as it ends; a run that goes on adds to what is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, progress: "Progress") -> None:
        """Log the last epoch, and draw all."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = self._writer or SummaryWriter(str(self._folder / LOGS_FOLDER))
        epoch = progress.epochs[-1]
        for name, value in (
            ("loss", epoch.loss),
            ("validation/map_at_r", epoch.map_at_r),
            ("validation/recall_at_1", epoch.recall_at_1),
        ):
            if value is not None:
                self._writer.add_scalar(name, value, epoch.number)
        replace_file(self._folder / CURVES_FILE, training_curves(progress))
