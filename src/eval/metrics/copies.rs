//! Images that are nearly the same: as each other, or as what was learned from.
//!
//! Takes vectors and hashes. Returns nearest references, pairs of duplicates.
//!
//! # Invariants
//!
//! A picture is called a copy only if the evaluator and the eye agree, or the eye alone is sure; what "near" means is
//! measured on the references themselves.
//!
//! Nearest-neighbour checks as in N. Carlini et al., "Extracting training data from diffusion models", USENIX
//! Security 2023: a copy is much nearer to its original than to anything else.

use super::{dot, unit};
use crate::appearance::PerceptualHash;
use crate::eval::stats::quantile;

/// Bits of the hash in which the same picture may differ after resizing or small changes.
const SAME: u32 = 4;
/// Bits below which two pictures look alike.
const ALIKE: u32 = 12;
/// A cosine that no two different pictures reach, where no references say so.
const COSINE: f64 = 0.98;

/// Pairs of one picture with earlier ones that are told: where all are alike, pairs without end say no more than these.
const FELLOWS: usize = 8;
/// Earlier pictures that a picture is compared with to find them, those whose hashes are nearest.
const COMPARED: usize = 64;

/// The references, to find copies of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copies {
    places: Vec<(usize, Vec<f64>, PerceptualHash)>,
    /// From this cosine on a picture is nearer to a reference than references are to each other.
    threshold: f64,
}

/// The reference that a picture is most like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Likeness {
    /// The reference's number, in the order given.
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
    pub fn new<'a>(references: impl IntoIterator<Item = (&'a [f32], PerceptualHash)>) -> Self {
        let places: Vec<_> = references
            .into_iter()
            .enumerate()
            .filter_map(|(i, (embedding, hash))| Some((i, unit(embedding)?, hash)))
            .collect();
        // How near each reference lies to its nearest fellow that is not the same picture.
        let mut nearest: Vec<f64> = (0..places.len())
            .filter_map(|i| {
                let others =
                    places.iter().enumerate().filter(|(j, (.., hash))| *j != i && places[i].2.distance(*hash) > SAME);
                others.map(|(_, (_, other, _))| dot(&places[i].1, other)).reduce(f64::max)
            })
            .collect();
        nearest.sort_unstable_by(f64::total_cmp);
        let threshold = quantile(&nearest, 0.99).unwrap_or(COSINE).clamp(0.9, 0.999);
        Self { places, threshold }
    }

    /// The reference that a picture is most like; `None` without references.
    pub(crate) fn nearest(&self, embedding: &[f32], hash: PerceptualHash) -> Option<Likeness> {
        let place = unit(embedding)?;
        let like = |(i, other, theirs): &(usize, Vec<f64>, PerceptualHash)| {
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

/// Finds pairs of pictures that are nearly the same among pictures that come one by one; of each it keeps the hash.
#[derive(Clone, Debug)]
pub(crate) struct Duplicates {
    seen: Vec<(PerceptualHash, u32)>,
    found: Vec<DuplicatePair>,
    most: usize,
}

/// Two pictures that are nearly the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DuplicatePair {
    /// Which, by their numbers in the order they came in.
    pub pictures: [usize; 2],
    /// Cosine of the embeddings.
    pub similarity: f64,
    /// Bits in which the hashes differ.
    pub hash_distance: u32,
}

impl Duplicates {
    /// Creates an empty finder that keeps the `most` nearest pairs.
    pub fn new(most: usize) -> Self {
        Self { seen: Vec::new(), found: Vec::new(), most }
    }

    /// Takes in the next picture. Pictures of one `kind` may look alike. `earlier` gives the embedding of a picture
    /// by its number, and is asked only where the hashes agree: they take a nanosecond, and let through next to
    /// nothing.
    pub fn take<E>(
        &mut self,
        embedding: &[f32],
        (hash, kind): (PerceptualHash, u32),
        earlier: impl Fn(usize) -> Result<Vec<f32>, E>,
    ) -> Result<(), E> {
        let place = unit(embedding);
        let like = self.seen.iter().enumerate().filter(|(_, (_, of))| *of != kind);
        let like = like.map(|(i, (other, _))| (hash.distance(*other), i)).filter(|(bits, _)| *bits <= SAME);
        let mut like: Vec<(u32, usize)> = like.collect();
        like.sort_unstable();
        let mut fellows = 0;
        for (bits, i) in like.into_iter().take(COMPARED) {
            let (Some(a), Some(b)) = (&place, unit(&earlier(i)?)) else { continue };
            let similarity = dot(a, &b);
            if similarity >= 0.95 {
                self.found.push(DuplicatePair { pictures: [i, self.seen.len()], similarity, hash_distance: bits });
                fellows += 1;
            }
            if fellows == FELLOWS {
                break;
            }
        }
        self.seen.push((hash, kind));
        if self.found.len() > 8 * self.most {
            self.shorten();
        }
        Ok(())
    }

    fn shorten(&mut self) {
        self.found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.hash_distance.cmp(&b.hash_distance)));
        self.found.truncate(self.most);
    }

    /// Returns the pairs, the nearest first.
    pub fn found(mut self) -> Vec<DuplicatePair> {
        self.shorten();
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_found_and_a_fellow_is_not() {
        let references: Vec<([f32; 3], PerceptualHash)> = (0..20)
            .map(|i| ([1.0, i as f32 * 0.1, 0.5], PerceptualHash(0x0f0f_1234_5678_9abc_u64.rotate_left(i * 3))))
            .collect();
        let copies = Copies::new(references.iter().map(|(v, h)| (&v[..], *h)));
        let copy = copies.nearest(&[1.0, 0.3, 0.5], PerceptualHash(references[3].1.0 ^ 1)).unwrap();
        assert!(copy.reference == 3 && copy.suspicious && copy.hash_distance == 1);
        let fellow = copies.nearest(&[1.0, 0.34, 0.9], PerceptualHash(!references[3].1.0)).unwrap();
        assert!(!fellow.suspicious, "{fellow:?}");
        assert!(Copies::default().nearest(&[1.0], PerceptualHash(0)).is_none());
    }

    #[test]
    fn duplicates_agree_in_both() {
        let pictures: [(&[f32], PerceptualHash); 4] = [
            (&[1.0, 0.0], PerceptualHash(0)),
            (&[1.0, 0.01], PerceptualHash(1)),
            (&[0.0, 1.0], PerceptualHash(0)),
            (&[1.0, 0.0], PerceptualHash(u64::MAX)),
        ];
        let found = |kind: fn(usize) -> u32| -> Vec<([usize; 2], u32)> {
            let mut duplicates = Duplicates::new(9);
            for (i, (embedding, hash)) in pictures.iter().enumerate() {
                let earlier = |i: usize| Ok::<_, ()>(pictures[i].0.to_vec());
                duplicates.take(embedding, (*hash, kind(i)), earlier).unwrap();
            }
            duplicates.found().iter().map(|pair| (pair.pictures, pair.hash_distance)).collect()
        };
        assert_eq!(found(|i| i as u32), [([0, 1], 1)]);
        assert!(found(|_| 0).is_empty(), "of one kind they may");
    }

    #[test]
    fn the_nearest_pairs_are_kept_however_many_there_are() {
        let taken = |embedding: &dyn Fn(usize) -> Vec<f32>| {
            let mut duplicates = Duplicates::new(3);
            for i in 0..40 {
                duplicates.take(&embedding(i), (PerceptualHash(0), i as u32), |i| Ok::<_, ()>(embedding(i))).unwrap();
            }
            duplicates.found().iter().map(|pair| pair.pictures).collect::<Vec<_>>()
        };
        // Steps grow smaller along a line: of the pairs that are looked at, the last neighbours are the nearest.
        assert_eq!(taken(&|i| vec![1.0, i as f32 / 100.0]), [[7, 8], [6, 7], [5, 6]]);
        // Twenty whose hashes agree and which are nothing like each other hide no pair behind them.
        let unlike = |i: usize| (0..20).map(|at| if at == i.min(19) { 1.0 } else { 0.0 }).collect();
        assert_eq!(taken(&unlike), [[19, 20], [19, 21], [20, 21]]);
    }
}
