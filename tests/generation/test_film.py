import numpy as np
import pytest

from generation.scenes.film import Film, expose, soften

PLAIN = Film(exposure=(1.0, 1.0, 1.0), gamma=1.0, noise=0.0, softness=0.0, seed=5)
GREY = np.full((64, 64, 3), 100, np.uint8)
NOTHING = np.zeros((64, 64), np.uint8)


def noisy(sigma: float, seed: int) -> Film:
    return Film(exposure=(1.0, 1.0, 1.0), gamma=1.0, noise=sigma, softness=0.0, seed=seed)


def test_plain_film_records_the_background_as_it_is() -> None:
    image = expose(GREY, np.zeros_like(GREY), NOTHING, NOTHING, PLAIN)
    np.testing.assert_array_equal(image, GREY)


def test_object_covers_and_shadow_darkens_by_their_shares() -> None:
    color = np.full_like(GREY, 40)  # premultiplied
    half = np.full_like(NOTHING, 51)  # a fifth
    image = expose(GREY, color, half, half, PLAIN)
    assert (image == round(40 + 100 * 0.8 * 0.8)).all()


def test_noise_has_the_deviation_asked_for_and_depends_on_the_seed() -> None:
    images = [expose(GREY, 0 * GREY, NOTHING, NOTHING, noisy(4.0, seed)) for seed in (1, 1, 2)]
    assert images[0].mean() == pytest.approx(100, abs=0.2)
    assert images[0].std() == pytest.approx(4.0, rel=0.03)
    np.testing.assert_array_equal(images[0], images[1])
    one, two = ((image.astype(float) - 100).ravel() for image in (images[0], images[2]))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 0.03


def test_lens_blur_keeps_the_sum_of_coverage() -> None:
    alpha = NOTHING.copy()
    alpha[20:40, 25:30] = 255
    soft = soften(alpha, Film(exposure=(1, 1, 1), gamma=1, noise=0, softness=0.8, seed=0))
    assert soft.sum() == pytest.approx(alpha.sum(dtype=int), rel=0.01)
    assert len(np.unique(soft)) > 5
    assert soften(alpha, PLAIN) is alpha
