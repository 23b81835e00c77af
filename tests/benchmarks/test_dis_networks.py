import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from benchmarks.dis_networks import FAST, PLAIN, THEIRS, step, table
from benchmarks.dis_networks_models import NET, model_of
from benchmarks.gpu_training import noise_batch

# Lightning advises against hyperparameters that are modules
pytestmark = pytest.mark.filterwarnings("ignore:Attribute:UserWarning")


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
    model = model_of("u2netp", {NET: {"width": 0.0625}})
    run = step(model, arm, 32)
    run()
    first = [x.grad.clone() for x in model.net.parameters() if x.grad is not None]
    run()
    again = [x.grad for x in model.net.parameters() if x.grad is not None]
    assert len(first) == len(list(model.net.parameters()))
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))


def test_step_descends_on_the_loss_of_the_configuration() -> None:
    model = model_of("u2netp", {NET: {"width": 0.0625}})
    step(model, PLAIN, 32)()
    batch = noise_batch(2, 32, torch.device("cpu"))
    maps = model.net(batch).logits
    enlarged = [F.interpolate(x, (32, 32), mode="bilinear") for x in maps]
    total = sum(F.binary_cross_entropy_with_logits(x, batch.mask) for x in enlarged)
    wanted = torch.autograd.grad(total, model.net.parameters())
    found = [x.grad for x in model.net.parameters()]
    torch.testing.assert_close(found, list(wanted))
