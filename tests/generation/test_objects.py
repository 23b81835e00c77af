from dataclasses import fields

import numpy as np
import pytest

from generation.objects import CLASSES, GROUPS
from generation.objects.parts import bar, box, ring, rotation, tube
from generation.objects.proportions import is_held_out, place_of


@pytest.mark.parametrize("name", CLASSES)
def test_object_stands_on_the_ground_with_unit_normals(name: str) -> None:
    for seed in range(6):
        parts = CLASSES[name].draw(np.random.default_rng(seed), "train").parts()
        low = min(part.mesh.bounds[0, 1] for part in parts)
        assert -0.06 < low < 0.03, "feet are at most as deep in the ground as a bar is thick"
        for part in parts:
            lengths = np.linalg.norm(part.mesh.vertex_normals, axis=1)
            np.testing.assert_allclose(lengths, 1, atol=1e-6)
            assert part.grain.shape == part.mesh.vertices.shape


@pytest.mark.parametrize("name", CLASSES)
def test_class_has_at_least_six_proportions_and_draws_differ(name: str) -> None:
    assert len(fields(CLASSES[name])) >= 6
    rng = np.random.default_rng(0)
    assert len({CLASSES[name].draw(rng, "train") for _ in range(20)}) == 20


@pytest.mark.parametrize("name", CLASSES)
def test_lengths_of_the_test_split_are_never_drawn_in_training(name: str) -> None:
    kind = CLASSES[name]
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        drawn = [kind.draw(rng, split) for _ in range(30)]
        for item in fields(kind):
            if item.type is float:
                low, high = item.metadata["range"]
                places = [place_of(getattr(one, item.name), low, high) for one in drawn]
                assert all(is_held_out(place) == (split == "test") for place in places)


@pytest.mark.parametrize("name", CLASSES)
def test_reshaped_object_keeps_its_numbers_and_styles_but_no_length(name: str) -> None:
    rng = np.random.default_rng(3)
    before = CLASSES[name].draw(rng, "train")
    after = before.reshaped(rng, "train")
    for item in fields(before):
        same = getattr(before, item.name) == getattr(after, item.name)
        assert same == (item.type is int), item.name


def test_every_class_has_a_group_of_its_own_number() -> None:
    assert set(GROUPS) == set(CLASSES)
    assert len(set(GROUPS.values())) == len(GROUPS)
    assert GROUPS["bench"] == "1#Furniture#2#Bench"


def test_pieces_have_the_volume_of_their_solids() -> None:
    # smooth shading splits vertices at sharp edges; merged again the solids are closed
    cases = [
        (box("frame", (1, 2, 3), (5, 5, 5)), 6.0, 1e-9),
        (bar("frame", (0, 0, 0), (1, 2, 2), 0.1), np.pi * 0.01 * 3, 0.03),
        (ring("metal", (0, 1, 0), (1, 1, 0), 2.0, 0.1), 2 * np.pi**2 * 2 * 0.01, 0.12),
    ]
    for part, volume, tolerance in cases:
        mesh = part.mesh.copy()
        mesh.merge_vertices(merge_norm=True)
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(volume, rel=tolerance)


def test_ring_lies_at_its_radius_about_its_axis() -> None:
    axis = np.array([1.0, 2, 3]) / np.sqrt(14)
    points = ring("metal", (1, 1, 1), axis, 0.7, 0.05).mesh.vertices - 1
    along = points @ axis
    across = np.linalg.norm(points - along[:, None] * axis, axis=1)
    np.testing.assert_allclose(np.hypot(across - 0.7, along), 0.05, atol=1e-9)


def test_tube_has_a_ball_at_each_bend() -> None:
    assert len(tube("metal", [(0, 0, 0), (1, 0, 0), (1, 1, 0), (2, 1, 0)], 0.02)) == 3 + 2


def test_rotation_by_90_degrees_about_y_takes_z_to_x() -> None:
    np.testing.assert_allclose(rotation((0, 1, 0), 90) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
