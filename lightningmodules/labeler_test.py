"""Score a labeler on photos with label maps: the teacher of whoever learns from its labels.

Letters: H, W size of a photo; K labels, background included.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from datamodules.batch import Batch
from datamodules.label_set import VOID, LabelSet
from datamodules.labelled_photos import LabelledPhotos
from datamodules.vocabulary import Phrases, Vocabulary
from generation.labelers.labeler import MAX_CLASSES, Labeler
from lightningmodules.evaluation_protocol import EvaluationProtocol
from metrics.semantic import SemanticMetrics

Told = Literal["all names", "names in the photo"]
"""What a labeler is told: what no truth is needed for, or what it is told when it makes data."""


class LabelerTest(LightningModule):
    """Scores a detector with a segmenter as a network is scored, in one pass over the photos.

    A pixel that it leaves without a label is background; where that is no class, it is missed.

    Args:
        labeler: Such as `generation.labelers.grounded.GroundedSegmenter`.
        told: Each makes a row of its own, and labels all photos once.
        protocols: Those of networks on the same set. Of each the names alone count, and names that
            several have make rows once: any word of a class finds it, the best one counts. Words
            for background are not looked for, and sizes, windows and decisions are of networks.
            Empty: the set's own names.

    Raises:
        ValueError: If nothing is told, or one thing twice.
    """

    def __init__(
        self,
        labeler: Labeler,
        *,
        told: Sequence[Told] = ("all names", "names in the photo"),
        protocols: Sequence[EvaluationProtocol] = (),
    ) -> None:
        super().__init__()
        if not told or len(set(told)) < len(told):
            raise ValueError(f"told is {list(told)}: give one or more, each once")
        self.labeler = labeler
        names: dict[str, EvaluationProtocol | None] = {_by(one): one for one in protocols}
        self._rows = [
            _Row(each, by, of) for by, of in (names or {"": None}).items() for each in told
        ]
        self._phrases: list[Phrases] = []
        self.metrics = nn.ModuleList()
        self._class_names: tuple[str, ...] = ()
        self._unlabelled = ""
        self._results: dict[str, dict[str, Tensor]] = {}

    @property
    def results(self) -> Mapping[str, Mapping[str, Tensor]]:
        """What the last test found, as of `OpenVocabularyTest`, but for thresholds."""
        return self._results

    @property
    def descriptions(self) -> Mapping[str, str]:
        """What each row fixes, by its name."""
        by = f"by {', '.join(self.labeler.models)}{self._unlabelled}"
        return {f"teacher, {row.described()}": f"{row.described()}; {by}" for row in self._rows}

    def on_test_start(self) -> None:
        """Look at the names of the set.

        Raises:
            ValueError: If a list does not fit the set, or a name cannot be looked for.
        """
        labels = self._labels()
        self._class_names = labels.class_names
        self._unlabelled = "" if labels.has_background else "; pixels without a label are missed"
        self._phrases = [row.phrases(labels) for row in self._rows]
        for row, phrases in zip(self._rows, self._phrases, strict=True):
            self.labeler.check(phrases.texts)
            if row.told == "all names" and len(phrases.texts) > MAX_CLASSES:
                raise ValueError(
                    f"{labels.name} has {len(phrases.texts)} names, a labeler can be told "
                    f"{MAX_CLASSES} of one photo: set model.told to [names in the photo]"
                )
        metrics = [
            SemanticMetrics(len(labels.class_names), has_background=labels.has_background)
            for _ in self._rows
        ]
        self.metrics = nn.ModuleList(metrics).to(self.device)

    # Lightning hands whatever a step returns to the callbacks, its annotation says less.
    def test_step(self, batch: Batch, batch_idx: int) -> list[Tensor]:  # type: ignore[override]
        """Return the label map of each row, ``(H, W)`` uint8, and count it."""
        (truth,) = batch.truth
        assert truth is not None
        image = (batch.image[0] * 255).round().to("cpu", torch.uint8)
        everything = list(range(1, len(self._class_names)))
        shown = sorted(set(torch.unique(truth).tolist()) - {0, VOID})
        maps = []
        for row, phrases, metric in zip(self._rows, self._phrases, self._metrics(), strict=True):
            maps.append(
                self._found(image, everything if row.told == "all names" else shown, phrases)
            )
            metric.update(maps[-1:], [truth.cpu()])
        return maps

    def on_test_epoch_end(self) -> None:
        """Log the means over all photos and ranks, and keep the values per class."""
        for name, metric in zip(self.descriptions, self._metrics(), strict=True):
            means = metric.compute()
            with metric.sync_context():
                per_class = {key: value.clone() for key, value in metric.per_class().items()}
            self._results[name] = means | per_class
            self.log_dict({f"test/{name}/{key}": value for key, value in means.items()})

    def _found(self, image: Tensor, labels: Sequence[int], phrases: Phrases) -> Tensor:
        """Return ``(H, W)`` uint8 labels of the set, of those that are looked for."""
        asked = [
            (text, owner)
            for text, owner in zip(phrases.texts, phrases.owners, strict=True)
            if owner in labels
        ]
        if not asked:
            return torch.zeros(image.shape[1:], dtype=torch.uint8)
        (found,) = self.labeler.label([image], [[text for text, _ in asked]])
        owners = torch.tensor([0, *(owner for _, owner in asked)], dtype=torch.uint8)
        return owners[found.mask.int()]

    def _metrics(self) -> list[SemanticMetrics]:
        return [metric for metric in self.metrics if isinstance(metric, SemanticMetrics)]

    def _labels(self) -> LabelSet:
        data: object = self.trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if not isinstance(data, LabelledPhotos):
            raise ValueError(
                f"{type(data).__name__} has no label maps to score by: give "
                "datamodules.labelled_photos.LabelledPhotos"
            )
        return data.label_set("test")


def _by(protocol: EvaluationProtocol) -> str:
    """Return what the rows of a protocol's names are called by; empty for the set's own."""
    if protocol.vocabulary is None:
        return ""
    return f" by {protocol.vocabulary.name}{'' if protocol.synonyms else ' without synonyms'}"


class _Row(NamedTuple):
    told: Told
    by: str
    protocol: EvaluationProtocol | None
    """Whose names are looked for. None: the set's own."""

    def described(self) -> str:
        return f"told {self.told}{self.by}"

    def phrases(self, labels: LabelSet) -> Phrases:
        """Return the words of the classes, without those of background."""
        if self.protocol is None:
            return Vocabulary.of_names(labels.class_names[1:]).phrases()
        words = self.protocol.phrases(labels)
        kept = [pair for pair in zip(words.texts, words.owners, strict=True) if pair[1]]
        return Phrases(
            texts=tuple(text for text, _ in kept), owners=tuple(owner for _, owner in kept)
        )
