//! Where a circuit's constraints come from.

use std::collections::HashMap;
use std::fmt;

use super::Shape;

/// The tree of labelled spans, and which one made each run of constraints.
#[derive(Debug)]
pub(super) struct Spans {
    /// Paths such as `sumcheck/poseidon2`; the root is empty.
    paths: Vec<String>,
    parent: Vec<u32>,
    children: HashMap<(u32, String), u32>,
    current: u32,
    unbalanced: bool,
    /// (number of constraints, span) of successive runs.
    runs: Vec<(usize, u32)>,
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            paths: vec![String::new()],
            parent: vec![0],
            children: HashMap::new(),
            current: 0,
            unbalanced: false,
            runs: Vec::new(),
        }
    }
}

impl Spans {
    pub(super) fn current(&self) -> u32 {
        self.current
    }

    pub(super) fn enter(&mut self, label: &str) {
        let key = (self.current, label.to_owned());
        if let Some(&child) = self.children.get(&key) {
            self.current = child;
            return;
        }
        let child = self.paths.len() as u32;
        let path = match self.paths.get(self.current as usize).map(String::as_str) {
            None | Some("") => label.to_owned(),
            Some(parent) => format!("{parent}/{label}"),
        };
        self.paths.push(path);
        self.parent.push(self.current);
        self.children.insert(key, child);
        self.current = child;
    }

    pub(super) fn leave(&mut self) {
        self.unbalanced |= self.current == 0;
        self.current = self.parent.get(self.current as usize).copied().unwrap_or_default();
    }

    pub(super) fn count(&mut self) {
        match self.runs.last_mut() {
            Some((count, span)) if *span == self.current => *count += 1,
            _ => self.runs.push((1, self.current)),
        }
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        match (self.unbalanced, self.current) {
            (true, _) => Err("a span was left that was not entered"),
            (false, 0) => Ok(()),
            (false, _) => Err("a span was not left"),
        }
    }

    /// The name of a span, for messages.
    pub(super) fn path(&self, span: Option<u32>) -> String {
        match span.and_then(|span| self.paths.get(span as usize)) {
            None => "no span".to_owned(),
            Some(path) if path.is_empty() => "no span".to_owned(),
            Some(path) => path.clone(),
        }
    }

    pub(super) fn of_constraint(&self, index: usize) -> String {
        let mut end = 0;
        let run = self.runs.iter().find(|(count, _)| {
            end += count;
            index < end
        });
        self.path(run.map(|&(_, span)| span))
    }
}

/// What one labelled span contributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanCount {
    /// The labels from the outside in, joined by `/`; empty outside of all spans.
    pub path: String,
    /// Constraints made in this span and in no inner one.
    pub own: usize,
    /// Constraints made in this span and in all inner ones.
    pub total: usize,
}

/// The size of a circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Public inputs, the constant not counted.
    pub public_inputs: usize,
    /// Witnesses.
    pub witnesses: usize,
    /// Constraints.
    pub constraints: usize,
    /// Terms in all combinations of all constraints: what the prover evaluates and the setup stores.
    pub terms: usize,
    /// In the order the spans were first entered, outside of all spans first.
    pub spans: Vec<SpanCount>,
}

impl Statistics {
    pub(super) fn new(shape: &Shape, spans: &Spans) -> Self {
        let mut own = vec![0; spans.paths.len()];
        for &(count, span) in &spans.runs {
            if let Some(sum) = own.get_mut(span as usize) {
                *sum += count;
            }
        }
        let mut total = own.clone();
        // A child is always made after its parent, so one pass from the end adds every subtree.
        for child in (1..total.len()).rev() {
            let parent = spans.parent.get(child).copied().unwrap_or_default() as usize;
            let subtree = total.get(child).copied().unwrap_or_default();
            if let Some(sum) = total.get_mut(parent) {
                *sum += subtree;
            }
        }
        let counts = own.into_iter().zip(total);
        Self {
            public_inputs: shape.public_inputs(),
            witnesses: shape.witnesses(),
            constraints: shape.constraints.len(),
            terms: shape.constraints.iter().flat_map(|k| [&k.a, &k.b, &k.c]).map(|k| k.terms().len()).sum(),
            spans: spans
                .paths
                .iter()
                .zip(counts)
                .map(|(path, (own, total))| SpanCount { path: path.clone(), own, total })
                .collect(),
        }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} constraints, {} terms, {} witnesses, {} public inputs",
            self.constraints, self.terms, self.witnesses, self.public_inputs
        )?;
        for span in self.spans.iter().filter(|span| span.total > 0) {
            let path = if span.path.is_empty() { "(all)" } else { &span.path };
            writeln!(formatter, "{:>9} {path}", span.total)?;
        }
        Ok(())
    }
}
