import inspect

import pytest

from generation.painters.batch_painter import BatchPainter
from generation.painters.controlnet_painter import ControlNetPainter
from generation.painters.counterfactual_painter import CounterfactualPainter
from generation.painters.removal_painter import RemovalPainter


@pytest.mark.parametrize("painter", [ControlNetPainter, CounterfactualPainter, RemovalPainter])
def test_painter_is_one_to_the_command_line(painter: type) -> None:
    # jsonargparse takes a class for a protocol's only if annotations are equal, not merely narrower
    assert inspect.signature(painter.paint) == inspect.signature(BatchPainter.paint)
