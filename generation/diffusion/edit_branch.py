"""The edit branch of MaskFactory's editor: what a frozen U-Net learns for the rows of edits alone.

MaskFactory (Qian et al., NeurIPS 2024, Fig. 2) shows two U-Nets side by side, that of the source
frozen, that of the edit trained and shown the Canny edges of the mask. How, it does not say. Here
the weights are one set: LoRA (Hu et al., ICLR 2022, arXiv 2106.09685) on all attention projections
and a hint of the edges (`networks.edge_hint`), both at first without effect, are added for the rows
of a batch that are edits. Rows of sources are computed as before, to the last bit.

Letters: N rows of the batch that the U-Net sees; B edits; H, W size of the masks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from generation.diffusion.controls import CannyCondition
from generation.diffusion.latent_model import LatentModel
from networks.edge_hint import EdgeHint

_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
_CANNY = CannyCondition()
"""At the thresholds that MaskFactory shows masks with."""


class LowRank(nn.Module):
    """What LoRA adds to a linear layer: ``B A x``, with B at first 0; alpha is the rank.

    The names are those of peft, so that the state is in its layout.
    """

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.lora_A = nn.Linear(layer.in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, layer.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(..., out_features)`` of ``(..., in_features)``."""
        change: Tensor = self.lora_B(self.lora_A(x))
        return change


class EditBranch(nn.Module):
    """LoRA and hint of a U-Net, apart from it: its own parameters are all that is trained.

    The keys of its state are ``unet.LAYER.lora_A.weight``, as diffusers and peft name them, and
    ``hint.``. Where mutual self-attention is on, keys and values of an edit are its own
    projections, with LoRA, of the source's features.

    Args:
        model: Whose U-Net it is for; not kept.
        rank: Of LoRA.
        hint_width: Channels of the hint's inner features.
        name: With its weights, as `datamodules.sample.Provenance.models` has it; empty while it is
            trained.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(
        self, model: LatentModel, *, rank: int = 8, hint_width: int = 16, name: str = ""
    ) -> None:
        super().__init__()
        if rank < 1 or hint_width < 1:
            raise ValueError(f"rank is {rank} and hint_width {hint_width}: give 1 or more")
        self.name = name
        self.layers = attention_projections(model.unet)
        self.unet = nn.Module()
        for layer in self.layers:
            _place(self.unet, layer, LowRank(_linear(model.unet, layer), rank))
        first = model.unet.get_submodule("conv_in")
        assert isinstance(first, nn.Conv2d)
        self.hint = EdgeHint(model.shrink, first.out_channels, width=hint_width)

    @contextmanager
    def applied(self, unet: nn.Module, edges: Tensor, *, first: int) -> Iterator[None]:
        """Let the branch change the rows of edits, as long as the context lasts.

        Args:
            unet: That it was made for.
            edges: ``(B, 1, H, W)`` float in [0, 1] of the sources, see `canny`.
            first: Number of the first row of an edit. Those from it on are the B edits, once or,
                as the halves of guidance, several times.
        """
        hint = partial(_add_hint, self.hint, edges, first)
        handles = [unet.get_submodule("conv_in").register_forward_hook(hint)]
        try:
            for layer in self.layers:
                add = partial(_add_change, self.unet.get_submodule(layer), first)
                handles.append(unet.get_submodule(layer).register_forward_hook(add))
            yield
        finally:
            for handle in handles:
                handle.remove()


def attention_projections(unet: nn.Module) -> list[str]:
    """Return the names of the linear layers of all attention layers of a U-Net of diffusers."""
    return [
        f"{name}.{projection}"
        for name, module in unet.named_modules()
        if hasattr(module, "is_cross_attention")
        for projection in _PROJECTIONS
    ]


def canny(masks: Tensor) -> Tensor:
    """Return the edges of masks, ``(B, 1, H, W)`` float 0 or 1, on their device.

    Args:
        masks: ``(B, 1, H, W)`` float in [0, 1].
    """
    size = (masks.shape[2], masks.shape[3])
    grey = (masks[:, 0].detach() * 255).round().to(torch.uint8).cpu()
    return torch.stack([_CANNY.picture(mask, size)[:1] for mask in grey]).to(masks)


def _place(root: nn.Module, path: str, leaf: nn.Module) -> None:
    """Put a module where a dotted path says, with empty modules on the way."""
    *parents, last = path.split(".")
    for parent in parents:
        if not hasattr(root, parent):
            root.add_module(parent, nn.Module())
        root = root.get_submodule(parent)
    root.add_module(last, leaf)


def _linear(unet: nn.Module, layer: str) -> nn.Linear:
    found = unet.get_submodule(layer)
    if not isinstance(found, nn.Linear):
        raise ValueError(
            f"attention layer {layer} is a {type(found).__name__}, not Linear: give a model whose "
            "projections are neither fused nor quantised"
        )
    return found


def _add_change(
    change: nn.Module, first: int, _: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
) -> Tensor:
    return torch.cat([output[:first], output[first:] + change(inputs[0][first:])])


def _add_hint(
    hint: EdgeHint,
    edges: Tensor,
    first: int,
    _: nn.Module,
    inputs: tuple[Tensor, ...],
    output: Tensor,
) -> Tensor:
    added = hint(edges)
    added = added.repeat((len(output) - first) // len(added), 1, 1, 1)
    return torch.cat([output[:first], output[first:] + added.to(output.dtype)])
