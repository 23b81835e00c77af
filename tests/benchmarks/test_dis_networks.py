import json
from pathlib import Path

import pytest
import torch

from benchmarks.dis_networks import FAST, PLAIN, THEIRS, step, table
from networks.u2net import U2NetP


def row(arm: str, seconds: list[float], difference: float | None = None) -> str:
    facts = {"network": "u2netp", "arm": arm, "size": 64, "batch": 2, "seconds": seconds}
    return json.dumps({**facts, "peak_mib": 10, "largest_difference": difference})


def test_table_sets_the_last_row_of_each_arm_beside_float32(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [row(PLAIN, [9.0]), row(PLAIN, [1.0, 2.0, 3.0]), row(FAST, [1.0]), row(THEIRS, [4.0], 0)]
    path.write_text("\n".join(rows))
    assert table(path).splitlines()[2:] == [
        "| u2netp | 64, 2 | float32 | 2.00 (1.00-3.00) | 1.00 | 10 |  |",
        "| u2netp | 64, 2 | bf16, channels_last | 1.00 (1.00-1.00) | 0.50 | 10 |  |",
        "| u2netp | 64, 2 | official, float32 | 4.00 (4.00-4.00) | 2.00 | 10 | 0.0e+00 |",
    ]


@pytest.mark.parametrize("arm", [PLAIN, FAST])
def test_step_leaves_gradients_of_one_pass(arm: str) -> None:
    net = U2NetP(width=0.0625).train()
    run = step(net, arm, 32)
    run()
    first = [x.grad.clone() for x in net.parameters() if x.grad is not None]
    run()
    again = [x.grad for x in net.parameters() if x.grad is not None]
    assert len(first) == len(list(net.parameters()))
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
