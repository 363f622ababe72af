//! The graph as a picture.

use std::collections::BTreeMap;
use std::fmt::Write;

use zkml::cost::Cost;
use zkml_ir::{Graph, Source, TensorId};

use crate::report::count;

const WIDTH: usize = 230;
const HEIGHT: usize = 52;
const GAP: usize = 28;

/// Draws inputs and operators as boxes, one row per depth; a box is the redder the more it costs.
pub(crate) fn svg(graph: &Graph, cost: &Cost) -> String {
    let places = places(graph);
    let at = |id: TensorId| {
        places.get(&id).map(|&(row, column)| (20 + column * (WIDTH + GAP), 20 + row * (HEIGHT + GAP)))
    };
    let rows = places.values().map(|p| p.0 + 1).max().unwrap_or(0);
    let columns = places.values().map(|p| p.1 + 1).max().unwrap_or(0);
    let (width, height) = (40 + columns * (WIDTH + GAP), 40 + rows * (HEIGHT + GAP));
    let weight = |i: usize| cost.nodes[i].cells * 10 + cost.nodes[i].lookups * 30 + cost.nodes[i].macs / 30;
    let most = (0..cost.nodes.len()).map(weight).max().unwrap_or(1).max(1) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (id, info) in graph.iter() {
        let (Some((x, y)), Source::Node { operands, .. }) = (at(id), &info.source) else { continue };
        for (px, py) in operands.iter().filter_map(|&o| at(o)) {
            let _ = writeln!(
                out,
                "<path d=\"M{} {} C{} {}, {} {}, {} {}\" fill=\"none\" stroke=\"#888\"/>",
                px + WIDTH / 2,
                py + HEIGHT,
                px + WIDTH / 2,
                py + HEIGHT + GAP,
                x + WIDTH / 2,
                y.saturating_sub(GAP),
                x + WIDTH / 2,
                y
            );
        }
    }
    for (id, info) in graph.iter() {
        let Some((x, y)) = at(id) else { continue };
        let node = &cost.nodes[id.index()];
        let heat = (weight(id.index()) as f64 / most).sqrt();
        let shade = 255 - (150.0 * heat) as u8;
        let shape: Vec<String> = info.shape.iter().map(ToString::to_string).collect();
        let name: String = info.name.chars().take(34).collect();
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"rgb(255,{shade},{shade})\" stroke=\"#444\"/>\
             <text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text><text x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" fill=\"#444\">{} cells · {} lookups · {} MACs</text>",
            x + 8,
            y + 16,
            escape(&format!("{}  {}", node.op, shape.join("×"))),
            x + 8,
            y + 31,
            escape(&name),
            x + 8,
            y + 45,
            count(node.cells),
            count(node.lookups),
            count(node.macs),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Row and column of every input and node: rows by depth.
fn places(graph: &Graph) -> BTreeMap<TensorId, (usize, usize)> {
    let mut places: BTreeMap<TensorId, (usize, usize)> = BTreeMap::new();
    let mut filled: Vec<usize> = Vec::new();
    for (id, info) in graph.iter() {
        let row = match &info.source {
            Source::Weight | Source::Constant(_) => continue,
            Source::Input => 0,
            Source::Node { operands, .. } => {
                operands.iter().filter_map(|o| places.get(o)).map(|p| p.0 + 1).max().unwrap_or(0)
            }
        };
        if filled.len() <= row {
            filled.resize(row + 1, 0);
        }
        places.insert(id, (row, filled[row]));
        filled[row] += 1;
    }
    places
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
