"""AdversarialEdit: the trained mask editor bends an object into another plausible shape."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from datamodules.sample import Sample
from datamodules.seeds import generator_for
from generation.edits.edit import edited
from generation.edits.extent import mask_to_edit
from generation.edits.warp import Warp
from networks.features import weights_hash
from networks.flow import enlarge
from networks.mask_editor import MaskEditorNet

_SIZE = 96
"""Height and width of editors whose weights do not say theirs: ``configs/mask_editor`` has it."""


class AdversarialEdit:
    """Moves mask and photo by the flow that a trained editor predicts for the mask.

    The editor looks at the mask squeezed to the size that it was trained at; its flow is a spline
    and moves the pixels at the size of the sample, so edges stay as sharp as they were. Other
    machines may round the network differently, by thousandths of a pixel.

    Example:
        >>> from networks.mask_editor import FlowMaskEditor
        >>> edit = AdversarialEdit(FlowMaskEditor(width=16), strength=0.2)
    """

    def __init__(
        self,
        net: MaskEditorNet,
        strength: float = 0.2,
        *,
        size: int | tuple[int, int] | None = None,
    ) -> None:
        """Choose how much is changed.

        Args:
            net: `networks.mask_editor.FlowMaskEditor` with the ``weights`` that training left.
            strength: Share 1 - IoU(source, edit) that the editor aims at; it was trained on some
                range, .05 to .4 by default.
            size: Height and width at which it looks at masks; one number for a square. None: those
                that it was trained at, as its weights say; 96 where they do not.

        Raises:
            ValueError: If the strength is not in (0, 1).
        """
        if not 0 < strength < 1:
            raise ValueError(f"strength is {strength}; choose a share within (0, 1), such as 0.2")
        self.net = net.eval().requires_grad_(False)
        self.strength = strength
        if size is None:
            size = net.trained_size or _SIZE
        self.size = (size, size) if isinstance(size, int) else size
        height, width = self.size
        # a square by one number, as ids have always named it
        shown = str(height) if height == width else f"{height}x{width}"
        # other weights make other pixels, so they must make another id
        self._description = f"adversarial({weights_hash(net)},{strength},{shown})"

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Return the edited object with its photo moved alike.

        Raises:
            ValueError: If the mask is of labels or empty, or `net` moves no pixels.
        """
        return self.moved(sample, self.field(sample, seed), seed)

    def moved(self, sample: Sample, warp: Warp, seed: int, *, with_photo: bool = True) -> Sample:
        """Return the edited sample, given what `field` returned for it."""
        return edited(sample, warp, edit=self._description, seed=seed, with_photo=with_photo)

    def field(self, sample: Sample, seed: int) -> Warp:
        """Return where each pixel comes from; every pixel was in view.

        Raises:
            ValueError: If the mask is of labels or empty, or `net` moves no pixels.
        """
        mask = mask_to_edit(sample)
        small = cv2.resize(mask, self.size[::-1], interpolation=cv2.INTER_AREA)
        latent = torch.randn(1, self.net.latent_size, generator=generator_for(seed, "adversarial"))
        seen = torch.from_numpy(small).view(1, 1, *self.size).float() / 255
        edit = self.net(seen, latent, torch.tensor([self.strength]))
        if edit.backward is None:
            raise ValueError(
                f"{type(self.net).__name__} draws pixels and moves none, so no photo can follow: "
                "give networks.mask_editor.FlowMaskEditor"
            )
        height, width = mask.shape
        displacement = enlarge(edit.backward, (height, width))[0].numpy()
        return Warp(grid=_grid(displacement), visible=np.ones(mask.shape, np.bool_))


def _grid(displacement: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``(H, W, 2)`` places from a ``(2, H, W)`` displacement."""
    height, width = displacement.shape[1:]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([displacement[0] + x, displacement[1] + y], axis=-1).astype(np.float32)
