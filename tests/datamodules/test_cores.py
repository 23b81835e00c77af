import os

import pytest

from datamodules.cores import allowed_cores, own_cores


def test_cores_are_those_of_the_process_not_of_the_machine() -> None:
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})
    try:
        assert allowed_cores() == 1
    finally:
        os.sched_setaffinity(0, every)


@pytest.mark.parametrize(
    ("allowed", "every", "num_local", "own"),
    [(16, 16, 1, 16), (16, 16, 4, 4), (16, 64, 4, 16), (2, 2, 4, 1)],
)
def test_cores_are_shared_unless_the_process_is_bound_to_its_own(
    monkeypatch: pytest.MonkeyPatch, allowed: int, every: int, num_local: int, own: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)))
    monkeypatch.setattr(os, "cpu_count", lambda: every)
    assert own_cores(num_local) == own
