"""Facts of official codes, and the weights that they were measured with."""

import json
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

REFERENCE = Path(__file__).parent / "reference"


def recorded(name: str) -> dict[str, Any]:
    return json.loads((REFERENCE / f"{name}.json").read_text())


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def fill(net: nn.Module) -> None:
    """Give every floating-point key the values that the recorded outputs were made with."""
    for key, value in net.state_dict().items():
        if value.is_floating_point():
            value.copy_(filled(key, value))


def filled(key: str, value: Tensor) -> Tensor:
    x = randn(*value.shape, seed=zlib.crc32(key.encode()))
    if key.endswith("running_var"):
        return 0.5 + 0.5 * x.abs()
    if key.endswith("running_mean"):
        return 0.1 * x
    if key.endswith("relative_position_bias_table"):
        return 0.02 * x
    if value.ndim >= 2:
        return x / value[0].numel() ** 0.5
    return 0.01 * x if key.endswith("bias") else 1 + 0.1 * x


def digests(net: nn.Module, depth: int = 1) -> dict[str, list[int | str]]:
    """Return number and SHA-256 of the keys, shapes and types under each prefix."""
    lines: dict[str, list[str]] = {}
    for key, x in net.state_dict().items():
        line = f"{key} {list(x.shape)} {str(x.dtype).removeprefix('torch.')}"
        lines.setdefault(".".join(key.split(".")[:depth]), []).append(line)
    return {
        prefix: [len(of), sha256("\n".join(sorted(of)).encode()).hexdigest()]
        for prefix, of in lines.items()
    }


def assert_recorded(x: Tensor, facts: dict[str, Any]) -> None:
    """Compare a tensor with its recorded shape, moments and 16 values."""
    assert list(x.shape) == facts["shape"]
    flat = x.double().flatten()
    samples = flat[[(i * (flat.numel() - 1)) // 15 for i in range(16)]]
    # values near 0 are differences of values around the mean, or of the spread
    near = 1e-5 * max(abs(facts["mean"]), facts["std"])
    found = [flat.mean().item(), flat.std(correction=0).item(), flat.norm().item()]
    expected = [facts[k] for k in ("mean", "std", "l2")]
    assert found == pytest.approx(expected, rel=1e-4, abs=near)
    assert samples.tolist() == pytest.approx(facts["samples"], rel=1e-4, abs=10 * near)
