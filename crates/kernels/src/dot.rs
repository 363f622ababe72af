//! Inner products of 32-bit integers.

/// `Σ a_i·b_i` over the shorter length, modulo 2^32.
pub fn dot_i32(a: &[i32], b: &[i32]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the one requirement of the function.
        return unsafe { dot_i32_avx2(a, b) };
    }
    dot_i32_portable(a, b)
}

/// The portable twin of [`dot_i32`].
pub fn dot_i32_portable(a: &[i32], b: &[i32]) -> i32 {
    a.iter().zip(b).fold(0i32, |sum, (&x, &y)| sum.wrapping_add(x.wrapping_mul(y)))
}

/// The portable code compiled for AVX2, which has 32-bit products of eight lanes.
///
/// # Safety
/// The processor must support AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn dot_i32_avx2(a: &[i32], b: &[i32]) -> i32 {
    const LANES: usize = 32;
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0i32; LANES];
    for (x, y) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] = sums[lane].wrapping_add(x[lane].wrapping_mul(y[lane]));
        }
    }
    let tail = n - n % LANES;
    let head = sums.into_iter().fold(0i32, i32::wrapping_add);
    head.wrapping_add(dot_i32_portable(&a[tail..], &b[tail..]))
}

/// The inner products of four rows with one vector, modulo 2^32: every entry of the vector is loaded once for all four.
///
/// The shortest operand bounds the length.
pub fn dot4_i32(rows: [&[i32]; 4], vector: &[i32]) -> [i32; 4] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the one requirement of the function.
        return unsafe { dot4_i32_avx2(rows, vector) };
    }
    dot4_i32_portable(rows, vector)
}

/// The portable twin of [`dot4_i32`].
pub fn dot4_i32_portable(rows: [&[i32]; 4], vector: &[i32]) -> [i32; 4] {
    let n = rows.iter().fold(vector.len(), |n, row| n.min(row.len()));
    rows.map(|row| dot_i32_portable(&row[..n], &vector[..n]))
}

/// The portable code compiled for AVX2.
///
/// # Safety
/// The processor must support AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn dot4_i32_avx2(rows: [&[i32]; 4], vector: &[i32]) -> [i32; 4] {
    const LANES: usize = 16;
    let n = rows.iter().fold(vector.len(), |n, row| n.min(row.len()));
    let head = n - n % LANES;
    let mut sums = [[0i32; LANES]; 4];
    for start in (0..head).step_by(LANES) {
        let entries: &[i32] = &vector[start..start + LANES];
        for (sums, row) in sums.iter_mut().zip(rows) {
            let row = &row[start..start + LANES];
            for lane in 0..LANES {
                sums[lane] = sums[lane].wrapping_add(row[lane].wrapping_mul(entries[lane]));
            }
        }
    }
    let tails = dot4_i32_portable(rows.map(|row| &row[head..n]), &vector[head..n]);
    core::array::from_fn(|i| sums[i].into_iter().fold(tails[i], i32::wrapping_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_and_the_portable_dot_product_agree() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as i32
        };
        for length in 0..130 {
            let a: Vec<i32> = (0..length).map(|_| next()).collect();
            let b: Vec<i32> = (0..length).map(|_| next()).collect();
            assert_eq!(dot_i32(&a, &b), dot_i32_portable(&a, &b), "length {length}");
        }
    }

    #[test]
    fn four_products_at_once_are_the_single_ones() {
        let entry = |i: usize| (i as i32).wrapping_mul(0x9e37_79b9u32 as i32);
        for length in 0..70 {
            let vector: Vec<i32> = (0..length).map(entry).collect();
            let rows: [Vec<i32>; 4] =
                core::array::from_fn(|k| (0..length + k).map(|i| entry(i * 5 + k + 1)).collect());
            let rows = [&rows[0][..], &rows[1], &rows[2], &rows[3]];
            let single = rows.map(|row| dot_i32(row, &vector));
            assert_eq!(dot4_i32(rows, &vector), single, "length {length}");
            assert_eq!(dot4_i32_portable(rows, &vector), single, "length {length}");
        }
    }
}
