import cv2
import numpy as np
import pytest

from generation.edits.mesh import seen_points
from generation.edits.view_change import ViewChange
from generation.edits.view_warp import Body, View, view_warp

MASK = np.zeros((90, 120), np.uint8)
MASK[25:65, 40:80] = 255
CARD = Body(elevation=0, depth=0, height_depth=0, bulge=0)


def lattice(step: float = 5.0) -> np.ndarray:
    y, x = np.mgrid[-2:20, -2:26] * step
    return np.stack([x, y], axis=2).astype(float)


def test_flat_sheet_moves_by_the_exact_homography() -> None:
    matrix = np.array([[0.9, 0.1, 3.0], [-0.05, 1.1, -2.0], [0.001, 0.0005, 1.0]])
    source = lattice()
    moved = cv2.perspectiveTransform(source.reshape(1, -1, 2), matrix).reshape(source.shape)
    inverse = 1 / (source @ matrix[2, :2] + 1)
    grid, seen = seen_points(source, np.dstack([moved, inverse]), (90, 110))
    assert seen[10:-10, 10:-10].all()
    y, x = np.mgrid[:90, :110].astype(float)
    points = np.stack([x, y], axis=2).reshape(1, -1, 2)
    expected = cv2.perspectiveTransform(points, np.linalg.inv(matrix)).reshape(90, 110, 2)
    np.testing.assert_allclose(grid[seen], expected[seen], atol=1e-3)


def test_nearer_part_of_a_sheet_hides_the_farther_one() -> None:
    source = lattice()
    fold = np.abs(source[..., 0] - 50)
    moved = np.dstack([50 + fold, source[..., 1], 1 / (100 + source[..., 0])])
    # the half that runs to the right is seen from the front, the other one from behind
    grid, seen = seen_points(source, moved, (80, 120))
    assert seen[:, 55:90].all()
    assert (grid[:, 55:90, 0] > 50).all()


@pytest.mark.parametrize("body", [Body(), CARD, Body(elevation=25, bulge=0.5, depth=1.0)])
def test_no_change_of_view_is_the_identity(body: Body) -> None:
    warp = view_warp(MASK, View(azimuth=0), body)
    y, x = np.mgrid[:90, :120]
    np.testing.assert_allclose(warp.grid, np.stack([x, y], axis=2), atol=1e-2)
    assert warp.visible.all()


@pytest.mark.parametrize(("azimuth", "elevation"), [(25.0, 0.0), (-15.0, 0.0), (0.0, 20.0)])
def test_card_moves_by_the_homography_of_its_camera(azimuth: float, elevation: float) -> None:
    warp = view_warp(MASK, View(azimuth=azimuth, elevation=elevation), CARD)
    focal = 60 / np.tan(np.radians(CARD.field_of_view / 2))
    turn, tilt = np.radians([azimuth, elevation])
    about_y = [[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]]
    about_x = [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]
    rotation = np.array(about_x) @ np.array(about_y)  # of x right, y up, z towards the camera
    corners = np.array([[-20.0, 20, 0], [20, 20, 0], [20, -20, 0], [-20, -20, 0]]) @ rotation.T
    scale = focal / (focal - corners[:, 2])
    places = np.stack([59.5 + corners[:, 0] * scale, 44.5 - corners[:, 1] * scale], axis=1)
    source = np.array([[39.5, 24.5], [79.5, 24.5], [79.5, 64.5], [39.5, 64.5]])
    for place, point in zip(places, source, strict=True):
        # a little inside the corner, where the map does not fade yet
        at = np.round(place + 0.1 * (places.mean(axis=0) - place)).astype(int)
        matrix = cv2.getPerspectiveTransform(
            places.astype(np.float32), source.astype(np.float32)
        ).astype(float)
        expected = cv2.perspectiveTransform(at.astype(float).reshape(1, 1, 2), matrix)[0, 0]
        np.testing.assert_allclose(warp.grid[at[1], at[0]], expected, atol=0.05)
        assert np.abs(expected - point).max() < 8


def test_deeper_bodies_shrink_less_when_they_turn() -> None:
    def width(depth: float) -> int:
        warp = view_warp(MASK, View(azimuth=40), Body(depth=depth, bulge=0))
        middle = warp.grid[44]
        return int(((middle[:, 0] > 39.5) & (middle[:, 0] < 79.5)).sum())

    assert width(0.0) == pytest.approx(40 * np.cos(np.radians(40)), abs=1.5)
    assert width(0.0) < width(0.5) < width(1.0)
    assert width(1.0) == pytest.approx(40, abs=2)


def test_far_camera_makes_the_object_smaller() -> None:
    warp = view_warp(MASK, View(azimuth=0, radius=1.25), CARD)
    inside = (np.abs(warp.grid - [59.5, 44.5]) < 20).all(axis=2).sum()
    assert inside == pytest.approx(MASK.astype(bool).sum() / 1.25**2, rel=0.06)


def test_background_stays_at_the_border() -> None:
    grid = view_warp(MASK, View(azimuth=35, elevation=10), Body()).grid
    y, x = np.mgrid[:90, :120]
    gap = np.abs(grid - np.stack([x, y], axis=2)).max(axis=2)
    assert gap[44, 60] > 0.5
    assert max(gap[0].max(), gap[-1].max(), gap[:, 0].max(), gap[:, -1].max()) < 0.5


def test_views_are_drawn_from_their_ranges_to_both_sides() -> None:
    edit = ViewChange(azimuth=(10, 20), elevation=(-5, 5), radius=(1.0, 1.5))
    views = [edit.view(seed) for seed in range(200)]
    assert all(10 <= abs(view.azimuth) <= 20 for view in views)
    assert all(-5 <= view.elevation <= 5 and 1 <= view.radius <= 1.5 for view in views)
    assert 60 < sum(view.azimuth > 0 for view in views) < 140
    assert len({view.radius for view in views}) == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [("azimuth", (0, 61)), ("azimuth", (20, 10)), ("elevation", (0, 50)), ("radius", (0.5, 1))],
)
def test_ranges_beyond_their_limits_are_refused(name: str, value: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=name):
        ViewChange(**{name: value})
