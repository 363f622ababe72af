//! The rows: models, where their files are, and their targets.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// What a row should cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Seconds of a whole proof.
    pub(crate) prove: f64,
    /// Seconds of a verification.
    pub(crate) verify: f64,
    /// Bytes of a proof.
    pub(crate) bytes: f64,
}

/// Where a row's files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In `models/` of this repository.
    Models,
    /// In the folder that `bench/shapes.py` wrote.
    Shapes,
}

/// A model that is measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The name of its files and on the command line.
    pub(crate) name: String,
    /// What it is.
    pub(crate) title: &'static str,
    /// Where its files are.
    pub(crate) place: Place,
    /// What it should cost.
    pub(crate) target: Option<Target>,
}

/// What the two groups of a curve are called.
pub(crate) const CURVES: [(&str, [u32; 5]); 2] =
    [("weights", [362, 512, 724, 1024, 1448]), ("activations", [16, 24, 32, 48, 64])];

/// Every row of the tables.
pub(crate) fn rows() -> Vec<Row> {
    let row = |name: &str, title, place, prove: f64, verify: f64, bytes: f64| Row {
        name: name.into(),
        title,
        place,
        target: (prove > 0.0).then_some(Target { prove, verify, bytes }),
    };
    use Place::{Models, Shapes};
    vec![
        row("mlp", "MLP 784-128-10", Models, 0.04, 0.010, 250e3),
        row("lenet5", "LeNet-5", Models, 0.04, 0.010, 250e3),
        row("cnn_cifar", "small CNN, 3x32x32", Models, 0.0, 0.0, 0.0),
        row("mobilenet_small", "small MobileNet, 3x32x32", Models, 0.0, 0.0, 0.0),
        row("resnet_small", "small ResNet, 3x32x32", Models, 0.0, 0.0, 0.0),
        row("vgg16_cifar", "VGG-16, 3x32x32", Shapes, 0.5, 0.015, 300e3),
        row("resnet18_cifar", "ResNet-18, 3x32x32", Shapes, 0.6, 0.015, 300e3),
        row("resnet18_imagenet", "ResNet-18, 3x224x224", Shapes, 2.0, 0.020, 400e3),
        row("mobilenet_v2", "MobileNetV2, 3x224x224", Shapes, 2.0, 0.020, 400e3),
    ]
}

/// The rows of the curves.
pub(crate) fn curve_rows() -> Vec<Row> {
    let row = |kind: &str, size: &u32| Row {
        name: format!("{kind}_{size}"),
        title: "a point of a curve",
        place: Place::Shapes,
        target: None,
    };
    CURVES.iter().flat_map(|(kind, sizes)| sizes.iter().map(move |size| row(kind, size))).collect()
}

/// The row of a name, in tables or curves.
pub(crate) fn find(name: &str) -> Result<Row, Failure> {
    let known: Vec<Row> = rows().into_iter().chain(curve_rows()).collect();
    let names = || known.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = known.iter().find(|r| r.name == name).cloned();
    found.ok_or_else(|| Failure::UnknownRow { name: name.into(), known: names() })
}

impl Row {
    /// The model's file and its data file; or, if they are missing, what makes them.
    pub(crate) fn files(&self, shapes: Option<&Path>) -> Result<(PathBuf, PathBuf), String> {
        let folder = match (self.place, shapes) {
            (Place::Models, _) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../models"),
            (Place::Shapes, Some(folder)) => folder.to_path_buf(),
            (Place::Shapes, None) => {
                return Err("python bench/shapes.py DIR, then --shapes DIR".into());
            }
        };
        let file = |extension: &str| folder.join(format!("{}.{extension}", self.name));
        let (model, data) = (file("onnx"), file("npz"));
        match (model.is_file() && data.is_file(), self.place) {
            (true, _) => Ok((model, data)),
            (false, Place::Shapes) => {
                Err(format!("python bench/shapes.py {} {}", folder.display(), self.name))
            }
            (false, Place::Models) => Err("git checkout models".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trained_models_are_here_and_missing_shapes_name_their_command() {
        for row in rows().iter().filter(|r| r.place == Place::Models) {
            assert!(row.files(None).is_ok(), "{}", row.name);
        }
        let vgg = find("vgg16_cifar").unwrap();
        assert!(vgg.files(None).unwrap_err().contains("bench/shapes.py"));
        let missing = vgg.files(Some(Path::new("nowhere"))).unwrap_err();
        assert_eq!(missing, "python bench/shapes.py nowhere vgg16_cifar");
    }

    #[test]
    fn an_unknown_row_is_refused_with_the_names_there_are() {
        let message = find("lenet6").unwrap_err().to_string();
        assert!(message.contains("lenet6") && message.contains("lenet5"), "{message}");
    }
}
