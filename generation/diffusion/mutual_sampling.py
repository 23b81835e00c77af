"""Sampling of edits beside their sources, whose keys and values they read (MasaCtrl).

Letters: B edits; S steps; h, w size of the latents.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from generation.diffusion.attention import mutual_self_attention, rows_of_sources
from generation.diffusion.edit_branch import EditBranch, canny
from generation.diffusion.inversion import DdimSchedule, sample
from generation.diffusion.latent_model import LatentModel, Text


@dataclass(frozen=True, kw_only=True)
class MutualSampling:
    """How edits are sampled from the noise of their sources."""

    model: LatentModel
    schedule: DdimSchedule
    """Of S steps."""
    layers: Sequence[str]
    """Self-attention layers of edits that read their sources."""
    start_step: int
    """First step at which they do."""
    guidance: float
    """How far prompts are exaggerated; 1 is not at all."""
    branch: EditBranch | None = None
    """Added to the U-Net for the rows of edits."""

    def sample(
        self, noise: Tensor, prompts: Text, masks: Tensor, *, num_grad_steps: int = 0
    ) -> Tensor:
        """Return latents of edits, ``(B, c, h, w)``.

        With a branch that learns, a gradient through all steps would need the memory of them all.
        That through the last few is enough to learn from, as the weights are the same at every
        step (DRaFT-K, Clark et al., ICLR 2024, arXiv 2309.17400); a step before the last is
        computed again when the gradient passes it.

        Args:
            noise: ``(B, c, h, w)``, of the sources.
            prompts: Of 1 + B rows: that of all sources, then those of the edits.
            masks: ``(B, 1, H, W)`` float in [0, 1], the sources; a branch is shown their edges.
            num_grad_steps: K, how many steps at the end keep their gradient.
        """
        device, count = noise.device, len(noise)
        sources = torch.zeros(count, dtype=torch.int64, device=device)
        targets = torch.arange(1, count + 1, device=device)
        # the source needs no guidance: its prompt is the one that guidance leads away from
        halves = [targets] if self.guidance == 1 else [sources, targets]
        text = prompts.rows(torch.cat([sources, *halves]))
        edges = None if self.branch is None else canny(masks.to(device))
        num_steps = len(self.schedule.timesteps)

        def predict(latents: Tensor, step: int) -> Tensor:
            with torch.set_grad_enabled(step >= num_steps - num_grad_steps):
                if torch.is_grad_enabled() and step < num_steps - 1:
                    found: Tensor = checkpoint(
                        *(self._noise, latents, step, text, edges, len(halves)),
                        use_reentrant=False,
                        preserve_rng_state=False,
                    )
                    return found
                return self._noise(latents, step, text, edges, len(halves))

        return sample(torch.cat([noise, noise]), predict, self.schedule)[count:]

    def _noise(
        self, latents: Tensor, step: int, text: Text, edges: Tensor | None, num_targets: int
    ) -> Tensor:
        """Return the noise within the latents of sources and edits, ``(2 B, c, h, w)``.

        All that changes the U-Net begins and ends here: a step may be computed again long after.
        """
        source, target = latents.chunk(2)
        unet = self.model.unet
        with ExitStack() as changes:
            if step >= self.start_step:
                reading = changes.enter_context(mutual_self_attention(unet, self.layers))
                reading.rows = rows_of_sources(len(source), num_targets, latents.device)
            if self.branch is not None and edges is not None:
                changes.enter_context(self.branch.applied(unet, edges, first=len(source)))
            seen = torch.cat([source, *([target] * num_targets)])
            found = self.model.noise(seen, step, text, self.schedule).chunk(1 + num_targets)
        away = found[1]
        return torch.cat([found[0], away + self.guidance * (found[-1] - away)])
