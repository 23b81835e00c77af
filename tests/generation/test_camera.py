import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.scenes.camera import Camera, fit

ANGLES = st.floats(-180, 180)
HEIGHTS = st.floats(-80, 80)


@given(ANGLES, HEIGHTS, st.floats(0.5, 20))
def test_target_is_in_the_middle_at_the_radius(
    azimuth: float, elevation: float, radius: float
) -> None:
    camera = Camera(azimuth=azimuth, elevation=elevation, radius=radius, target=(0.3, 0.2, -1.0))
    ((x, y, inverse),) = camera.project(np.array([camera.target]), 64)
    assert (x, y) == (32, 32)
    assert 1 / inverse == pytest.approx(radius, rel=1e-6)


@given(ANGLES, HEIGHTS)
def test_axes_are_a_rotation_without_roll(azimuth: float, elevation: float) -> None:
    axes = Camera(azimuth=azimuth, elevation=elevation, radius=1.0).axes()
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert axes[0, 1] == 0
    assert axes[1, 1] > 0


def test_azimuth_90_looks_from_plus_x_and_elevation_lifts_the_camera() -> None:
    camera = Camera(azimuth=90, elevation=30, radius=2, target=(0, 0, 0))
    np.testing.assert_allclose(camera.eye(), [np.sqrt(3), 1, 0], atol=1e-12)


def test_higher_points_are_higher_in_the_image_and_points_behind_have_no_depth() -> None:
    camera = Camera(azimuth=0, elevation=0, radius=4, target=(0, 0, 0))
    low, high, behind = camera.project(np.array([[0, 0, 0], [0.5, 0.5, 0], [0, 0, 9.0]]), 100)
    assert high[1] < low[1]
    assert high[0] > low[0]
    assert behind[2] == 0


def test_half_the_field_of_view_reaches_the_edge() -> None:
    camera = Camera(azimuth=0, elevation=0, radius=4, target=(0, 0, 0))
    edge = 4 * np.tan(np.radians(15))
    assert camera.project(np.array([[edge, 0, 0]]), 100)[0, 0] == 100


@given(ANGLES, st.floats(0, 40), st.floats(0.5, 0.95))
def test_fitted_points_fill_the_share_asked_for(
    azimuth: float, elevation: float, fill: float
) -> None:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3))
    camera = fit([points], azimuth=azimuth, elevation=elevation, fill=fill, shift=(0.0, 0.0))
    seen = camera.project(points, 1000)[:, :2] / 1000
    assert (seen.max(axis=0) - seen.min(axis=0)).max() == pytest.approx(fill, abs=0.01)
    np.testing.assert_allclose((seen.max(axis=0) + seen.min(axis=0)) / 2, 0.5, atol=0.01)
