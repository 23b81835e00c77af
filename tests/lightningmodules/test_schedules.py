from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonargparse import ArgumentParser
from torch.optim import SGD
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LRScheduler,
    MultiStepLR,
    PolynomialLR,
)

from lightningmodules.schedules import Constant, Cosine, Polynomial, Schedule, Steps

STEPS = 20


def rates(scheduler_of: Callable[[SGD], LRScheduler]) -> list[float]:
    """Return the learning rate of each step of a run from 1."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = scheduler_of(optimizer)
    found = []
    for _ in range(STEPS + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def rates_of(schedule: Schedule) -> list[float]:
    return rates(lambda optimizer: LambdaLR(optimizer, lambda step: schedule(step, STEPS)))


@pytest.mark.parametrize("power", [0.5, 0.9, 1.0, 2.0])
def test_polynomial_is_that_of_torch(power: float) -> None:
    expected = rates(lambda optimizer: PolynomialLR(optimizer, total_iters=STEPS, power=power))
    assert rates_of(Polynomial(power)) == pytest.approx(expected, abs=1e-12)


def mmcv(step: int, *, power: float, warmup: int, ratio: float, least: float) -> float:
    """The rate of a step of a run from 1: policy poly with a linear warm-up, both by iteration."""
    regular = (1 - least) * (1 - step / STEPS) ** power + least
    missing = (1 - step / warmup) * (1 - ratio) if step < warmup else 0.0
    return regular * (1 - missing)


def test_polynomial_from_the_start_is_that_of_mmcv() -> None:
    found = rates_of(Polynomial(0.9, 6, warmup_ratio=1e-6, end=0.005, from_start=True))
    expected = [
        mmcv(step, power=0.9, warmup=6, ratio=1e-6, least=0.005) for step in range(STEPS + 1)
    ]
    assert found == pytest.approx(expected, abs=1e-12)
    assert max(found) < 0.8  # where the warm-up ends, the curve has fallen already


@pytest.mark.parametrize("end", [0.0, 0.1])
def test_cosine_is_that_of_torch(end: float) -> None:
    expected = rates(lambda optimizer: CosineAnnealingLR(optimizer, T_max=STEPS, eta_min=end))
    assert rates_of(Cosine(end=end)) == pytest.approx(expected, abs=1e-12)


def test_steps_are_those_of_torch() -> None:
    expected = rates(lambda optimizer: MultiStepLR(optimizer, [10, 15], gamma=0.1))
    assert rates_of(Steps([0.5, 0.75])) == pytest.approx(expected, abs=1e-12)


def test_first_drop_of_a_warmed_up_run_is_its_share_of_what_is_left() -> None:
    curve = Steps([0.5], 0.2, warmup_steps=4)
    assert [curve(step, STEPS) for step in (4, 11, 12, 19, 20)] == [1, 1, 0.2, 0.2, 0.2]


@pytest.mark.parametrize(("drops", "factor"), [([0.0], 0.1), ([0.5, 1.0], 0.1), ([0.5], 2.0)])
def test_drop_outside_the_run_is_refused(drops: list[float], factor: float) -> None:
    with pytest.raises(ValueError, match="shares of the run"):
        Steps(drops, factor)


def test_constant_is_one() -> None:
    assert rates_of(Constant()) == [1.0] * (STEPS + 1)


@pytest.mark.parametrize("schedule", [Polynomial, Cosine, Constant])
def test_warmup_rises_in_equal_steps_to_one(schedule: type[Schedule]) -> None:
    curve = schedule(warmup_steps=4, warmup_ratio=0.2)
    assert [curve(step, STEPS) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_curve_is_that_of_a_shorter_run_after_the_warmup() -> None:
    late = [Polynomial(0.9, 5)(step, STEPS) for step in range(5, STEPS + 1)]
    assert late == pytest.approx([Polynomial(0.9)(step, STEPS - 5) for step in range(STEPS - 4)])


@given(
    schedule=st.sampled_from([Polynomial(end=0.05), Cosine(3, end=0.05), Polynomial(2.0, 50)]),
    step=st.integers(0, 1000),
    max_steps=st.integers(1, 200),
)
def test_factor_stays_in_range_and_ends_where_told(
    schedule: Schedule, step: int, max_steps: int
) -> None:
    assert 0 <= schedule(step, max_steps) <= 1
    assert schedule(max_steps + 50, max_steps) == schedule.end


@pytest.mark.parametrize("max_steps", [-1, 0])
def test_run_without_a_length_is_refused(max_steps: int) -> None:
    with pytest.raises(ValueError, match=f"max_steps {max_steps}"):
        Cosine()(0, max_steps)


@pytest.mark.parametrize(
    "arguments", [{"warmup_steps": -1}, {"warmup_ratio": 1.5}, {"end": -0.1}, {"power": 0.0}]
)
def test_values_out_of_range_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Polynomial(**arguments)


@pytest.mark.parametrize("annotation", [Schedule, Callable[[int, int], float]])
def test_schedule_is_built_from_yaml(annotation: type) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--schedule", type=annotation)
    yaml = "{class_path: lightningmodules.schedules.Polynomial, init_args: {warmup_steps: 3}}"
    config = parser.parse_string(f"schedule: {yaml}")
    schedule = parser.instantiate(config).schedule
    assert isinstance(schedule, Polynomial)
    assert schedule.warmup_steps == 3
