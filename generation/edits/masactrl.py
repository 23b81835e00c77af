"""MasaCtrlEdit: a diffusion model draws a mask anew after a prompt, out of its own parts."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datamodules.generation_result import Rejected
from datamodules.sample import Sample
from generation.diffusion.attention import first_layer, self_attention_layers
from generation.diffusion.edit_branch import EditBranch
from generation.diffusion.edit_branch_files import load_edit_branch
from generation.diffusion.inversion import invert
from generation.diffusion.latent_model import LatentModel
from generation.diffusion.mutual_sampling import MutualSampling
from generation.edits.batch_edit import to_edit, with_mask
from generation.edits.crisp import crisp_mask
from generation.prompts.prompts import Prompts, models_of, prompts_for

VERSION = 1
"""Raised whenever the same seed gives other pixels."""
_SOURCE = ""
"""Prompt of the source and of what guidance leads away from, as published: so they are one row."""


class MasaCtrlEdit(nn.Module):
    """Edits solid masks by text. A `generation.edits.batch_edit.BatchEdit`.

    Seeds choose the prompts; nothing else is drawn.

    The mask as an image is inverted to noise by DDIM. From that noise the source, without a prompt,
    and the edit, with its own, are sampled side by side; from `start_step` on, self-attention
    layers from `start_layer` on of the edit read the source's keys and values (MasaCtrl, ICCV 2023;
    MaskFactory, NeurIPS 2024, for masks). Masks are squeezed to a square, as published, and the
    result is stretched back, with edges of one pixel; see `generation.edits.crisp`.

    Args:
        prompts: What to ask for, such as ``TemplatePrompts(SHAPED, SHAPES)``: "a round table".
        model: Folder or hub id, see `generation.diffusion.latent_model.LatentModel.load`.
        revision: Of the hub: a branch, tag or commit.
        licence: Of the model's results, an SPDX expression; empty where unknown.
        size: Side in pixels at which the model works. None: that it was trained at.
        num_steps: Of inversion and of sampling.
        guidance: How far the prompt is exaggerated; 1 is not at all, and takes a third less time.
        start_step: First step of mutual self-attention; `num_steps` is none.
        start_layer: First layer of it: a number, or as a float a share of the model's.
        num_refinements: Of each step of the inversion; each takes as long as the inversion.
        threshold: Brightness in (0, 1) from which a pixel is the object's. The published run has
            25 / 255, which thickens all that the model leaves grey.
        adapter: Folder of an edit branch that was trained on the model, see
            `lightningmodules.diffusion_mask_editor`. None: the model as it is.

    Raises:
        ModelNotFound: If the model or the adapter is neither here nor to be had.
        ValueError: If it is of another kind, or a number is out of its range.
    """

    def __init__(
        self,
        prompts: Prompts,
        model: str,
        *,
        revision: str = "main",
        licence: str = "",
        size: int | None = None,
        num_steps: int = 50,
        guidance: float = 7.5,
        start_step: int = 4,
        start_layer: int | float = 10,
        num_refinements: int = 0,
        threshold: float = 0.5,
        adapter: str | None = None,
    ) -> None:
        super().__init__()
        self.prompts = prompts
        self.model = LatentModel.load(model, revision=revision)
        self.branch: EditBranch | None = None
        if adapter is not None:
            self.branch = load_edit_branch(adapter, self.model)
        self.licence = licence
        self.size = self.model.size if size is None else size
        self.guidance = guidance
        self.start_step = start_step
        self.num_refinements = num_refinements
        self.threshold = threshold
        self.schedule = self.model.schedule(num_steps)
        layers = self_attention_layers(self.model.unet)
        first = first_layer(start_layer, len(layers))
        self.layers = layers[first:]
        _check(
            self.size,
            self.model.shrink,
            guidance=guidance,
            steps=(start_step, num_steps, num_refinements),
            threshold=threshold,
        )
        self._parameters_shown = (
            f"{self.size},{num_steps},{guidance},step {start_step},layer {first} of {len(layers)},"
            f"{num_refinements},{threshold}"
        )

    @torch.no_grad()
    def edit(self, drafts: Sequence[Sample], seeds: Sequence[int]) -> Sequence[Sample | Rejected]:
        """Return each draft with its mask edited, or why that failed, in the order of the drafts.

        Raises:
            ValueError: If a mask is of labels.
            PromptError: If there is no prompt to be had.
        """
        results: list[Sample | Rejected] = [to_edit(draft, "masactrl") for draft in drafts]
        places = [place for place, found in enumerate(results) if isinstance(found, Sample)]
        if not places:
            return results
        chosen = [drafts[place] for place in places]
        prompts = prompts_for(
            self.prompts,
            [draft.class_names[0] for draft in chosen],
            [seeds[place] for place in places],
        )
        softs = self.redraw(torch.stack([self._seen(draft) for draft in chosen]), prompts).cpu()
        models = (*models_of(self.prompts), self.model.name)
        if self.branch is not None:
            models += (self.branch.name,)
        for place, draft, prompt, soft in zip(places, chosen, prompts, softs, strict=True):
            height, width = draft.mask.shape
            mask = crisp_mask(soft[None], (height, width), threshold=self.threshold)
            results[place] = with_mask(
                draft,
                (mask[0, 0] * 255).round().to(torch.uint8),
                edit=f"masactrl({prompt!r},{self._parameters_shown})",
                version=VERSION,
                models=models,
                licence=self.licence,
            )
        return results

    def redraw(self, masks: Tensor, prompts: Sequence[str], *, num_grad_steps: int = 0) -> Tensor:
        """Return soft masks that the prompts make of masks.

        Args:
            masks: ``(B, 1, H, W)`` float in [0, 1], `size` squared.
            prompts: B of them.
            num_grad_steps: How many steps at the end keep the gradient of the edit branch. Where
                one is kept, brightness beyond [0, 1] is cut off but keeps its gradient, or what is
                wrong and bright could not be unlearned.

        Returns:
            ``(B, 1, H, W)`` float32 in [0, 1], on the model's device.
        """
        device = next(self.model.unet.parameters()).device
        text = self.model.text([_SOURCE, *prompts], (masks.shape[2], masks.shape[3]))
        sources = torch.zeros(len(masks), dtype=torch.int64, device=device)
        noise = invert(
            self.model.encode(masks.to(device) * 2 - 1),
            partial(self.model.noise, text=text.rows(sources), schedule=self.schedule),
            self.schedule,
            num_refinements=self.num_refinements,
        )
        sampling = MutualSampling(
            model=self.model,
            schedule=self.schedule,
            layers=self.layers,
            start_step=self.start_step,
            guidance=self.guidance,
            branch=self.branch,
        )
        edited = sampling.sample(noise, text, masks, num_grad_steps=num_grad_steps)
        soft = self.model.decode(edited) / 2 + 0.5
        shown = soft.clamp(0, 1)
        return soft + (shown - soft).detach() if soft.requires_grad else shown

    def _seen(self, draft: Sample) -> Tensor:
        """Return a mask as the model sees it, ``(1, size, size)`` in [0, 1]."""
        mask = draft.mask[None, None].float() / 255
        square = (self.size, self.size)
        if min(draft.mask.shape) >= self.size:
            return F.adaptive_avg_pool2d(mask, square)[0]
        return F.interpolate(mask, size=square, mode="bilinear", antialias=True)[0]


def _check(
    size: int, shrink: int, *, guidance: float, steps: tuple[int, int, int], threshold: float
) -> None:
    start_step, num_steps, num_refinements = steps
    if size < shrink or size % shrink:
        raise ValueError(f"size is {size}: give a multiple of {shrink}, as the autoencoder shrinks")
    if guidance < 1:
        raise ValueError(f"guidance is {guidance}: give 1 or more (published: 7.5)")
    if not 0 <= start_step <= num_steps:
        raise ValueError(f"start_step is {start_step}: give 0 to {num_steps} (published: 4 of 50)")
    if num_refinements < 0:
        raise ValueError(f"num_refinements is {num_refinements}: give 0 or more")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold is {threshold}: give a value within (0, 1), such as 0.5")
