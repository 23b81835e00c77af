"""A network of images as one ONNX file that any program runs, compared with PyTorch before it is.

Letters: B images; H, W their size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from onnx.helper import set_model_props
from onnxruntime.capi import onnxruntime_pybind11_state
from torch import Tensor, nn
from torch.nn import functional as F

from networks.outputs import Outputs
from train.onnx_operators import TRANSLATIONS

TOLERANCE = 1e-3
"""What a probability may differ by from PyTorch's, a quarter of a step of an 8-bit map."""
_OPSET = 20  # the first whose grid and pooling operators torch needs no substitute for
_TRACED = (1031, 1289)  # nothing is computed; deep maps are large enough to be no special case
# one that most networks divide, and one that none does
_CHECKED = ((192, 128), (161, 227))
_BATCHES = (1, 2)
_MOST_BYTES = 2**31 - 1  # of one protobuf message
_Size = tuple[int, int]
_ONE_SIZE = ": if it takes photos of one size alone, give --size"
# onnxruntime's errors have no base of their own
_RUNTIME_ERRORS = (
    onnxruntime_pybind11_state.Fail,
    onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime_pybind11_state.NotImplemented,
    onnxruntime_pybind11_state.RuntimeException,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFile:
    """A file that does what the network does."""

    content: bytes
    difference: float
    """Largest difference of a probability from PyTorch's."""
    lowest: float
    """Least probability of the maps that were compared."""
    highest: float
    """Their greatest."""


def onnx_file(net: nn.Module, facts: Mapping[str, str], *, size: _Size | None = None) -> OnnxFile:
    """Return a network as an ONNX file, its result equal to PyTorch's.

    The file's input ``image`` is ``(B, 3, H, W)`` float32 RGB in [0, 1]: normalisation is inside.
    Its output ``probability`` is ``(B, 1, H, W)`` float32 in [0, 1]. B is open, and so are H and W
    where no `size` is given. The metadata say so.

    Args:
        net: Sees a batch with an image and returns `Outputs`, as in `lightningmodules.dis.DIS`. It
            is put into evaluation mode and float32.
        facts: Further metadata.
        size: The (height, width) in pixels that is written; None for any.

    Raises:
        ValueError: If the network needs more than the image, cannot be written, is too large for
            one file, or if onnxruntime finds a probability that differs by more than `TOLERANCE`.
    """
    probabilities = _Probabilities(net.eval().float())
    images = [
        _picture(b, hw) for b, hw in zip(_BATCHES, (size, size) if size else _CHECKED, strict=True)
    ]
    expected = [_run(probabilities, image) for image in images]
    model = _graph(probabilities, size)
    _describe(model, facts, size)
    if model.ByteSize() > _MOST_BYTES:
        raise ValueError(
            f"the network has {model.ByteSize() / 2**30:.1f} GB, more than the 2 GB that one ONNX "
            "file holds: take a smaller one"
        )
    content = model.SerializeToString()
    difference = _difference(content, images, expected)
    return OnnxFile(
        content=content,
        difference=difference,
        lowest=min(float(x.min()) for x in expected),
        highest=max(float(x.max()) for x in expected),
    )


@dataclass(slots=True, eq=False)
class _Images:
    """A batch of which nothing but the image is known."""

    image: Tensor

    @property
    def mask(self) -> Tensor:
        """Refuse.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "the network is told by the true mask where the object is, which a file that sees "
            "photos alone cannot be: export takes networks of the image alone"
        )


class _Probabilities(nn.Module):
    """The first map of a network, at the image's size, as the predictions have it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        outputs: Outputs = self.net(_Images(image))
        whole = F.interpolate(
            outputs.logits[0], size=image.shape[2:], mode="bilinear", align_corners=False
        )
        return whole.sigmoid()


def _run(net: nn.Module, image: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            found: Tensor = net(image)
    except RuntimeError as error:
        raise ValueError(
            f"the network does not take photos of {image.shape[2]} x {image.shape[3]} px "
            f"({_reason(error)}){_ONE_SIZE}"
        ) from error
    return found


def _graph(net: nn.Module, size: _Size | None) -> onnx.ModelProto:
    dynamic = torch.export.Dim.DYNAMIC
    dimensions = {0: dynamic} if size else {0: dynamic, 2: dynamic, 3: dynamic}
    try:
        with torch.no_grad():
            traced = torch.export.export(
                net,
                (torch.zeros(2, 3, *(size or _TRACED)),),
                dynamic_shapes={"image": dimensions},
                # what a size must fulfil is not proved here: the result is compared
                prefer_deferred_runtime_asserts_over_guards=True,
            )
            _loosen_views(traced)
            program = torch.onnx.export(
                traced,
                dynamo=True,
                opset_version=_OPSET,
                verbose=False,
                custom_translation_table=TRANSLATIONS,
            )
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"the network cannot be written as ONNX ({_reason(error)})"
            + ("" if size else _ONE_SIZE)
        ) from error
    assert program is not None  # it is only where the export writes a file itself
    return program.model_proto


def _loosen_views(traced: torch.export.ExportedProgram) -> None:
    """Put a copy before each view, which the file does not keep.

    The translation replaces operators by others, whose results can lie in memory in another order
    than those that were traced; a view of sizes left open would then be refused.
    """
    aten = torch.ops.aten
    for node in traced.graph.find_nodes(op="call_function", target=aten.view.default):
        source = node.args[0]
        with traced.graph.inserting_before(node):
            copy = traced.graph.call_function(
                aten.clone.default, (source,), {"memory_format": torch.contiguous_format}
            )
        copy.meta["val"] = source.meta["val"]
        node.args = (copy, *node.args[1:])


def _describe(model: onnx.ModelProto, facts: Mapping[str, str], size: _Size | None) -> None:
    """Name input and output, say what they are, and take the writer's file names out."""
    graph = model.graph
    _rename(graph, {graph.input[0].name: "image", graph.output[0].name: "probability"})
    names = ("batch", None, *((None, None) if size else ("height", "width")))
    for value in (graph.input[0], graph.output[0]):
        for dimension, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
            if name is not None:
                dimension.dim_param = name
    del graph.value_info[:]  # runtimes infer the shapes inside
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    where = f"{size[0]} x {size[1]} px" if size else "any height and width"
    own = {
        "input": f"image: (batch, 3, height, width) float32, RGB in [0, 1], {where}; the "
        "normalisation is inside",
        "output": "probability: (batch, 1, height, width) float32 in [0, 1], that a pixel belongs "
        "to the object",
    }
    set_model_props(model, {**own, **facts})


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def _difference(content: bytes, images: list[Tensor], expected: list[Tensor]) -> float:
    largest = 0.0
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        for image, wanted in zip(images, expected, strict=True):
            (found,) = session.run(["probability"], {"image": image.numpy()})
            difference = float(np.abs(found - wanted.numpy()).max(initial=0))
            if not difference <= TOLERANCE:  # NaN is not
                raise ValueError(
                    f"the ONNX form of the network differs from PyTorch by {difference:.2g} for "
                    f"{image.shape[0]} images of {image.shape[2]} x {image.shape[3]} px, more than "
                    f"{TOLERANCE:g}: nothing was written"
                )
            largest = max(largest, difference)
    except _RUNTIME_ERRORS as error:
        raise ValueError(
            f"onnxruntime does not run the ONNX form of the network ({_reason(error)}): "
            "nothing was written"
        ) from error
    return largest


def _picture(batch: int, size: _Size) -> Tensor:
    """Return ``(B, 3, H, W)``: a bright disc before a dark slope, with noise, each another."""
    height, width = size
    generator = torch.Generator().manual_seed(0)
    rows = torch.linspace(-1, 1, height)[:, None]
    columns = torch.linspace(-1, 1, width)[None]
    shift = torch.linspace(-0.3, 0.3, batch).view(-1, 1, 1, 1)
    disc = (((rows - shift) ** 2 + columns**2) < 0.3).float()
    slope = (rows + 1) / 8
    noise = torch.rand(batch, 3, height, width, generator=generator)
    return 0.6 * disc + slope + 0.1 * noise


def _reason(error: BaseException) -> str:
    """Return the first line of what was first raised: what follows it says what a caller did."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
