"""Tiny test runs for the tests of the report."""

from collections.abc import Set
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from callbacks.report import Report
from datamodules.batch import Batch, collate
from datamodules.problems import ProblemKind
from datamodules.sample import MaskKind, Provenance, Sample, View
from metrics.dis import DISMetrics
from metrics.measures import ALL_MEASURES
from metrics.scores import Evaluated

IDS = ("TE1/3#Chair#7", "TE1/b", "TE2/<i>&", "TE2/d#1", "TE2/deep/e")


@dataclass
class Finding:
    kind: str
    id: str
    path: str
    message: str
    cure: str


class Blobs(LightningDataModule):
    """Non-square truths of several sizes; the network sees 24 x 24."""

    def __init__(self, ids: tuple[str, ...] = IDS, *, labelled: bool = True) -> None:
        super().__init__()
        self.ids = ids
        self.labelled = labelled

    def view(self, index: int) -> View:
        noise = torch.Generator().manual_seed(index)
        size = (30 + 7 * index, 71 - 9 * index)
        truth = torch.zeros(size, dtype=torch.uint8)
        truth[4 : 12 + index, 5 : 20 + index] = 255
        sample = Sample(
            id=self.ids[index],
            image=torch.randint(0, 256, (3, 24, 24), dtype=torch.uint8, generator=noise),
            mask=torch.zeros(24, 24, dtype=torch.uint8),
            mask_kind=MaskKind.ALPHA,
            class_names=("chair",),
            provenance=Provenance(source="test"),
        )
        weight = torch.full(size, 255, dtype=torch.uint8)
        weight[:2] = 0
        return View(
            sample=sample,
            size=size,
            truth=truth if self.labelled else None,
            truth_weight=weight if index == 1 else None,
        )

    def test_dataloader(self) -> DataLoader[int]:
        return DataLoader(
            range(len(self.ids)),
            batch_size=2,
            collate_fn=lambda indices: collate([self.view(index) for index in indices]),
        )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return batch.to_float()


class CheckedBlobs(Blobs):
    @property
    def problems(self) -> list[Finding]:
        return [Finding("empty mask", "x&y", "gt/x.png", "nothing above 128", "draw it")]

    def mean_mask(self) -> Tensor:
        return torch.eye(8)


class IncompleteBlobs(CheckedBlobs):
    """One image is missing and two cannot be read."""

    @property
    def left_out(self) -> list[Finding]:
        kinds = (ProblemKind.UNREADABLE, ProblemKind.MISSING_PARTNER, ProblemKind.UNREADABLE)
        return [Finding(kind, "x", "maps/x.png", "", "") for kind in kinds]


class MasksAlone(Blobs):
    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return replace(batch.to_float(), image=torch.zeros(len(batch), 3, 0, 0))


class Guess(LightningModule):
    """Draws a noisy version of the truth, the same for each id."""

    def __init__(self, measures: Set[str] = ALL_MEASURES) -> None:
        super().__init__()
        self.unused = nn.Linear(1, 1)
        self.metrics = DISMetrics(measures)
        self.seen: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def test_step(self, batch: Batch, batch_idx: int) -> Evaluated:
        maps = []
        for id, truth in zip(batch.id, batch.truth, strict=True):
            assert truth is not None
            noise = torch.Generator().manual_seed(len(id))
            drawn = torch.rand(truth.shape, generator=noise) * 130 + truth * 0.4
            maps.append(drawn.to(torch.uint8))
        truths = [truth for truth in batch.truth if truth is not None]
        self.metrics.update(maps, truths, batch.truth_weight)
        self.seen += zip(maps, truths, batch.truth_weight, strict=True)
        return Evaluated(maps=maps, scores=self.metrics.latest)


def run(
    folder: Path,
    data: LightningDataModule | None = None,
    measures: Set[str] = ALL_MEASURES,
    net: nn.Module | None = None,
    **options: object,
) -> Guess:
    model = Guess(measures)
    if net is not None:
        model.net = net
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        default_root_dir=folder,
        callbacks=[Report(**options)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.test(model, data or Blobs(), verbose=False)
    return model


def run_beside_another(root: Path) -> tuple[Path, Guess]:
    """Return the report of a checked run beside another one's, and what it drew."""
    before = root / "before.json"
    before.write_text('{"all": {"mae": 0.5, "max_f": 0.25, "mean_f": 0.125, "adaptive_f": 0.75}}')
    beside = {"the [run] before": str(before)}
    model = run(root / "now", CheckedBlobs(), beside=beside, num_examples=2)
    return root / "now" / "report", model


def run_without_check(root: Path) -> tuple[Path, str]:
    """One image without a subset, over an earlier report; its folder and what was printed."""
    (root / "report").mkdir()
    (root / "report" / "stale.png").touch()
    with redirect_stdout(StringIO()) as printed:
        run(root, Blobs(("one",)))
    return root / "report", printed.getvalue()
