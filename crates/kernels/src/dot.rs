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
}
