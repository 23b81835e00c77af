"""Maps continued to the right and below until a size divides theirs, and cut back.

While a graph is exported, both are operators of their own: what the exporter would have to prove
of sizes such as ``h + -h % 7`` at every later view takes it hours. For all else they are plain
functions, so that training and compilation see through them.

Letters: B samples; C channels; h, w a map's size.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.fx.experimental.symbolic_shapes import statically_known_true
from torch.nn import functional as F

Layout = Literal["channels_first", "channels_last"]
Mode = Literal["constant", "replicate"]


def pad_to_multiple(
    x: Tensor,
    multiple: int,
    *,
    layout: Layout = "channels_first",
    mode: Mode = "constant",
) -> Tensor:
    """Continue a map to the right and below.

    Args:
        x: ``(B, C, h, w)``, or ``(B, h, w, C)`` with channels last.
        multiple: Height and width of the result are multiples of it, the nearest from h and w on.
        layout: Which of both `x` has.
        mode: ``constant`` adds zeros, ``replicate`` repeats the last row and column (channels
            first alone).

    Returns:
        `x` itself where nothing is to be added.
    """
    first = _first(layout)
    if torch.compiler.is_exporting():
        if _divides(multiple, x.shape[first : first + 2]):
            return x
        return torch.ops.segfoundry.pad_to_multiple(x, multiple, first, mode)
    return _padded(x, multiple, first, mode)


def crop_to(x: Tensor, like: Tensor, *, layout: Layout = "channels_first") -> Tensor:
    """Cut a map to the height and width of another, which is no larger.

    Args:
        x: ``(B, C, h, w)``, or ``(B, h, w, C)`` with channels last.
        like: Of the same layout.
        layout: Which of both they have.
    """
    first = _first(layout)
    if torch.compiler.is_exporting():
        return torch.ops.segfoundry.crop_to(x, like, first)
    return _cropped(x, like, first)


def _first(layout: Layout) -> int:
    """Return the dimension of the height; that of the width follows."""
    return 2 if layout == "channels_first" else 1


def _divides(multiple: int, size: Sequence[int]) -> bool:
    """Return whether it divides both, known without a look at the values."""
    return all(statically_known_true(n % multiple == 0) for n in size)


def _padded(x: Tensor, multiple: int, first: int, mode: str) -> Tensor:
    height, width = x.shape[first : first + 2]
    below, right = -height % multiple, -width % multiple
    if not below and not right:
        return x
    channels = (0, 0) if first == 1 else ()  # F.pad counts from the last dimension
    return F.pad(x, (*channels, 0, right, 0, below), mode=mode)


def _cropped(x: Tensor, like: Tensor, first: int) -> Tensor:
    height, width = like.shape[first : first + 2]
    return x.narrow(first, 0, height).narrow(first + 1, 0, width)


@torch.library.custom_op("segfoundry::pad_to_multiple", mutates_args=())
def _pad_operator(x: Tensor, multiple: int, first: int, mode: str) -> Tensor:
    return _padded(x, multiple, first, mode).clone()


@_pad_operator.register_fake
def _(x: Tensor, multiple: int, first: int, mode: str) -> Tensor:
    context = torch.library.get_ctx()
    # a size of 1 would be a case of its own to the tracer; to the operators of ONNX it is none
    height, width = (multiple * context.new_dynamic_size(min=2) for _ in range(2))
    shape = [*x.shape[:first], height, width, *x.shape[first + 2 :]]
    return x.new_empty(shape)


@torch.library.custom_op("segfoundry::crop_to", mutates_args=())
def _crop_operator(x: Tensor, like: Tensor, first: int) -> Tensor:
    return _cropped(x, like, first).clone()


@_crop_operator.register_fake
def _(x: Tensor, like: Tensor, first: int) -> Tensor:
    shape = list(x.shape)
    shape[first : first + 2] = like.shape[first : first + 2]
    return x.new_empty(shape)
