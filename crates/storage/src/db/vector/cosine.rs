//! The cosine of a stored vector with an embedding: one way to compute it, so that equal vectors score equal.

use crate::db::value::Cell;
use crate::db::{DbError, code};

/// What rows are compared with. Its numbers are held as bytes, as SQLite hands them to a function.
#[derive(Clone, Debug)]
pub(in crate::db) struct Embedding {
    numbers: Vec<[u8; 8]>,
    /// The square root of the sum of its squares.
    length: f64,
}

impl Embedding {
    /// Refuses numbers that are not finite: nothing is near to them.
    pub(in crate::db) fn new(numbers: &[f64]) -> Result<Self, DbError> {
        if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
            let message =
                format!("the embedding expects finite numbers, found {} at place {at}", numbers[at]);
            return Err(DbError::new(code::BAD_VALUE, message));
        }
        let scale = scale(numbers);
        let numbers: Vec<f64> = numbers.iter().map(|number| number * scale).collect();
        let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
        Ok(Self { numbers: numbers.into_iter().map(f64::to_le_bytes).collect(), length })
    }

    /// Whether it points nowhere: every cosine with it is 0.
    pub(in crate::db) fn is_zero(&self) -> bool {
        self.length == 0.0
    }

    /// The cosine with the vector in a cell; none if there is no vector in it.
    pub(in crate::db) fn score(&self, cell: &Cell) -> Option<f64> {
        match cell {
            Cell::Bytes(bytes) => cosine(bytes.as_chunks().0, &self.numbers, self.length),
            Cell::Text(text) => cosine(&of_text(text.as_bytes())?, &self.numbers, self.length),
            _ => None,
        }
    }

    /// As the function in SQLite takes it.
    pub(in crate::db) fn to_bytes(&self) -> Vec<u8> {
        [self.numbers.as_flattened(), &self.length.to_le_bytes()].concat()
    }

    /// As numbers of 32 bits and of length 1, filled up to `width`: what pgvector compares with.
    #[expect(clippy::cast_possible_truncation, reason = "that is what 32 bits are")]
    pub(in crate::db) fn to_unit(&self, width: usize) -> Vec<f32> {
        let unit = self.numbers.iter().map(|number| (f64::from_le_bytes(*number) / self.length) as f32);
        unit.chain(std::iter::repeat(0.0)).take(width).collect()
    }
}

/// A power of two that brings numbers which cannot be squared to where they can; it changes no direction.
fn scale(numbers: &[f64]) -> f64 {
    let largest = numbers.iter().fold(0.0, |largest: f64, number| largest.max(number.abs()));
    if largest == 0.0 || (1e-100..1e100).contains(&largest) {
        return 1.0;
    }
    (-largest.log2().floor()).clamp(-1000.0, 1000.0).exp2()
}

/// The numbers of a JSON array, as bytes.
pub(super) fn of_text(text: &[u8]) -> Option<Vec<[u8; 4]>> {
    let numbers: Vec<f32> = serde_json::from_slice(text).ok()?;
    Some(numbers.into_iter().map(f32::to_le_bytes).collect())
}

/// What is missing at the end of either counts as zeros. The cosine with nothing is 0; what has a number that
/// is not finite is no vector.
pub(super) fn cosine(vector: &[[u8; 4]], embedding: &[[u8; 8]], length: f64) -> Option<f64> {
    let both = vector.len().min(embedding.len());
    let (near, rest) = vector.split_at(both);
    let (product, mut square) = sums(near, &embedding[..both]);
    square += rest.iter().map(|number| f64::from(f32::from_le_bytes(*number)).powi(2)).sum::<f64>();
    let lengths = square.sqrt() * length;
    if !square.is_finite() {
        None
    } else if lengths > 0.0 {
        Some((product / lengths).clamp(-1.0, 1.0))
    } else {
        Some(0.0)
    }
}

/// Sums that run side by side: so many additions need not wait for each other, and fit into wide registers.
const LANES: usize = 8;

/// The sum of products, and of the squares of `vector`.
fn sums(vector: &[[u8; 4]], embedding: &[[u8; 8]]) -> (f64, f64) {
    let (mut products, mut squares) = ([0.0; LANES], [0.0; LANES]);
    let mut add = |vector: &[[u8; 4]], embedding: &[[u8; 8]]| {
        let lanes = products.iter_mut().zip(&mut squares);
        for ((product, square), (number, other)) in lanes.zip(vector.iter().zip(embedding)) {
            let number = f64::from(f32::from_le_bytes(*number));
            *product += number * f64::from_le_bytes(*other);
            *square += number * number;
        }
    };
    let ((vectors, vector), (embeddings, embedding)) =
        (vector.as_chunks::<LANES>(), embedding.as_chunks::<LANES>());
    for (vector, embedding) in vectors.iter().zip(embeddings) {
        add(vector, embedding);
    }
    add(vector, embedding);
    (products.iter().sum(), squares.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_numbers(vector: &[f32], embedding: &[f64]) -> Option<f64> {
        let bytes = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        Embedding::new(embedding).expect("finite").score(&Cell::Bytes(bytes))
    }

    #[test]
    fn it_is_the_cosine_for_every_length() {
        for length in 0..40_u8 {
            let vector: Vec<f32> = (0..length).map(|at| f32::from(at) - 7.5).collect();
            let embedding: Vec<f64> = (0..length).map(|at| f64::from(at) * 0.3 + 1.0).collect();
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let wide: Vec<f64> = vector.iter().copied().map(f64::from).collect();
            let lengths = (product(&wide, &wide) * product(&embedding, &embedding)).sqrt();
            let expected = if length == 0 { 0.0 } else { product(&wide, &embedding) / lengths };
            let found = of_numbers(&vector, &embedding).expect("a vector");
            assert!((found - expected).abs() < 1e-14, "{length}: {found}, not {expected}");
        }
    }

    #[test]
    fn bytes_and_texts_score_the_same() {
        let embedding = Embedding::new(&[0.3, -1.0, 2.0]).expect("finite");
        let text = embedding.score(&Cell::Text("[0.1, 2, -7e-3, 4]".to_owned()));
        assert!(text.is_some());
        let bytes = [0.1_f32, 2.0, -7e-3, 4.0].iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(text, embedding.score(&Cell::Bytes(bytes)));
    }

    #[test]
    fn the_largest_and_the_smallest_numbers_have_a_direction() {
        for size in [1e308, 1.0, 1e-308, 5e-324] {
            assert_eq!(of_numbers(&[2.0, 0.0], &[size, 0.0]), Some(1.0), "{size}");
        }
        for size in [f32::MAX, 1.0, f32::MIN_POSITIVE, 1e-45] {
            assert_eq!(of_numbers(&[0.0, -size], &[0.0, 3.0]), Some(-1.0), "{size}");
        }
    }

    #[test]
    fn what_is_not_finite_is_no_vector() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(of_numbers(&[1.0, odd], &[1.0, 0.0]), None);
            assert!(Embedding::new(&[1.0, f64::from(odd)]).is_err());
        }
    }
}
