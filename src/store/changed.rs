//! Which identities of a pool have changed since they were last taken, one bit each.

use crate::job::IdentityIndex;

const BITS: usize = u64::BITS as usize;
/// A prime that is larger than any number of words, so that steps of it reach each word once.
const STRIDE: usize = 1_000_000_007;

/// A set of identities of one pool. Empty sets take no memory.
#[derive(Debug, Default)]
pub(super) struct Changed {
    words: Vec<u64>,
    len: usize,
}

impl Changed {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an identity.
    pub(super) fn mark(&mut self, IdentityIndex(identity): IdentityIndex) {
        let (word, bit) = (identity / BITS, 1 << (identity % BITS));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.len += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    pub(super) fn contains(&self, IdentityIndex(identity): IdentityIndex) -> bool {
        let word = self.words.get(identity / BITS);
        word.is_some_and(|word| word & (1 << (identity % BITS)) != 0)
    }

    /// Takes out at most so many identities, from all over the pool: a file that grows at all of
    /// its places has fuller pages than one that grows at its end.
    pub(super) fn take(&mut self, most: usize) -> Vec<IdentityIndex> {
        let mut taken = Vec::with_capacity(most.min(self.len));
        let words = self.words.len();
        for step in 0..words {
            if taken.len() >= most.min(self.len) {
                break;
            }
            let index = step * STRIDE % words;
            let word = &mut self.words[index];
            while *word != 0 && taken.len() < most {
                taken.push(IdentityIndex(index * BITS + word.trailing_zeros() as usize));
                *word &= *word - 1;
            }
        }
        self.len -= taken.len();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once() {
        let mut changed = Changed::default();
        let identities = [0, 63, 64, 1_000, 5];
        for identity in identities.into_iter().chain(identities) {
            changed.mark(IdentityIndex(identity));
        }
        assert_eq!(changed.len(), 5);
        assert!(changed.contains(IdentityIndex(64)) && !changed.contains(IdentityIndex(65)));
        let [first, rest] = [2, 10].map(|most| changed.take(most));
        assert_eq!((first.len(), rest.len()), (2, 3));
        let mut taken: Vec<_> = first.iter().chain(&rest).map(|at| at.0).collect();
        taken.sort_unstable();
        assert_eq!(taken, [0, 5, 63, 64, 1_000]);
        assert_eq!((changed.len(), changed.take(1).len()), (0, 0));
        assert!(!changed.contains(IdentityIndex(64)));
    }
}
