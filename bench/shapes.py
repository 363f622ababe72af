"""Well-known shapes with random weights, for `zkml-bench`: ONNX files and calibration data.

    python bench/shapes.py FOLDER [NAME ...]

writes `NAME.onnx` and `NAME.npz` (four random images `x`) for every shape, or for those named. The
weights are random, because cost depends on shapes alone; they are scaled so that activations keep
their magnitude from layer to layer. Seeds are fixed, and every run writes the same numbers. Needs
numpy and onnx (`models/requirements.txt`).
"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper

sys.path.append(str(Path(__file__).resolve().parent.parent / "models"))
from layers import IR_VERSION, OPSET, Graph  # noqa: E402

SAMPLES = 4


class Net:
    """A graph that grows at its end; `channels` and `power` (mean square) describe what it computes there."""

    def __init__(self, name, channels, side):
        self.name, self.shape = name, [1, channels, side, side]
        self.rng = np.random.default_rng(sum(map(ord, name)))
        self.graph, self.end = Graph(), "input"
        self.channels, self.power, self.parameters = channels, 1.0, 0

    def array(self, values, kind):
        """An initializer that counts as parameters."""
        self.parameters += values.size
        return self.graph.constant(values.astype(np.float32), kind)

    def node(self, op, *operands, **attributes):
        """A node on the end of the graph."""
        self.end = self.graph.node(op, self.end, *operands, **attributes)
        return self

    def weights(self, *shape):
        """Weights [outputs, ...] under which products have mean square 1."""
        scale = 1 / np.sqrt(np.prod(shape[1:]) * self.power)
        self.power = 1.0
        return self.array(self.rng.normal(0, scale, shape), "weight")

    def conv(self, channels, kernel=3, stride=1, groups=1, bias=False):
        """A convolution that keeps its image's size, divided by the stride."""
        operands = [self.weights(channels, self.channels // groups, kernel, kernel)]
        if bias:
            operands.append(self.array(self.rng.normal(0, 0.05, channels), "bias"))
        self.channels = channels
        return self.node("Conv", *operands, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                         pads=[kernel // 2] * 4, dilations=[1, 1], group=groups)

    def norm(self):
        """Batch normalisation as a trained network has it, its own node."""
        kinds = dict(scale=(1, 0.1), shift=(0, 0.1), mean=(0, 0.1), var=(1, 0.1))
        draw = {k: self.rng.normal(mean, spread, self.channels) for k, (mean, spread) in kinds.items()}
        operands = [self.array(values, kind) for kind, values in draw.items()]
        return self.node("BatchNormalization", *operands, epsilon=1e-5, momentum=0.9)

    def relu(self, ceiling=None):
        """max(x, 0), or ReLU6 with a ceiling."""
        self.power /= 2
        if ceiling is None:
            return self.node("Relu")
        bounds = [self.graph.constant(np.float32(v), k) for v, k in ((0, "low"), (ceiling, "high"))]
        return self.node("Clip", *bounds)

    def pool(self, kernel, stride, pad=0):
        """Maximum over square windows."""
        return self.node("MaxPool", kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def linear(self, outputs, inputs=None):
        """A fully connected layer with bias."""
        weight = self.weights(outputs, inputs or self.channels)
        self.channels = outputs
        bias = self.array(self.rng.normal(0, 0.05, outputs), "bias")
        return self.node("Gemm", weight, bias, alpha=1.0, beta=1.0, transB=1)

    def flatten(self):
        """Images to rows."""
        return self.node("Flatten", axis=1)

    def residual(self, body, shortcut=None):
        """Adds what `body` makes of the end to it, or to what `shortcut` makes of it."""
        start = self.end, self.channels, self.power
        body(self)
        side, power = self.end, self.power
        self.end, self.channels, self.power = start
        if shortcut:
            shortcut(self)
        self.power += power
        return self.node("Add", side)

    def write(self, folder):
        """NAME.onnx and NAME.npz."""
        self.graph.nodes[-1].output[0] = "output"
        outputs = [1, self.channels]
        signature = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)
                     for tensor, shape in (("input", self.shape), ("output", outputs))]
        body = helper.make_graph(self.graph.nodes, self.name, signature[:1], signature[1:],
                                 self.graph.initializers)
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)],
                                  producer_name="starminer bench/shapes.py", ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        (folder / f"{self.name}.onnx").write_bytes(model.SerializeToString())
        x = self.rng.normal(0, 1, [SAMPLES, *self.shape[1:]]).clip(-3, 3).astype(np.float32)
        np.savez_compressed(folder / f"{self.name}.npz", x=x)
        print(f"{self.name}: {self.parameters:,} parameters, {len(self.graph.nodes)} nodes")


def vgg16(name):
    """VGG-16 for 32x32 images: 13 convolutions, 3 fully connected layers."""
    net = Net(name, 3, 32)
    for width, depth in (64, 2), (128, 2), (256, 3), (512, 3), (512, 3):
        for _ in range(depth):
            net.conv(width, bias=True).relu()
        net.pool(2, 2)
    net.flatten().linear(512).relu().linear(512).relu().linear(10)
    return net


def resnet18(name, side, classes):
    """ResNet-18: the stem of CIFAR for small images, of ImageNet for large ones."""
    net = Net(name, 3, side)
    if side > 64:
        net.conv(64, 7, 2).norm().relu().pool(3, 2, 1)
    else:
        net.conv(64).norm().relu()
    for width, first in (64, 1), (128, 2), (256, 2), (512, 2):
        for stride in first, 1:
            body = lambda n: n.conv(width, 3, stride).norm().relu().conv(width).norm()
            shortcut = lambda n: n.conv(width, 1, stride).norm()
            net.residual(body, shortcut if stride == 2 else None).relu()
    return net.node("GlobalAveragePool").flatten().linear(classes)


def mobilenet_v2(name):
    """MobileNetV2 at width 1 for 224x224 images: 17 inverted residuals."""
    net = Net(name, 3, 224).conv(32, 3, 2).norm().relu(6)
    plan = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1))
    for expand, width, depth, first in plan:
        for stride in [first] + [1] * (depth - 1):
            def body(n):
                inner = n.channels * expand
                if expand > 1:
                    n.conv(inner, 1).norm().relu(6)
                n.conv(inner, 3, stride, groups=inner).norm().relu(6).conv(width, 1).norm()
            net.residual(body) if stride == 1 and net.channels == width else body(net)
    net.conv(1280, 1).norm().relu(6)
    return net.node("GlobalAveragePool").flatten().linear(1000)


def weights_curve(name, side):
    """A square matrix between two small ones: the weights grow, the activations hardly do."""
    return Net(name, 1, 16).flatten().linear(side, 256).relu().linear(side).relu().linear(10)


def activations_curve(name, side):
    """Three convolutions of 16 channels: the image grows, the weights do not."""
    net = Net(name, 3, side)
    for _ in range(3):
        net.conv(16, bias=True).relu()
    return net.node("GlobalAveragePool").flatten().linear(10)


SHAPES = {
    "vgg16_cifar": vgg16,
    "resnet18_cifar": lambda name: resnet18(name, 32, 10),
    "resnet18_imagenet": lambda name: resnet18(name, 224, 1000),
    "mobilenet_v2": mobilenet_v2,
    **{f"weights_{side}": lambda name, side=side: weights_curve(name, side)
       for side in (362, 512, 724, 1024, 1448)},
    **{f"activations_{side}": lambda name, side=side: activations_curve(name, side)
       for side in (16, 24, 32, 48, 64)},
}


def main():
    """Writes the shapes named on the command line."""
    if len(sys.argv) < 2 or (unknown := set(sys.argv[2:]) - SHAPES.keys()):
        sys.exit(f"{__doc__}\nShapes: {', '.join(SHAPES)}"
                 + (f"\nUnknown: {', '.join(unknown)}" if len(sys.argv) > 1 else ""))
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or SHAPES:
        SHAPES[name](name).write(folder)


if __name__ == "__main__":
    main()
