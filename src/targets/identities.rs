//! The identities of one pool, and how they are put together.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::identity::{IdentityId, MAX_LEN, lower};

/// The identities of one pool: sorted by id, each once, never changed.
#[derive(Debug, Default)]
pub struct Identities {
    /// All ids, one after the other.
    text: String,
    /// Where in `text` each id ends.
    ends: Vec<u32>,
    /// How long the region is, colon included: the pool's, so the same for all.
    region_len: usize,
    /// The names of those that were given one.
    names: HashMap<u32, Box<str>>,
}

impl Identities {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id at a position below [`Identities::len`].
    #[must_use]
    pub fn id(&self, index: usize) -> IdentityId<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        IdentityId::already_parsed(&self.text[start as usize..self.ends[index] as usize])
    }

    /// The part of an id after its region and colon.
    #[inline]
    #[must_use]
    pub fn hex(&self, index: usize) -> &str {
        &self.id(index).as_str()[self.region_len..]
    }

    /// [`Identities::hex`] and its length, together with the bytes of the ids after it: for copies
    /// of a fixed number of bytes, which are faster than those of just the right number.
    #[inline]
    #[must_use]
    pub fn hex_and_tail(&self, index: usize) -> (&[u8], usize) {
        let start =
            index.checked_sub(1).map_or(0, |before| self.ends[before]) as usize + self.region_len;
        let tail = &self.text.as_bytes()[start..];
        (tail, self.ends[index] as usize - start)
    }

    /// Where an id stands, if it is one of these.
    #[must_use]
    pub fn position(&self, id: IdentityId<'_>) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.id(middle).cmp(&id) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The name it was given, if any.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names
            .get(&u32::try_from(index).ok()?)
            .map(AsRef::as_ref)
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = IdentityId<'_>> {
        (0..self.len()).map(|index| self.id(index))
    }

    /// Whether any identity has a name.
    #[must_use]
    pub fn any_named(&self) -> bool {
        !self.names.is_empty()
    }
}

/// Identities while they are being collected: any order, any number of times.
#[derive(Debug)]
pub(super) struct Collector<'a> {
    /// The region that all must carry; `None` when the pool's id tells none.
    region: Option<&'a str>,
    text: String,
    spans: Vec<Span>,
    names: HashMap<u32, Box<str>>,
    lowered: Tally,
}

/// Where an id stands in the collected text.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u8,
    /// Insertion order.
    order: u32,
}

/// How often something was seen, and where first.
#[derive(Debug, Default)]
struct Tally {
    count: usize,
    first: String,
}

impl Tally {
    fn add(&mut self, place: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = place();
        }
        self.count += 1;
    }

    fn note(&self, what: &str) -> Option<String> {
        (self.count > 0).then(|| {
            format!(
                "{} of its identities {what}, the first at {}",
                self.count, self.first
            )
        })
    }
}

impl<'a> Collector<'a> {
    pub(super) fn new(region: Option<&'a str>) -> Self {
        Self {
            region,
            text: String::new(),
            spans: Vec::new(),
            names: HashMap::new(),
            lowered: Tally::default(),
        }
    }

    /// Takes one more; `place` tells where it stands. The error says what is wrong with the id,
    /// without repeating it.
    pub(super) fn add(
        &mut self,
        text: &str,
        name: Option<&str>,
        place: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let lowered = lower(text);
        let id = IdentityId::parse(&lowered).map_err(|error| error.to_string())?;
        if let Some(region) = self.region
            && id.region() != region
        {
            return Err(format!(
                "is of region {}, but its pool is of {region}",
                id.region()
            ));
        }
        if lowered != text {
            self.lowered.add(place);
        }
        let too_many = |_| "is one identity too many: a pool takes at most 78 million".to_owned();
        let start = u32::try_from(self.text.len() + MAX_LEN).map_err(too_many)? - MAX_LEN as u32;
        let order = u32::try_from(self.spans.len()).map_err(too_many)?;
        self.spans.push(Span {
            start,
            len: id.as_str().len() as u8,
            order,
        });
        self.text.push_str(id.as_str());
        if let Some(name) = name {
            self.names.insert(order, name.into());
        }
        Ok(())
    }

    /// The identities, and what was odd about them.
    pub(super) fn finish(mut self) -> (Identities, Vec<String>) {
        let text = |span: Span| &self.text[span.start as usize..][..span.len as usize];
        self.spans
            .sort_unstable_by(|a, b| text(*a).cmp(text(*b)).then(a.order.cmp(&b.order)));
        let mut identities = Identities {
            text: String::with_capacity(self.text.len()),
            ends: Vec::with_capacity(self.spans.len()),
            region_len: self.region.map_or(0, |region| region.len() + 1),
            names: HashMap::new(),
        };
        let mut last = "";
        let mut repeated = 0;
        for span in &self.spans {
            let id = text(*span);
            if id == last {
                repeated += 1;
            } else {
                identities.text.push_str(id);
                identities.ends.push(identities.text.len() as u32);
                last = id;
            }
            if let Some(name) = self.names.remove(&span.order) {
                identities
                    .names
                    .entry(identities.ends.len() as u32 - 1)
                    .or_insert(name);
            }
        }
        let mut notes = Vec::new();
        notes.extend(
            self.lowered
                .note("have upper-case hex, which Cognito Sync does not take, and were lowered"),
        );
        if repeated > 0 {
            notes.push(format!(
                "{repeated} of its identities are listed once more than needed; each is polled once"
            ));
        }
        (identities, notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(ids: &[(&str, Option<&str>)]) -> (Identities, Vec<String>) {
        let mut collector = Collector::new(Some("r"));
        for (id, name) in ids {
            collector.add(id, *name, || "somewhere".to_owned()).unwrap();
        }
        collector.finish()
    }

    #[test]
    fn sorted_and_each_once() {
        let (identities, notes) = collect(&[
            ("r:c", None),
            ("r:aa", Some("first")),
            ("r:b", None),
            ("r:aa", Some("second")),
        ]);
        let ids: Vec<_> = identities.ids().map(IdentityId::as_str).collect();
        assert_eq!(ids, ["r:aa", "r:b", "r:c"]);
        assert_eq!(
            [0, 1, 2].map(|index| identities.name(index)),
            [Some("first"), None, None]
        );
        for (index, id) in identities.ids().enumerate() {
            assert_eq!(identities.position(id), Some(index));
            assert_eq!(identities.hex(index), &id.as_str()[2..]);
            let (tail, len) = identities.hex_and_tail(index);
            assert_eq!(&tail[..len], identities.hex(index).as_bytes());
        }
        assert_eq!(
            identities.position(IdentityId::parse("r:ab").unwrap()),
            None
        );
        assert_eq!(
            notes,
            ["1 of its identities are listed once more than needed; each is polled once"]
        );
    }

    #[test]
    fn a_name_given_only_to_the_second_mention_counts() {
        let (identities, _) = collect(&[("r:a", None), ("r:b", None), ("r:a", Some("late"))]);
        assert_eq!(identities.name(0), Some("late"));
        assert_eq!(identities.name(1), None);
    }

    #[test]
    fn upper_case_is_lowered_with_a_note() {
        let (identities, notes) = collect(&[("r:AB", None), ("r:ab", None)]);
        assert_eq!(identities.len(), 1);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].ends_with("the first at somewhere"), "{notes:?}");
    }

    #[test]
    fn the_region_is_the_pools() {
        let mut collector = Collector::new(Some("r"));
        let refused = collector.add("q:a", None, String::new);
        assert_eq!(
            refused,
            Err("is of region q, but its pool is of r".to_owned())
        );
    }

    #[test]
    fn none_is_fine() {
        let (identities, notes) = collect(&[]);
        assert!(identities.is_empty() && notes.is_empty());
    }
}
