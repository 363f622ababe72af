//! A perceptron of a handful of weights, so that proofs for contracts take seconds.

/// The width of the input `x`.
pub(crate) const WIDTH: usize = 4;
const HIDDEN: usize = 3;

/// A field of a protobuf message with bytes in it.
fn bytes(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![tag << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend(content);
    field
}

/// A field with a small number in it.
fn number(tag: u8, value: u8) -> Vec<u8> {
    vec![tag << 3, value]
}

fn message(fields: &[Vec<u8>]) -> Vec<u8> {
    fields.concat()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = inputs.iter().map(|name| bytes(1, name.as_bytes())).collect();
    fields.push(bytes(2, output.as_bytes()));
    fields.push(bytes(4, operator.as_bytes()));
    bytes(1, &message(&fields))
}

fn weights(name: &str, rows: usize, columns: usize) -> Vec<u8> {
    // Distinct, of both signs, and none of them special.
    let value = |i: usize| ((i * 7 + 3) % 11) as f32 / 8.0 - 0.6;
    let data: Vec<u8> = (0..rows * columns).flat_map(|i| value(i).to_le_bytes()).collect();
    let dimensions = [number(1, rows as u8), number(1, columns as u8)].concat();
    bytes(5, &message(&[dimensions, number(2, 1), bytes(8, name.as_bytes()), bytes(9, &data)]))
}

fn port(tag: u8, name: &str, width: usize) -> Vec<u8> {
    let dimension = |size: usize| bytes(1, &number(1, size as u8));
    let shape = bytes(2, &[dimension(1), dimension(width)].concat());
    let tensor = bytes(1, &[number(1, 1), shape].concat());
    bytes(tag, &message(&[bytes(1, name.as_bytes()), bytes(2, &tensor)]))
}

/// `y = W₂·relu(W₁·x)`.
pub(crate) fn onnx() -> Vec<u8> {
    let graph = message(&[
        node("MatMul", &["x", "w1"], "a"),
        node("Relu", &["a"], "b"),
        node("MatMul", &["b", "w2"], "y"),
        bytes(2, b"tiny"),
        weights("w1", WIDTH, HIDDEN),
        weights("w2", HIDDEN, 2),
        port(11, "x", WIDTH),
        port(12, "y", 2),
    ]);
    message(&[number(1, 8), bytes(7, &graph), bytes(8, &message(&[number(2, 13)]))])
}

/// Samples, as JSON.
pub(crate) fn samples(count: usize) -> String {
    let sample = |i: usize| (0..WIDTH).map(move |j| ((i * 5 + j * 3) % 17) as f64 / 16.0).collect::<Vec<_>>();
    serde_json::json!({ "x": (0..count).map(sample).collect::<Vec<_>>() }).to_string()
}
