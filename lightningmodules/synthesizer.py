"""Finish the drafts of a generation run on the device: paint, judge."""

import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from lightning.pytorch import LightningModule
from torch import nn

from datamodules.generation_result import DraftedShard, FinishedShard, Rejected, Seconds
from datamodules.sample import Sample
from generation.filters.filter import Filter, Judgement, ScoringFilter
from generation.painters.batch_painter import BatchPainter


@runtime_checkable
class _HasNet(Protocol):
    net: nn.Module


class Synthesizer(LightningModule):
    """Paints the drafts of a shard in fixed batches and asks the filters about each pair.

    Args:
        batch_size: Drafts that are painted together. The batches of a shard are always the same,
            whatever the number of devices.
        painter: Paints on the device. Null: the drafts are finished pairs.
        filters: Asked in turn; the first to find a reason rejects the pair.

    Raises:
        ValueError: If the batch size is below 1.
    """

    def __init__(
        self,
        *,
        batch_size: int = 8,
        painter: BatchPainter | None = None,
        filters: Sequence[Filter] = (),
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}: give 1 or more")
        self.batch_size = batch_size
        self.painter = painter
        self.filters = list(filters)
        # listed, so that they move to the device
        self.judges = nn.ModuleList(f.net for f in self.filters if isinstance(f, _HasNet))

    def predict_step(self, batch: DraftedShard, batch_idx: int) -> FinishedShard:
        """Return the finished pairs of a shard, and all that were rejected.

        Raises:
            ValueError: If the painter did not return one pair for each draft, in their order.
        """
        drafts = batch.samples.unpacked()
        seconds = {"draft": batch.seconds}
        painted: list[Sample] = drafts
        if self.painter is not None:
            with _Stage(self.device) as stage:
                painted = self._painted(drafts, self.painter)
            seconds["paint"] = stage.seconds
        with _Stage(self.device) as stage:
            judged = {sample.id: self._judged(sample) for sample in painted}
        seconds["filter"] = stage.seconds
        rejected = {each.id: each for each in batch.rejected}
        for id, judgement in judged.items():
            if judgement.rejection is not None:
                found = judgement.rejection
                rejected[id] = Rejected(id=id, filter=found.filter, reason=found.reason)
        return FinishedShard(
            shard=batch.shard,
            samples=tuple(sample for sample in painted if sample.id not in rejected),
            rejected=tuple(rejected[x.id] for x in batch.shard.items if x.id in rejected),
            scores={id: each.scores for id, each in judged.items() if each.scores},
            seconds=seconds,
        )

    def _painted(self, drafts: Sequence[Sample], painter: BatchPainter) -> list[Sample]:
        done: list[Sample] = []
        for start in range(0, len(drafts), self.batch_size):
            batch = drafts[start : start + self.batch_size]
            painted = painter.paint(batch, [draft.seed for draft in batch])
            wanted, got = ([sample.id for sample in each] for each in (batch, painted))
            if got != wanted:
                raise ValueError(
                    f"{type(painter).__name__} returned pairs {got} for drafts {wanted}: a painter "
                    "must return one for each, in their order and under their ids"
                )
            done += painted
        return done

    def _judged(self, sample: Sample) -> Judgement:
        scores: dict[str, float] = {}
        for judge in self.filters:
            if isinstance(judge, ScoringFilter):
                judgement = judge.judge(sample)
            else:
                judgement = Judgement(judge(sample))
            scores |= judgement.scores
            if judgement.rejection is not None:
                return Judgement(judgement.rejection, scores)
        return Judgement(None, scores)


class _Stage:
    """Measures a block of work; an accelerator is waited for at its end."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = Seconds()

    def __enter__(self) -> "_Stage":
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        wall = time.perf_counter() - self._wall
        self.seconds = Seconds(
            cpu=time.process_time() - self._cpu, device=0.0 if self.device.type == "cpu" else wall
        )
