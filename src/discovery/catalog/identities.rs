//! The identities of one pool, and which passes have listed them.

use std::collections::HashMap;

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
    /// Those that have left since they were saved.
    left: Vec<Hex>,
    /// Whether something has changed since it was saved.
    pub(super) is_unsaved: bool,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Complete passes in a row that did not list it.
    misses: u8,
    /// Whether it has changed since it was saved. Here, since a set of those would be as large as
    /// all where nobody saves them.
    is_unsaved: bool,
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
        let saved = Mark {
            misses,
            is_unsaved: false,
            pass: 0,
        };
        self.marks.entry(hex).or_insert(saved);
    }

    pub(super) fn begin_pass(&mut self) {
        self.pass += 1;
    }

    pub(super) fn mark_unsaved(&mut self, changed: impl Iterator<Item = Hex>) {
        self.is_unsaved = true;
        for hex in changed {
            match self.marks.get_mut(&hex) {
                Some(mark) => mark.is_unsaved = true,
                None => self.left.push(hex),
            }
        }
    }

    pub(super) fn mark_all_unsaved(&mut self) {
        self.is_unsaved = true;
        self.marks
            .values_mut()
            .for_each(|mark| mark.is_unsaved = true);
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
        let new = Mark {
            misses: 0,
            is_unsaved: true,
            pass,
        };
        self.marks.insert(hex, new);
        self.is_unsaved = true;
    }

    pub(super) fn end_pass(&mut self) -> PassEnd {
        let (pass, left) = (self.pass, &mut self.left);
        let mut end = PassEnd {
            listed: 0,
            dropped: 0,
            is_news: false,
        };
        self.marks.retain(|hex, mark| {
            let is_listed = mark.pass == pass;
            let misses = if is_listed { 0 } else { mark.misses + 1 };
            let has_changed = misses != mark.misses;
            end.is_news |= has_changed;
            mark.is_unsaved |= has_changed;
            mark.misses = misses;
            end.listed += usize::from(is_listed);
            let leaves = misses >= MAX_MISSES;
            if leaves {
                end.dropped += 1;
                left.push(hex.clone());
            }
            !leaves
        });
        self.is_unsaved = true;
        end
    }

    pub(super) fn take_unsaved(&mut self, max: usize) -> Vec<(Hex, Option<u8>)> {
        let mut taken: Vec<_> = self.left.drain(..).map(|hex| (hex, None)).collect();
        let unsaved = self.marks.iter_mut().filter(|(_, mark)| mark.is_unsaved);
        taken.extend(unsaved.take(max).map(|(hex, mark)| {
            mark.is_unsaved = false;
            (hex.clone(), Some(mark.misses))
        }));
        // Else there may be more.
        self.is_unsaved = taken.len() >= max;
        taken
    }
}
