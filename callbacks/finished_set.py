"""What is done with a generated set once all of it is published."""

from abc import ABC, abstractmethod

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.set_records import SetRecords, read_set
from datamodules.generation import GenerationRun


class FinishedSet(Callback, ABC):
    """A callback of a generation run that looks at the whole set at its end."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse data that is no generation run, before any work.

        Raises:
            ValueError: If it is none.
        """
        self._run(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Look at the set, if nothing of the plan is missing any more."""
        run = self._run(trainer)
        if not run.missing():
            self.write(read_set(run.folder))

    @abstractmethod
    def write(self, found: SetRecords) -> None:
        """Write what there is to see into the set's folder.

        Several processes may do so at once: whatever is written replaces the same.

        Raises:
            DecodeError: If a pair is broken.
            OSError: If it cannot be written.
        """

    def _run(self, trainer: Trainer) -> GenerationRun:
        data: object = trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if not isinstance(data, GenerationRun):
            raise ValueError(
                f"{type(self).__name__} needs datamodules.generation.GenerationRun, got "
                f"{type(data).__name__}"
            )
        return data
