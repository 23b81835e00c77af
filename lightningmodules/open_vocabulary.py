"""Score a segmenter of named classes on photos with label maps, by one or several protocols.

Letters: H, W size of a photo; N names; K labels, background included; D CLIP's dimension.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from lightning.pytorch import LightningModule
from open_clip.model import CLIP
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.batch import Batch
from datamodules.label_set import LabelSet
from datamodules.labelled_photos import LabelledPhotos
from lightningmodules.evaluation_protocol import EvaluationProtocol
from lightningmodules.label_decision import LabelDecision, best_label, class_scores
from metrics.background_threshold import ThresholdSweep
from metrics.semantic import SemanticMetrics
from networks.clip_text import embed_names
from networks.sliding_window import sliding_window


class NamedSegmenter(Protocol):
    """What is scored: an ``nn.Module`` like `networks.clip_seg.ClipSeg`."""

    clip: CLIP

    def __call__(self, image: Tensor, text: Tensor, /) -> Tensor:
        """Return ``(1, N, H, W)`` scores of ``(1, 3, H, W)`` in [0, 1] and ``(N, D)`` texts."""


@dataclass(slots=True, kw_only=True, eq=False)
class ProtocolRun:
    """A protocol on a set."""

    protocol: EvaluationProtocol
    text: Tensor
    """``(N, D)`` unit vectors."""
    owners: Tensor
    """``(N,)`` long, the label that each text stands for."""
    labels: LabelSet
    threshold: float
    """Of background; not used on a set without it."""

    def best(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return each pixel's best label and its probability from ``(N, H, W)`` scores."""
        decision = self.protocol.decision
        by_label = class_scores(
            decision.probabilities(scores), self.owners, len(self.labels.class_names)
        )
        return best_label(by_label, decision, has_background=self.labels.has_background)

    def found(self, scores: Tensor) -> Tensor:
        """Return ``(H, W)`` uint8 labels from ``(N, H, W)`` scores."""
        best, label = self.best(scores)
        if self.labels.has_background:
            label = torch.where(best > self.threshold, label, 0)
        return label.to(torch.uint8)


class OpenVocabularyTest(LightningModule):
    """Scores a network by every protocol that is given, in one pass over the photos.

    Plain and other names belong side by side: they move a result more than most methods do.

    Args:
        net: A `NamedSegmenter`, for example `networks.clip_seg.ClipSeg` or
            `networks.clip_training_free.TrainingFreeClip`.
        protocols: Each with another name.
        decision: Instead of those of the protocols, which are made for the cosines of CLIP: a
            network that is trained returns logits. None: each protocol's own.
        calibrate_on: Goes with `decision`, see `EvaluationProtocol`.
        windows_at_once: Windows that the network sees in one batch.

    Raises:
        ValueError: If there is no protocol, two have one name, or thresholds are to be chosen
            without a decision that they belong to.
    """

    def __init__(
        self,
        net: nn.Module,
        protocols: Sequence[EvaluationProtocol],
        *,
        decision: LabelDecision | None = None,
        calibrate_on: int = 0,
        windows_at_once: int = 8,
    ) -> None:
        super().__init__()
        names = [protocol.name for protocol in protocols]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"protocols are named {names}: give one or more, each its own name")
        if calibrate_on and decision is None:
            raise ValueError(
                f"calibrate_on is {calibrate_on} without a decision: give both, or set that of the "
                "protocols"
            )
        if decision is not None:
            protocols = [one.judged_by(decision, calibrate_on=calibrate_on) for one in protocols]
        self.net = net
        self.protocols = tuple(protocols)
        self.windows_at_once = windows_at_once
        self.metrics = nn.ModuleDict()
        self._runs: list[ProtocolRun] = []
        self._results: dict[str, dict[str, Tensor]] = {}

    @property
    def results(self) -> Mapping[str, Mapping[str, Tensor]]:
        """What the last test found, by the names of the protocols.

        Means are ``()`` float64 (`metrics.semantic.SemanticMetrics.compute`), values per label
        ``(K,)`` (`per_class`), and `threshold` the one that was used.
        """
        return self._results

    @property
    def descriptions(self) -> Mapping[str, str]:
        """What each protocol fixes, by its name."""
        return {protocol.name: protocol.described() for protocol in self.protocols}

    def on_test_start(self) -> None:
        """Embed the names of each protocol, and choose thresholds.

        Raises:
            ValueError: If a list of names does not fit the set, or thresholds are to be chosen on
                photos with other labels.
        """
        data = self._data()
        labels = data.label_set("test")
        if labels.has_background and any(protocol.calibrate_on for protocol in self.protocols):
            _require_alike(data.label_set("train"), labels)
        self._runs = [self._run_of(protocol, labels) for protocol in self.protocols]
        num_labels = len(labels.class_names)
        self.metrics = nn.ModuleDict(
            {str(k): SemanticMetrics(num_labels) for k in range(len(self._runs))}
        ).to(self.device)
        for run in self._runs:
            if run.protocol.calibrate_on and labels.has_background:
                run.threshold = self._threshold(run, data)

    # Lightning hands whatever a step returns to the callbacks, its annotation says less.
    def test_step(self, batch: Batch, batch_idx: int) -> list[Tensor]:  # type: ignore[override]
        """Return the label map of each protocol, ``(H, W)`` uint8, and count it."""
        truth = _truth(batch)
        maps = []
        for run, metric in zip(self._runs, self._metrics(), strict=True):
            maps.append(run.found(self._scores(run, batch.image)))
            metric.update(maps[-1:], [truth])
        return maps

    def on_test_epoch_end(self) -> None:
        """Log the means over all photos and ranks, and keep the values per class."""
        for run, metric in zip(self._runs, self._metrics(), strict=True):
            means = metric.compute()
            with metric.sync_context():
                per_class = {key: value.clone() for key, value in metric.per_class().items()}
            threshold = torch.tensor(run.threshold, dtype=torch.float64)
            self._results[run.protocol.name] = means | per_class | {"threshold": threshold}
            self.log_dict({f"test/{run.protocol.name}/{key}": v for key, v in means.items()})

    def _run_of(self, protocol: EvaluationProtocol, labels: LabelSet) -> ProtocolRun:
        phrases = protocol.phrases(labels)
        clip: CLIP = self.net.clip
        return ProtocolRun(
            protocol=protocol,
            text=embed_names(clip, phrases.texts, templates=protocol.templates),
            owners=torch.tensor(phrases.owners, device=self.device),
            labels=labels,
            threshold=protocol.decision.threshold,
        )

    def _scores(self, run: ProtocolRun, image: Tensor) -> Tensor:
        """Return ``(N, H, W)`` scores of one photo, ``(1, 3, H, W)`` float in [0, 1]."""
        size = image.shape[-2], image.shape[-1]
        # mmcv does not antialias; where a photo is made much smaller this is the cleaner image
        small = F.interpolate(
            image, size=run.protocol.resized(size), mode="bilinear", antialias=True
        )
        scores = sliding_window(
            lambda windows: self.net(windows, run.text),
            small.clamp(0, 1),
            window=run.protocol.window,
            stride=run.protocol.stride,
            batch_size=self.windows_at_once,
        )
        return F.interpolate(scores.float(), size=size, mode="bilinear")[0]

    def _threshold(self, run: ProtocolRun, data: LabelledPhotos) -> float:
        """Return the threshold that is best on training photos."""
        sweep = ThresholdSweep(len(run.labels.class_names)).to(self.device)
        for batch in data.calibration_dataloader(run.protocol.calibrate_on):
            image = batch.image.to(self.device).float() / 255
            sweep.update(*run.best(self._scores(run, image)), _truth(batch))
        return float(sweep.compute()["threshold"])

    def _metrics(self) -> list[SemanticMetrics]:
        return [metric for metric in self.metrics.values() if isinstance(metric, SemanticMetrics)]

    def _data(self) -> LabelledPhotos:
        data: object = self.trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if not isinstance(data, LabelledPhotos):
            raise ValueError(
                f"{type(data).__name__} has no label maps to score by: give "
                "datamodules.labelled_photos.LabelledPhotos"
            )
        return data


def _require_alike(train: LabelSet, test: LabelSet) -> None:
    """Check that a label means the same in both sets, so that pixels of both can be counted."""
    if train.class_names != test.class_names or not train.has_background:
        raise ValueError(
            f"a threshold of background cannot be chosen on {train.name}, labels "
            f"{_in_short(train)}, for {test.name}, labels {_in_short(test)}: give data.train of "
            "the same labels, or set calibrate_on of the protocols to 0"
        )


def _in_short(labels: LabelSet) -> str:
    shown = ", ".join(labels.class_names[:4])
    background = "with" if labels.has_background else "without"
    return f"{shown}, ... ({len(labels.class_names)} {background} background)"


def _truth(batch: Batch) -> Tensor:
    """Return the one label map of a batch of one photo."""
    (truth,) = batch.truth
    assert truth is not None
    return truth
