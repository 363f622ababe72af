//! Images in the terminal.

/// An image of one channel in `[0, 1]`, two rows of pixels per line of text.
pub(crate) fn grey(pixels: &[f32], width: usize) -> String {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let shade = |v: f32| SHADES[((v.clamp(0.0, 1.0) * 4.0).round() as usize).min(4)];
    let rows: Vec<&[f32]> = pixels.chunks(width.max(1)).collect();
    let mut out = String::new();
    for pair in rows.chunks(2) {
        let mean = |x: usize| {
            pair.iter().map(|row| row.get(x).copied().unwrap_or(0.0)).sum::<f32>() / pair.len() as f32
        };
        out.push_str("    ");
        out.extend((0..width).map(|x| shade(mean(x))));
        out.push('\n');
    }
    out
}
