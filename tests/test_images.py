"""Images as samples, and several channels with one operator."""

from __future__ import annotations

import numpy as np
import pytest

from ntkfreq import Normal, image_samples, solve_frequency_pde, solve_image
from ntkfreq.pde.solution.other_values import with_values


def picture(shape=(20, 30), channels=None):
    rows, columns = np.indices(shape)
    parts = [np.sin(columns / 3) * np.cos(rows / 4), np.cos(rows / 2), columns / 30]
    return parts[0] if channels is None else np.stack(parts[:channels], axis=-1)


def test_coordinates_in_three_conventions():
    image = picture((2, 4))
    centred = image_samples(image).pixels
    assert centred[0, :, 1].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert centred[:, 0, 0].tolist() == [-0.25, 0.25]
    siren = image_samples(image, coordinates="siren").pixels
    assert siren[0, [0, -1], 1].tolist() == [-1.0, 1.0]
    assert siren[[0, -1], 0, 0].tolist() == [-1.0, 1.0]
    unit = image_samples(image, coordinates="unit").pixels
    assert unit[0, :, 1].tolist() == [0.0, 0.25, 0.5, 0.75]
    assert unit[:, 0, 0].tolist() == [0.0, 0.5]


def test_unit_coordinates_are_those_of_published_feature_code():
    """Features cos(2 pi b x), sin(2 pi b x) with b of deviation s have the kernel of 2 pi s."""
    samples = image_samples(picture((6, 6)), coordinates="unit")
    b = 2.0 * np.random.default_rng(0).standard_normal((400_000, 2))
    z = (samples.x[1] - samples.x[0]) / 3
    drawn = np.mean(np.cos(2 * np.pi * b @ z))
    kernel = Normal(scale=2 * np.pi * 2.0, dim=2).kernel_values(z)
    assert float(kernel) == pytest.approx(drawn, abs=5e-3)


def test_values_masks_and_missing_pixels():
    eight = np.array([[0, 255, 51], [102, 0, 255]], dtype=np.uint8)
    samples = image_samples(eight)
    np.testing.assert_allclose(samples.y + samples.offset, eight.ravel() / 255)
    holes = picture(channels=2)
    holes[0, 0, 1] = np.nan
    mask = np.zeros((20, 30), dtype=bool)
    mask[:10] = True
    samples = image_samples(holes, mask=mask)
    assert samples.y.shape == (299, 2)
    assert samples.test[1].shape == (300, 2)
    np.testing.assert_allclose(samples.y.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(
        samples.test[1] + samples.offset, holes[10:].reshape(-1, 2), atol=1e-15
    )
    # What goes in comes out again.
    flat = holes.reshape(-1, 2) - samples.offset
    np.testing.assert_allclose(samples.picture(flat), holes, atol=1e-15)


def test_what_a_masked_array_hides_is_missing():
    """A fill value of -9999 under a mask was once a brightness."""
    image = picture()
    hidden = np.ma.masked_array(np.where(image > 0.5, -9999.0, image), image > 0.5)
    samples = image_samples(hidden)
    assert len(samples.x) == np.count_nonzero(image <= 0.5)
    assert samples.test is None
    np.testing.assert_allclose(samples.y + samples.offset, image[image <= 0.5], atol=1e-15)


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros(5), {}, r"image has shape \(5,\); it must be \(H, W\) or \(H, W, C\)"),
        (np.zeros((3, 40, 40)), {}, r"with 40 channels; channels are last: numpy.moveaxis"),
        (np.full((2, 2), np.inf), {}, "image holds infinite values; set them to NaN"),
        (np.full((2, 2), np.nan), {}, "image has no known pixel"),
        (np.zeros((2, 2)), {"mask": np.ones((2, 3), bool)}, r"mask has shape \(2, 3\)"),
        (np.zeros((2, 2)), {"mask": np.ones((2, 2))}, "type float64; it must be a boolean"),
        (np.zeros((2, 2)), {"coordinates": "pixels"}, "coordinates='pixels' must be one of"),
    ],
)
def test_refusals(image, options, message):
    with pytest.raises(ValueError, match=message):
        image_samples(image, **options)


def test_text_is_no_image():
    with pytest.raises(TypeError, match="image holds <U1; it must hold real numbers"):
        image_samples(np.array([["a", "b"]]))


def test_samples_carry_their_own_mask():
    samples = image_samples(picture())
    with pytest.raises(ValueError, match="belong to the samples; give them to image_samples"):
        solve_image(Normal(scale=5.0, dim=2), samples, coordinates="unit")


@pytest.mark.parametrize("method", ["gram", "lanczos", "frequency"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_channels_are_those_solved_one_by_one(method, weight_decay):
    if method == "lanczos" and weight_decay > 0:
        pytest.skip("a Krylov space serves an operator that does not change")
    image = picture(channels=3)
    mask = np.random.default_rng(1).random((20, 30)) < 0.5
    options = {"sigma_a": 0.7, "weight_decay": weight_decay, "method": method}
    solution = solve_image(Normal(scale=6.0, dim=2), image, mask=mask, **options)
    samples = solution.samples
    outputs = solution.pictures([solution.t[20], solution.t[50]])
    assert outputs.shape == (2, 20, 30, 3)
    for channel in range(3):
        one = solve_frequency_pde(
            Normal(scale=6.0, dim=2),
            (samples.x, samples.y[:, channel]),
            test=(samples.test[0], samples.test[1][:, channel]),
            t=solution.t,
            **options,
        )
        size = one.train_loss[0]
        found = solution.channels[channel]
        np.testing.assert_allclose(found.train_loss, one.train_loss, atol=1e-6 * size)
        np.testing.assert_allclose(found.test_loss, one.test_loss, atol=1e-5 * size)
        pixels = samples.pixels.reshape(-1, 2)
        expected = one.at(t=solution.t[[20, 50]]).output(pixels) + samples.offset[channel]
        np.testing.assert_allclose(outputs[..., channel].reshape(2, -1), expected, atol=1e-5)
    mean = np.mean([one.test_loss for one in solution.channels], axis=0)
    np.testing.assert_allclose(solution.psnr, -10 * np.log10(mean))
    assert solution.best_time == solution.t[np.argmin(mean)]


def test_grey_pictures_and_plot():
    solution = solve_image(Normal(scale=5.0, dim=2), picture())
    assert solution.test_loss is None
    assert solution.psnr is None
    final = solution.pictures([solution.t[-1]])
    assert final.shape == (1, 20, 30)
    np.testing.assert_allclose(final[0], picture(), atol=5e-3)
    figure = solution.plot()
    assert [ax.get_title()[:9] for ax in figure.axes] == ["samples", "predicted", "predicted"]
    assert "20 x 30 pixels" in repr(solution.samples)


def test_other_values_share_the_operator():
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    first = solve_frequency_pde(Normal(scale=5.0, dim=2), (x, np.sin(4 * x[:, 0])))
    second = with_values(first, np.cos(4 * x[:, 1]))
    system, other = first._discretized.system, second._discretized.system
    assert other.blocks[0].stationary is system.blocks[0].stationary


def test_adam_is_followed_channel_by_channel():
    image = np.stack([picture((8, 8)), picture((8, 8))[::-1]], axis=-1)
    options = {"optimizer": "adam", "step_size": 1e-3, "width": 1024, "steps": 30, "rtol": 1e-2}
    both = solve_image(Normal(scale=3.0, dim=2), image, **options)
    one = solve_image(Normal(scale=3.0, dim=2), image[..., 1], **options)
    np.testing.assert_allclose(both.channels[1].train_loss, one.channels[0].train_loss)
    assert both.pictures().shape == (1, 8, 8, 2)
    assert both.train_loss[-1] < 0.5 * both.train_loss[0]
