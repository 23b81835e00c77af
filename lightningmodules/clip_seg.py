"""Train a segmenter of named classes on label maps, with or without counterfactual images."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from datamodules.batch import Batch
from datamodules.generated_then_photos import GeneratedThenPhotos
from datamodules.label_names import TellsLabelNames
from datamodules.sample import MaskKind
from datamodules.seeds import seed_for
from datamodules.vocabulary import VocabularyFiles, read_vocabulary
from lightningmodules.category_sampling import (
    VOID,
    VocabularyPlaces,
    draw_noise,
    relabel,
    sample_categories,
)
from lightningmodules.known_names import require_known
from lightningmodules.losses.counterfactual import (
    CounterfactualLoss,
    CounterfactualPairs,
    coverage_of,
)
from lightningmodules.losses.open_vocabulary import (
    ClassMasks,
    MaskMatching,
    classes_there,
)
from lightningmodules.optimizer_factory import OptimizerFactory
from lightningmodules.schedules import Schedule
from lightningmodules.validation_scoring import best_class, brought_to
from metrics.background_threshold import ThresholdSweep
from networks.clip_prompts import ImageFeatures
from networks.clip_seg import ClipSeg


class OpenVocabulary(LightningModule):
    """MagicSeg's training (Cai et al., TPAMI 2026) of ZegCLIP's network.

    Each image is compared with the classes in it and with others drawn from the vocabulary. What
    learns is the network's affair: `ClipSeg` with ``num_prompts: 0`` trains the decoder alone, with
    prompts both, with ``train_image_encoder`` all but the text encoder.

    Args:
        net: Scores names.
        loss: Of the drawn classes' masks.
        optimizer: Built from the parameters of `net` that need gradients; its rate is that of the
            image encoder.
        vocabulary: List of class names, see `datamodules.vocabulary.read_vocabulary`; of several
            lists, all classes. Every class of the data must be in it.
        contrast: Losses of image and counterfactual by the names they are logged under. Then every
            training sample needs its counterfactual, but for the photos of
            `datamodules.generated_then_photos.GeneratedThenPhotos`, which train by masks alone.
        num_categories: Drawn for each image, those in it included.
        lr_factor: Factor on the rate of prompts and decoder.
        schedule: Factor on the rates, a function of (step, max_steps). None: constant.
        max_steps: Length of the run in optimizer steps; the command line links it to
            ``trainer.max_steps``.
        val_side: Short side in pixels that larger validation photos are brought to for the
            network. They are scored at the size that they came in, by all names of `vocabulary`.
        seed: Of the draws and of the noise inside `net`; the command line links it to
            ``seed_everything``.

    Raises:
        ValueError: If the list cannot be read, or a number is out of its range.
    """

    def __init__(
        self,
        net: ClipSeg,
        loss: MaskMatching,
        optimizer: OptimizerCallable,
        *,
        vocabulary: VocabularyFiles,
        contrast: Mapping[str, CounterfactualLoss] | None = None,
        num_categories: int = 100,
        lr_factor: float = 10.0,
        schedule: Schedule | None = None,
        max_steps: int = -1,
        val_side: int = 512,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if num_categories < 1 or lr_factor <= 0 or val_side < 1:
            raise ValueError(
                f"num_categories {num_categories} and val_side {val_side} must be 1 or more, "
                f"lr_factor {lr_factor} above 0"
            )
        self.save_hyperparameters()
        self.net = net
        self.loss = loss
        self.optimizer = OptimizerFactory(optimizer)
        classes = read_vocabulary(vocabulary)
        self.names = classes.prompt_names()
        self._places_of = VocabularyPlaces(classes)
        self.contrast = nn.ModuleDict(dict(contrast or {}))
        self.num_categories = num_categories
        self.lr_factor = lr_factor
        self.schedule = schedule
        self.max_steps = max_steps
        self.val_side = val_side
        self.seed = seed
        self.val_scores = ThresholdSweep(len(self.names) + 1, void=_UNKNOWN)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """Return the logits of names, see `ClipSeg`."""
        return self.net(image, text)

    def setup(self, stage: str) -> None:
        """Check the names and counterfactuals of the training data, where it tells them.

        Raises:
            ValueError: See `lightningmodules.known_names.require_known`.
        """
        data: object = self.trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        if stage == "fit" and isinstance(data, TellsLabelNames):
            require_known(
                data.label_names(),
                self._places_of.vocabulary,
                with_counterfactuals=bool(self.contrast),
            )

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the noise of this step; each process draws its own."""
        step = self.trainer.fit_loop.total_batch_idx
        torch.manual_seed(seed_for(self.seed, "noise", step, self.global_rank))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the sum of the loss terms, a scalar.

        Raises:
            ValueError: See `require_names` and `require_counterfactuals`.
        """
        require_names(batch)
        step, count = self.trainer.fit_loop.total_batch_idx, len(batch)
        if self.contrast and not self._shows_photos(step):
            require_counterfactuals(batch)
        terms = self.losses(batch, count * (step * self.trainer.world_size + self.global_rank))
        total = torch.stack(list(terms.values())).sum()
        self.log("train/loss", total, prog_bar=True, batch_size=count)
        named = {f"train/{name}": term for name, term in terms.items()}
        self.log_dict(named, batch_size=count)
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the loss of drawn classes, and count the pixels by the best of all names.

        An image meets the same drawn classes in every validation. They would be no test: those in
        the image are always among them.

        Raises:
            ValueError: See `require_names`.
        """
        require_names(batch)
        small = brought_to(batch, self.val_side)
        chosen, masks = self._masks(small, None)
        features, text = self.net.encode(small.image), self.net.embed(self.names)
        logits = self.net.decoder(features, text[chosen])
        total = torch.stack(list(self.loss(logits, masks).values())).sum()
        self.log("val/loss", total, batch_size=len(batch), on_epoch=True, sync_dist=True)
        truths = self._truths(batch)
        # one after the other: a whole batch of all names would fill the memory
        for k, truth in enumerate(truths):
            own = ImageFeatures(*(x[k : k + 1] for x in features))
            self._score(self.net.decoder(own, text)[0], truth)

    def on_validation_epoch_end(self) -> None:
        """Log mIoU over all images, all names and all ranks, background included.

        It is that of the best threshold of background, which is logged beside it: what a decision
        at a fixed one would find says more about the scale of the logits than about the network.
        """
        scores = self.val_scores.compute()
        self.log("val/mean_iou", scores["mean_iou"], prog_bar=True)
        self.log("val/threshold", scores["threshold"])
        self.val_scores.reset()

    def losses(self, batch: Batch, first_slot: int) -> dict[str, Tensor]:
        """Return the weighted loss terms of a training batch of floats, by name.

        Args:
            batch: Label maps, with or without counterfactuals.
            first_slot: Place of its first sample in the run, which the draws depend on.
        """
        chosen, masks = self._masks(batch, first_slot)
        text = self.net.embed(self.names)[chosen]
        if batch.counterfactual is None or not self.contrast:
            return self.loss(self.net.decoder(self.net.encode(batch.image), text), masks)
        both = self.net.encode(torch.cat((batch.image, batch.counterfactual)))
        logits, empty = self.net.decoder(both, torch.cat((text, text))).chunk(2)
        halves = [ImageFeatures(*parts) for parts in zip(*(x.chunk(2) for x in both), strict=True)]
        pairs = CounterfactualPairs(
            image=halves[0],
            counterfactual=halves[1],
            logits=empty,
            has_counterfactual=batch.has_counterfactual,
            coverage=coverage_of(masks.labels, chosen.shape[1], tuple(logits.shape[-2:])),
            text=text,
            classes=chosen,
            is_there=classes_there(masks.labels, masks.weight, chosen.shape[1]),
        )
        terms: dict[str, Tensor] = self.loss(logits, masks)
        return terms | {name: loss(pairs) for name, loss in self.contrast.items()}

    def configure_optimizers(self) -> Any:
        """Return the injected optimizer, with the schedule stepped after each step.

        Raises:
            ValueError: If there is a schedule and the run has no length.
        """
        encoder = [p for p in self.net.clip.parameters() if p.requires_grad]
        known = {id(p) for p in encoder}
        others = [p for p in self.net.parameters() if p.requires_grad and id(p) not in known]
        optimizer = self.optimizer(encoder or others)
        rate = optimizer.param_groups[0]["lr"] * self.lr_factor
        if encoder:
            optimizer.add_param_group({"params": others, "lr": rate})
        else:
            optimizer.param_groups[0]["lr"] = rate
        if self.schedule is None:
            return optimizer
        schedule, max_steps = self.schedule, self.max_steps
        if max_steps < 1:
            raise ValueError(
                f"a learning-rate schedule needs the length of the run, got max_steps {max_steps}: "
                "set trainer.max_steps"
            )
        scheduler = LambdaLR(optimizer, lambda step: schedule(step, max_steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _shows_photos(self, step: int) -> bool:
        data: object = self.trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
        return isinstance(data, GeneratedThenPhotos) and data.shows_photos(step)

    def _masks(self, batch: Batch, first_slot: int | None) -> tuple[Tensor, ClassMasks]:
        """Return the drawn classes, ``(B, K)`` long, and their masks.

        Without a slot the draws depend on the sample alone.
        """
        mask, number = batch.mask, len(self.names)
        places = self._places_of(batch.class_names).to(mask.device)
        noise = draw_noise(self.seed, batch.id, first_slot, number).to(mask.device)
        chosen = sample_categories(mask, places, noise, self.num_categories)
        labels = relabel(mask, places, chosen, number)
        return chosen, ClassMasks(labels=labels, weight=batch.weight, is_void=mask == VOID)

    def _truths(self, batch: Batch) -> Tensor:
        """Return ``(B, H, W)`` long: 0, a class of the vocabulary from 1 on, or `_UNKNOWN`."""
        number = len(self.names)
        truth = self._places_of(batch.class_names).to(batch.mask.device)
        truth = truth.gather(1, batch.mask.flatten(1)).view_as(batch.mask)
        truth = torch.where(truth == number, 0, truth + 1)
        truth[(batch.mask == VOID) | (batch.weight[:, 0] == 0)] = _UNKNOWN
        return truth

    def _score(self, logits: Tensor, truth: Tensor) -> None:
        """Count the pixels of an image from ``(V, h, w)`` logits; those of no weight are void."""
        best, label = best_class(logits, (truth.shape[0], truth.shape[1]))
        self.val_scores.update(best, label + 1, truth)


_UNKNOWN = -1  # 255 may be a class of a large vocabulary


def require_names(batch: Batch) -> None:
    """Check that masks are label maps whose every label has a name.

    Raises:
        ValueError: If not, with the sample and the label.
    """
    if batch.mask_kind is not MaskKind.LABELS:
        raise ValueError(
            f"sample {batch.id[0]!r} has a mask of one object, not of classes: give label maps "
            "(a set made with labels, or photos with label maps)"
        )
    known = torch.tensor([len(names) for names in batch.class_names], device=batch.mask.device)
    is_wrong = (batch.mask >= known[:, None, None]) & (batch.mask != VOID)
    if is_wrong.any():
        number = int(is_wrong.flatten(1).any(1).nonzero()[0])
        label = int(batch.mask[number][is_wrong[number]][0])
        raise ValueError(
            f"sample {batch.id[number]!r} has label {label} and {int(known[number])} class names: "
            "name every label, or store 255 where nobody knows"
        )


def require_counterfactuals(batch: Batch) -> None:
    """Check that every sample has a counterfactual.

    Raises:
        ValueError: If one has none, with its name.
    """
    if not batch.has_counterfactual.all():
        id = batch.id[batch.has_counterfactual.tolist().index(False)]
        raise ValueError(
            f"sample {id!r} has no counterfactual to train with: make the set with "
            "counterfactuals, or set model.contrast to null"
        )
