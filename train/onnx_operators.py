"""The operators of `networks.padding`, said in those of ONNX."""

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import FLOAT, INT64
from onnxscript import opset20 as op

import networks.padding  # noqa: F401  # defines both


def _pad_to_multiple(x: FLOAT, multiple: int, first: int, mode: str) -> FLOAT:
    divisor = _integers(multiple)
    over = op.Mod(op.Shape(x, start=first, end=first + 2), divisor)
    added = op.Mod(op.Sub(divisor, over), divisor)
    pads = op.Concat(_integers(0, 0), added, axis=0)
    how = "edge" if mode == "replicate" else "constant"
    return op.Pad(x, pads, None, _integers(first, first + 1), mode=how)


def _crop_to(x: FLOAT, like: FLOAT, first: int) -> FLOAT:
    size = op.Shape(like, start=first, end=first + 2)
    return op.Slice(x, _integers(0, 0), size, _integers(first, first + 1))


def _integers(*values: int) -> INT64:
    # its annotation says no more than "one of all types"
    return op.Constant(value_ints=list(values))  # type: ignore[return-value]


# as torch.onnx.export annotates it
TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.segfoundry.pad_to_multiple.default: _pad_to_multiple,
    torch.ops.segfoundry.crop_to.default: _crop_to,
}
