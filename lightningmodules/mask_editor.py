"""Train an editor of masks against a discriminator of masks."""

from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from datamodules.batch import Batch
from datamodules.seeds import generator_for
from lightningmodules.losses.mask_editing import (
    adversarial,
    content,
    discrimination,
    graphs_of,
    published_structure,
    sameness,
    structure,
)
from lightningmodules.optimizer_factory import OptimizerFactory
from metrics.kid import KID
from metrics.topology import betti_numbers
from networks.flow import compose, enlarge, similarity, warp
from networks.mask_editor import MaskEdit, MaskEditorNet, smooth
from networks.random_pyramid import RandomPyramid


@dataclass(kw_only=True)  # not frozen: Lightning copies hyper-parameters field by field
class Weights:
    """Factor of each term of the editor's loss; 0 switches a term off.

    Args:
        adversarial: Published, 1.
        content: Published, 0.8.
        structure: Published, 0.5.
        diversity: Ours; keeps the latent code from being ignored.

    Raises:
        ValueError: If a factor is negative, or all are 0.
    """

    adversarial: float = 1.0
    content: float = 0.8
    structure: float = 0.5
    diversity: float = 0.2

    def __post_init__(self) -> None:
        factors = (self.adversarial, self.content, self.structure, self.diversity)
        if min(factors) < 0 or not any(factors):
            raise ValueError(f"{self}: give 0 or more, and one above 0, or nothing is learned")


_WEIGHTS = Weights()


class MaskEditor(LightningModule):
    """A generator edits masks, a discriminator compares them with real ones.

    With the published weights of three terms, and a fourth that is ours, the generator minimises::

        1 adversarial + 0.8 content + 0.5 structure + 0.2 diversity

    The paper's formulas are not public; `lightningmodules.losses.mask_editing` derives each and
    says what is published in it. Ours, too: that codes and strengths are drawn, and what follows.

    A batch of 2 n masks is both: all of them are real, and its first n are edited twice, by two
    latent codes, so that the codes can be told to differ. What the discriminator sees is blurred
    and moved by a small random similarity, real masks and edits alike, each resampled once: only
    shape can tell them apart, not the softness that resampling leaves.

    One batch is two optimizer steps for ``trainer.max_steps``, discriminator and generator. As each
    moves one network alone, several processes need
    ``--trainer.strategy ddp_find_unused_parameters_true``.

    Args:
        net: The generator; ``weights.safetensors`` holds it, averaged where an averaging callback
            is listed.
        discriminator: Takes ``(B, 1, H, W)`` masks in [0, 1], returns logits of any shape.
        optimizer: Of the generator.
        discriminator_optimizer: Of the discriminator.
        weights: Of the terms, see `lightningmodules.losses.mask_editing`.
        strengths: Least and greatest share 1 - IoU that is asked for in training.
        num_points: Of the contour graphs.
        seed: Of codes, strengths and views, drawn anew from (seed, batch); linked to
            ``seed_everything``.

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
        strength = masks.new_full((len(masks),), sum(self.strengths) / 2)
        edited: MaskEdit = self.net(masks, latent.to(masks), strength)
        return edited.mask

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one step of the discriminator, then one of the generator."""
        step = self.trainer.fit_loop.total_batch_idx
        generator = generator_for(self.seed, "edits", step, self.global_rank)
        real = batch.mask
        half = max(1, len(real) // 2)
        source = torch.cat([real[:half], real[:half]])
        low, high = self.strengths
        strength = low + (high - low) * torch.rand(half, generator=generator).repeat(2).to(real)
        latent = torch.randn(2 * half, self.net.latent_size, generator=generator).to(real)
        edit: MaskEdit = self.net(source, latent, strength)
        seen = _seen(source, edit, _random_similarity(source, generator))
        of_net, of_discriminator = self.optimizers()  # type: ignore[attr-defined]
        if self.weights.adversarial:
            seen_real = smooth(warp(real, _random_similarity(real, generator)))
            self.toggle_optimizer(of_discriminator)
            loss = discrimination(self.discriminator(seen_real), self.discriminator(seen.detach()))
            of_discriminator.zero_grad()
            self.manual_backward(loss)
            of_discriminator.step()
            self.untoggle_optimizer(of_discriminator)
            self.log("train/discriminator", loss, batch_size=len(real))
        self.toggle_optimizer(of_net)
        terms = self._terms(source, strength, edit, seen)
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
        first, second = (self.edit(source, 2 * batch_idx + k) for k in (0, 1))
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
        """Log the KID of the edits to the real masks; there must be four masks for it."""
        counts = self.all_gather(torch.tensor(sum(map(len, self._kid.places)), device=self.device))
        assert isinstance(counts, Tensor)
        # of all processes: if one of them alone computed, it would wait for the others for ever
        if counts.sum() >= _LEAST_FOR_KID:
            value = self._kid.compute().value.float()
            self.log("val/kid", value, prog_bar=True, sync_dist=True)
        self._kid.reset()

    def configure_optimizers(self) -> Any:
        """Return the two optimizers, the generator's first."""
        return [
            self.optimizer(self.net.parameters()),
            self.discriminator_optimizer(self.discriminator.parameters()),
        ]

    def _terms(
        self, source: Tensor, strength: Tensor, edit: MaskEdit, seen: Tensor
    ) -> dict[str, Tensor]:
        """Return the weighted terms that are switched on."""
        weights, terms = self.weights, {}
        half = len(source) // 2
        if weights.adversarial:
            terms["adversarial"] = weights.adversarial * adversarial(self.discriminator(seen))
        if weights.content:
            terms["content"] = weights.content * content(edit.mask, source, strength)
        if weights.structure and edit.forward is None:
            terms["structure"] = weights.structure * published_structure(edit.mask, source)
        if weights.structure and edit.forward is not None:
            graphs = graphs_of(source, self.num_points)
            size = (source.shape[2], source.shape[3])
            terms["structure"] = weights.structure * structure(graphs, edit.forward, size)
        if weights.diversity:
            change = edit.mask - source if edit.forward is None else edit.forward
            terms["diversity"] = weights.diversity * sameness(change[:half], change[half:])
        return terms

    def _collect(self, source: Tensor, edited: Tensor, batch_idx: int) -> None:
        features = self._features[0].to(source.device)
        batch = batch_idx * self.trainer.world_size + self.global_rank
        places = torch.arange(len(source), device=source.device) + _MOST_IN_BATCH * batch
        for masks, is_real in ((source, True), (edited, False)):
            flags = torch.full((len(masks),), is_real, device=masks.device)
            shown = (masks > 0.5).float().expand(-1, 3, -1, -1)
            self._kid.update(features(shown), places, flags)


_LEAST_FOR_KID = 8
"""Four masks and as many edits."""
_MOST_IN_BATCH = 1_000_000
"""Above any batch, so that each mask has a place of its own whichever process saw it."""


def _seen(source: Tensor, edit: MaskEdit, view: Tensor) -> Tensor:
    """Return what the discriminator sees of an edit, resampled once as real masks are."""
    if edit.backward is None:
        return smooth(warp(edit.mask, view))
    backward = enlarge(edit.backward, (source.shape[2], source.shape[3]))
    return smooth(warp(source, compose(backward, view)))


def _random_similarity(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a small similarity for each mask: 3 degrees, 3 % and 3 % of the frame, or a mirror."""
    count, (height, width) = len(like), like.shape[2:]
    drawn = 2 * torch.rand(count, 5, generator=generator) - 1
    return similarity(
        (0.05 * drawn[:, 0]).to(like),
        (1 + 0.03 * drawn[:, 1]).to(like),
        (0.03 * drawn[:, 2:4] * torch.tensor((width, height))).to(like),
        (drawn[:, 4] > 0).to(like.device),
        size=(height, width),
    )


def _iou(first: Tensor, second: Tensor) -> Tensor:
    a, b = first > 0.5, second > 0.5
    union = (a | b).sum((1, 2, 3)).clamp_min(1)
    return (a & b).sum((1, 2, 3)) / union
