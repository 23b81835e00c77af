"""The operators of `networks.padding`, said in those of ONNX."""

from collections.abc import Callable

import torch
from onnxscript import FLOAT, INT64
from onnxscript import opset20 as op
from torch._ops import OpOverload

import networks.padding  # noqa: F401  # defines both


def _pad_to_multiple(x: FLOAT, multiple: int, first: int, mode: str) -> FLOAT:
    divisor = op.Constant(value_ints=[multiple])
    over = op.Mod(op.Shape(x, start=first, end=first + 2), divisor)
    added = op.Mod(op.Sub(divisor, over), divisor)
    pads = op.Concat(op.Constant(value_ints=[0, 0]), added, axis=0)
    how = "edge" if mode == "replicate" else "constant"
    return op.Pad(x, pads, None, _height_and_width(first), mode=how)


def _crop_to(x: FLOAT, like: FLOAT, first: int) -> FLOAT:
    size = op.Shape(like, start=first, end=first + 2)
    return op.Slice(x, op.Constant(value_ints=[0, 0]), size, _height_and_width(first))


def _height_and_width(first: int) -> INT64:
    return op.Constant(value_ints=[first, first + 1])


TRANSLATIONS: dict[OpOverload, Callable[..., FLOAT]] = {
    torch.ops.segfoundry.pad_to_multiple.default: _pad_to_multiple,
    torch.ops.segfoundry.crop_to.default: _crop_to,
}
