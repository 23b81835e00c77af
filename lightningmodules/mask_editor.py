"""Train an editor of masks against a discriminator of masks."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from datamodules.batch import Batch
from datamodules.seeds import generator_for
from lightningmodules.losses.mask_editing import discrimination
from lightningmodules.losses.mask_editing_terms import Weights, weighted_terms
from lightningmodules.mask_draws import Place, draws_for, small_similarity, sources_of
from lightningmodules.optimizer_factory import OptimizerFactory
from lightningmodules.validation_size import num_validation_samples
from metrics.kid import KID
from metrics.topology import betti_numbers
from networks.flow import compose, enlarge, warp
from networks.mask_editor import MaskEdit, MaskEditorNet, smooth
from networks.random_pyramid import RandomPyramid

_WEIGHTS = Weights()


class MaskEditor(LightningModule):
    """A generator edits masks, a discriminator compares them with real ones.

    With the published weights of three terms, and a fourth that is ours, the generator minimises::

        1 adversarial + 0.8 content + 0.5 structure + 0.2 diversity

    The paper's formulas are not public; `lightningmodules.losses.mask_editing` derives each and
    says what is published in it. Ours, too: that codes and strengths are drawn, and what follows.

    A batch of 2 n masks is both: all of them are real, and n of them are edited twice, by two
    latent codes, so that the codes can be told to differ. What the discriminator sees is blurred
    and moved by a small random similarity, real masks and edits alike, each resampled once: only
    shape can tell them apart, not the softness that resampling leaves.

    One batch is two optimizer steps for ``trainer.max_steps``, discriminator and generator. As each
    moves one network alone, several processes need
    ``--trainer.strategy ddp_find_unused_parameters_true``. Networks without BatchNorm then train as
    on one process, if each process has an even number of masks, see `lightningmodules.mask_draws`.

    A validation needs four masks, or there is no ``val/kid``.

    Args:
        net: The generator; ``weights.safetensors`` holds it, averaged where an averaging callback
            is listed.
        discriminator: Takes ``(B, 1, H, W)`` masks in [0, 1], returns logits of any shape.
        optimizer: Of the generator.
        discriminator_optimizer: Of the discriminator.
        weights: Of the terms.
        strengths: Least and greatest share 1 - IoU that is asked for in training.
        num_points: Of the contour graphs.
        seed: Of codes, strengths and views, drawn for each mask; linked to ``seed_everything``.

    Raises:
        ValueError: If strengths are not in [0, 1) and rising.
    """

    def __init__(
        self,
        net: MaskEditorNet,
        discriminator: nn.Module,
        optimizer: OptimizerCallable,
        discriminator_optimizer: OptimizerCallable,
        *,
        weights: Weights = _WEIGHTS,
        strengths: tuple[float, float] = (0.05, 0.4),
        num_points: int = 96,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= strengths[0] <= strengths[1] < 1:
            raise ValueError(
                f"strengths {strengths} must rise within [0, 1), for example .05 to .4"
            )
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.net = net
        self.discriminator = discriminator
        self.optimizer = OptimizerFactory(optimizer)
        self.discriminator_optimizer = OptimizerFactory(discriminator_optimizer)
        self.weights = weights
        self.strengths = strengths
        self.num_points = num_points
        self.seed = seed
        # in a tuple, nn.Module does not register it: it learns nothing and is saved nowhere
        self._features = (RandomPyramid(),)
        self._kid = KID()

    def edit(self, masks: Tensor, number: int = 0) -> Tensor:
        """Return an edit of each mask at the middle strength, the same at every call.

        Args:
            masks: ``(B, 1, H, W)`` float in [0, 1].
            number: Of the latent codes; other numbers give other edits.

        Returns:
            ``(B, 1, H, W)`` float in [0, 1].
        """
        generator = generator_for(self.seed, "shown", number)
        latent = torch.randn(len(masks), self.net.latent_size, generator=generator)
        return self._edited(masks, latent)

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

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one step of the discriminator, then one of the generator."""
        real = batch.mask
        place = self._place(len(real))
        drawn = draws_for(self.seed, batch.id, place, latent_size=self.net.latent_size)
        chosen = sources_of(place, len(real))
        source = real[chosen].repeat(2, 1, 1, 1)
        low, high = self.strengths
        strength = (low + (high - low) * drawn.strength[chosen]).repeat(2).to(real)
        latent, views = (x[chosen, :2].transpose(0, 1).flatten(0, 1) for x in drawn[1:])
        edit: MaskEdit = self.net(source, latent.to(real), strength)
        seen = _seen(source, edit, small_similarity(views, source))
        of_net, of_discriminator = self.optimizers()  # type: ignore[attr-defined]
        if self.weights.adversarial:
            seen_real = smooth(warp(real, small_similarity(drawn.views[:, 2], real)))
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
        first, second = (self._edited(source, self._shown(batch.id, k)) for k in (0, 1))
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

    def _discriminate(self, optimizer: LightningOptimizer, real: Tensor, edited: Tensor) -> None:
        """Take the discriminator's step."""
        self.toggle_optimizer(optimizer)
        loss = discrimination(self.discriminator(real), self.discriminator(edited))
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self.untoggle_optimizer(optimizer)
        self.log("train/discriminator", loss, batch_size=len(real))

    def _edited(self, masks: Tensor, latent: Tensor) -> Tensor:
        strength = masks.new_full((len(masks),), sum(self.strengths) / 2)
        edited: MaskEdit = self.net(masks, latent.to(masks), strength)
        return edited.mask

    def _shown(self, ids: list[str], number: int) -> Tensor:
        """Return the codes that masks are validated with, whichever process and batch has them."""
        generators = (generator_for(self.seed, "shown", id, number) for id in ids)
        return torch.stack([torch.randn(self.net.latent_size, generator=g) for g in generators])

    def _place(self, count: int) -> Place:
        step, first = self.trainer.fit_loop.total_batch_idx, self.global_rank * count
        return Place(step=step, first=first, batch_size=count * self.trainer.world_size)

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
