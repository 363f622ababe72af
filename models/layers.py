"""A small neural-network library in numpy: forward, backward and ONNX export for each layer.

It exists so that remaking the models needs three small packages instead of a deep-learning
framework. Layers work on NHWC float32 arrays; the exported graphs are the usual NCHW ones, in the
form PyTorch's exporter writes (Gemm with transB, Clip for ReLU6, BatchNormalization kept apart).
"""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference

OPSET = 17
IR_VERSION = 8


class Param:
    """A trained array and its gradient."""

    def __init__(self, value):
        self.value = np.asarray(value, np.float32)
        self.grad = np.zeros_like(self.value)


class Graph:
    """Collects ONNX nodes and initializers, naming them as they come."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def node(self, op, *inputs, **attributes):
        """Append a node with one output; return the output's name."""
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name + "_out"], name, **attributes))
        return name + "_out"

    def constant(self, array, kind):
        """Append an initializer; return its name."""
        name = f"{kind}_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


class Layer:
    """Base: a layer without parameters."""

    def params(self):
        """The trained arrays."""
        return []

    def forward(self, x, train):
        """Outputs for a batch; when training, keep what `backward` needs."""
        raise NotImplementedError

    def backward(self, dy):
        """Set the parameters' gradients and return the gradient of the inputs."""
        raise NotImplementedError

    def export(self, graph, x):
        """Add this layer, applied to the tensor named `x`; return its output's name."""
        raise NotImplementedError


class Linear(Layer):
    """Fully connected layer on [batch, features]."""

    def __init__(self, rng, inputs, outputs):
        self.weight = Param(rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)))
        self.bias = Param(np.zeros(outputs))

    def params(self):
        return [self.weight, self.bias]

    def forward(self, x, train):
        self.x = x
        return x @ self.weight.value + self.bias.value

    def backward(self, dy):
        self.weight.grad = self.x.T @ dy
        self.bias.grad = dy.sum(0)
        return dy @ self.weight.value.T

    def export(self, graph, x):
        weight = graph.constant(self.weight.value.T, "weight")
        bias = graph.constant(self.bias.value, "bias")
        return graph.node("Gemm", x, weight, bias, alpha=1.0, beta=1.0, transB=1)


class Windows:
    """The k*k shifted views a convolution multiplies, over an image padded on all sides."""

    def __init__(self, kernel, stride, pad):
        self.kernel, self.stride, self.pad = kernel, stride, pad

    def _slices(self, shape):
        rows, cols = ((n - self.kernel) // self.stride * self.stride + 1 for n in shape[1:3])
        for i in range(self.kernel):
            for j in range(self.kernel):
                yield np.s_[:, i:i + rows:self.stride, j:j + cols:self.stride]

    def gather(self, x):
        """Views of the padded input, row-major over the kernel."""
        p = self.pad
        padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0))) if p else x
        self.shape = padded.shape
        return [padded[s] for s in self._slices(self.shape)]

    def scatter(self, views):
        """Add each view's gradient back where `gather` read it."""
        total = np.zeros(self.shape, np.float32)
        for s, view in zip(self._slices(self.shape), views):
            total[s] += view
        p = self.pad
        return total[:, p:-p, p:-p] if p else total

    def attributes(self):
        """The ONNX attributes of the geometry."""
        return dict(kernel_shape=[self.kernel] * 2, strides=[self.stride] * 2,
                    pads=[self.pad] * 4, dilations=[1, 1])


class Conv(Layer):
    """2-d convolution; weights are kept as [kernel row, kernel column, input, output]."""

    def __init__(self, rng, inputs, outputs, kernel, stride=1, pad=0, bias=True):
        self.windows = Windows(kernel, stride, pad)
        fan_in = kernel * kernel * inputs
        shape = (kernel, kernel, inputs, outputs)
        self.weight = Param(rng.normal(0, np.sqrt(2 / fan_in), shape))
        self.bias = Param(np.zeros(outputs)) if bias else None

    def params(self):
        return [self.weight] + ([self.bias] if self.bias else [])

    def _matrix(self):
        return self.weight.value.reshape(-1, self.weight.value.shape[3])

    def forward(self, x, train):
        self.columns = np.concatenate(self.windows.gather(x), axis=-1)
        y = self.columns @ self._matrix()
        return y + self.bias.value if self.bias else y

    def backward(self, dy):
        flat = dy.reshape(-1, dy.shape[-1])
        columns = self.columns.reshape(len(flat), -1)
        self.weight.grad = (columns.T @ flat).reshape(self.weight.value.shape)
        if self.bias:
            self.bias.grad = flat.sum(0)
        spread = dy @ self._matrix().T
        return self.windows.scatter(np.split(spread, self.windows.kernel ** 2, axis=-1))

    def export(self, graph, x):
        operands = [graph.constant(self.weight.value.transpose(3, 2, 0, 1), "weight")]
        if self.bias:
            operands.append(graph.constant(self.bias.value, "bias"))
        return graph.node("Conv", x, *operands, group=1, **self.windows.attributes())


class DepthwiseConv(Layer):
    """Convolution of each channel on its own; weights are [kernel row, kernel column, channel]."""

    def __init__(self, rng, channels, kernel, stride=1, pad=0):
        self.windows = Windows(kernel, stride, pad)
        shape = (kernel, kernel, channels)
        self.weight = Param(rng.normal(0, np.sqrt(2 / kernel ** 2), shape))

    def params(self):
        return [self.weight]

    def _taps(self):
        return self.weight.value.reshape(-1, self.weight.value.shape[2])

    def forward(self, x, train):
        self.views = self.windows.gather(x)
        return sum(view * tap for view, tap in zip(self.views, self._taps()))

    def backward(self, dy):
        taps = [np.einsum("nhwc,nhwc->c", view, dy) for view in self.views]
        self.weight.grad = np.stack(taps).reshape(self.weight.value.shape)
        return self.windows.scatter(dy * tap for tap in self._taps())

    def export(self, graph, x):
        weight = graph.constant(self.weight.value.transpose(2, 0, 1)[:, None], "weight")
        group = self.weight.value.shape[2]
        return graph.node("Conv", x, weight, group=group, **self.windows.attributes())


class BatchNorm(Layer):
    """Normalises each channel: by the batch when training, by running statistics otherwise."""

    EPSILON, MOMENTUM = 1e-5, 0.9

    def __init__(self, channels):
        self.scale, self.shift = Param(np.ones(channels)), Param(np.zeros(channels))
        self.mean = np.zeros(channels, np.float32)
        self.var = np.ones(channels, np.float32)

    def params(self):
        return [self.scale, self.shift]

    def forward(self, x, train):
        mean, var = self.mean, self.var
        if train:
            mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
            self.mean = self.MOMENTUM * self.mean + (1 - self.MOMENTUM) * mean
            self.var = self.MOMENTUM * self.var + (1 - self.MOMENTUM) * var
        self.inverse = 1 / np.sqrt(var + np.float32(self.EPSILON))
        self.normal = (x - mean) * self.inverse
        return self.normal * self.scale.value + self.shift.value

    def backward(self, dy):
        self.scale.grad = np.einsum("nhwc,nhwc->c", dy, self.normal)
        self.shift.grad = dy.sum((0, 1, 2))
        count = np.float32(dy.size // dy.shape[-1])
        centred = dy - (self.shift.grad + self.normal * self.scale.grad) / count
        return centred * (self.scale.value * self.inverse)

    def export(self, graph, x):
        arrays = dict(scale=self.scale.value, shift=self.shift.value, mean=self.mean, var=self.var)
        operands = [graph.constant(array, kind) for kind, array in arrays.items()]
        return graph.node("BatchNormalization", x, *operands, epsilon=self.EPSILON,
                          momentum=self.MOMENTUM)


class Relu(Layer):
    """max(x, 0), or with a ceiling min(max(x, 0), ceiling) as in ReLU6."""

    def __init__(self, ceiling=None):
        self.ceiling = ceiling

    def forward(self, x, train):
        y = np.clip(x, 0, self.ceiling)
        self.passed = y == x
        return y

    def backward(self, dy):
        return dy * self.passed

    def export(self, graph, x):
        if self.ceiling is None:
            return graph.node("Relu", x)
        low = graph.constant(np.float32(0), "low")
        high = graph.constant(np.float32(self.ceiling), "high")
        return graph.node("Clip", x, low, high)


class MaxPool(Layer):
    """Maximum over 2x2 windows that do not overlap."""

    def forward(self, x, train):
        n, h, w, c = x.shape
        self.tiles = x.reshape(n, h // 2, 2, w // 2, 2, c)
        self.y = self.tiles.max((2, 4), keepdims=True)
        return self.y.reshape(n, h // 2, w // 2, c)

    def backward(self, dy):
        n, h, w, c = dy.shape
        won = (self.tiles == self.y).astype(np.float32)
        share = dy.reshape(self.y.shape) / won.sum((2, 4), keepdims=True)
        return (won * share).reshape(n, 2 * h, 2 * w, c)

    def export(self, graph, x):
        return graph.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)


class Flatten(Layer):
    """Images to rows in ONNX's order (channel, row, column), by Flatten or by Reshape."""

    def __init__(self, by_reshape=False):
        self.by_reshape = by_reshape

    def forward(self, x, train):
        self.shape = x.transpose(0, 3, 1, 2).shape
        return x.transpose(0, 3, 1, 2).reshape(len(x), -1)

    def backward(self, dy):
        return dy.reshape(self.shape).transpose(0, 2, 3, 1)

    def export(self, graph, x):
        if not self.by_reshape:
            return graph.node("Flatten", x, axis=1)
        shape = graph.constant(np.array([1, -1], np.int64), "shape")
        return graph.node("Reshape", x, shape)


class GlobalAveragePool(Layer):
    """Mean of each channel; keeps 1x1 images."""

    def forward(self, x, train):
        self.shape = x.shape
        return x.mean((1, 2), keepdims=True)

    def backward(self, dy):
        return np.broadcast_to(dy / np.float32(self.shape[1] * self.shape[2]), self.shape)

    def export(self, graph, x):
        return graph.node("GlobalAveragePool", x)


class Chain(Layer):
    """Layers one after another; an empty chain is the identity."""

    def __init__(self, *layers):
        self.layers = layers

    def params(self):
        return [p for layer in self.layers for p in layer.params()]

    def forward(self, x, train):
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def export(self, graph, x):
        for layer in self.layers:
            x = layer.export(graph, x)
        return x


class Branches(Layer):
    """Two layers side by side on one input."""

    def __init__(self, left, right):
        self.sides = (left, right)

    def params(self):
        return [p for side in self.sides for p in side.params()]


class Sum(Branches):
    """The element-wise sum of both sides: a residual connection."""

    def forward(self, x, train):
        left, right = (side.forward(x, train) for side in self.sides)
        return left + right

    def backward(self, dy):
        left, right = (side.backward(dy) for side in self.sides)
        return left + right

    def export(self, graph, x):
        return graph.node("Add", *(side.export(graph, x) for side in self.sides))


class Concat(Branches):
    """The channels of the left side, then those of the right."""

    def forward(self, x, train):
        left, right = (side.forward(x, train) for side in self.sides)
        self.boundary = left.shape[-1]
        return np.concatenate([left, right], axis=-1)

    def backward(self, dy):
        parts = np.split(dy, [self.boundary], axis=-1)
        left, right = (side.backward(part) for side, part in zip(self.sides, parts))
        return left + right

    def export(self, graph, x):
        return graph.node("Concat", *(side.export(graph, x) for side in self.sides), axis=1)


def to_onnx(net, name, input_shape, outputs=10):
    """The checked ONNX model of `net`, from `input` of `input_shape` to `output` [1, outputs]."""
    graph = Graph()
    net.export(graph, "input")
    graph.nodes[-1].output[0] = "output"
    signature = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)
                 for tensor, shape in (("input", input_shape), ("output", [1, outputs]))]
    body = helper.make_graph(graph.nodes, name, signature[:1], signature[1:], graph.initializers)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, opset_imports=opset, producer_name="starminer models/train.py",
                              ir_version=IR_VERSION)
    checker.check_model(model, full_check=True)
    return shape_inference.infer_shapes(model, strict_mode=True)
