"""The digit images the models are trained on: grey MNIST and a CIFAR-shaped, coloured MNIST.

Every pixel is a multiple of 1/255, so a sample survives a round trip through 8-bit pixels and
compresses well. Arrays are NHWC (image, row, column, channel), float32, in [0, 1].
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HELD_OUT = 1000


@dataclass
class Split:
    """Images with their labels."""

    x: np.ndarray
    label: np.ndarray


def load(folder):
    """Read the npm package's `0.json` .. `9.json`; return the (training, held-out) splits."""
    images, labels = [], []
    for digit in range(10):
        flat = json.loads((Path(folder) / f"{digit}.json").read_text())["data"]
        pixels = np.array(flat, np.float32).reshape(-1, 28, 28, 1)
        images.append(to_8_bit(pixels))
        labels.append(np.full(len(pixels), digit, np.int64))
    x, label = np.concatenate(images), np.concatenate(labels)
    order = np.random.default_rng(0).permutation(len(x))
    train, held_out = order[:-HELD_OUT], order[-HELD_OUT:]
    return Split(x[train], label[train]), Split(x[held_out], label[held_out])


def colour(split, seed):
    """Enlarge grey digits to 32x32 and paint each in a light colour on a dark one."""
    rng = np.random.default_rng(seed)
    grey = enlarge(split.x, 32)
    shape = (len(grey), 1, 1, 3)
    ink = rng.uniform(0.5, 1.0, shape).astype(np.float32)
    paper = rng.uniform(0.0, 0.4, shape).astype(np.float32)
    return Split(to_8_bit(grey * ink + (1 - grey) * paper), split.label)


def enlarge(x, size):
    """Resize square one-channel images bilinearly, pixel centres aligned at the half."""
    old = x.shape[1]
    centre = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    weight = np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(old))).astype(np.float32)
    return (weight @ x[..., 0] @ weight.T)[..., None]


def shifted(x, rng, reach=2):
    """Move each image by up to `reach` pixels each way, repeating the border: augmentation."""
    size = x.shape[1]
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    corners = rng.integers(0, 2 * reach + 1, (len(x), 2))
    return np.stack([p[r:r + size, c:c + size] for p, (r, c) in zip(padded, corners)])


def to_8_bit(x):
    """Round to the nearest multiple of 1/255."""
    return np.round(x * 255).astype(np.float32) / np.float32(255)
