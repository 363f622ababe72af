//! The float model on samples: outputs, and every intermediate tensor that the report compares with.

use tract_onnx::prelude::*;

use crate::error::RunError;
use crate::eval::{Evaluator, check_inputs};
use crate::file::ModelFile;
use crate::graph::{FloatGraph, Source};
use crate::runtime::guarded;
use crate::tensor::Tensor as Values;

/// What executes the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// tract, on the ONNX graph itself: independent of the lowering to the float graph.
    Tract,
    /// The float graph's own evaluator, because tract does not take the model.
    Evaluator {
        /// What tract said.
        reason: String,
    },
}

/// The float model, ready to run on many samples.
pub struct Reference<'m> {
    graph: &'m FloatGraph,
    file: &'m ModelFile,
    engine: Engine<'m>,
    backend: Backend,
    /// The values that are reported.
    reported: Vec<usize>,
}

enum Engine<'m> {
    Tract(Arc<TypedRunnableModel>),
    Evaluator(Evaluator<'m>),
}

impl std::fmt::Debug for Reference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reference").field("file", &self.file.file).field("backend", &self.backend).finish()
    }
}

impl<'m> Reference<'m> {
    pub(crate) fn new(
        graph: &'m FloatGraph,
        file: &'m ModelFile,
        intermediates: bool,
    ) -> Result<Self, RunError> {
        let outputs: Vec<usize> = graph.outputs.iter().map(|o| o.value.0).collect();
        let reported: Vec<usize> = (0..graph.values.len())
            .filter(|&i| matches!(graph.values[i].source, Source::Node { .. }) && graph.values[i].in_onnx)
            .filter(|i| intermediates || outputs.contains(i))
            .collect();
        let (engine, backend) = match plan(graph, file, &reported) {
            Ok(plan) => (Engine::Tract(plan), Backend::Tract),
            Err(reason) => (Engine::Evaluator(Evaluator::new(graph)?), Backend::Evaluator { reason }),
        };
        Ok(Self { graph, file, engine, backend, reported })
    }

    /// What executes the model.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The reference values on one sample, indexed as [`FloatGraph::values`]: inputs, and every computed value that
    /// ONNX knows under a name ([`Value::in_onnx`](crate::Value)) if intermediates were asked for. Others are `None`.
    ///
    /// # Errors
    /// [`RunError::NumInputs`], [`RunError::InputShape`], and [`RunError::Runtime`] where tract fails.
    pub fn run_all(&self, inputs: &[Values]) -> Result<Vec<Option<Values>>, RunError> {
        check_inputs(self.graph, inputs)?;
        let mut values: Vec<Option<Values>> = vec![None; self.graph.values.len()];
        match &self.engine {
            Engine::Evaluator(evaluator) => {
                let mut all = evaluator.run_all(inputs)?;
                for &value in &self.reported {
                    values[value] = all[value].take();
                }
            }
            Engine::Tract(plan) => {
                let results =
                    self.run_plan(plan, inputs).map_err(|e| failure(self.file, "run the sample", e))?;
                for (&value, tensor) in self.reported.iter().zip(results) {
                    values[value] = Some(tensor);
                }
            }
        }
        for (id, tensor) in self.graph.inputs.iter().zip(inputs) {
            values[id.0] = Some(tensor.clone());
        }
        Ok(values)
    }

    /// The plan's outputs, in the order of `reported`.
    fn run_plan(&self, plan: &Arc<TypedRunnableModel>, inputs: &[Values]) -> Result<Vec<Values>, String> {
        guarded(|| {
            let mut typed: TVec<TValue> = tvec!();
            for (tensor, spec) in inputs.iter().zip(&self.file.inputs) {
                let datum: DatumType = spec.data_type.try_into()?;
                let tensor = Tensor::from_shape(tensor.shape(), tensor.data())?;
                typed.push(tensor.cast_to_dt(datum)?.into_owned().into_tvalue());
            }
            let mut tensors = vec![];
            for result in plan.run(typed)? {
                let data = result.cast_to::<f32>()?.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
                tensors.push(Values::new(result.shape().to_vec(), data)?);
            }
            Ok(tensors)
        })
    }

    /// The model's outputs on one sample, in the order of [`FloatGraph::outputs`].
    ///
    /// # Errors
    /// As [`run_all`](Self::run_all).
    pub fn run(&self, inputs: &[Values]) -> Result<Vec<Values>, RunError> {
        let values = self.run_all(inputs)?;
        let output = |o: &crate::graph::GraphOutput| {
            let value = values[o.value.0].clone().or_else(|| self.graph.constant(o.value).cloned());
            value.ok_or_else(|| failure(self.file, "report an output", o.name.clone()))
        };
        self.graph.outputs.iter().map(output).collect()
    }
}

/// tract's plan with `reported` as its outputs.
fn plan(graph: &FloatGraph, file: &ModelFile, reported: &[usize]) -> Result<Arc<TypedRunnableModel>, String> {
    let names: Vec<String> = reported.iter().map(|&i| graph.values[i].name.clone()).collect();
    let proto = file.to_proto(&names)?;
    let model = guarded(|| tract_onnx::onnx().parse(&proto, None)?.model.into_typed())?;
    for (slot, (name, &value)) in names.iter().zip(reported).enumerate() {
        let shape = guarded(|| Ok(model.output_fact(slot)?.shape.as_concrete().map(<[usize]>::to_vec)))?;
        let expected = &graph.values[value].shape;
        if shape.as_ref() != Some(expected) {
            return Err(format!("`{name}` has shape {shape:?}, expected {expected:?}"));
        }
    }
    guarded(|| model.into_decluttered()?.into_optimized()?.into_runnable())
}

fn failure(file: &ModelFile, stage: &'static str, reason: String) -> RunError {
    RunError::Runtime { file: file.file.clone(), stage, reason }
}
