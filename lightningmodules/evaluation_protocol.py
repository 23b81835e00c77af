"""What one must fix to compare numbers of open-vocabulary segmentation.

One network on one set differs by twenty points of mIoU with the words that stand for its classes
and for background (VOC 21: 57.2 with SCLIP's list, 35.6 with the plain names, as others measured),
so a number without its protocol says nothing.
"""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Self

import open_clip

from datamodules.label_set import LabelSet
from datamodules.vocabulary import Phrases, Vocabulary, read_vocabulary, read_words
from lightningmodules.label_decision import LabelDecision

IMAGENET_TEMPLATES = tuple(template("{}") for template in open_clip.OPENAI_IMAGENET_TEMPLATES)
"""The 80 sentences that CLIP's authors classify ImageNet with."""
SEVEN_TEMPLATES = tuple(template("{}") for template in open_clip.SIMPLE_IMAGENET_TEMPLATES)
"""The best seven of them, by the same authors."""


class EvaluationProtocol:
    """Size, windows, words and decision.

    Args:
        name: Stands in logs and reports.
        decision: How names compete, and when none of them wins.
        templates: Sentences in which ``{}`` stands for a name.
        vocabulary: List of the classes in the order of the set, see `datamodules.vocabulary`.
            None: the names that the set itself has.
        synonyms: Whether the list's synonyms are compared too; the best word of a class counts.
        background: List of words that stand for background. None: none do.
        short_side: Photos are brought to, in pixels.
        long_side: But never longer than this.
        window: Side of the square that the network sees at once.
        stride: From window to window.
        calibrate_on: Training photos on which the threshold of background is chosen anew, by
            mIoU. 0 takes that of `decision`. A set without background needs none.
    """

    def __init__(
        self,
        *,
        name: str,
        decision: LabelDecision,
        templates: Sequence[str] = IMAGENET_TEMPLATES,
        vocabulary: Path | str | None = None,
        synonyms: bool = True,
        background: Path | str | None = None,
        short_side: int = 448,
        long_side: int = 2048,
        window: int = 448,
        stride: int = 224,
        calibrate_on: int = 0,
    ) -> None:
        self.name = name
        self.decision = decision
        self.templates = tuple(templates)
        self.vocabulary = None if vocabulary is None else Path(vocabulary)
        self.synonyms = synonyms
        self.background = None if background is None else Path(background)
        self.short_side = short_side
        self.long_side = long_side
        self.window = window
        self.stride = stride
        self.calibrate_on = calibrate_on

    def judged_by(self, decision: LabelDecision, *, calibrate_on: int) -> Self:
        """Return the same sizes and words with another decision, for scores of another kind.

        Args:
            decision: Instead of the protocol's own.
            calibrate_on: As well: a threshold belongs to its decision.
        """
        other = copy(self)
        other.decision, other.calibrate_on = decision, calibrate_on
        return other

    def phrases(self, labels: LabelSet) -> Phrases:
        """Return the texts that stand for the labels of a set.

        Raises:
            ValueError: If the list cannot be read or has another number of classes than the set.
        """
        words = Vocabulary.of_names(labels.class_names[1:])
        if self.vocabulary is not None:
            words = read_vocabulary(self.vocabulary)
        if len(words) != len(labels.class_names) - 1:
            raise ValueError(
                f"{self.vocabulary} names {len(words)} classes, {labels.name} has "
                f"{len(labels.class_names) - 1} without background: give the list of this set"
            )
        background = read_words(self.background) if self.background is not None else ()
        use = background if labels.has_background else ()
        return words.phrases(use, synonyms=self.synonyms)

    def described(self) -> str:
        """Return one line that says all of it."""
        words = "the set's own names" if self.vocabulary is None else self.vocabulary.name
        background = "" if self.background is None else f", background {self.background.name}"
        synonyms = "" if self.synonyms else " without synonyms"
        return (
            f"short side {self.short_side}, window {self.window}, stride {self.stride}, "
            f"{len(self.templates)} templates, {words}{synonyms}{background}, {self.decision}"
            + (f", threshold from {self.calibrate_on} training photos" if self.calibrate_on else "")
        )

    def resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) that a photo of `size` is brought to, as mmcv rounds it."""
        scale = min(self.long_side / max(size), self.short_side / min(size))
        height, width = (int(side * scale + 0.5) for side in size)
        return max(height, 1), max(width, 1)


class GroupViTProtocol(EvaluationProtocol):
    """The protocol of GroupViT (CVPR 2022), TCL, CLIP-DINOiser and Talk2DINO.

    Short side 448, window 448, stride 224; the names of the data set as they are; background
    where no class exceeds a threshold of method and set.

    Args:
        decision: See `EvaluationProtocol`.
        name: See there.
        templates: See there; each method has its own.
        calibrate_on: See there.
    """

    def __init__(
        self,
        decision: LabelDecision,
        *,
        name: str = "GroupViT, plain names",
        templates: Sequence[str] = SEVEN_TEMPLATES,
        calibrate_on: int = 0,
    ) -> None:
        super().__init__(
            name=name, decision=decision, templates=templates, calibrate_on=calibrate_on
        )


class SCLIPProtocol(EvaluationProtocol):
    """The protocol of SCLIP (ECCV 2024), NACLIP, ProxyCLIP, CorrCLIP and others.

    Short side 336, window 224, stride 112, 80 templates; lists with synonyms and with words for
    background, of which the best counts, see ``datamodules/vocabularies/*_sclip.txt``.

    Args:
        decision: See `EvaluationProtocol`.
        name: See there.
        vocabulary: See there.
        background: See there; none for sets without background, and for Context (60) its name.
        short_side: See there. SCLIP takes 448 for COCO-Stuff.
        calibrate_on: See there. SCLIP: 0.
    """

    def __init__(
        self,
        decision: LabelDecision,
        *,
        name: str = "SCLIP",
        vocabulary: Path | str | None = None,
        background: Path | str | None = None,
        short_side: int = 336,
        calibrate_on: int = 0,
    ) -> None:
        super().__init__(
            name=name,
            decision=decision,
            vocabulary=vocabulary,
            background=background,
            short_side=short_side,
            window=224,
            stride=112,
            calibrate_on=calibrate_on,
        )
