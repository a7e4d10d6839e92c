//! Images that are nearly the same: as each other, or as what was learned from.
//!
//! In: vectors and hashes. Out: nearest references, pairs of duplicates. Always holds: a picture is called a copy only if the
//! evaluator and the eye agree, or the eye alone is sure; what "near" means is measured on the references themselves.
//!
//! Nearest-neighbour checks as in N. Carlini et al., "Extracting training data from diffusion models", USENIX Security 2023:
//! a copy is much nearer to its original than to anything else.

use super::{dot, unit};
use crate::eval::stats::quantile;
use crate::looks::Hash;

/// Bits of the hash in which the same picture may differ after resizing or small changes.
const SAME: u32 = 4;
/// Bits below which two pictures look alike.
const ALIKE: u32 = 12;
/// A cosine that no two different pictures reach, where no references say so.
const COSINE: f64 = 0.98;

/// The references, to find copies of.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    places: Vec<(usize, Vec<f64>, Hash)>,
    /// From this cosine on a picture is nearer to a reference than references are to each other.
    threshold: f64,
}

/// The reference that a picture is most like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Its number, in the order given.
    pub reference: usize,
    /// Cosine of the embeddings.
    pub similarity: f64,
    /// Bits in which the hashes differ.
    pub hash_distance: u32,
    /// Whether it may be a copy.
    pub suspicious: bool,
}

impl Copies {
    /// Takes in references: embedding and hash each.
    pub fn new<'a>(references: impl IntoIterator<Item = (&'a [f32], Hash)>) -> Self {
        let places: Vec<_> =
            references.into_iter().enumerate().filter_map(|(i, (embedding, hash))| Some((i, unit(embedding)?, hash))).collect();
        // How near each reference lies to its nearest fellow that is not the same picture.
        let mut nearest: Vec<f64> = (0..places.len())
            .filter_map(|i| {
                let others = places.iter().enumerate().filter(|(j, (.., hash))| *j != i && places[i].2.distance(*hash) > SAME);
                others.map(|(_, (_, other, _))| dot(&places[i].1, other)).reduce(f64::max)
            })
            .collect();
        nearest.sort_unstable_by(f64::total_cmp);
        let threshold = quantile(&nearest, 0.99).unwrap_or(COSINE).clamp(0.9, 0.999);
        Self { places, threshold }
    }

    /// The reference that a picture is most like; `None` without references.
    pub fn nearest(&self, embedding: &[f32], hash: Hash) -> Option<Likeness> {
        let place = unit(embedding)?;
        let like = |(i, other, theirs): &(usize, Vec<f64>, Hash)| {
            let (similarity, hash_distance) = (dot(&place, other), hash.distance(*theirs));
            let suspicious =
                hash_distance <= SAME && similarity > 0.8 || similarity >= self.threshold && hash_distance <= ALIKE;
            Likeness { reference: *i, similarity, hash_distance, suspicious }
        };
        // A suspected copy before whatever else is near.
        let key = |l: &Likeness| (l.suspicious, l.similarity);
        self.places.iter().map(like).reduce(|best, next| if key(&next) > key(&best) { next } else { best })
    }
}

/// Pairs of pictures that are nearly the same (by index, with cosine and bits), the nearest first, at most `most` of them.
/// The numbers are those given; only pairs that `compare` wants are looked at.
pub fn near_duplicates(
    pictures: &[(&[f32], Hash)],
    most: usize,
    compare: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize, f64, u32)> {
    let units: Vec<Option<Vec<f64>>> = pictures.iter().map(|(embedding, _)| unit(embedding)).collect();
    let mut found = Vec::new();
    for (j, (_, hash)) in pictures.iter().enumerate() {
        for (i, (_, earlier)) in pictures[..j].iter().enumerate() {
            // The hash first: it takes a nanosecond, and lets through next to nothing.
            let bits = hash.distance(*earlier);
            if bits > SAME || !compare(i, j) {
                continue;
            }
            let (Some(a), Some(b)) = (&units[i], &units[j]) else { continue };
            let cosine = dot(a, b);
            if cosine >= 0.95 {
                found.push((i, j, cosine, bits));
            }
        }
    }
    found.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.3.cmp(&b.3)));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_found_and_a_fellow_is_not() {
        let references: Vec<([f32; 3], Hash)> =
            (0..20).map(|i| ([1.0, i as f32 * 0.1, 0.5], Hash(0x0f0f_1234_5678_9abc_u64.rotate_left(i * 3)))).collect();
        let copies = Copies::new(references.iter().map(|(v, h)| (&v[..], *h)));
        let copy = copies.nearest(&[1.0, 0.3, 0.5], Hash(references[3].1.0 ^ 1)).unwrap();
        assert!(copy.reference == 3 && copy.suspicious && copy.hash_distance == 1);
        let fellow = copies.nearest(&[1.0, 0.34, 0.9], Hash(!references[3].1.0)).unwrap();
        assert!(!fellow.suspicious, "{fellow:?}");
        assert!(Copies::default().nearest(&[1.0], Hash(0)).is_none());
    }

    #[test]
    fn duplicates_agree_in_both() {
        let pictures: [(&[f32], Hash); 4] =
            [(&[1.0, 0.0], Hash(0)), (&[1.0, 0.01], Hash(1)), (&[0.0, 1.0], Hash(0)), (&[1.0, 0.0], Hash(u64::MAX))];
        let found = near_duplicates(&pictures, 9, |_, _| true);
        assert_eq!(found.iter().map(|f| (f.0, f.1, f.3)).collect::<Vec<_>>(), [(0, 1, 1)]);
        assert!(near_duplicates(&pictures, 9, |_, _| false).is_empty());
    }
}
