//! Rows in parallel where threads exist.

/// Rows below this much work (in multiplications) stay on one thread.
#[cfg(feature = "parallel")]
const MIN_WORK: usize = 1 << 16;

/// Calls `f(index, row)` for every row of `width` entries; `cost` is the work per entry.
pub(crate) fn for_each_row(out: &mut [i32], width: usize, cost: usize, f: impl Fn(usize, &mut [i32]) + Sync) {
    if width == 0 {
        return;
    }
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        let rows = (MIN_WORK / (width * cost).max(1)).max(1);
        out.par_chunks_mut(width).with_min_len(rows).enumerate().for_each(|(i, row)| f(i, row));
    }
    #[cfg(not(feature = "parallel"))]
    {
        let _ = cost;
        out.chunks_mut(width).enumerate().for_each(|(i, row)| f(i, row));
    }
}
