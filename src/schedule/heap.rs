//! A binary heap from which any member can be taken, since each knows its place in it.

/// The members of a dial that wait for the index, the least key first. Of equal keys, the member
/// with the least number comes first. A member takes twelve bytes, and an eighth more at most.
#[derive(Debug, Default)]
pub(super) struct Heap {
    keys: Vec<u64>,
    members: Vec<u32>,
}

impl Heap {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The least key and its member.
    pub(super) fn first(&self) -> Option<(u64, u32)> {
        (!self.is_empty()).then(|| self.at(0))
    }

    /// The key at a place.
    pub(super) fn key(&self, place: u32) -> u64 {
        self.keys[place as usize]
    }

    /// Adds a member. Each member that moves is `put` at its new place.
    pub(super) fn push(&mut self, key: u64, member: u32, mut put: impl FnMut(u32, u32)) {
        let place = self.keys.len();
        if place == self.keys.capacity() {
            self.keys.reserve_exact(place / 8 + 4);
            self.members.reserve_exact(place / 8 + 4);
        }
        self.keys.push(key);
        self.members.push(member);
        self.rise(place, &mut put);
    }

    /// Takes the member at a place out. Each other member that moves is `put` at its new place.
    pub(super) fn remove(&mut self, place: u32, mut put: impl FnMut(u32, u32)) {
        let place = place as usize;
        self.keys.swap_remove(place);
        self.members.swap_remove(place);
        let len = self.keys.len();
        if place < len {
            self.sink(place, &mut put);
            self.rise(place, &mut put);
        }
        if len < self.keys.capacity() / 2 {
            self.keys.shrink_to(len + len / 8);
            self.members.shrink_to(len + len / 8);
        }
    }

    fn at(&self, place: usize) -> (u64, u32) {
        (self.keys[place], self.members[place])
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.keys.swap(one, other);
        self.members.swap(one, other);
    }

    fn rise(&mut self, mut place: usize, put: &mut impl FnMut(u32, u32)) {
        while place > 0 {
            let above = (place - 1) / 2;
            if self.at(above) <= self.at(place) {
                break;
            }
            self.swap(above, place);
            put(self.members[place], place as u32);
            place = above;
        }
        put(self.members[place], place as u32);
    }

    fn sink(&mut self, mut place: usize, put: &mut impl FnMut(u32, u32)) {
        loop {
            let children = (2 * place + 1)..(2 * place + 3).min(self.keys.len());
            let Some(least) = children.min_by_key(|child| self.at(*child)) else {
                break;
            };
            if self.at(place) <= self.at(least) {
                break;
            }
            self.swap(place, least);
            put(self.members[place], place as u32);
            place = least;
        }
        put(self.members[place], place as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashMap};

    /// Against a sorted set: any member leaves, from wherever it stands.
    #[test]
    fn it_is_a_sorted_set_and_knows_all_places() {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut heap, mut places) = (Heap::default(), HashMap::new());
        let mut expected = BTreeSet::new();
        for member in 0..10_000 {
            let key = random.u64(..50);
            heap.push(key, member, |member, place| {
                places.insert(member, place);
            });
            expected.insert((key, member));
            if random.bool() {
                let &(key, member) = match random.bool() {
                    true => expected.first().unwrap(),
                    false => expected.iter().nth(random.usize(..expected.len())).unwrap(),
                };
                expected.remove(&(key, member));
                let place = places.remove(&member).unwrap();
                assert_eq!(heap.key(place), key);
                heap.remove(place, |member, place| {
                    places.insert(member, place);
                });
            }
            assert_eq!(heap.first(), expected.first().copied());
        }
        assert_eq!(heap.keys.len(), expected.len());
        for (place, member) in heap.members.iter().enumerate() {
            assert_eq!(places[member] as usize, place);
        }
    }

    #[test]
    fn memory_shrinks_with_its_members() {
        let mut heap = Heap::default();
        (0..10_000).for_each(|member| heap.push(member.into(), member, |_, _| {}));
        (0..9_990).for_each(|_| heap.remove(0, |_, _| {}));
        assert!(heap.keys.capacity() < 100);
    }
}
