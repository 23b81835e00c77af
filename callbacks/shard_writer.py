"""Publishes the shards of a generation run."""

from datetime import UTC, datetime

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks import run_facts
from callbacks.generation_progress import GenerationProgress
from callbacks.generation_summary import finish_set
from datamodules.generation import GenerationRun
from datamodules.generation_result import DraftedShard, FinishedShard
from datamodules.shard_files import ImageFormat
from datamodules.shards import Facts, publish


class ShardWriter(Callback):
    """Writes each finished shard into the run's folder, whole or not at all.

    Rank 0 shows how the whole run gets on. Whichever process publishes the last shard writes index,
    summary and contact sheet: no process ever waits for another.

    Args:
        image_format: Of images and counterfactuals: JPEG of quality 95, or PNG without loss.
    """

    def __init__(self, image_format: ImageFormat = "jpg") -> None:
        self.image_format = image_format
        self._facts: Facts = {}
        self._progress: GenerationProgress | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse data that is no generation run.

        Raises:
            ValueError: If it is none.
        """
        self._run(trainer)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note what the run is made with."""
        self._facts = {
            "begun": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": run_facts.command(),
            "commit": run_facts.commit(),
            "versions": run_facts.versions(),
            "hardware": run_facts.hardware(pl_module.device, trainer.world_size),
        }
        if trainer.is_global_zero:
            run = self._run(trainer)
            self._progress = GenerationProgress(run.folder, run.plan)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: FinishedShard,
        batch: DraftedShard,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Publish a shard.

        Raises:
            OSError: If the disk is full or cannot be written; nothing of the shard is then left.
        """
        run = self._run(trainer)
        published = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            publish(
                run.folder,
                outputs,
                plan=run.plan.digest,
                image_format=self.image_format,
                facts={**self._facts, "published": published},
            )
        except OSError as error:
            raise OSError(
                f"{run.folder}: shard {outputs.shard.id} could not be written: {error.strerror}. "
                "What is published stays; make room or mend the folder, and run the same command "
                "again"
            ) from error
        if self._progress is not None:
            self._progress.update(len(outputs.samples), len(outputs.rejected))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave the terminal as it was."""
        if self._progress is not None:
            self._progress.close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write index and summary, if nothing of the plan is missing any more.

        Not at the end of prediction: Lightning passes over that where a rank had nothing to do.
        """
        run = self._run(trainer)
        if not run.missing():
            finish_set(run.folder)

    def _run(self, trainer: Trainer) -> GenerationRun:
        data: object = trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if not isinstance(data, GenerationRun):
            raise ValueError(
                f"ShardWriter needs datamodules.generation.GenerationRun, got {type(data).__name__}"
            )
        return data
