"""A folder of predicted maps beside a folder of masks, to be scored without a network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from lightning.pytorch import LightningDataModule

from datamodules.atomic import write_atomically
from datamodules.batch import Batch
from datamodules.cores import own_cores
from datamodules.prediction_check import check_predictions
from datamodules.prediction_files import ScoredFiles, find_predictions
from datamodules.prediction_kinds import doubtful_predictions
from datamodules.prediction_views import PredictionViews, ReadAhead
from datamodules.problems import DatasetError, Problem, ProblemKind, format_problems

_MAX_BATCH = 16  # of a process; three batches of 8 MP pairs are some 1.5 GB
_SHOWN = 50  # problems in a message; more are in a file that it names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """What is left to score, and what is to be said of the rest."""

    files: list[ScoredFiles]
    left_out: list[Problem]
    problems: list[Problem]
    has_photos: bool


class PredictionFolder(LightningDataModule):
    """Predicted maps and masks of any image format, matched by their paths below two folders.

    Maps may be of another size than their truths: whoever scores resizes them.

    Args:
        predictions: Folder of the maps, searched to any depth.
        masks: Folder of the masks, with the same names whatever the suffix; or a root in the DIS5K
            layout (``DIS-VD/gt/x.png`` belongs to the prediction ``DIS-VD/x.png``). The folder part
            of a name is the subset.
        images: Folder of the photos, for the report to show. Null: those beside the masks of a
            DIS5K root, or none.
        missing: Whether a missing or unreadable prediction ends the run, or is left out and
            counted. An unreadable mask always ends it.
        void: Stored mask value (grey level or palette index) of pixels which do not count.
        batch_size: Images at a time, over all processes. Null: in each process two for each core
            that is its own, at most 16.
        num_threads: Files decoded at once in each process. Null: one a core.

    Raises:
        ValueError: If batch_size or num_threads is below 1, or void no level of a mask.
    """

    def __init__(
        self,
        predictions: Path | str,
        masks: Path | str,
        *,
        images: Path | str | None = None,
        missing: Literal["error", "skip"] = "error",
        void: int | None = None,
        batch_size: int | None = None,
        num_threads: int | None = None,
    ) -> None:
        super().__init__()
        for name, number in (("batch_size", batch_size), ("num_threads", num_threads)):
            if number is not None and number < 1:
                raise ValueError(
                    f"data.{name} {number}: give at least 1, or null to choose by cores"
                )
        if void is not None and not 0 <= void <= 255:
            raise ValueError(f"data.void {void} is no level of a mask: give 0 to 255, or null")
        self.predictions = Path(predictions)
        self.masks = Path(masks)
        self.images = None if images is None else Path(images)
        self.missing = missing
        self.void = void
        self.batch_size = batch_size
        self.num_threads = num_threads
        self._checked = _Checked(files=[], left_out=[], problems=[], has_photos=False)

    @property
    def problems(self) -> Sequence[Problem]:
        """What was left out, resized, or has no photo to show; known after `setup`."""
        return self._checked.problems

    @property
    def left_out(self) -> Sequence[Problem]:
        """Why images are not among the scored ones, one an image; known after `setup`."""
        return self._checked.left_out

    def mean_mask(self) -> torch.Tensor | None:
        """Return None: it is not known what the maps were trained on."""
        return None

    def setup(self, stage: str) -> None:
        """Match the files and look at all of them, in one process for all.

        Raises:
            DatasetError: If files are missing, unreadable or ambiguous, all named together.
            OSError: If a folder cannot be listed, or the list of problems not written.
        """
        outcome = self._found_or_error() if self._place()[0] == 0 else None
        if self.trainer is not None:
            outcome = self.trainer.strategy.broadcast(outcome)
        assert outcome is not None  # the first process has one
        if isinstance(outcome, DatasetError | OSError):
            raise outcome
        self._checked = outcome

    def test_dataloader(self) -> ReadAhead:
        """Return this process's share of the images, each exactly once over all processes.

        Raises:
            DatasetError: If there are fewer images than processes.
        """
        rank, world_size = self._place()
        files = self._checked.files
        if len(files) < world_size:
            raise DatasetError(
                f"{len(files)} images cannot be scored by {world_size} processes: use fewer"
            )
        num_cores = own_cores(1 if self.trainer is None else world_size // self.trainer.num_nodes)
        chosen = min(2 * num_cores, _MAX_BATCH)
        return ReadAhead(
            PredictionViews(
                files[rank::world_size], void=self.void, with_photos=self._checked.has_photos
            ),
            batch_size=max(1, self.batch_size // world_size) if self.batch_size else chosen,
            num_threads=self.num_threads or num_cores,
        )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Turn bytes into floats."""
        return batch.to_float()

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def _found_or_error(self) -> _Checked | DatasetError | OSError:
        """Return the error instead of raising it, or the other processes would wait forever."""
        try:
            return self._found()
        except (DatasetError, OSError) as error:
            return error

    def _found(self) -> _Checked:
        found = find_predictions(self.predictions, self.masks, images=self.images)
        problems = check_predictions(found.files, progress=True)
        unreadable = {p.path: p for p in problems if p.kind is ProblemKind.UNREADABLE}
        bad_masks = [unreadable[f.mask] for f in found.files if f.mask in unreadable]
        if bad_masks:
            raise DatasetError(f"masks cannot be read:\n{self._listed(bad_masks)}")
        left_out = [
            *found.missing,
            *(unreadable[f.prediction] for f in found.files if f.prediction in unreadable),
        ]
        num_all = len(found.files) + len(found.missing)
        if left_out and self.missing == "error":
            raise DatasetError(
                f"{len(left_out)} of {num_all} predictions are missing or unreadable "
                f"(--data.missing skip scores the others):\n{self._listed(left_out)}"
            )
        files = [
            replace(f, image=None) if f.image in unreadable else f
            for f in found.files
            if f.prediction not in unreadable
        ]
        if not files:
            raise DatasetError(f"no prediction in {self.predictions} can be read")
        resized = [p for p in problems if p.kind is ProblemKind.SIZE_MISMATCH]
        self._note(left_out, resized, num_left=len(files), num_unmatched=found.num_unmatched)
        doubtful = doubtful_predictions(files)
        for kind, first in {problem.kind: problem for problem in reversed(doubtful)}.items():
            print(f"{kind}: {first.path}: {first.message}: {first.cure}")  # noqa: T201 - for the user
        bad_photos = [unreadable[f.image] for f in found.files if f.image in unreadable]
        return _Checked(
            files=files,
            left_out=left_out,
            problems=[*doubtful, *left_out, *resized, *found.without_photo, *bad_photos],
            has_photos=any(f.image is not None for f in found.files),
        )

    def _note(
        self,
        left_out: Sequence[Problem],
        resized: Sequence[Problem],
        *,
        num_left: int,
        num_unmatched: int,
    ) -> None:
        """Say what the numbers are about, before they come."""
        if left_out:
            num_missing = sum(p.kind is ProblemKind.MISSING_PARTNER for p in left_out)
            print(  # noqa: T201 - for the user
                f"{num_missing} predictions missing, {len(left_out) - num_missing} unreadable: "
                f"left out; the scores are of {num_left} of {num_left + len(left_out)} images"
            )
        if num_unmatched:
            print(f"{num_unmatched} predictions have no mask in {self.masks}: not scored")  # noqa: T201 - for the user
        if resized:
            print(f"{len(resized)} predictions have another size than their mask: resized to it")  # noqa: T201 - for the user

    def _listed(self, problems: Sequence[Problem]) -> str:
        """Return the problems, each on its line; many are listed in a file as well."""
        shown = [f"  {p.path}: {p.message}" for p in problems[:_SHOWN]]
        num_more = len(problems) - len(shown)
        if num_more and self.trainer is not None:
            path = Path(self.trainer.default_root_dir) / "problems.txt"
            write_atomically(path, f"{format_problems(problems, limit=None)}\n".encode())
            shown.append(f"  ... and {num_more} more; all of them: {path}")
        elif num_more:
            shown.append(f"  ... and {num_more} more")
        return "\n".join(shown)
