//! Loops over ranges, in parallel where threads exist and the work is worth it.

use alloc::vec::Vec;

/// Shorter ranges stay on one thread.
#[cfg(feature = "parallel")]
const MIN_LENGTH: usize = 1 << 11;

/// `[f(0), …, f(count − 1)]`.
pub(crate) fn map_range<T: Send>(count: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "parallel")]
    if count > MIN_LENGTH {
        use rayon::prelude::*;
        return (0..count).into_par_iter().with_min_len(MIN_LENGTH).map(f).collect();
    }
    (0..count).map(f).collect()
}

/// `[f(0), …, f(count − 1)]`, every call worth a task of its own.
pub(crate) fn map_tasks<T: Send>(count: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        (0..count).into_par_iter().map(f).collect()
    }
    #[cfg(not(feature = "parallel"))]
    {
        (0..count).map(f).collect()
    }
}

/// Folds `0..count` in chunks and combines the chunks' results.
pub(crate) fn fold_range<T: Send>(
    count: usize,
    zero: impl Fn() -> T + Sync + Send,
    step: impl Fn(T, usize) -> T + Sync + Send,
    join: impl Fn(T, T) -> T + Sync + Send,
) -> T {
    #[cfg(feature = "parallel")]
    if count > MIN_LENGTH {
        use rayon::prelude::*;
        return (0..count).into_par_iter().with_min_len(MIN_LENGTH).fold(&zero, step).reduce(&zero, join);
    }
    let _ = join;
    (0..count).fold(zero(), step)
}

/// Calls `f(index, chunk)` for every chunk of `width` entries.
pub(crate) fn for_each_chunk<T: Send>(
    data: &mut [T],
    width: usize,
    f: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        data.par_chunks_mut(width.max(1)).enumerate().for_each(|(i, chunk)| f(i, chunk));
    }
    #[cfg(not(feature = "parallel"))]
    {
        data.chunks_mut(width.max(1)).enumerate().for_each(|(i, chunk)| f(i, chunk));
    }
}
