"""Train an editor of masks against a discriminator of masks."""

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from datamodules.batch import Batch
from datamodules.seeds import generator_for
from lightningmodules.adversarial_editing import AdversarialEditing
from lightningmodules.losses.mask_editing_terms import Weights
from lightningmodules.mask_draws import draws_for, sources_of
from networks.mask_editor import MaskEdit, MaskEditorNet

_WEIGHTS = Weights()


class MaskEditor(AdversarialEditing):
    """A generator edits masks, a discriminator compares them with real ones.

    With the published weights of three terms, and a fourth that is ours, the generator minimises::

        1 adversarial + 0.8 content + 0.5 structure + 0.2 diversity

    The paper's formulas are not public; `lightningmodules.losses.mask_editing` derives each and
    says what is published in it. Ours, too: that codes and strengths are drawn, and what follows.

    A batch of 2 n masks is both: all of them are real, and n of them are edited twice, by two
    latent codes, so that the codes can be told to differ. Of the two optimizer steps that a batch
    is, of several processes and of the validation see
    `lightningmodules.adversarial_editing.AdversarialEditing`. Networks without BatchNorm train on
    several processes as on one, if each process has an even number of masks, see
    `lightningmodules.mask_draws`.

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

    net: MaskEditorNet

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
        super().__init__(
            net,
            discriminator,
            optimizer,
            discriminator_optimizer,
            weights=weights,
            num_points=num_points,
            seed=seed,
        )
        if not 0 <= strengths[0] <= strengths[1] < 1:
            raise ValueError(
                f"strengths {strengths} must rise within [0, 1), for example .05 to .4"
            )
        self.save_hyperparameters()
        self.strengths = strengths

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

    def edited_twice(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return edits of each mask by two codes at the middle strength, see the base class."""
        first, second = (self._edited(batch.mask, self._shown(batch.id, k)) for k in (0, 1))
        return first, second

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one step of the discriminator, then one of the generator."""
        real = batch.mask
        place = self.place_of(len(real))
        drawn = draws_for(self.seed, batch.id, place, latent_size=self.net.latent_size)
        chosen = sources_of(place, len(real))
        source = real[chosen].repeat(2, 1, 1, 1)
        low, high = self.strengths
        strength = (low + (high - low) * drawn.strength[chosen]).repeat(2).to(real)
        latent, views = (x[chosen, :2].transpose(0, 1).flatten(0, 1) for x in drawn[1:])
        edit: MaskEdit = self.net(source, latent.to(real), strength)
        self.learn(
            edit,
            source=source,
            strength=strength,
            views=views,
            real=real,
            views_of_real=drawn.views[:, 2],
        )

    def _edited(self, masks: Tensor, latent: Tensor) -> Tensor:
        strength = masks.new_full((len(masks),), sum(self.strengths) / 2)
        edited: MaskEdit = self.net(masks, latent.to(masks), strength)
        return edited.mask

    def _shown(self, ids: list[str], number: int) -> Tensor:
        """Return the codes that masks are validated with, whichever process and batch has them."""
        generators = (generator_for(self.seed, "shown", id, number) for id in ids)
        return torch.stack([torch.randn(self.net.latent_size, generator=g) for g in generators])
