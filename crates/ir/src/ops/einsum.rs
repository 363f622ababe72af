//! Contraction of two tensors: matmul, gemm, einsum, attention, elementwise products.

use serde::{Deserialize, Serialize};

use super::{Eval, Infer, Operator, Signature};
use crate::error::IrError;
use crate::interval::Interval;
use crate::tensor::{Tensor, strides};

/// The name of an index in an [`Einsum`].
pub type Label = u8;

/// `out[…] = Σ a[…]·b[…]`, summed over every label that is absent from `out`.
///
/// Labels within one operand are distinct. A label of `out` occurs in an operand; a label that is summed occurs in both.
/// Labels in both operands and in `out` are batch axes; with no summed label the operator is an elementwise product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Einsum {
    /// The labels of the first operand's axes.
    pub a: Vec<Label>,
    /// The labels of the second operand's axes.
    pub b: Vec<Label>,
    /// The labels of the output's axes.
    pub out: Vec<Label>,
}

/// The roles of the labels of an einsum.
struct Roles {
    batch: Vec<Label>,
    rows: Vec<Label>,
    columns: Vec<Label>,
    summed: Vec<Label>,
}

impl Einsum {
    /// The elementwise product of two tensors of `rank` axes.
    pub fn elementwise(rank: usize) -> Self {
        let labels: Vec<Label> = (0..rank as Label).collect();
        Self { a: labels.clone(), b: labels.clone(), out: labels }
    }

    fn roles(&self) -> Roles {
        let inside = |labels: &[Label], l: Label| labels.contains(&l);
        let pick = |from: &[Label], keep: &dyn Fn(Label) -> bool| {
            from.iter().copied().filter(|&l| keep(l)).collect::<Vec<_>>()
        };
        Roles {
            batch: pick(&self.out, &|l| inside(&self.a, l) && inside(&self.b, l)),
            rows: pick(&self.out, &|l| inside(&self.a, l) && !inside(&self.b, l)),
            columns: pick(&self.out, &|l| !inside(&self.a, l) && inside(&self.b, l)),
            summed: pick(&self.a, &|l| !inside(&self.out, l)),
        }
    }

    /// The length of the axis with a label, looked up in both operands.
    fn length(&self, label: Label, a: &[usize], b: &[usize]) -> usize {
        let find = |labels: &[Label], shape: &[usize]| {
            labels.iter().position(|&l| l == label).and_then(|i| shape.get(i).copied())
        };
        find(&self.a, a).or_else(|| find(&self.b, b)).unwrap_or(1)
    }

    fn check(&self, cx: &Infer<'_>, a: &[usize], b: &[usize]) -> Result<(), IrError> {
        for (labels, shape) in [(&self.a, a), (&self.b, b)] {
            if labels.len() != shape.len() {
                return Err(cx.refuse(format!("{} labels for shape {shape:?}", labels.len())));
            }
            let distinct = labels.iter().enumerate().all(|(i, l)| !labels[..i].contains(l));
            if !distinct {
                return Err(cx.refuse("a label occurs twice in one operand"));
            }
        }
        for (i, &l) in self.out.iter().enumerate() {
            if self.out[..i].contains(&l) || !(self.a.contains(&l) || self.b.contains(&l)) {
                return Err(cx.refuse(format!("output label {l} is repeated or unknown")));
            }
        }
        for (i, l) in self.a.iter().enumerate() {
            match self.b.iter().position(|m| m == l) {
                Some(j) if a[i] != b[j] => {
                    return Err(cx.refuse(format!("axis lengths {} and {} of one label differ", a[i], b[j])));
                }
                None if !self.out.contains(l) => {
                    return Err(cx.refuse(format!("label {l} is summed in one operand only")));
                }
                _ => {}
            }
        }
        match self.b.iter().find(|l| !self.a.contains(l) && !self.out.contains(l)) {
            Some(l) => Err(cx.refuse(format!("label {l} is summed in one operand only"))),
            None => Ok(()),
        }
    }
}

/// The hull of `Σ w·x` over `count` products, tightened by a cap on `Σ|w|` where one is declared.
pub(super) fn product_sum(w: &Interval, x: &Interval, count: usize, cap: Option<u64>) -> Interval {
    let range = w.mul(x).times(count);
    match cap {
        None => range,
        Some(cap) => {
            let bound = i64::try_from(cap.saturating_mul(x.magnitude())).unwrap_or(i64::MAX);
            Interval::new(range.lo.max(-bound), range.hi.min(bound))
        }
    }
}

impl Operator for Einsum {
    fn name(&self) -> &'static str {
        "Einsum"
    }

    fn infer(&self, cx: &Infer<'_>) -> Result<Signature, IrError> {
        let [a, b] = cx.two()?;
        self.check(cx, &a.shape, &b.shape)?;
        let roles = self.roles();
        let count = roles.summed.iter().map(|&l| self.length(l, &a.shape, &b.shape)).product();
        // A cap bounds Σ|w| over every axis but the first one, so it applies where that axis and no other survives.
        let cap = |labels: &[Label], cap: Option<u64>| {
            cap.filter(|_| labels.iter().enumerate().all(|(i, l)| (i == 0) == self.out.contains(l)))
        };
        let range = match (cap(&self.b, b.l1_cap), cap(&self.a, a.l1_cap)) {
            (Some(l), _) => product_sum(&b.range, &a.range, count, Some(l)),
            (None, l) => product_sum(&a.range, &b.range, count, l),
        };
        let shape = self.out.iter().map(|&l| self.length(l, &a.shape, &b.shape)).collect();
        Ok(Signature { shape, range })
    }

    fn eval(&self, cx: &Eval<'_>) -> Result<Vec<i32>, IrError> {
        let (a, b) = (cx.operands[0], cx.operands[1]);
        let roles = self.roles();
        let size = |labels: &[Label]| -> usize {
            labels.iter().map(|&l| self.length(l, &a.shape, &b.shape)).product()
        };
        let (nb, nr, nc, nk) =
            (size(&roles.batch), size(&roles.rows), size(&roles.columns), size(&roles.summed));
        let order_a = [&roles.batch[..], &roles.rows, &roles.summed].concat();
        let order_b = [&roles.batch[..], &roles.columns, &roles.summed].concat();
        let left = permuted(a, &self.a, &order_a);
        let right = permuted(b, &self.b, &order_b);
        let mut product = vec![0i32; nb * nr * nc];
        crate::parallel::for_each_row(&mut product, nc, nk, |index, row| {
            let batch = index / nr.max(1);
            let x = &left[index * nk..(index + 1) * nk];
            for (column, out) in row.iter_mut().enumerate() {
                let start = (batch * nc + column) * nk;
                *out = zkml_kernels::dot_i32(x, &right[start..start + nk]);
            }
        });
        let order = [&roles.batch[..], &roles.rows, &roles.columns].concat();
        let shape = order.iter().map(|&l| self.length(l, &a.shape, &b.shape)).collect();
        Ok(permuted(&Tensor { shape, data: product }, &order, &self.out).into_owned())
    }
}

/// The entries of `x`, whose axes carry `labels`, with the axes in `order`.
fn permuted<'a>(x: &'a Tensor, labels: &[Label], order: &[Label]) -> std::borrow::Cow<'a, [i32]> {
    if labels == order {
        return std::borrow::Cow::Borrowed(&x.data);
    }
    let steps = strides(&x.shape);
    let axes: Vec<(usize, usize)> = order
        .iter()
        .filter_map(|l| labels.iter().position(|m| m == l))
        .map(|axis| (x.shape[axis], steps[axis]))
        .collect();
    let mut out = Vec::with_capacity(x.data.len());
    gather_strided(&x.data, &axes, 0, &mut out);
    std::borrow::Cow::Owned(out)
}

fn gather_strided(data: &[i32], axes: &[(usize, usize)], offset: usize, out: &mut Vec<i32>) {
    match axes {
        [] => out.push(data[offset]),
        [(length, step)] => out.extend((0..*length).map(|i| data[offset + i * step])),
        [(length, step), rest @ ..] => {
            for i in 0..*length {
                gather_strided(data, rest, offset + i * step, out);
            }
        }
    }
}
