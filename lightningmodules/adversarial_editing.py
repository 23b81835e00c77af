"""Editors of masks that learn against a discriminator of masks: what all of them share."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from datamodules.batch import Batch
from lightningmodules.losses.mask_editing import discrimination
from lightningmodules.losses.mask_editing_terms import Weights, weighted_terms
from lightningmodules.mask_draws import Place, small_similarity
from lightningmodules.optimizer_factory import OptimizerFactory
from lightningmodules.validation_size import num_validation_samples
from metrics.kid import KID
from metrics.topology import betti_numbers
from networks.flow import compose, enlarge, warp
from networks.mask_editor import MaskEdit, smooth
from networks.random_pyramid import RandomPyramid


class AdversarialEditing(LightningModule, ABC):
    """One step of a discriminator and one of a generator a batch; edits are scored by their KID.

    What the discriminator sees is blurred and moved by a small random similarity, real masks and
    edits alike, each resampled once: only shape can tell them apart, not the softness that
    resampling leaves.

    One batch is two optimizer steps for ``trainer.max_steps``, discriminator and generator. As each
    moves one network alone, several processes need
    ``--trainer.strategy ddp_find_unused_parameters_true``.

    A validation needs four masks, or there is no ``val/kid``.

    Args:
        net: What learns to edit; ``weights.safetensors`` holds it.
        discriminator: Takes ``(B, 1, H, W)`` masks in [0, 1], returns logits of any shape.
        optimizer: Of the generator.
        discriminator_optimizer: Of the discriminator.
        weights: Of the terms.
        num_points: Of the contour graphs, for edits by a flow.
        seed: Of all draws, which are each mask's own.
    """

    def __init__(
        self,
        net: nn.Module,
        discriminator: nn.Module,
        optimizer: OptimizerCallable,
        discriminator_optimizer: OptimizerCallable,
        *,
        weights: Weights,
        num_points: int = 96,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net = net
        self.discriminator = discriminator
        self.optimizer = OptimizerFactory(optimizer)
        self.discriminator_optimizer = OptimizerFactory(discriminator_optimizer)
        self.weights = weights
        self.num_points = num_points
        self.seed = seed
        # in a tuple, nn.Module does not register it: it learns nothing and is saved nowhere
        self._features = (RandomPyramid(),)
        self._kid = KID()

    @abstractmethod
    def edit(self, masks: Tensor, number: int = 0) -> Tensor:
        """Return an edit of each mask, the same at every call.

        Args:
            masks: ``(B, 1, H, W)`` float in [0, 1].
            number: Other numbers give other edits.

        Returns:
            ``(B, 1, H, W)`` float in [0, 1].
        """

    @abstractmethod
    def edited_twice(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return two edits of each mask, ``(B, 1, H, W)`` in [0, 1]; they are validated by them.

        Args:
            batch: Their ids, whichever process and batch has them, decide the edits.
        """

    def on_train_start(self) -> None:
        """Refuse a validation set without a score before anything is learned.

        Raises:
            ValueError: If there are too few masks.
        """
        self._require_enough_masks()

    def on_validation_start(self) -> None:
        """Likewise, for validations that could not be counted at the start.

        Raises:
            ValueError: If there are too few masks.
        """
        self._require_enough_masks()

    def learn(
        self,
        edit: MaskEdit,
        *,
        source: Tensor,
        strength: Tensor,
        views: Tensor,
        real: Tensor,
        views_of_real: Tensor,
    ) -> None:
        """Take one step of the discriminator, then one of the generator.

        Args:
            edit: Of `source`, with the gradient of the generator.
            source: ``(E, 1, H, W)`` float in [0, 1]; with a diversity, all sources of two edits,
                then all of them again.
            strength: ``(E,)`` float in [0, 1), the share 1 - IoU that is asked for.
            views: ``(E, 5)`` float in [-1, 1), under which the discriminator sees the edits.
            real: ``(R, 1, H, W)`` float in [0, 1].
            views_of_real: ``(R, 5)``, likewise.
        """
        seen = _seen(source, edit, small_similarity(views, source))
        of_net, of_discriminator = self.optimizers()  # type: ignore[attr-defined]
        if self.weights.adversarial:
            seen_real = smooth(warp(real, small_similarity(views_of_real, real)))
            self._discriminate(of_discriminator, seen_real, seen.detach())
        self.toggle_optimizer(of_net)
        logits = self.discriminator(seen) if self.weights.adversarial else None
        terms = weighted_terms(
            self.weights,
            edit,
            source=source,
            strength=strength,
            logits=logits,
            num_points=self.num_points,
        )
        total = torch.stack(list(terms.values())).sum()
        of_net.zero_grad()
        self.manual_backward(total)
        of_net.step()
        self.untoggle_optimizer(of_net)
        self.log("train/loss", total, prog_bar=True, batch_size=len(real))
        self.log_dict({f"train/{n}": term for n, term in terms.items()}, batch_size=len(real))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Edit each mask twice: topology, IoU with the source, and IoU of the two edits."""
        source = batch.mask
        first, second = self.edited_twice(batch)
        binary = [(x[:, 0] > 0.5).cpu().numpy() for x in (source, first)]
        kept = [betti_numbers(a) == betti_numbers(b) for a, b in zip(*binary, strict=True)]
        scores = {
            "val/topology_kept": source.new_tensor(kept).mean(),
            "val/iou": _iou(first, source).mean(),
            "val/iou_of_two_edits": _iou(first, second).mean(),
        }
        self.log_dict(scores, batch_size=len(source), on_epoch=True, sync_dist=True)
        self._collect(source, first, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the KID of the edits to the real masks; a trial of a few batches has no score."""
        if not self._is_trial():
            value = self._kid.compute().value.float()
            self.log("val/kid", value, prog_bar=True, sync_dist=True)
        self._kid.reset()

    def configure_optimizers(self) -> Any:
        """Return the two optimizers, the generator's first."""
        return [
            self.optimizer(self.net.parameters()),
            self.discriminator_optimizer(self.discriminator.parameters()),
        ]

    def place_of(self, count: int) -> Place:
        """Return where the `count` masks of this process's batch stand in the training run."""
        step, first = self.trainer.fit_loop.total_batch_idx, self.global_rank * count
        return Place(step=step, first=first, batch_size=count * self.trainer.world_size)

    def _discriminate(self, optimizer: LightningOptimizer, real: Tensor, edited: Tensor) -> None:
        """Take the discriminator's step."""
        self.toggle_optimizer(optimizer)
        loss = discrimination(self.discriminator(real), self.discriminator(edited))
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self.untoggle_optimizer(optimizer)
        self.log("train/discriminator", loss, batch_size=len(real))

    def _is_trial(self) -> bool:
        return bool(self.trainer.sanity_checking or self.trainer.fast_dev_run)  # type: ignore[attr-defined]

    def _require_enough_masks(self) -> None:
        count = num_validation_samples(self.trainer)
        if 0 < count < _LEAST_FOR_KID and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            raise ValueError(
                f"{count} validation masks are too few for val/kid, which needs {_LEAST_FOR_KID}: "
                "add some, or raise trainer.limit_val_batches "
                f"({self.trainer.limit_val_batches}) to see them all; 0 trains without validation"
            )

    def _collect(self, source: Tensor, edited: Tensor, batch_idx: int) -> None:
        features = self._features[0].to(source.device)
        batch = batch_idx * self.trainer.world_size + self.global_rank
        places = torch.arange(len(source), device=source.device) + _MOST_IN_BATCH * batch
        for masks, is_real in ((source, True), (edited, False)):
            flags = torch.full((len(masks),), is_real, device=masks.device)
            shown = (masks > 0.5).float().expand(-1, 3, -1, -1)
            self._kid.update(features(shown), places, flags)


_LEAST_FOR_KID = 4
"""Masks of which two disjoint halves have a distance, see `metrics.set_comparison`."""
_MOST_IN_BATCH = 1_000_000
"""Above any batch, so that each mask has a place of its own whichever process saw it."""


def _seen(source: Tensor, edit: MaskEdit, view: Tensor) -> Tensor:
    """Return what the discriminator sees of an edit, resampled once as real masks are."""
    if edit.backward is None:
        return smooth(warp(edit.mask, view))
    backward = enlarge(edit.backward, (source.shape[2], source.shape[3]))
    return smooth(warp(source, compose(backward, view)))


def _iou(first: Tensor, second: Tensor) -> Tensor:
    a, b = first > 0.5, second > 0.5
    union = (a | b).sum((1, 2, 3)).clamp_min(1)
    return (a & b).sum((1, 2, 3)) / union
