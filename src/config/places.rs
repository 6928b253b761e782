//! Where keys stand in a file: a second pass over its text, made only when a problem has a key and
//! no place.
//!
//! serde_yaml reveals the place of a value in errors only. So this pass reads every key and every
//! scalar as an error, takes the place from it, and goes on. It is the same parser as that of the
//! first pass, so both agree on aliases, documents and byte order marks.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{Place, Problem};

/// The message of an error that only says a place.
const HERE: &str = "here";

/// Adds the places of keys to problems of `file`, whose content is `text`. A key that is not there
/// has the place of the nearest one around it. What cannot be found has no place.
pub(crate) fn locate<'a>(
    file: &Path,
    text: &str,
    problems: impl IntoIterator<Item = &'a mut Problem>,
) {
    let problems = problems.into_iter();
    let unplaced = problems.filter(|it| it.file == file && it.place.is_none() && it.key.is_some());
    let mut unplaced: Vec<_> = unplaced.collect();
    if unplaced.is_empty() {
        return;
    }
    let keys = unplaced.iter().filter_map(|problem| problem.key.as_deref());
    let wanted: HashSet<_> = keys.flat_map(with_parents).map(str::to_owned).collect();
    let found = find(text, &wanted);
    for problem in &mut unplaced {
        let key = problem.key.as_deref().unwrap_or_default();
        problem.place = with_parents(key).find_map(|key| found.get(key).copied());
    }
}

/// A key and those around it, from the inside out: `a[0].b`, `a[0]`, `a` and the whole file.
fn with_parents(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(key), |key| {
        (!key.is_empty()).then(|| &key[..key.rfind(['.', '[']).unwrap_or(0)])
    })
}

/// The places where a map has the same key, in the file's order.
pub(super) fn occurrences(text: &str, key: &str) -> Vec<Place> {
    let wanted = HashSet::from([key.to_owned()]);
    read(text, &wanted).keys
}

/// The places of those of the wanted keys that a text has.
fn find(text: &str, wanted: &HashSet<String>) -> HashMap<String, Place> {
    read(text, wanted).found
}

fn read<'a>(text: &str, wanted: &'a HashSet<String>) -> Pass<'a> {
    let mut pass = Pass {
        wanted,
        path: String::new(),
        found: HashMap::new(),
        keys: Vec::new(),
    };
    for document in serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}')) {
        let read = Node(&mut pass).deserialize(document);
        // What stands behind an error has no places, and the parser may repeat the error forever.
        if read.is_err_and(|error| pass.record_scalar(error).is_err()) {
            break;
        }
    }
    pass
}

struct Pass<'a> {
    wanted: &'a HashSet<String>,
    /// The key that is being read.
    path: String,
    found: HashMap<String, Place>,
    /// Where the wanted keys themselves stand, each time.
    keys: Vec<Place>,
}

impl Pass<'_> {
    /// The first place of the present key counts.
    fn record(&mut self, place: Place) {
        if self.wanted.contains(&self.path) && !self.found.contains_key(&self.path) {
            self.found.insert(self.path.clone(), place);
        }
    }

    /// Takes the place from the error that a scalar is read as.
    fn record_scalar<E: Error>(&mut self, error: E) -> Result<(), E> {
        match place(&error) {
            Some(place) => {
                self.record(place);
                Ok(())
            }
            None => Err(error),
        }
    }
}

/// The place in the text of an error that only says a place.
fn place(error: &impl Display) -> Option<Place> {
    let text = error.to_string();
    let (_, at) = text.rsplit_once(HERE)?;
    if at.is_empty() {
        // The parser leaves out the place of the first character.
        return Some(Place {
            line: 1,
            column: Some(1),
        });
    }
    let (line, column) = at.strip_prefix(" at line ")?.split_once(" column ")?;
    Some(Place {
        line: line.parse().ok()?,
        column: Some(column.parse().ok()?),
    })
}

/// A value of the present key.
struct Node<'a, 'b>(&'a mut Pass<'b>);

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Reads scalars as errors.
macro_rules! scalars_are_errors {
    ($($visit:ident($type:ty)),*) => {
        $(fn $visit<E: Error>(self, _: $type) -> Result<(), E> {
            Err(E::custom(HERE))
        })*
    };
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    scalars_are_errors!(
        visit_bool(bool),
        visit_i64(i64),
        visit_i128(i128),
        visit_u64(u64),
        visit_u128(u128),
        visit_f64(f64),
        visit_str(&str)
    );

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Err(E::custom(HERE))
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Err(E::custom(HERE))
    }

    /// A value with a tag: the tag does not count.
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        let (IgnoredAny, value) = tagged.variant()?;
        value.newtype_variant_seed(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(pass) = self;
        let length = pass.path.len();
        loop {
            let mut key = String::new();
            let place = match map.next_key_seed(Key(&mut key)) {
                Ok(None) => return Ok(()),
                Ok(Some(())) => None,
                Err(error) => Some(place(&error).ok_or(error)?),
            };
            if let Some(place) = place {
                pass.record(place);
            }
            if length > 0 {
                pass.path.push('.');
            }
            pass.path.push_str(&key);
            if pass.wanted.contains(&pass.path) {
                pass.keys.extend(place);
            }
            match map.next_value_seed(Node(&mut *pass)) {
                // Of a map or list: its place is that of its key.
                Ok(()) => {
                    if let Some(place) = place {
                        pass.found.remove(&pass.path);
                        pass.record(place);
                    }
                }
                Err(error) => pass.record_scalar(error)?,
            }
            pass.path.truncate(length);
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(pass) = self;
        let length = pass.path.len();
        for index in 0.. {
            pass.path.push_str(&format!("[{index}]"));
            match list.next_element_seed(Node(&mut *pass)) {
                Ok(None) => break,
                Ok(Some(())) => {}
                Err(error) => pass.record_scalar(error)?,
            }
            pass.path.truncate(length);
        }
        pass.path.truncate(length);
        Ok(())
    }
}

/// A key's text, which is put aside, and its place, which is an error.
struct Key<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        key.clone_into(self.0);
        Err(E::custom(HERE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, keys: &[&str]) -> Vec<Option<(usize, usize)>> {
        let file = Path::new("f");
        let problem = |key: &&str| Problem::key(file, *key, "");
        let mut problems: Vec<_> = keys.iter().map(problem).collect();
        locate(file, text, &mut problems);
        let place = |problem: &Problem| problem.place.map(|at| (at.line, at.column.unwrap()));
        problems.iter().map(place).collect()
    }

    #[test]
    fn values_keys_and_what_is_around_an_absent_key_have_a_place() {
        let text = "# comment\n\
                    poll: {interval: 300, rate_limit: .nan, attempts: 340282366920938463463}\n\
                    pools:\n\
                    - id: a\n  \
                      limits:\n    \
                        datasets: -1\n  \
                      identities:\n  \
                      - x\n  \
                      - {id: y, name: z}\n\
                    - id: b\n  \
                      limits:\n";
        for (key, place) in [
            ("poll", (2, 1)),
            ("poll.interval", (2, 18)),
            ("poll.rate_limit", (2, 35)),
            ("poll.attempts", (2, 51)),
            ("poll.max_age", (2, 1)),
            ("pools", (3, 1)),
            ("pools[0]", (4, 3)),
            ("pools[0].id", (4, 7)),
            ("pools[0].limits", (5, 3)),
            ("pools[0].limits.datasets", (6, 15)),
            ("pools[0].identities[0]", (8, 5)),
            ("pools[0].identities[1]", (9, 6)),
            ("pools[0].identities[1].name", (9, 19)),
            ("pools[0].identities[7]", (7, 3)),
            ("pools[1]", (10, 3)),
            ("pools[1].limits.datasets", (11, 10)),
            ("limits.datasets", (2, 1)),
        ] {
            assert_eq!(places(text, &[key]), [Some(place)], "{key}");
        }
    }

    #[test]
    fn aliases_have_the_place_of_what_they_stand_for() {
        let text = "\u{feff}---\n---\nlimits: &l {datasets: 0}\npools: [{limits: *l}, {name: &n x}, {name: *n}]\n";
        let keys = ["pools[0].limits.datasets", "pools[2].name"];
        assert_eq!(places(text, &keys), [Some((3, 23)), Some((4, 30))]);
    }

    #[test]
    fn a_tag_hides_nothing_behind_it() {
        let text = "pools: !tag [!t {name: !Sub x}]\nlimits: {!k datasets: 1}\n";
        let keys = ["pools[0].name", "limits.datasets"];
        assert_eq!(places(text, &keys), [Some((1, 24)), Some((2, 23))]);
    }

    #[test]
    fn an_empty_file_has_its_beginning_as_place() {
        assert_eq!(places("", &["pools"]), [Some((1, 1))]);
    }

    #[test]
    fn what_cannot_be_read_has_no_place() {
        assert_eq!(places("\tpools: [", &["pools"]), [None]);
        let other = &mut Problem::key(Path::new("other"), "poll", "");
        locate(Path::new("f"), "poll: 1", [&mut *other]);
        assert_eq!(other.place, None);
    }
}
