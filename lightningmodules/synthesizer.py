"""Finish the drafts of a generation run on the device: edit, paint, label, remove, judge."""

import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from lightning.pytorch import LightningModule
from torch import nn

from datamodules.generation_result import DraftedShard, FinishedShard, Rejected, Seconds
from datamodules.sample import Sample
from datamodules.vocabulary import BACKGROUND
from generation.edits.edit_chains import EditChains
from generation.filters.filter import Filter, Judgement, ScoringFilter
from generation.labelers.labeler import Labeler, shown_classes, with_labels
from generation.painters.batch_painter import BatchPainter
from generation.prompts.prompts import PreparedPrompts


@runtime_checkable
class _HasNet(Protocol):
    net: nn.Module


@runtime_checkable
class _HasPrompts(Protocol):
    prompts: object


class Synthesizer(LightningModule):
    """Edits the masks of a shard, paints and labels in fixed batches, asks the filters about each.

    Args:
        batch_size: Drafts that are painted, and images that are labelled, together. The batches of
            a shard are always the same, whatever the number of devices.
        edits: Edits masks on the device, for the painter. Null: the drafts' own are painted.
        painter: Paints on the device. Null: the drafts are finished pairs.
        labeler: Draws label maps on what was painted, or on the drafts' images, in place of their
            masks. Null: the masks stay.
        remover: Paints counterfactuals of labelled pairs, whose labels say what has to go, such as
            `generation.painters.removal_painter.RemovalPainter`. Null: those of the painter or of
            the drafts stay.
        filters: Asked in turn; the first to find a reason rejects the pair.

    Raises:
        ValueError: If the batch size is below 1, or there are edits and no painter.
    """

    def __init__(
        self,
        *,
        batch_size: int = 8,
        edits: EditChains | None = None,
        painter: BatchPainter | None = None,
        labeler: Labeler | None = None,
        remover: BatchPainter | None = None,
        filters: Sequence[Filter] = (),
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}: give 1 or more")
        if edits is not None and painter is None:
            raise ValueError("edits without a painter: images would not fit their masks; give one")
        self.batch_size = batch_size
        self.edits = edits
        self.painter = painter
        self.labeler = labeler
        self.remover = remover
        self.filters = list(filters)
        # listed, so that they move to the device
        self.judges = nn.ModuleList(f.net for f in self.filters if isinstance(f, _HasNet))

    def prepare_classes(self, class_names: Sequence[str]) -> None:
        """Make the prompts of some classes now, where they can be: painting then waits for none.

        Raises:
            PromptError: If one cannot be made.
            ValueError: If the labeler cannot look for a class.
        """
        if self.labeler is not None:
            self.labeler.check([name for name in class_names if name != BACKGROUND])
        edits = [] if self.edits is None else list(self.edits.edits.values())
        for part in (*edits, self.painter, self.remover):
            if isinstance(part, _HasPrompts) and isinstance(part.prompts, PreparedPrompts):
                part.prompts.prepare(class_names)

    def predict_step(self, batch: DraftedShard, batch_idx: int) -> FinishedShard:
        """Return the finished pairs of a shard, and all that were rejected.

        Raises:
            ValueError: If an edit, the painter, the labeler or the remover did not return one
                result for each draft, in their order.
        """
        made: list[Sample] = batch.samples.unpacked()
        rejected = {each.id: each for each in batch.rejected}
        seconds = {"draft": batch.seconds}
        if self.edits is not None:
            with _Stage(self.device) as stage:
                edited = self.edits.edit(made)
            seconds["edit"] = stage.seconds
            made = _kept(edited, rejected)
        if self.painter is not None:
            with _Stage(self.device) as stage:
                painted = self._painted(made, self.painter)
            seconds["paint"] = stage.seconds
            made = _kept(painted, rejected)
        if self.labeler is not None:
            with _Stage(self.device) as stage:
                labelled = self._labelled(made, self.labeler)
            seconds["label"] = stage.seconds
            made = _kept(labelled, rejected)
        if self.remover is not None:
            with _Stage(self.device) as stage:
                painted = self._painted(made, self.remover)
            seconds["remove"] = stage.seconds
            made = _kept(painted, rejected)
        with _Stage(self.device) as stage:
            judged = {sample.id: self._judged(sample) for sample in made}
        seconds["filter"] = stage.seconds
        for id, judgement in judged.items():
            if judgement.rejection is not None:
                found = judgement.rejection
                rejected[id] = Rejected(id=id, filter=found.filter, reason=found.reason)
        return FinishedShard(
            shard=batch.shard,
            samples=tuple(sample for sample in made if sample.id not in rejected),
            rejected=tuple(rejected[x.id] for x in batch.shard.items if x.id in rejected),
            scores={id: each.scores for id, each in judged.items() if each.scores},
            seconds=seconds,
        )

    def _painted(self, drafts: Sequence[Sample], painter: BatchPainter) -> list[Sample | Rejected]:
        done: list[Sample | Rejected] = []
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

    def _labelled(self, pairs: Sequence[Sample], labeler: Labeler) -> list[Sample | Rejected]:
        done: list[Sample | Rejected] = []
        for start in range(0, len(pairs), self.batch_size):
            batch = pairs[start : start + self.batch_size]
            found = labeler.label(
                [pair.image for pair in batch], [shown_classes(pair) for pair in batch]
            )
            done += [
                with_labels(pair, labels, labeler=labeler)
                for pair, labels in zip(batch, found, strict=True)
            ]
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


def _kept(results: Sequence[Sample | Rejected], rejected: dict[str, Rejected]) -> list[Sample]:
    """Return what a stage made; what it rejected is added to `rejected`, by its id."""
    rejected |= {each.id: each for each in results if isinstance(each, Rejected)}
    return [each for each in results if isinstance(each, Sample)]


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
