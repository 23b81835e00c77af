"""Train the edit branch of MasaCtrl against a discriminator of masks: MaskFactory's editor."""

from collections.abc import Mapping, Sequence
from typing import Self

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from datamodules.batch import Batch
from datamodules.seeds import seed_for
from generation.diffusion.edit_branch import EditBranch
from generation.diffusion.edit_branch_files import edit_branch_files
from generation.edits.masactrl import MasaCtrlEdit
from generation.prompts.prompts import prompts_for
from lightningmodules.adversarial_editing import AdversarialEditing
from lightningmodules.losses.mask_editing_terms import Weights
from lightningmodules.mask_draws import draws_for
from networks.mask_editor import MaskEdit

_WEIGHTS = Weights(diversity=0.0)
_UNNAMED = "object"
"""What pictures of edits ask for: they are made of masks without their classes."""


class DiffusionMaskEditor(AdversarialEditing):
    """A frozen diffusion model edits masks after a prompt; what is added for edits learns.

    MaskFactory (Qian et al., NeurIPS 2024, Fig. 2) draws MasaCtrl, a trained edit branch and the
    discriminator as one method; its released code has them apart. With the published weights::

        1 adversarial + 0.8 content + 0.5 structure

    is minimised by `generation.diffusion.edit_branch.EditBranch`. A diffusion model says no flow,
    so structure is that of the released code, see
    `lightningmodules.losses.mask_editing.published_structure`. Each mask of a batch is real, and is
    edited once, after its own prompt. Of the two optimizer steps that a batch is, of several
    processes and of the validation see
    `lightningmodules.adversarial_editing.AdversarialEditing`.

    Args:
        masactrl: The edit; with an adapter, that one learns on.
        discriminator: Takes ``(B, 1, H, W)`` masks in [0, 1], returns logits of any shape.
        optimizer: Of the edit branch.
        discriminator_optimizer: Of the discriminator.
        weights: Of the terms.
        strength: Share 1 - IoU that the content term asks for; 0, that nothing changes, is
            published.
        rank: Of LoRA, where no adapter is given.
        num_grad_steps: How many of the last steps of sampling are learned through; more cost time
            and tell more of the shape, which the first steps decide.
        seed: Of prompts and views, drawn for each mask; linked to ``seed_everything``.

    Raises:
        ValueError: If a number is out of its range, or a diversity is asked for.
    """

    net: EditBranch

    def __init__(
        self,
        masactrl: MasaCtrlEdit,
        discriminator: nn.Module,
        optimizer: OptimizerCallable,
        discriminator_optimizer: OptimizerCallable,
        *,
        weights: Weights = _WEIGHTS,
        strength: float = 0.2,
        rank: int = 8,
        num_grad_steps: int = 1,
        seed: int = 0,
    ) -> None:
        _check(weights, strength, num_grad_steps, len(masactrl.schedule.timesteps))
        if masactrl.branch is None:
            masactrl.branch = EditBranch(masactrl.model, rank=rank)
        branch = masactrl.branch.requires_grad_(True)
        super().__init__(
            branch, discriminator, optimizer, discriminator_optimizer, weights=weights, seed=seed
        )
        self.save_hyperparameters()
        self.strength = strength
        self.num_grad_steps = num_grad_steps
        self._frozen = _Frozen(masactrl)

    def edit(self, masks: Tensor, number: int = 0) -> Tensor:
        """Return an edit of each mask, as that of an object, the same at every call.

        Args:
            masks: ``(B, 1, H, W)`` float in [0, 1], of the size at which the model works.
            number: Of the prompts; other numbers give other edits.

        Returns:
            ``(B, 1, H, W)`` float in [0, 1].
        """
        seeds = [seed_for(self.seed, "shown", place, number) for place in range(len(masks))]
        return self._redrawn(masks, [_UNNAMED] * len(masks), seeds)

    def edited_twice(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return edits of each mask after two prompts, see the base class."""
        first, second = (
            self._redrawn(
                batch.mask,
                _names(batch),
                [seed_for(self.seed, "shown", id, number) for id in batch.id],
            )
            for number in (0, 1)
        )
        return first, second

    def on_fit_start(self) -> None:
        """Bring the frozen model to the device.

        Moved in a validation, its tensors would be those of inference, without a gradient.
        """
        self._frozen.masactrl.to(self.trainer.strategy.root_device)

    def on_validation_start(self) -> None:
        """Likewise, for a validation by itself, and count its masks.

        Raises:
            ValueError: If there are too few masks.
        """
        self._frozen.masactrl.to(self.device)
        super().on_validation_start()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take one step of the discriminator, then one of the edit branch."""
        real = batch.mask
        place = self.place_of(len(real))
        views = draws_for(self.seed, batch.id, place, latent_size=0).views
        first = place.step * place.batch_size + place.first
        seeds = [seed_for(self.seed, "prompt", id, first + k) for k, id in enumerate(batch.id)]
        edited = self._redrawn(real, _names(batch), seeds, num_grad_steps=self.num_grad_steps)
        self.learn(
            MaskEdit(mask=edited, forward=None, backward=None),
            source=real,
            strength=real.new_full((len(real),), self.strength),
            views=views[:, 0],
            real=real,
            views_of_real=views[:, 2],
        )

    def adapter_files(self) -> Mapping[str, bytes]:
        """Return the files of the folder that ``MasaCtrlEdit(adapter=...)`` takes, by name."""
        return edit_branch_files(self.net)

    def _redrawn(
        self,
        masks: Tensor,
        class_names: Sequence[str],
        seeds: Sequence[int],
        *,
        num_grad_steps: int = 0,
    ) -> Tensor:
        masactrl = self._frozen.masactrl
        if masks.shape[2:] != (masactrl.size, masactrl.size):
            raise ValueError(
                f"masks have {masks.shape[2]}x{masks.shape[3]} pixels, but the model works at "
                f"{masactrl.size}: give data.size {masactrl.size}"
            )
        prompts = prompts_for(masactrl.prompts, class_names, seeds)
        return masactrl.redraw(masks, prompts, num_grad_steps=num_grad_steps)


class _Frozen:
    """Holds the edit apart from the module: nothing of it but the branch is averaged or saved.

    Copies share it, as averaging copies the module.
    """

    def __init__(self, masactrl: MasaCtrlEdit) -> None:
        self.masactrl = masactrl

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return this very holder."""
        return self


def _names(batch: Batch) -> list[str]:
    return [names[0] if names else _UNNAMED for names in batch.class_names]


def _check(weights: Weights, strength: float, num_grad_steps: int, num_steps: int) -> None:
    if weights.diversity:
        raise ValueError(
            f"weights.diversity is {weights.diversity}: give 0; the prompts tell edits apart"
        )
    if not 0 <= strength < 1:
        raise ValueError(f"strength is {strength}: give 0 to below 1, such as 0.2")
    if not 1 <= num_grad_steps <= num_steps:
        raise ValueError(f"num_grad_steps is {num_grad_steps}: give 1 to {num_steps}, all steps")
