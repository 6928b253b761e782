//! The identities of one pool, and which passes have listed them.

use std::collections::{HashMap, HashSet};

use crate::identity::Hex;

/// Complete passes in a row without an identity after which it leaves.
const MAX_MISSES: u8 = 2;

/// What a page has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageAdded {
    /// Identities that were not known.
    pub new: usize,
    /// Identities that no page of this pass had before.
    pub listed: usize,
}

/// What a complete pass has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassEnd {
    /// The identities that it listed.
    pub listed: usize,
    /// Those that leave.
    pub dropped: usize,
    /// Whether it listed others than the pass before.
    pub is_news: bool,
}

/// The identities of one pool.
#[derive(Debug, Default)]
pub(super) struct Identities {
    marks: HashMap<Hex, Mark>,
    /// The present pass, by its number in this process.
    pass: u32,
    /// Those that have changed since they were saved.
    unsaved: HashSet<Hex>,
    /// Whether something has changed since it was saved.
    pub(super) is_unsaved: bool,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Complete passes in a row that did not list it.
    misses: u8,
    /// The last pass of this process that has listed it.
    pass: u32,
}

impl Identities {
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    pub(super) fn all(&self) -> Vec<Hex> {
        self.marks.keys().cloned().collect()
    }

    pub(super) fn knows(&self, hex: &Hex) -> bool {
        self.marks.contains_key(hex)
    }

    /// Whether the last complete pass did not list an identity.
    pub(super) fn was_missed(&self, hex: &Hex) -> bool {
        self.marks.get(hex).is_none_or(|mark| mark.misses > 0)
    }

    pub(super) fn restore(&mut self, hex: Hex, misses: u8) {
        let saved = Mark { misses, pass: 0 };
        self.marks.entry(hex).or_insert(saved);
    }

    pub(super) fn begin_pass(&mut self) {
        self.pass += 1;
    }

    pub(super) fn mark_unsaved(&mut self, changed: impl Iterator<Item = Hex>) {
        self.is_unsaved = true;
        self.unsaved.extend(changed);
    }

    /// A page has listed an identity.
    pub(super) fn list(&mut self, hex: Hex, added: &mut PageAdded) {
        let pass = self.pass;
        if let Some(mark) = self.marks.get_mut(&hex) {
            added.listed += usize::from(mark.pass != pass);
            mark.pass = pass;
            return;
        }
        added.new += 1;
        added.listed += 1;
        self.marks.insert(hex.clone(), Mark { misses: 0, pass });
        self.unsaved.insert(hex);
        self.is_unsaved = true;
    }

    pub(super) fn end_pass(&mut self) -> PassEnd {
        let (pass, unsaved) = (self.pass, &mut self.unsaved);
        let mut end = PassEnd {
            listed: 0,
            dropped: 0,
            is_news: false,
        };
        self.marks.retain(|hex, mark| {
            let is_listed = mark.pass == pass;
            let misses = if is_listed { 0 } else { mark.misses + 1 };
            if misses != mark.misses {
                unsaved.insert(hex.clone());
                end.is_news = true;
            }
            mark.misses = misses;
            let leaves = misses >= MAX_MISSES;
            end.listed += usize::from(is_listed);
            end.dropped += usize::from(leaves);
            !leaves
        });
        self.is_unsaved = true;
        end
    }

    pub(super) fn take_unsaved(&mut self, max: usize) -> Vec<(Hex, Option<u8>)> {
        let taken: Vec<_> = self.unsaved.iter().take(max).cloned().collect();
        for hex in &taken {
            self.unsaved.remove(hex);
        }
        if self.unsaved.is_empty() {
            self.unsaved = HashSet::new();
            self.is_unsaved = false;
        }
        let with_misses = |hex: Hex| {
            let misses = self.marks.get(&hex).map(|mark| mark.misses);
            (hex, misses)
        };
        taken.into_iter().map(with_misses).collect()
    }
}
