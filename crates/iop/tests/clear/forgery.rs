//! A prover that owns its witness, and an independent check of every relation, one by one and in the clear.

use std::collections::{BTreeSet, HashMap};

use zkml_iop::error::VerifyError;
use zkml_iop::map::{Group, Map, Relation};
use zkml_iop::system::{Affine, Bilinear, Equation, Fraction, Home, Port, System, ViewId};

use super::{Case, reduce};

/// A witness under attack. Its public tensors are the statement that the attacker makes.
#[derive(Clone)]
pub struct Forgery<'c> {
    pub case: &'c Case,
    pub witness: Vec<Vec<i32>>,
}

impl Case {
    /// The honest witness, to be forged.
    pub fn forge(&self) -> Forgery<'_> {
        Forgery { case: self, witness: self.witness.clone() }
    }
}

impl Forgery<'_> {
    /// The entries of the tensor number `nth` among those of this name.
    pub fn at(&mut self, name: &str, nth: usize) -> &mut Vec<i32> {
        let tensors = &self.case.system.tensors;
        let found = tensors.iter().enumerate().filter(|(_, t)| t.name == name).nth(nth);
        let (index, _) = found.unwrap_or_else(|| {
            let names: Vec<_> = tensors.iter().map(|t| &t.name).collect();
            panic!("no tensor {nth} named {name} among {names:?}")
        });
        &mut self.witness[index]
    }

    /// The statement's output.
    pub fn output(&mut self) -> &mut Vec<i32> {
        let system = &self.case.system;
        let stated = system.tensors.iter().position(|t| matches!(t.home, Home::PublicOutput(_)));
        let packed = system.packed.iter().find(|packed| matches!(packed.1, Port::Output(_)));
        &mut self.witness[stated.or(packed.map(|packed| packed.0)).unwrap()]
    }

    /// Counts the rows of every table anew; a tuple in no row is not counted.
    pub fn recount(&mut self) {
        for (table, counts) in counts(&self.case.system, &self.witness).1.into_iter().enumerate() {
            let multiplicity = self.case.system.tables[table].multiplicity;
            self.witness[multiplicity] = counts.into_iter().map(|c| c as i32).collect();
        }
    }

    /// The relations that the witness breaks.
    pub fn broken(&self) -> Vec<String> {
        broken(&self.case.system, &self.witness)
    }

    /// What the verifier says to the proof from this witness, under the statement that it makes.
    pub fn verdict(&self) -> Result<(), VerifyError> {
        self.case.verify_public(&self.case.public_of(&self.witness), &self.case.prove(self.witness.clone()))
    }

    /// With multiplicities that fit as well as they can, the witness breaks exactly these relations and is refused.
    pub fn assert_breaks(mut self, relations: &[&str]) {
        self.recount();
        assert_eq!(self.broken(), relations);
        self.verdict().unwrap_err();
    }
}

/// The relations of a system that a witness breaks, over the base field.
pub fn broken(system: &System, witness: &[Vec<i32>]) -> Vec<String> {
    let mut broken = BTreeSet::new();
    for equation in &system.equations {
        if residuals(system, witness, equation).iter().any(|&r| r != 0) {
            broken.insert(equation.name.clone());
        }
    }
    let (missing, counts) = counts(system, witness);
    broken.extend(missing.into_iter().map(|table| system.tables[table].name.clone()));
    for (table, counts) in system.tables.iter().zip(counts) {
        let claimed = witness[table.multiplicity].iter().map(|&m| i64::from(m));
        if claimed.zip(counts).any(|(m, c)| reduce(i128::from(m - c)) != 0) {
            broken.insert(format!("{} multiplicity", table.name));
        }
    }
    broken.into_iter().collect()
}

/// The tables that miss a looked-up tuple, and for every table how often each row is looked up.
pub fn counts(system: &System, witness: &[Vec<i32>]) -> (BTreeSet<usize>, Vec<Vec<i64>>) {
    let rows: Vec<HashMap<Vec<i128>, usize>> = system
        .tables
        .iter()
        .map(|t| {
            let row = |i: usize| t.columns.iter().map(|&c| reduce(witness[c][i].into())).collect();
            (0..t.rows).map(|i| (row(i), i)).collect()
        })
        .collect();
    let mut counts: Vec<Vec<i64>> = system.tables.iter().map(|t| vec![0; t.rows]).collect();
    let mut missing = BTreeSet::new();
    let fractions = system.all_fractions();
    for Fraction { table, tuple, .. } in fractions.filter(|f| f.multiplicity.is_none()) {
        let entries: Vec<Vec<i128>> = tuple.iter().map(|e| affine(system, witness, e)).collect();
        for i in 0..entries[0].len() {
            let looked_up: Vec<i128> = entries.iter().map(|e| e[i]).collect();
            match rows[*table].get(&looked_up) {
                Some(&row) => counts[*table][row] += 1,
                None => {
                    missing.insert(*table);
                }
            }
        }
    }
    (missing, counts)
}

fn affine(system: &System, witness: &[Vec<i32>], affine: &Affine) -> Vec<i128> {
    let mut sums = vec![reduce(affine.constant.into()); affine.shape.iter().product()];
    for &(k, id) in &affine.terms {
        let values = view(system, witness, id);
        assert_eq!(values.len(), sums.len());
        sums.iter_mut().zip(values).for_each(|(s, v)| *s = reduce(*s + i128::from(k) * v));
    }
    sums
}

fn residuals(system: &System, witness: &[Vec<i32>], equation: &Equation) -> Vec<i128> {
    let mut sums = affine(system, witness, &equation.linear);
    for term in &equation.bilinear {
        let products = product(system, witness, term, &equation.linear.shape);
        sums.iter_mut().zip(products).for_each(|(s, v)| *s = reduce(*s + v));
    }
    sums
}

/// The entries of a product, one per index of a tensor of this shape.
fn product(system: &System, witness: &[Vec<i32>], term: &Bilinear, shape: &[usize]) -> Vec<i128> {
    let labels = &term.labels;
    let (a, b) = (view(system, witness, term.a), view(system, witness, term.b));
    let (of_a, of_b) = (&system.views[term.a.0].map.view, &system.views[term.b.0].map.view);
    let summed: Vec<u8> = labels.a.iter().copied().filter(|l| !labels.out.contains(l)).collect();
    let mut lengths: HashMap<u8, usize> = labels.a.iter().copied().zip(of_a.iter().copied()).collect();
    lengths.extend(labels.b.iter().copied().zip(of_b.iter().copied()));
    assert_eq!(labels.out.iter().map(|l| lengths[l]).collect::<Vec<_>>(), shape);
    let inner: Vec<usize> = summed.iter().map(|l| lengths[l]).collect();
    indices(shape)
        .map(|outer| {
            let mut index: HashMap<u8, usize> = labels.out.iter().copied().zip(outer).collect();
            let sum = indices(&inner).fold(0, |sum, at| {
                index.extend(summed.iter().copied().zip(at));
                let flat = |labels: &[u8], shape: &[usize]| {
                    labels.iter().zip(shape).fold(0, |flat, (l, &n)| flat * n + index[l])
                };
                reduce(sum + a[flat(&labels.a, of_a)] * b[flat(&labels.b, of_b)])
            });
            reduce(i128::from(term.coefficient) * sum)
        })
        .collect()
}

/// The entries of a view.
fn view(system: &System, witness: &[Vec<i32>], id: ViewId) -> Vec<i128> {
    let view = &system.views[id.0];
    let data = &witness[view.tensor];
    assert_eq!(data.len(), view.map.source.iter().product::<usize>());
    let related: Vec<HashMap<usize, Vec<usize>>> =
        view.map.groups.iter().map(|g| related(&view.map, g)).collect();
    indices(&view.map.view)
        .map(|index| {
            let offsets = view.map.groups.iter().zip(&related).fold(vec![0], |offsets, (group, related)| {
                let at = group.view.iter().fold(0, |flat, &a| flat * view.map.view[a] + index[a]);
                let own = related.get(&at).map_or(&[][..], Vec::as_slice);
                offsets.iter().flat_map(|o| own.iter().map(move |i| o + i)).collect()
            });
            offsets.into_iter().fold(0, |sum: i128, o: usize| reduce(sum + i128::from(data[o])))
        })
        .collect()
}

/// For every view index of a group, the offsets into the source that it adds up.
fn related(map: &Map, group: &Group) -> HashMap<usize, Vec<usize>> {
    let strides = zkml_ir::tensor::strides(&map.source);
    let lengths: Vec<usize> = group.source.iter().map(|&a| map.source[a]).collect();
    let offsets: Vec<usize> = indices(&lengths)
        .map(|index| index.iter().zip(&group.source).map(|(i, &a)| i * strides[a]).sum())
        .collect();
    let mut related: HashMap<usize, Vec<usize>> = HashMap::new();
    match &group.relation {
        Relation::Identity => {
            offsets.iter().enumerate().for_each(|(i, &o)| related.entry(i).or_default().push(o));
        }
        Relation::Pairs(pairs) => {
            pairs.iter().for_each(|&(v, s)| related.entry(v as usize).or_default().push(offsets[s as usize]));
        }
    }
    related
}

/// All indices of a tensor of this shape, row-major.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    (0..shape.iter().product()).map(move |mut flat: usize| {
        let mut index = vec![0; shape.len()];
        for axis in (0..shape.len()).rev() {
            index[axis] = flat % shape[axis];
            flat /= shape[axis];
        }
        index
    })
}
