"""From the colours of the ground to the bytes of an image: haze, cast, blur, noise, compression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from roadex.synthetic.canvas import Canvas
from roadex.synthetic.noise import smooth_noise

JPEG_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.float32,
)
"""Quantisation steps at quality 50, ITU-T T.81 (JPEG), table K.1."""


def take_picture(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the image a camera makes of ``canvas``.

    Exposure, contrast, colour cast, haze, sharpness, noise and compression are drawn anew for
    every picture.

    Parameters
    ----------
    canvas
        float32 ``(H, W, 3)``, 8-bit units.
    rng
        Source of all draws.

    Returns
    -------
    image
        uint8 ``(3, H, W)``.
    """
    picture = _optics(canvas.transpose(2, 0, 1), rng)
    picture = _atmosphere(picture, rng)
    picture += rng.normal(0.0, rng.uniform(2.0, 6.0), picture.shape).astype(np.float32)
    picture = _compress(picture, quality=float(rng.uniform(78.0, 95.0)))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _optics(bands: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Blur by the lens, then sharpen as image suppliers do."""
    blur = rng.uniform(0.45, 0.75)
    sharpen = rng.uniform(0.3, 1.0)
    sharp = np.stack([ndimage.gaussian_filter(band, blur, truncate=3.0) for band in bands])
    soft = np.stack([ndimage.gaussian_filter(band, 1.2, truncate=2.5) for band in sharp])
    return np.asarray(sharp + sharpen * (sharp - soft), dtype=np.float32)


def _atmosphere(bands: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Exposure and contrast around mid-grey, a colour cast, and uneven haze."""
    shape = (bands.shape[1], bands.shape[2])
    contrast = rng.uniform(0.95, 1.25)
    exposure = rng.uniform(0.86, 1.14)
    cast = rng.normal(1.0, 0.022, (3, 1, 1)).astype(np.float32)
    uneven = 1.0 + 0.025 * smooth_noise(shape, max(shape) / 2.0, rng)
    lit = 95.0 + (bands - 95.0) * contrast
    haze = rng.uniform(0.0, 0.07)
    air = np.array([150.0, 158.0, 168.0], dtype=np.float32)[:, None, None]
    return np.asarray((lit * exposure * cast * uneven) * (1 - haze) + air * haze, dtype=np.float32)


def _compress(bands: NDArray[np.float32], *, quality: float) -> NDArray[np.float32]:
    """Quantise 8 x 8 cosine coefficients as JPEG does (bands apart, no subsampling)."""
    scale = 2.0 - quality / 50.0 if quality >= 50 else 50.0 / quality
    steps = np.maximum(JPEG_LUMINANCE * scale, 1.0)[None, None, :, None, :]
    n, h, w = bands.shape
    padded = np.pad(bands, ((0, 0), (0, -h % 8), (0, -w % 8)), mode="edge")
    blocks = padded.reshape(n, padded.shape[1] // 8, 8, padded.shape[2] // 8, 8) - 128.0
    coefficients = fft.dctn(blocks, axes=(2, 4), norm="ortho", overwrite_x=True)
    coefficients = np.rint(coefficients / steps) * steps
    restored = fft.idctn(coefficients, axes=(2, 4), norm="ortho", overwrite_x=True) + 128.0
    return np.asarray(restored.reshape(padded.shape)[:, :h, :w], dtype=np.float32)
