use std::io::Cursor;

use ark_ff::PrimeField;

use super::*;

fn ptau(power: u32) -> Vec<u8> {
    let mut file = Vec::new();
    write_testing_ptau(power, &mut file).unwrap();
    file
}

/// A first Ignition transcript with the points of a reference string.
fn ignition(srs: &Srs) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0u32, 1, srs.g1.len() as u32 - 1, 2, srs.g1.len() as u32 - 1, 2, 0] {
        file.extend_from_slice(&word.to_be_bytes());
    }
    let g1 = srs.g1[1..].iter().flat_map(|point| [point.x, point.y]);
    let g2 = [srs.tau_g2; 2].into_iter().flat_map(|point| [point.x.c0, point.x.c1, point.y.c0, point.y.c1]);
    for coordinate in g1.chain(g2) {
        file.extend(coordinate.into_bigint().0.iter().flat_map(|limb| limb.to_be_bytes()));
    }
    file.extend_from_slice(&[0; 64]);
    file
}

#[test]
fn a_prefix_of_a_ptau_file_is_read_and_checked() {
    let file = ptau(4);
    let srs = Srs::read(&mut Cursor::new(&file), 20).unwrap();
    assert_eq!(srs.g1.len(), 20);
    let powers = PowersOfTau::read(&mut Cursor::new(&file), 8).unwrap();
    assert_eq!((powers.tau_g1.len(), powers.domain()), (15, 8));
    assert_eq!(powers.tau_g1, srs.g1[..15]);
    assert_eq!(PowersOfTau::read(&mut Cursor::new(&file), 16).unwrap().truncated(8), Some(powers));
}

/// Made by `snarkjs powersoftau new bn128 2`, one contribution, and `prepare phase2`.
const FOREIGN: &[u8] = include_bytes!("../../tests/data/snarkjs_power_2.ptau");

#[test]
fn a_ptau_file_by_snarkjs_is_read_and_checked() {
    let srs = Srs::read(&mut Cursor::new(FOREIGN), 7).unwrap();
    let powers = PowersOfTau::read(&mut Cursor::new(FOREIGN), 4).unwrap();
    assert_eq!(powers.tau_g1, srs.g1);
    assert!(matches!(Srs::read(&mut Cursor::new(FOREIGN), 8), Err(SrsError::TooSmall { found: 7, .. })));
    assert!(matches!(PowersOfTau::read(&mut Cursor::new(FOREIGN), 8), Err(SrsError::TooSmall { .. })));
}

#[test]
fn a_first_ignition_transcript_is_read_and_checked() {
    let srs = Srs::testing(9).unwrap();
    assert_eq!(Srs::read(&mut Cursor::new(ignition(&srs)), 9).unwrap(), srs);
    assert_eq!(Srs::read(&mut Cursor::new(ignition(&srs)), 4).unwrap().g1, srs.g1[..4]);
    assert!(matches!(
        Srs::read(&mut Cursor::new(ignition(&srs)), 10),
        Err(SrsError::TooSmall { found: 9, .. })
    ));
}

#[test]
fn a_file_with_too_few_points_is_refused_before_any_allocation() {
    let error = Srs::read(&mut Cursor::new(ptau(3)), 1 << 28).unwrap_err();
    assert!(matches!(error, SrsError::TooSmall { found: 15, needed: 0x1000_0000, .. }), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused_without_a_panic() {
    for file in [ptau(1), ignition(&Srs::testing(3).unwrap())] {
        let needed = file.len() - if file.starts_with(b"ptau") { 16 } else { 64 + 128 };
        for length in 0..needed {
            assert!(Srs::read(&mut Cursor::new(&file[..length]), 3).is_err(), "{length}");
            assert!(PowersOfTau::read(&mut Cursor::new(&file[..length]), 2).is_err(), "{length}");
        }
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let mut file = ptau(2);
    let at = file.len() - 200;
    file[at] ^= 1;
    assert!(PowersOfTau::read(&mut Cursor::new(&file), 4).is_err());
}

#[test]
fn powers_that_do_not_fit_together_are_refused() {
    let good = PowersOfTau::read(&mut Cursor::new(ptau(2)), 4).unwrap();
    let other = PowersOfTau::read(&mut Cursor::new(ptau(2)), 4).unwrap();
    let refused = |edit: &dyn Fn(&mut PowersOfTau)| {
        let mut powers = good.clone();
        edit(&mut powers);
        assert!(matches!(powers.check(), Err(SrsError::Inconsistent(_) | SrsError::Format(_))));
    };
    refused(&|powers| powers.tau_g1 = other.tau_g1.clone());
    refused(&|powers| powers.tau_g2 = other.tau_g2.clone());
    refused(&|powers| powers.alpha_tau_g1[1] = other.alpha_tau_g1[1]);
    refused(&|powers| powers.beta_tau_g1 = other.beta_tau_g1.clone());
    refused(&|powers| powers.beta_g2 = other.beta_g2);
    refused(&|powers| powers.tau_g1[6] = powers.tau_g1[5]);
    refused(&|powers| powers.tau_g1.truncate(6));
    refused(&|powers| powers.alpha_tau_g1.fill(G1Affine::zero()));
    refused(&|powers| {
        powers.tau_g1 = vec![G1Affine::generator(); 7];
        powers.tau_g1[1..].fill(G1Affine::zero());
        powers.tau_g2[1..].fill(G2Affine::zero());
    });
    assert!(good.check().is_ok());
}

#[test]
fn a_string_whose_last_power_is_wrong_is_refused() {
    let mut srs = Srs::testing(6).unwrap();
    assert!(srs.check().is_ok());
    srs.g1[5] = srs.g1[4];
    assert!(matches!(srs.check(), Err(SrsError::Inconsistent(_))));
}
